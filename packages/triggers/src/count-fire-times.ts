import { compileQuery, type QueryJob } from "./compile-query.js";
import type { FireTimeCount } from "./compiled-trigger.js";
import { parseCount, parseDate, readOptions } from "./input/query-options.js";
import { defaultCountLimit, maxListed } from "./limits.js";
import type { Trigger } from "./trigger.js";

/** Which fire times to count. Without an anchor, cadences without a start of their own count from `after`. */
export interface CountFireTimesOptions extends QueryJob {
  /** Only later ones: strictly after this. */
  readonly after: Date;
  /** Only earlier ones: strictly before this. */
  readonly before: Date;
  /** Where to stop where they must be gone through one by one: 0 to 100,000. Default: 10,000. */
  readonly limit?: number | undefined;
}

/**
 * Counts fire times. All are counted by arithmetic, however many, unless the trigger is an `everyRandom`, an `except`, or an
 * `anyOf` or `allOf` of several: these are gone through up to `limit`, and `exact` says whether that was the end.
 *
 * @throws InvalidTriggerError for whatever `parseTrigger` refuses; `INVALID_DATE`, `INVALID_ARGUMENT` for the options
 */
export function countFireTimes(trigger: Trigger, options: CountFireTimesOptions): FireTimeCount {
  const given = readOptions(options, ["after", "before", "limit", "jobId", "anchor"]);
  const after = parseDate(given.after, "after");
  const before = parseDate(given.before, "before");
  const limit = parseCount(given.limit ?? defaultCountLimit, "limit", maxListed);
  return compileQuery(trigger, given, after).count(after, before - 1, limit);
}
