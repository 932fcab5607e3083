import type { PauseInfo } from "@escapement/core";
import { fitsPattern } from "@escapement/core/internal";
import type { Command } from "commander";
import { CliError } from "../cli-error.js";
import { type Client, withClient } from "../client.js";
import { shownMinute, zoneName } from "../terminal/dates.js";
import { milliseconds } from "../terminal/option-values.js";
import { paint, shownAge } from "../terminal/output.js";
import { printableLine } from "../terminal/printable.js";
import { paintedTable } from "../terminal/table.js";
import { cut } from "../terminal/width.js";

const footer = `
Pauses that were set by hand, with \`redis-cli SET\`, are listed too.

Examples:
  escapement pause list
  escapement pause list --match "tag:*" --longer-than 1d
  escapement pause list --job billing/sync     what holds this job back
  escapement pauses --json`;

interface ListFlags {
  readonly match?: string;
  readonly by?: string;
  readonly job?: string;
  readonly longerThan?: number;
}

/** Adds `pause list`. Its options that `pause` has as well are read by that command. */
export function addPauseListCommand(pause: Command): void {
  configured(pause.command("list"));
}

/** Adds `pauses`. */
export function addPausesCommand(program: Command): void {
  configured(program.command("pauses"), ', as "pause list"');
}

function configured(command: Command, alias = ""): void {
  command
    .description(`the pauses that are in place: of what, why, by whom, since and until when${alias}`)
    .option("--match <glob>", "only targets that fit, such as 'tag:*'")
    .option("--by <who>", "only those that somebody set whose name holds this text")
    .option("--job <id>", "only those that hold this job back")
    .option("--longer-than <duration>", "only those that have lasted longer, such as 1d", milliseconds)
    .addHelpText("after", footer)
    .action((_: unknown, own: Command) =>
      withClient(own, (client) => listPauses(client, own.optsWithGlobals<ListFlags>())),
    );
}

async function listPauses({ scheduler, output }: Client, flags: ListFlags): Promise<void> {
  const all = flags.job === undefined ? await scheduler.pauses() : await pausesOf(scheduler, flags.job);
  const now = Date.now();
  const pauses = all.filter((pause) => fits(pause, flags, now));
  if (output.json) output.value(pauses);
  else if (pauses.length === 0) output.text(all.length === 0 ? "Nothing is paused." : "No such pauses.");
  else {
    const rows = pauses.map(({ target, since, until }) => [
      cut(printableLine(target), 32),
      since === undefined ? "?" : shownAge(now - since.getTime()),
      since === undefined ? "?" : shownMinute(since),
      until === undefined ? "it is resumed" : shownMinute(until),
    ]);
    output.text(
      paintedTable(output, ["TARGET", "FOR", "SINCE", "UNTIL"], rows, {
        colour: () => "yellow",
        below: (row) => why(pauses[row] as PauseInfo),
      }),
    );
    output.text(paint(output, "grey", `Times are of the zone ${zoneName()}.`));
  }
}

async function pausesOf(scheduler: Client["scheduler"], id: string): Promise<readonly PauseInfo[]> {
  const job = await scheduler.job(id).get();
  if (job !== undefined) return job.pauses;
  throw new CliError("JOB_NOT_FOUND", `There is no job ${id} in namespace ${scheduler.namespace}.`);
}

function fits({ target, by, since }: PauseInfo, flags: ListFlags, now: number): boolean {
  const { match, longerThan } = flags;
  return (
    (match === undefined || fitsPattern(target, match)) &&
    (flags.by === undefined || (by ?? "").includes(flags.by)) &&
    (longerThan === undefined || (since !== undefined && now - since.getTime() > longerThan))
  );
}

/** The reason on one line of the screen, and who gave it. */
function why({ reason, by, failures }: PauseInfo): string {
  const who = failures === undefined ? (by ?? "by hand") : `itself, after ${failures} failures in a row`;
  const end = ` (${cut(printableLine(who.slice(0, 400)), 36)})`;
  const said = reason === "" ? "no reason given" : printableLine(reason.slice(0, 400));
  return cut(said, 78 - end.length) + end;
}
