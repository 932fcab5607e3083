import { compileTrigger } from "./compile-trigger.js";
import { parseInstant } from "./input/instant.js";
import { InvalidTriggerError } from "./invalid-trigger-error.js";
import type { Trigger } from "./trigger.js";

/** The moment of definition, and the job. */
export interface AssertFiresOptions {
  /** The present in ms, by the clock that decides. A fire time at this very instant still counts. */
  readonly after: number;
  /** The job's creation in ms. Default: `after`. */
  readonly anchor?: number | undefined;
  /** The job's id. */
  readonly jobId?: string | undefined;
}

/**
 * Refuses a trigger that has no fire time left, for use when a job is defined.
 *
 * @throws InvalidTriggerError `ALL_IN_PAST` for a `once` whose instants have all gone by, else `NEVER_FIRES`; and
 *   whatever `parseTrigger` refuses
 */
export function assertFires(trigger: Trigger, { after, anchor = after, jobId }: AssertFiresOptions): void {
  const compiled = compileTrigger(trigger, { anchor, jobId });
  if (compiled.next(parseInstant(after, "after") - 1) !== null) return;
  if (compiled.trigger.type === "once") {
    throw new InvalidTriggerError(
      "ALL_IN_PAST",
      "each instant of this once trigger lies in the past: give a later one",
      {
        field: "at",
      },
    );
  }
  throw new InvalidTriggerError(
    "NEVER_FIRES",
    "this trigger has no fire time up to the end of the year 9999",
  );
}
