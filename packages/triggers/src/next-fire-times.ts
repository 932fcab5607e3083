import { type CompileOptions, compileTrigger } from "./compile-trigger.js";
import { parseInstant } from "./instant.js";
import { InvalidTriggerError, quote } from "./invalid-trigger-error.js";
import { maxListed } from "./limits.js";
import type { Trigger } from "./trigger.js";

/** Which fire times to list. */
export interface NextFireTimesOptions {
  /** Only later ones: strictly after this. */
  readonly after: Date;
  /** How many at most: 0 to 100,000. */
  readonly count: number;
  /** Only earlier ones: strictly before this. Default: the end of the year 9999. */
  readonly before?: Date | undefined;
  /** The job's id, from which `H` is hashed. */
  readonly jobId?: string | undefined;
  /** Where an `every` without `from` counts from. Default: `after`. For `once("now")`: the instant of now. */
  readonly anchor?: Date | undefined;
}

/**
 * Lists fire times, ascending, each later than the one before.
 *
 * @throws InvalidTriggerError for whatever `parseTrigger` refuses; `INVALID_DATE`, `INVALID_ARGUMENT` for the options
 */
export function nextFireTimes(trigger: Trigger, options: NextFireTimesOptions): Date[] {
  const after = parseInstant(options.after, "after");
  const before =
    options.before === undefined ? Number.POSITIVE_INFINITY : parseInstant(options.before, "before");
  const { count, jobId } = options;
  if (!Number.isInteger(count) || count < 0 || count > maxListed) {
    throw new InvalidTriggerError(
      "INVALID_ARGUMENT",
      `count must be an integer from 0 to ${maxListed}, not ${quote(count)}`,
      { field: "count", value: count },
    );
  }
  const anchor = options.anchor === undefined ? undefined : parseInstant(options.anchor, "anchor");
  // The type may be anything in JavaScript: compileTrigger refuses what is no trigger.
  const compiled = compileTrigger(trigger, {
    jobId,
    anchor: anchor ?? (trigger?.type === "once" ? undefined : after),
  });
  const times: Date[] = [];
  let time = compiled.next(after);
  while (times.length < count && time !== null && time < before) {
    times.push(new Date(time));
    time = compiled.next(time);
  }
  return times;
}

/**
 * Whether an instant, to the millisecond, is a fire time.
 *
 * @param options as for `compileTrigger`: an `every` without `from` needs an anchor to make sense
 * @throws InvalidTriggerError for whatever `parseTrigger` refuses; `INVALID_DATE`
 */
export function matches(trigger: Trigger, date: Date, options: CompileOptions = {}): boolean {
  const instant = parseInstant(date, "date");
  return compileTrigger(trigger, options).previous(instant) === instant;
}
