import { compileTrigger } from "./compile-trigger.js";
import type { CompiledTrigger } from "./compiled-trigger.js";
import { parseOptionalDate } from "./input/query-options.js";
import { InvalidTriggerError } from "./invalid-trigger-error.js";
import { holdsNow } from "./kinds/combined-triggers.js";
import { parseTrigger } from "./parse-trigger.js";
import type { Trigger } from "./trigger.js";

/** Of which job a trigger is. */
export interface QueryJob {
  /** The job's id: the seed of `H` and of `everyRandom`. */
  readonly jobId?: string | undefined;
  /** The job's creation: where cadences without a start of their own count from, and what `"now"` means. */
  readonly anchor?: Date | undefined;
}

/**
 * Compiles a trigger for a query. Without an anchor cadences count from `start`; but with a `"now"` in it the trigger's anchor
 * is the wall clock. A fire time that is too far to be found is as none.
 *
 * @param start ms; `undefined` for the epoch
 */
export function compileQuery(
  trigger: Trigger,
  { jobId, anchor }: QueryJob,
  start: number | undefined,
): CompiledTrigger {
  const parsed = parseTrigger(trigger);
  const given = parseOptionalDate(anchor, "anchor");
  const compiled = compileTrigger(parsed, {
    jobId,
    anchor: given ?? (holdsNow(parsed) ? undefined : start),
  });
  return {
    trigger: parsed,
    next: (after) => orNone(() => compiled.next(after)),
    previous: (through) => orNone(() => compiled.previous(through)),
    count: (after, through, limit) => compiled.count(after, through, limit),
  };
}

/** What the search gives up on is none, for a preview. */
function orNone(find: () => number | null): number | null {
  try {
    return find();
  } catch (error) {
    if (error instanceof InvalidTriggerError && error.code === "SEARCH_LIMIT") return null;
    throw error;
  }
}
