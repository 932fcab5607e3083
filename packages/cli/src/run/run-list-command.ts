import type { Run, RunState } from "@escapement/core";
import { type Command, Option } from "commander";
import { usageError } from "../cli-error.js";
import { type Client, withClient } from "../client.js";
import { finishedOf } from "../job/job-history-command.js";
import { existing } from "../job/job-of-client.js";
import { count } from "../terminal/option-values.js";
import { queuesOf } from "./run-dead-command.js";
import { tellRuns } from "./run-table.js";

const footer = `
Without --job or --task: what runs now on the nodes, and the dead letters.

Examples:
  escapement run list
  escapement run list --job billing/sync --state failed
  escapement run list --task send-mail --limit 100`;

const unfinished: readonly RunState[] = ["scheduled", "ready", "active", "waiting-retry"];
const finished: readonly RunState[] = [
  "succeeded",
  "failed",
  "timed-out",
  "cancelled",
  "lost",
  "skipped",
  "missed",
];

interface ListFlags {
  readonly job?: string;
  readonly task?: string;
  readonly state?: RunState;
  readonly limit: number;
}

/** Adds `run list`. */
export function addRunListCommand(run: Command): void {
  run
    .command("list")
    .description("runs that have not ended, then finished ones, latest first")
    .option("--job <id>", "of this job")
    .option("--task <name>", "enqueued ones of this task")
    .addOption(
      new Option("--state <state>", "only those in this state").choices([...unfinished, ...finished]),
    )
    .option("-n, --limit <n>", "at most so many unfinished and so many finished ones", count, 20)
    .addHelpText("after", footer)
    .action((flags: ListFlags, command: Command) => {
      if (flags.job !== undefined && flags.task !== undefined)
        throw usageError("USAGE", "Give either --job ID or --task NAME.");
      return withClient(command, async (client) => tellRuns(client.output, await runsOf(client, flags)));
    });
}

async function runsOf(client: Client, { job, task, state, limit }: ListFlags): Promise<Run[]> {
  const { scheduler } = client;
  if (job === undefined && task === undefined) return runningAndDead(client, state, limit);
  if (job !== undefined) await existingOrFinished(client, job);
  const ended =
    state !== undefined && unfinished.includes(state)
      ? []
      : await finishedOf(
          job === undefined
            ? { history: ({ limit: most }) => scheduler.finishedRuns(task ?? "", most) }
            : scheduler.job(job),
          limit,
          state,
        );
  const known = new Set(ended.map(({ id }) => id));
  const of = job === undefined ? { task: task ?? "" } : { job };
  const going = (await scheduler.unfinishedRuns(of, state === undefined ? limit : 10_000)).filter(
    (run) => !known.has(run.id) && (state === undefined || run.state === state),
  );
  return [...going.slice(0, limit), ...ended];
}

/** A job may be gone, and its history still there. */
async function existingOrFinished(client: Client, job: string): Promise<void> {
  if ((await client.scheduler.job(job).history({ limit: 1 })).length === 0) await existing(client, job);
}

/** What runs now, node by node, and the latest dead letters whose runs are kept. */
async function runningAndDead(
  { scheduler }: Client,
  state: RunState | undefined,
  limit: number,
): Promise<Run[]> {
  const nodes = await scheduler.nodes();
  const running: Run[] = [];
  for (const { id } of nodes) {
    if (running.length >= limit) break;
    running.push(...(await scheduler.unfinishedRuns({ node: id }, limit - running.length)));
  }
  const dead: Run[] = [];
  for (const queue of queuesOf(nodes))
    for (const { run } of await scheduler.deadLetters({ queue, limit: Math.min(limit, 1000) }))
      if (run !== undefined) dead.push(run);
  const fits = (run: Run): boolean => state === undefined || run.state === state;
  return [...running.filter(fits), ...dead.filter(fits).slice(0, limit)];
}
