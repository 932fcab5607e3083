import type { Run, RunHandle } from "@escapement/core";
import type { Command } from "commander";
import { CliError, usageError } from "../cli-error.js";
import { type Client, withClient } from "../client.js";
import { heldBy } from "../pause/pause-target.js";
import { showRun } from "../run/run-show.js";
import { milliseconds } from "../terminal/option-values.js";
import { noSuchJob } from "./job-of-client.js";

const footer = `
Examples:
  escapement job run billing/sync
  escapement job run billing/sync --wait --timeout 5m
  escapement job run billing/sync --force      although it is paused`;

/** Whether and how long a command waits for the end of a run. */
export interface WaitFlags {
  readonly wait?: boolean;
  readonly timeout?: number;
}

/** Adds `job run`. */
export function addJobRunCommand(job: Command): void {
  job
    .command("run <id>")
    .description("run a job once, now, beside its schedule; prints the run's id")
    .option("--wait", "wait for the run's end; exit code 1 if it does not succeed")
    .option("--timeout <duration>", "how long to wait", milliseconds)
    .option("--force", "also if the job is paused")
    .addHelpText("after", footer)
    .action((id: string, flags: WaitFlags & { force?: boolean }, command: Command) =>
      withClient(command, (client) => runNow(client, id, flags)),
    );
}

async function runNow(client: Client, id: string, flags: WaitFlags & { force?: boolean }): Promise<void> {
  if (flags.timeout !== undefined && !flags.wait) throw usageError("USAGE", "--timeout needs --wait.");
  const job = client.scheduler.job(id);
  const handle = await job.runNow({ force: flags.force ?? false }).catch(async (error: unknown) => {
    const { code } = error as { code?: unknown };
    if (code === "JOB_NOT_FOUND") throw noSuchJob(client.scheduler.namespace, id);
    if (code !== "JOB_PAUSED") throw error;
    const pauses = (await job.get())?.pauses ?? [];
    const why = pauses.length === 0 ? "" : ` by ${heldBy(pauses)}`;
    throw new CliError("JOB_PAUSED", `Job ${id} is paused${why}. To run it all the same, say --force.`, {
      cause: error,
    });
  });
  await tellRun(client, handle, flags);
}

/** Prints a run's id; or waits for its end and shows it. */
export async function tellRun(client: Client, run: RunHandle, { wait, timeout }: WaitFlags): Promise<void> {
  const { output } = client;
  if ((await run.get())?.unclaimed)
    output.note("warning: no running node has a handler for it; it waits until one does.");
  if (!wait) {
    if (output.json) output.value({ id: run.id });
    else output.text(run.id);
    return;
  }
  // A run that failed is shown like one that succeeded; the exit code tells them apart.
  await run.result(timeout === undefined ? {} : { timeout }).catch((error: unknown) => {
    if ((error as { code?: unknown }).code !== "RUN_FAILED") throw error;
    process.exitCode = 1;
  });
  showRun(client, (await run.get()) as Run);
}
