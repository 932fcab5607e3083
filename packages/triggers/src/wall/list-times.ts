import type { Times } from "./wall-schedule.js";

/**
 * The times of day of a list.
 *
 * @param times ms from midnight, ascending without repeats, at least one
 */
export function listTimes(times: readonly number[]): Times {
  const countUpTo = (time: number): number => {
    let [low, high] = [0, times.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((times[middle] ?? 0) <= time) low = middle + 1;
      else high = middle;
    }
    return low;
  };
  return {
    first: times[0] ?? 0,
    last: times[times.length - 1] ?? 0,
    size: times.length,
    after: (time) => times[countUpTo(time)] ?? -1,
    upTo: (time) => times[countUpTo(time) - 1] ?? -1,
    countUpTo,
  };
}
