import type { CompiledTrigger, FireTimeCount, FireTimes } from "./compiled-trigger.js";
import { wallClock } from "./input/clock.js";
import { parseInstant } from "./input/instant.js";
import { parseCount, readOptions } from "./input/query-options.js";
import { InvalidTriggerError, quote } from "./invalid-trigger-error.js";
import { holdsNow } from "./kinds/combined-triggers.js";
import { compileFireTimes } from "./kinds/index.js";
import { searchWithin } from "./kinds/search-budget.js";
import { defaultCountLimit, maxInstant, maxListed, maxSearchSteps, minInstant } from "./limits.js";
import { parseTrigger } from "./parse-trigger.js";
import type { Trigger } from "./trigger.js";

/** What a trigger needs to know of its job. */
export interface CompileOptions {
  /** The job's id, at most 256 characters: the seed of what is hashed. Default: none. */
  readonly jobId?: string | undefined;
  /**
   * The job's creation in ms: what `once("now")` means, and where an `every` without `from` counts from. Default: the
   * wall clock and the epoch, good for previews only; a scheduler passes the time of Redis.
   */
  readonly anchor?: Date | number | undefined;
  /**
   * One of the job's fire times in ms, if known: an `everyRandom` then starts with it, and does not have to be followed from
   * the anchor. Default: none.
   */
  readonly fireTime?: Date | number | undefined;
}

/**
 * Validates a trigger and makes it ready to compute with. Costs some µs, for an expression not seen before some ten: keep
 * the result.
 *
 * @throws InvalidTriggerError for whatever `parseTrigger` refuses; `INVALID_ARGUMENT`, `INVALID_DATE` for the options;
 *   `NEVER_FIRES` for a trigger of whose days no month has one, counted from the anchor
 */
export function compileTrigger(trigger: Trigger, options: CompileOptions = {}): CompiledTrigger {
  const given = readOptions(options, ["jobId", "anchor", "fireTime"]);
  const { jobId } = given;
  const anchor = given.anchor === undefined ? undefined : parseInstant(given.anchor, "anchor");
  const fireTime = given.fireTime === undefined ? undefined : parseInstant(given.fireTime, "fireTime");
  if (jobId !== undefined && (typeof jobId !== "string" || jobId.length > 256)) {
    throw new InvalidTriggerError("INVALID_ARGUMENT", `${quote(jobId)} is not a job id`, {
      field: "jobId",
      value: jobId,
    });
  }
  const parsed = parseTrigger(trigger);
  const context = { jobId, fireTime, anchor: anchor ?? (holdsNow(parsed) ? wallClock() : 0) };
  return new Compiled(parsed, compileFireTimes(parsed, context));
}

/** Keeps instants within the range that there are fire times in, and asserts that time goes forward. */
class Compiled implements CompiledTrigger {
  readonly trigger: Trigger;
  readonly #times: FireTimes;

  constructor(trigger: Trigger, times: FireTimes) {
    this.trigger = trigger;
    this.#times = times;
  }

  next(after: number): number | null {
    const start = inRange(after);
    const found = this.#times.next(start);
    if (found === null || found > maxInstant) return null;
    // Pitfall T2: a fire time that is not later than the one before would be fired without end.
    if (!(found > start))
      throw new RangeError(`the fire time after ${start} is ${found}: a fault of this package`);
    return found;
  }

  previous(through: number): number | null {
    const end = inRange(through);
    const found = this.#times.previous(end);
    if (found === null || found < minInstant) return null;
    if (!(found <= end))
      throw new RangeError(`the fire time up to ${end} is ${found}: a fault of this package`);
    return found;
  }

  count(after: number, through: number, limit: number = defaultCountLimit): FireTimeCount {
    const most = parseCount(limit, "limit", maxListed);
    const start = inRange(after);
    const end = inRange(through);
    if (this.#times.count) return { count: end <= start ? 0 : this.#times.count(start, end), exact: true };
    // Each fire time may be searched for among others: a step or two, or many. All together are bounded.
    const { result, sufficed } = searchWithin(2 * most + maxSearchSteps, () => this.#step(start, end, most));
    return { count: result.count, exact: result.exact && sufficed };
  }

  #step(after: number, through: number, most: number): FireTimeCount {
    let count = 0;
    for (let time = this.next(after); time !== null && time <= through; time = this.next(time)) {
      if (count >= most) return { count, exact: false };
      count += 1;
    }
    return { count, exact: true };
  }
}

/** Brings an instant into the range that there are fire times in; ±Infinity is its end, NaN and what is no number are refused. */
function inRange(instant: unknown): number {
  if (typeof instant !== "number" || Number.isNaN(instant)) {
    throw new InvalidTriggerError(
      "INVALID_DATE",
      `${quote(instant)} is not an instant in ms: give a number`,
      { value: instant },
    );
  }
  return Math.floor(Math.min(Math.max(instant, minInstant - 1), maxInstant));
}
