import { compileQuery, type QueryJob } from "./compile-query.js";
import { parseCount, parseDate, parseOptionalDate, readOptions } from "./input/query-options.js";
import { maxListed } from "./limits.js";
import type { Trigger } from "./trigger.js";

/** Which fire times to list. Without an anchor, cadences without a start of their own count from `after`. */
export interface NextFireTimesOptions extends QueryJob {
  /** Only later ones: strictly after this. */
  readonly after: Date;
  /** How many at most: 0 to 100,000. */
  readonly count: number;
  /** Only earlier ones: strictly before this. Default: the end of the year 9999. */
  readonly before?: Date | undefined;
}

/**
 * Lists fire times, ascending, each later than the one before. For an `allOf` or `except` the list ends where the next one
 * lies too far to be found.
 *
 * @throws InvalidTriggerError for whatever `parseTrigger` refuses; `INVALID_DATE`, `INVALID_ARGUMENT` for the options
 */
export function nextFireTimes(trigger: Trigger, options: NextFireTimesOptions): Date[] {
  const given = readOptions(options, ["after", "before", "count", "jobId", "anchor"]);
  const after = parseDate(given.after, "after");
  const before = parseOptionalDate(given.before, "before") ?? Number.POSITIVE_INFINITY;
  const count = parseCount(given.count, "count", maxListed);
  const compiled = compileQuery(trigger, given, after);
  const times: Date[] = [];
  let time = count === 0 ? null : compiled.next(after);
  while (time !== null && time < before) {
    times.push(new Date(time));
    time = times.length < count ? compiled.next(time) : null;
  }
  return times;
}

/**
 * Whether an instant, to the millisecond, is a fire time.
 *
 * @param options of which job it is: an `every` without `from` needs an anchor to make sense
 * @throws InvalidTriggerError for whatever `parseTrigger` refuses; `INVALID_DATE`, `INVALID_ARGUMENT`
 */
export function matches(trigger: Trigger, date: Date, options: QueryJob = {}): boolean {
  const instant = parseDate(date, "date");
  const given = readOptions(options, ["jobId", "anchor"]);
  return compileQuery(trigger, given, undefined).previous(instant) === instant;
}
