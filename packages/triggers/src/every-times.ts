import type { FireTimes } from "./compiled-trigger.js";
import { parseInstant } from "./instant.js";
import type { EveryTrigger } from "./trigger.js";

/**
 * Fire times of a cadence, by arithmetic alone. Without `from` and `phase` the first is one interval after the anchor: a
 * job does not run because it was defined.
 *
 * @param anchor ms; where a trigger without `from` counts from
 */
export function everyTimes(trigger: EveryTrigger, anchor: number): FireTimes {
  const { interval, from, phase = 0 } = trigger;
  const first =
    from === undefined ? anchor + (phase === 0 ? interval : phase) : parseInstant(from, "from") + phase;
  /** How many fire times there are up to and including an instant. */
  const upTo = (through: number): number =>
    through < first ? 0 : Math.floor((through - first) / interval) + 1;
  return {
    next: (after) => first + upTo(after) * interval,
    previous: (through) => (through < first ? null : first + (upTo(through) - 1) * interval),
    count: (after, through) => Math.max(0, upTo(through) - upTo(after)),
  };
}
