import type { Attempt, Run } from "@escapement/core";
import type { Command } from "commander";
import { CliError, usageError } from "./cli-error.js";
import { type Client, withClient } from "./client.js";
import { count } from "./option-values.js";
import { paint, pairs, shownDate, shownDuration } from "./output.js";
import { printable } from "./printable.js";
import { isShellOutcome } from "./shell-task.js";
import { table } from "./table.js";

/** Adds `run list` and `run show`. */
export function addRunCommands(program: Command): void {
  const run = program.command("run").description("look at runs, waiting, running and finished");
  run
    .command("list")
    .description(
      "runs of a job, or enqueued runs of a task: those that have not ended, then finished ones, latest first",
    )
    .option("--job <id>", "of this job")
    .option("--task <name>", "enqueued ones of this task")
    .option("-n, --limit <n>", "at most so many unfinished and so many finished ones", count, 20)
    .action((options: ListOptions, command: Command) =>
      withClient(command, (client) => listRuns(client, options)),
    );
  run
    .command("show <id>")
    .description("one run: its attempts, where they ran, what came of them")
    .action((id: string, _: unknown, command: Command) =>
      withClient(command, async (client) => {
        const found = await client.scheduler.run(id).get();
        if (found === undefined)
          throw new CliError("RUN_NOT_FOUND", `There is no run ${id}, or it is not kept any more.`);
        showRun(client, found);
      }),
    );
}

interface ListOptions {
  readonly job?: string;
  readonly task?: string;
  readonly limit: number;
}

async function listRuns({ scheduler, output }: Client, { job, task, limit }: ListOptions): Promise<void> {
  const of =
    job !== undefined && task === undefined
      ? { job }
      : task !== undefined && job === undefined
        ? { task }
        : undefined;
  if (of === undefined) throw usageError("USAGE", "Give either --job ID or --task NAME.");
  const finished =
    "job" in of
      ? await finishedOfJob(scheduler, of.job, limit)
      : await scheduler.finishedRuns(of.task, limit);
  const ended = new Set(finished.map(({ id }) => id));
  const unfinished = (await scheduler.unfinishedRuns(of, limit)).filter(({ id }) => !ended.has(id));
  const runs = [...unfinished, ...finished];
  if (output.json) {
    output.value(runs);
    return;
  }
  if (runs.length === 0) {
    output.text("No runs.");
    return;
  }
  const rows = runs.map((run) => [
    run.id,
    run.state,
    String(run.attempt),
    run.node ?? "-",
    latenessOf(run) ?? "-",
    run.error?.message ?? run.reason ?? "",
  ]);
  output.text(table(["ID", "STATE", "ATT", "NODE", "LATE", "WHY"], rows));
}

async function finishedOfJob(scheduler: Client["scheduler"], job: string, limit: number): Promise<Run[]> {
  const finished = await scheduler.job(job).history({ limit });
  if (finished.length === 0 && (await scheduler.job(job).get()) === undefined)
    throw new CliError("JOB_NOT_FOUND", `There is no job ${job} in namespace ${scheduler.namespace}.`);
  return finished;
}

function latenessOf({ attempts, scheduledAt }: Run): string | undefined {
  const started = attempts[0]?.startedAt;
  return started === undefined ? undefined : shownDuration(started.getTime() - scheduledAt.getTime());
}

/** Prints one run. */
export function showRun({ output }: Client, run: Run): void {
  if (output.json) {
    output.value(run);
    return;
  }
  const good = run.state === "succeeded";
  const result = isShellOutcome(run.result) ? undefined : run.result;
  output.text(
    pairs([
      ["id", run.id],
      ["job", run.jobId],
      ["task", run.task],
      ["state", run.state],
      ["reason", run.reason],
      ["unclaimed", run.unclaimed ? "no running node has a handler for it" : undefined],
      ["scheduled at", shownDate(run.scheduledAt)],
      ["lateness", latenessOf(run)],
      ["finished at", run.finishedAt === undefined ? undefined : shownDate(run.finishedAt)],
      ["stands for", run.count === 1 ? undefined : `${run.count} fire times`],
      ["progress", run.progress === undefined ? undefined : JSON.stringify(run.progress)],
      ["result", result === undefined ? undefined : JSON.stringify(result)],
      [
        "error",
        run.error === undefined ? undefined : `${run.error.code ?? run.error.name}: ${run.error.message}`,
      ],
    ]),
  );
  for (const attempt of run.attempts) output.text(attemptLine(attempt));
  if (!isShellOutcome(run.result)) return;
  const { exitCode, signal, truncatedBytes, output: text } = run.result;
  const how = exitCode === null ? `ended by ${signal}` : `exit code ${exitCode}`;
  const cut = truncatedBytes > 0 ? `; ${truncatedBytes} bytes before it are not kept` : "";
  output.text(
    paint(output, good ? "green" : "red", `${printable(how)}, output${text === "" ? ": none" : cut}`),
  );
  if (text !== "") output.text(printable(text));
}

function attemptLine({
  attempt,
  state,
  node,
  fencingToken,
  startedAt,
  finishedAt,
  error,
  reason,
}: Attempt): string {
  const duration =
    startedAt !== undefined && finishedAt !== undefined
      ? `, ${shownDuration(finishedAt.getTime() - startedAt.getTime())}`
      : "";
  const why = state === "succeeded" ? undefined : (error?.message ?? reason);
  const line = `attempt ${attempt}  ${state} on ${node}, token ${fencingToken}, from ${shownDate(startedAt)}${duration}`;
  return printable(why === undefined ? line : `${line}\n           ${why}`);
}
