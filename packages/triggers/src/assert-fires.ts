import { compileTrigger } from "./compile-trigger.js";
import type { CompiledTrigger } from "./compiled-trigger.js";
import { parseInstant } from "./input/instant.js";
import { readOptions } from "./input/query-options.js";
import { InvalidTriggerError } from "./invalid-trigger-error.js";
import type { Trigger } from "./trigger.js";

/** The moment of definition, and the job. */
export interface AssertFiresOptions {
  /** The present in ms, by the clock that decides. A fire time at this very instant still counts. */
  readonly after: Date | number;
  /** The job's creation in ms. Default: `after`. */
  readonly anchor?: Date | number | undefined;
  /** The job's id. */
  readonly jobId?: string | undefined;
}

/**
 * Refuses a trigger that has no fire time left, for use when a job is defined.
 *
 * @throws InvalidTriggerError `ALL_IN_PAST` for a `once` whose instants have all gone by, else `NEVER_FIRES`; and
 *   whatever `parseTrigger` refuses. `NEVER_FIRES` too if the first or second one lies too far to be found
 */
export function assertFires(trigger: Trigger, options: AssertFiresOptions): void {
  const given = readOptions(options, ["after", "anchor", "jobId"]);
  const after = parseInstant(given.after, "after");
  assertFiring(compileTrigger(trigger, { anchor: given.anchor ?? after, jobId: given.jobId }), after);
}

/**
 * The same of a trigger that is compiled already.
 *
 * @param after the present in ms. A fire time at this very instant still counts
 * @returns its first fire time
 * @throws InvalidTriggerError `ALL_IN_PAST`, `NEVER_FIRES` as {@link assertFires}
 */
export function assertFiring(compiled: CompiledTrigger, after: number): number {
  let reason = "has no fire time left up to the end of the year 9999";
  try {
    const first = compiled.next(after - 1);
    if (first !== null) {
      // One beyond which the search gives up would be the last that the job ever has.
      compiled.next(first);
      return first;
    }
  } catch (error) {
    if (!(error instanceof InvalidTriggerError && error.code === "SEARCH_LIMIT")) throw error;
    reason = `has fire times too far apart to be found: ${error.message}`;
  }
  if (compiled.trigger.type === "once") {
    throw new InvalidTriggerError(
      "ALL_IN_PAST",
      "each instant of this once trigger lies in the past: give a later one",
      { field: "at" },
    );
  }
  throw new InvalidTriggerError("NEVER_FIRES", `this trigger ${reason}`);
}
