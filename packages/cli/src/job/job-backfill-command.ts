import type { BackfillOptions, Overlap } from "@escapement/core";
import { fireTimes } from "@escapement/triggers";
import { type Command, Option } from "commander";
import { usageError } from "../cli-error.js";
import { type Client, withClient } from "../client.js";
import { date, shownDate } from "../terminal/dates.js";
import { count } from "../terminal/option-values.js";
import { existing } from "./job-of-client.js";

const footer = `
Each fire time from --from to --to, both included, is run by hand once: the
schedule and its history are left alone. Asked twice, it runs them twice.

Examples:
  escapement job backfill reports/daily --from 2026-11-01 --dry-run
  escapement job backfill reports/daily --from 2026-11-01 \\
             --to "2026-11-07 23:59" --overlap queue-all`;

interface BackfillFlags {
  readonly from: Date;
  readonly to?: Date;
  readonly overlap?: Overlap;
  readonly max: number;
  readonly dryRun?: boolean;
}

/** Adds `job backfill`. */
export function addJobBackfillCommand(job: Command): void {
  const overlaps = ["skip", "allow", "queue-one", "queue-all", "cancel-running", "replace"];
  job
    .command("backfill <id>")
    .description("run past fire times of a job; prints the runs' ids")
    .requiredOption("--from <date>", 'the first, such as "2026-11-21 14:00"', date)
    .option("--to <date>", "the last (default: now)", date)
    .addOption(new Option("--overlap <rule>", "when an earlier run still runs").choices(overlaps))
    .option("--max <n>", "the most there may be, at most 1000", count, 100)
    .option("--dry-run", "print the fire times, and run none")
    .addHelpText("after", footer)
    .action((id: string, flags: BackfillFlags, command: Command) =>
      withClient(command, (client) => backfill(client, id, flags)),
    );
}

async function backfill(client: Client, id: string, flags: BackfillFlags): Promise<void> {
  const { scheduler, output } = client;
  const job = scheduler.job(id);
  const { from, to, overlap, max, dryRun } = flags;
  if (to !== undefined && to < from)
    throw usageError("USAGE", "--to is before --from: there is nothing between.");
  if (dryRun) {
    const times = await wouldRun(client, id, flags);
    if (output.json) output.value({ dryRun: true, fireTimes: times });
    else
      output.text(
        [...times.map(shownDate), `Dry run, nothing was queued: ${fires(times.length)}.`].join("\n"),
      );
    return;
  }
  const options: BackfillOptions = {
    from,
    max,
    ...(to === undefined ? {} : { to }),
    ...(overlap === undefined ? {} : { overlap }),
  };
  await existing(client, id);
  const runs = await job.backfill(options);
  if (output.json) output.value(runs.map((run) => ({ id: run.id })));
  else if (runs.length === 0) output.text("There is no fire time between: nothing was queued.");
  else output.text(runs.map((run) => run.id).join("\n"));
}

function fires(times: number): string {
  return `${times} fire ${times === 1 ? "time" : "times"}`;
}

/** The fire times that a backfill would run, by this machine's clock. */
async function wouldRun(client: Client, id: string, { from, to, max }: BackfillFlags): Promise<Date[]> {
  const { trigger, createdAt, startAt, endAt } = await existing(client, id);
  if (trigger === undefined)
    throw usageError("USAGE", `Job ${id} has no trigger: its fire times are those of what it depends on.`);
  const first = Math.max(from.getTime(), startAt?.getTime() ?? 0);
  const last = Math.min(
    to?.getTime() ?? Number.POSITIVE_INFINITY,
    endAt?.getTime() ?? Number.POSITIVE_INFINITY,
    Date.now(),
  );
  const times: Date[] = [];
  if (last < first) return times;
  const options = { after: new Date(first - 1), before: new Date(last + 1), jobId: id, anchor: createdAt };
  for (const time of fireTimes(trigger, options)) {
    if (times.length === max)
      throw usageError(
        "USAGE",
        `There are more than ${max} fire times from --from to --to. Raise --max, or ask for less.`,
      );
    times.push(time);
  }
  return times;
}
