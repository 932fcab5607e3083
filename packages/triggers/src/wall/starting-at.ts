import type { FireTimes } from "../compiled-trigger.js";

/**
 * Those of the fire times that are not before an instant. What could be counted still can.
 *
 * @param start ms since the epoch
 */
export function startingAt(start: number, times: FireTimes): FireTimes {
  const later = (after: number): number => Math.max(after, start - 1);
  const bounded: FireTimes = {
    next: (after) => times.next(later(after)),
    previous: (through) => {
      const found = through < start ? null : times.previous(through);
      return found === null || found < start ? null : found;
    },
  };
  if (times.count === undefined) return bounded;
  const count = times.count.bind(times);
  return {
    ...bounded,
    count: (after, through) => (through < start ? 0 : count(later(after), through)),
  };
}
