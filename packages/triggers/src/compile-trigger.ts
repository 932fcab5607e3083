import { wallClock } from "./clock.js";
import type { CompiledTrigger, FireTimeCount, FireTimes } from "./compiled-trigger.js";
import { everyTimes } from "./every-times.js";
import { parseInstant } from "./instant.js";
import { InvalidTriggerError, quote } from "./invalid-trigger-error.js";
import { defaultCountLimit, maxInstant, maxListed, minInstant } from "./limits.js";
import { onceTimes } from "./once-times.js";
import { cronTimes } from "./parse-cron.js";
import { parseTrigger } from "./parse-trigger.js";
import type { Trigger } from "./trigger.js";

/** What a trigger needs to know of its job. */
export interface CompileOptions {
  /** The job's id, at most 256 characters: the seed of `H`. Default: none, then the expression seeds it. */
  readonly jobId?: string | undefined;
  /**
   * The job's creation in ms: what `once("now")` means, and where an `every` without `from` counts from. Default: the
   * wall clock and the epoch, good for previews only; a scheduler passes the time of Redis.
   */
  readonly anchor?: number | undefined;
}

// Steps of a minute past an instant that would not give way: more than any change of offset.
const maxHops = 1500;
const hop = 60_000;

/**
 * Validates a trigger and makes it ready to compute with. Costs some hundred µs for cron: keep the result.
 *
 * @throws InvalidTriggerError for whatever `parseTrigger` refuses; `INVALID_ARGUMENT`, `INVALID_DATE` for the options
 */
export function compileTrigger(trigger: Trigger, options: CompileOptions = {}): CompiledTrigger {
  const parsed = parseTrigger(trigger);
  const times = fireTimesOf(parsed, options);
  const next = (after: number): number | null => nextTime(times, after);
  return {
    trigger: parsed,
    next,
    previous: (through) => previousTime(times, through),
    count: (after, through, limit = defaultCountLimit) =>
      times.count
        ? { count: times.count(wholeAbove(after), wholeAbove(through)), exact: true }
        : step(next, after, through, Math.min(limit, maxListed)),
  };
}

function fireTimesOf(trigger: Trigger, { jobId, anchor }: CompileOptions): FireTimes {
  if (anchor !== undefined) parseInstant(anchor, "anchor");
  if (jobId !== undefined && (typeof jobId !== "string" || jobId.length > 256)) {
    throw new InvalidTriggerError("INVALID_ARGUMENT", `${quote(jobId)} is not a job id`, {
      field: "jobId",
      value: jobId,
    });
  }
  switch (trigger.type) {
    case "cron":
      return cronTimes(trigger, jobId);
    case "every":
      return everyTimes(trigger, anchor ?? 0);
    case "once":
      return onceTimes(trigger, anchor ?? (trigger.at[0] === "now" ? wallClock() : 0));
  }
}

/** Asserts that time goes forward: an engine that returns an instant not later than asked is asked again further on. */
function nextTime(times: FireTimes, after: number): number | null {
  const start = wholeAbove(after);
  for (let hops = 0; hops < maxHops; hops += 1) {
    const found = times.next(start + hops * hop);
    if (found === null || found > maxInstant) return null;
    if (found > start) return found;
  }
  return null;
}

function previousTime(times: FireTimes, through: number): number | null {
  const end = wholeAbove(through);
  const found = times.previous(end);
  return found === null || found < minInstant || found > end ? null : found;
}

function step(
  next: (after: number) => number | null,
  after: number,
  through: number,
  limit: number,
): FireTimeCount {
  let count = 0;
  for (let time = next(after); time !== null && time <= through; time = next(time)) {
    if (count >= limit) return { count, exact: false };
    count += 1;
  }
  return { count, exact: true };
}

/** Brings an instant into the range that there are fire times in; ±Infinity is its end, NaN is refused. */
function wholeAbove(instant: number): number {
  if (Number.isNaN(instant)) parseInstant(instant, "after");
  return Math.floor(Math.min(Math.max(instant, minInstant - 1), maxInstant));
}
