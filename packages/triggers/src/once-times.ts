import type { FireTimes } from "./compiled-trigger.js";
import type { OnceTrigger } from "./trigger.js";

/**
 * Fire times of a list of instants.
 *
 * @param anchor ms; what `"now"` stands for
 */
export function onceTimes(trigger: OnceTrigger, anchor: number): FireTimes {
  const resolved = new Set(trigger.at.map((instant) => (instant === "now" ? anchor : instant)));
  const instants = [...resolved].sort((a, b) => a - b);
  /** How many instants there are up to and including one: a binary search. */
  const upTo = (through: number): number => {
    let low = 0;
    let high = instants.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((instants[middle] ?? 0) <= through) low = middle + 1;
      else high = middle;
    }
    return low;
  };
  return {
    next: (after) => instants[upTo(after)] ?? null,
    previous: (through) => instants[upTo(through) - 1] ?? null,
    count: (after, through) => Math.max(0, upTo(through) - upTo(after)),
  };
}
