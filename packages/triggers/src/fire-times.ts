import { compileQuery, type QueryJob } from "./compile-query.js";
import type { CompiledTrigger } from "./compiled-trigger.js";
import { parseDate, parseOptionalDate, readOptions } from "./input/query-options.js";
import type { Trigger } from "./trigger.js";

/** Which fire times to go through. Without an anchor, cadences without a start of their own count from `after`. */
export interface FireTimesOptions extends QueryJob {
  /** Only later ones: strictly after this. */
  readonly after: Date;
  /** Only earlier ones: strictly before this. Default: the end of the year 9999. */
  readonly before?: Date | undefined;
}

/**
 * Goes through fire times, ascending, each computed when it is asked for: for most triggers there is no end in sight, so that
 * the loop needs one. The arguments are checked at once.
 *
 * @throws InvalidTriggerError for whatever `parseTrigger` refuses; `INVALID_DATE`, `INVALID_ARGUMENT` for the options
 */
export function fireTimes(trigger: Trigger, options: FireTimesOptions): IterableIterator<Date> {
  const given = readOptions(options, ["after", "before", "jobId", "anchor"]);
  const after = parseDate(given.after, "after");
  const before = parseOptionalDate(given.before, "before") ?? Number.POSITIVE_INFINITY;
  return iterate(compileQuery(trigger, given, after), after, before);
}

function* iterate(
  compiled: CompiledTrigger,
  after: number,
  before: number,
): Generator<Date, void, undefined> {
  for (let time = compiled.next(after); time !== null && time < before; time = compiled.next(time)) {
    yield new Date(time);
  }
}
