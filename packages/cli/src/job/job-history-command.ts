import type { Run, RunState } from "@escapement/core";
import { type Command, Option } from "commander";
import { type Client, withClient } from "../client.js";
import { tellRuns } from "../run/run-table.js";
import { count } from "../terminal/option-values.js";
import { existing } from "./job-of-client.js";

const footer = `
Examples:
  escapement job history billing/sync
  escapement job history billing/sync -n 5 --state failed`;

const ends: readonly RunState[] = [
  "succeeded",
  "failed",
  "timed-out",
  "cancelled",
  "lost",
  "skipped",
  "missed",
];

interface HistoryFlags {
  readonly limit: number;
  readonly state?: RunState;
}

/** Adds `job history`. */
export function addJobHistoryCommand(job: Command): void {
  job
    .command("history <id>")
    .description("finished runs of a job that are kept, latest first")
    .option("-n, --limit <n>", "at most so many", count, 20)
    .addOption(new Option("--state <state>", "only those that ended so").choices(ends))
    .addHelpText("after", footer)
    .action((id: string, flags: HistoryFlags, command: Command) =>
      withClient(command, (client) => showHistory(client, id, flags)),
    );
}

async function showHistory(client: Client, id: string, { limit, state }: HistoryFlags): Promise<void> {
  await existing(client, id);
  tellRuns(client.output, await finishedOf(client.scheduler.job(id), limit, state));
}

/** The latest finished runs of a job: of those that ended so, if a state is given, among all that are kept. */
export async function finishedOf(
  job: { history(options: { limit: number }): Promise<Run[]> },
  limit: number,
  state: RunState | undefined,
): Promise<Run[]> {
  if (state === undefined) return job.history({ limit });
  const all = await job.history({ limit: 10_000 });
  return all.filter((run) => run.state === state).slice(0, limit);
}
