import type { Times } from "./wall-schedule.js";

/**
 * The times of day `start`, `start + step`, … up to `end`, itself included: arithmetic only, however many there are.
 *
 * @param start ms from midnight
 * @param step ms, more than 0
 * @param end ms from midnight, not before `start`
 */
export function stepTimes(start: number, step: number, end: number): Times {
  const size = Math.floor((end - start) / step) + 1;
  const last = start + (size - 1) * step;
  const countUpTo = (time: number): number =>
    Math.min(Math.max(Math.floor((time - start) / step) + 1, 0), size);
  return {
    first: start,
    last,
    size,
    after: (time) => (time >= last ? -1 : start + countUpTo(time) * step),
    upTo: (time) => (time < start ? -1 : start + (countUpTo(time) - 1) * step),
    countUpTo,
  };
}
