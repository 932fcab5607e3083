import type { DeadLetter, NodeInfo, Run } from "@escapement/core";
import type { Command } from "commander";
import { type Client, withClient } from "../client.js";
import { confirmed } from "../terminal/confirm.js";
import { shownMinute, zoneName } from "../terminal/dates.js";
import { count } from "../terminal/option-values.js";
import { paint } from "../terminal/output.js";
import { printableLine } from "../terminal/printable.js";
import { paintedTable } from "../terminal/table.js";

const deadFooter = `
A dead letter is a run that failed for good; it is kept until it is tried again
or removed. Without --queue: those of the queues that the nodes serve, and of
the queue "default".

Examples:
  escapement run dead
  escapement run dead --queue mail --json
  escapement run dead remove --queue mail --dry-run`;

const removeFooter = `
Examples:
  escapement run dead remove --dry-run
  escapement run dead remove --queue mail --limit 500 --yes`;

const redriveFooter = `
Examples:
  escapement run redrive --dry-run
  escapement run redrive --queue mail --limit 10`;

interface DeadFlags {
  readonly queue?: string;
  readonly limit?: number;
  readonly dryRun?: boolean;
  readonly yes?: boolean;
}

/** Adds `run dead`, `run dead remove` and `run redrive`. */
export function addRunDeadCommands(run: Command): void {
  const dead = withQueue(run.command("dead"))
    .description("dead letters: runs that failed for good, oldest first")
    .addHelpText("after", deadFooter)
    .action((flags: DeadFlags, command: Command) => withClient(command, (client) => listDead(client, flags)));
  withQueue(dead.command("remove"))
    .description("forget the oldest dead letters of a queue")
    .option("--dry-run", "print what would be removed, and remove nothing")
    .option("--yes", "do not ask")
    .addHelpText("after", removeFooter)
    // `dead` has read --queue and --limit, wherever they stood.
    .action((_: unknown, command: Command) =>
      withClient(command, (client) => removeDead(client, command.optsWithGlobals<DeadFlags>())),
    );
  withQueue(run.command("redrive"))
    .description("give the oldest dead letters of a queue another attempt each, now")
    .option("--dry-run", "print what would be tried again, and queue nothing")
    .addHelpText("after", redriveFooter)
    .action((flags: DeadFlags, command: Command) => withClient(command, (client) => redrive(client, flags)));
}

function withQueue(command: Command): Command {
  return command
    .option("--queue <queue>", "of this queue")
    .option("-n, --limit <n>", "at most so many, up to 1000 (default: 100)", count);
}

/** The queues that nodes serve, and the one that there always is. */
export function queuesOf(nodes: readonly NodeInfo[]): string[] {
  return [...new Set(["default", ...nodes.flatMap(({ queues }) => queues)])].sort();
}

/** Of which queue; without one `default`, as everywhere. */
function of({ queue, limit }: DeadFlags): { queue?: string; limit?: number } {
  return { ...(queue === undefined ? {} : { queue }), ...(limit === undefined ? {} : { limit }) };
}

async function listDead({ scheduler, output }: Client, flags: DeadFlags): Promise<void> {
  const queues = flags.queue === undefined ? queuesOf(await scheduler.nodes()) : [flags.queue];
  const letters: DeadLetter[] = [];
  for (const queue of queues) letters.push(...(await scheduler.deadLetters({ ...of(flags), queue })));
  letters.sort((one, other) => one.failedAt.getTime() - other.failedAt.getTime());
  const shown = letters.slice(0, flags.limit ?? 100);
  if (output.json) output.value(shown);
  else if (shown.length === 0) output.text("No dead letters.");
  else {
    const rows = shown.map(({ id, queue, failedAt }) => [id, queue, shownMinute(failedAt)]);
    const why = (run: Run | undefined): string => run?.error?.message ?? run?.reason ?? "not kept any more";
    const below = (row: number): string => why(shown[row]?.run);
    output.text(paintedTable(output, ["ID", "QUEUE", "FAILED AT"], rows, { below }));
    output.text(paint(output, "grey", `Times are of the zone ${zoneName()}.`));
  }
}

async function removeDead({ scheduler, output }: Client, flags: DeadFlags): Promise<void> {
  const found = await scheduler.deadLetters(of(flags));
  const ids = found.map(({ id }) => id);
  if (flags.dryRun) {
    tell(output, ids, "Would remove", "Dry run, nothing was removed");
    return;
  }
  if (ids.length > 1) await confirmed(output, `Remove ${ids.length} dead letters`, flags.yes);
  tell(output, ids.length === 0 ? [] : await scheduler.removeDeadLetters(of(flags)), "Removed", "Removed");
}

async function redrive({ scheduler, output }: Client, flags: DeadFlags): Promise<void> {
  if (flags.dryRun) {
    const ids = (await scheduler.deadLetters(of(flags))).map(({ id }) => id);
    tell(output, ids, "Would queue", "Dry run, nothing was queued");
  } else tell(output, await scheduler.redrive(of(flags)), "Queued", "Queued again");
}

function tell(output: Client["output"], ids: readonly string[], did: string, sum: string): void {
  if (output.json) {
    output.value(ids.map((id) => ({ id })));
    return;
  }
  for (const id of ids) output.text(`${did} ${printableLine(id)}.`);
  output.text(`${sum}: ${ids.length} ${ids.length === 1 ? "run" : "runs"}.`);
}
