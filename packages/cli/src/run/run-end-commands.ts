import type { Command } from "commander";
import { CliError } from "../cli-error.js";
import { type Client, withClient } from "../client.js";
import { printableLine } from "../terminal/printable.js";

const cancelFooter = `
A run that waits never starts; the handler of one that runs is told to stop.
Exit code 1 if one had ended already.

Examples:
  escapement run cancel "billing/sync@1700000000000"
  escapement run cancel ID ID --reason "wrong rates"`;

const retryFooter = `
Only a dead letter can be retried: a run that failed for good. See
\`escapement run dead\`.

Examples:
  escapement run retry "billing/sync@1700000000000"`;

/** Adds `run cancel` and `run retry`. */
export function addRunEndCommands(run: Command): void {
  run
    .command("cancel <ids...>")
    .description("cancel runs, wherever they are")
    .option("--reason <text>", "why: kept with the run, at most 200 characters")
    .addHelpText("after", cancelFooter)
    .action((ids: string[], { reason }: { reason?: string }, command: Command) =>
      withClient(command, (client) =>
        each(client, ids, "Cancelled", async (id) => {
          const options = reason === undefined ? {} : { reason };
          return (await client.scheduler.run(id).cancel(options))
            ? undefined
            : `Run ${id} had ended already.`;
        }),
      ),
    );
  run
    .command("retry <ids...>")
    .description("give runs that failed for good another attempt, now")
    .addHelpText("after", retryFooter)
    .action((ids: string[], _: unknown, command: Command) =>
      withClient(command, (client) =>
        each(client, ids, "Queued", async (id) => {
          await client.scheduler.run(id).retry();
          return undefined;
        }),
      ),
    );
}

/** Does something with each run, and goes on if it fails with one. `work` answers why nothing was done, if so. */
async function each(
  { scheduler, output }: Client,
  ids: readonly string[],
  did: string,
  work: (id: string) => Promise<string | undefined>,
): Promise<void> {
  const wanted = [...new Set(ids)];
  for (const id of wanted) scheduler.run(id); // looks at all ids, before the first is touched
  const results: {
    readonly id: string;
    readonly done: boolean;
    readonly why?: string;
    readonly code?: string;
  }[] = [];
  for (const id of wanted) {
    const why = await work(id).catch((error: unknown) => {
      const { code, message } = error as { code?: string; message: string };
      if (code !== "RUN_NOT_FOUND" && code !== "NOT_A_DEAD_LETTER") throw error;
      return { code, why: message };
    });
    const problem = typeof why === "string" ? { code: "RUN_ENDED", why } : why;
    results.push({ id, done: problem === undefined, ...problem });
  }
  const [first] = results;
  if (results.length === 1 && first?.done === false)
    throw new CliError(first.code ?? "FAILED", first.why ?? "");
  if (output.json) output.value(results);
  for (const { id, done, why } of results) {
    if (!done) output.note(`escapement: ${why}`);
    else if (!output.json) output.text(`${did} ${printableLine(id)}.`);
  }
  if (results.some(({ done }) => !done)) process.exitCode = 1;
}
