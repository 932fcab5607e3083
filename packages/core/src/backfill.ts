import { fields, oneOf, orElse, whole } from "./check.js";
import { overlaps } from "./definition.js";
import { InvalidOptionError, jobNotFound } from "./errors.js";
import { newSuffix } from "./id.js";
import type { Job, Overlap } from "./job.js";
import { compileSchedule } from "./job-trigger.js";
import { overlapLetters } from "./record.js";
import { runNow } from "./scripts/index.js";
import type { Store } from "./store.js";
import { instant } from "./times.js";

/** Which past fire times to run. */
export interface BackfillOptions {
  /** The first: a Date, ms, or ISO 8601. It counts itself. */
  readonly from: Date | number | string;
  /** The last; it counts itself. @default now */
  readonly to?: Date | number | string;
  /** The most there may be, 1 to 1000. @default 100 */
  readonly max?: number;
  /** What becomes of one that comes while an earlier run of the job runs. @default as the job's `overlap` says */
  readonly overlap?: Overlap;
}

/** The names of its options. */
export const backfillOptions = ["from", "to", "max", "overlap"] as const satisfies (keyof BackfillOptions)[];

/** Queues a run for each fire time of a job from `from` to `to`. See `JobHandle.backfill`. Answers their ids. */
export async function backfillJob(
  store: Store,
  id: string,
  get: () => Promise<Job | undefined>,
  options: BackfillOptions,
): Promise<string[]> {
  const given = fields("options", options, backfillOptions);
  const overlap =
    given["overlap"] === undefined ? "" : overlapLetters[oneOf("overlap", given["overlap"], overlaps)];
  const from = instant("from", given["from"]);
  if (from === undefined)
    throw new InvalidOptionError("from", "is missing: give the first fire time to run.");
  const max = whole("max", orElse(given["max"], 100), 1, 1000);
  const [job, now] = [await get(), await store.now()];
  if (job === undefined) throw jobNotFound(id);
  const to = Math.min(instant("to", given["to"]) ?? now, now);
  const { trigger, startAt, endAt } = job;
  if (trigger === undefined)
    throw new InvalidOptionError(
      "job",
      `${id} has no trigger: its fire times are those of what it depends on.`,
    );
  const compiled = compileSchedule(
    id,
    { trigger, startAt: startAt?.getTime(), endAt: endAt?.getTime() },
    { anchor: job.createdAt },
  );
  const times: number[] = [];
  for (let time = compiled.next(from - 1); time !== null && time <= to; time = compiled.next(time)) {
    if (times.length === max) {
      throw new InvalidOptionError(
        "max",
        `there are more than ${max} fire times from \`from\` to \`to\`. Nothing was queued.`,
      );
    }
    times.push(time);
  }
  if (times.length === 0) return [];
  const { prefix, ...keys } = store.keys;
  const [, runs] = await runNow.run(store.commands, {
    keys,
    args: { ...store.founding, prefix, job: id, suffix: newSuffix() + overlap, unless_paused: 0 },
    lists: { times },
  });
  return runs;
}
