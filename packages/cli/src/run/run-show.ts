import type { Attempt, Run } from "@escapement/core";
import type { Client } from "../client.js";
import { isShellOutcome } from "../shell/shell-task.js";
import { shownExact } from "../terminal/dates.js";
import { paint, pairs, shownDuration } from "../terminal/output.js";
import { printable } from "../terminal/printable.js";
import { wrap } from "../terminal/width.js";
import { latenessOf } from "./run-table.js";

/** Prints one run. */
export function showRun({ output }: Client, run: Run): void {
  if (output.json) {
    output.value(run);
    return;
  }
  const result = isShellOutcome(run.result) ? undefined : run.result;
  output.text(
    pairs([
      ["id", run.id],
      ["job", run.jobId],
      ["task", run.task],
      ["state", run.state],
      ["reason", run.reason],
      ["unclaimed", run.unclaimed ? "no running node has a handler for it" : undefined],
      ["scheduled at", shownExact(run.scheduledAt)],
      ["lateness", latenessOf(run)],
      ["finished at", run.finishedAt === undefined ? undefined : shownExact(run.finishedAt)],
      ["stands for", run.count === 1 ? undefined : `${run.count} fire times`],
      ["progress", run.progress === undefined ? undefined : JSON.stringify(run.progress)],
      ["result", result === undefined ? undefined : JSON.stringify(result)],
      [
        "error",
        run.error === undefined ? undefined : `${run.error.code ?? run.error.name}: ${run.error.message}`,
      ],
    ]),
  );
  for (const attempt of run.attempts) output.text(attemptLines(attempt));
  showShellOutput({ output }, run);
}

function showShellOutput({ output }: Pick<Client, "output">, run: Run): void {
  if (!isShellOutcome(run.result)) return;
  const good = run.state === "succeeded";
  const { exitCode, signal, truncatedBytes, output: text } = run.result;
  const how = exitCode === null ? `ended by ${signal}` : `exit code ${exitCode}`;
  const missing = truncatedBytes > 0 ? `; ${truncatedBytes} bytes before it are not kept` : "";
  output.text(
    paint(output, good ? "green" : "red", `${printable(how)}, output${text === "" ? ": none" : missing}`),
  );
  if (text !== "") output.text(printable(text));
}

function attemptLines(attempt: Attempt): string {
  const { state, node, fencingToken, startedAt, finishedAt, error, reason } = attempt;
  const duration =
    startedAt !== undefined && finishedAt !== undefined
      ? `, ${shownDuration(finishedAt.getTime() - startedAt.getTime())}`
      : "";
  const why = state === "succeeded" ? undefined : (error?.message ?? reason);
  const line = `attempt ${attempt.attempt}  ${state} on ${node}, token ${fencingToken}, from ${shownExact(startedAt)}${duration}`;
  const indent = " ".repeat(11);
  const lines = why === undefined ? [] : printable(why).split("\n");
  return [wrap(printable(line), 80, 11), ...lines.map((each) => indent + wrap(each, 80, 11))].join("\n");
}
