import { compileQuery, type QueryJob } from "./compile-query.js";
import { parseDate, readOptions } from "./input/query-options.js";
import type { Trigger } from "./trigger.js";

/** Which fire time to find. Without an anchor, cadences without a start of their own count from the epoch. */
export interface PreviousFireTimeOptions extends QueryJob {
  /** Only earlier ones: strictly before this. */
  readonly before: Date;
}

/**
 * The last fire time before an instant; `null` when there is none from 1900 on.
 *
 * @throws InvalidTriggerError for whatever `parseTrigger` refuses; `INVALID_DATE`, `INVALID_ARGUMENT` for the options
 */
export function previousFireTime(trigger: Trigger, options: PreviousFireTimeOptions): Date | null {
  const given = readOptions(options, ["before", "jobId", "anchor"]);
  const before = parseDate(given.before, "before");
  const time = compileQuery(trigger, given, undefined).previous(before - 1);
  return time === null ? null : new Date(time);
}
