import { periodicDays } from "./periodic-days.js";
import type { Days } from "./wall-schedule.js";

/**
 * Every n-th day, to both sides of the one that they are counted from.
 *
 * @param n 1 or more
 * @param from the number of a day that is one of them
 */
export function everyNDays(n: number, from: number): Days {
  return periodicDays(from, n, [0]);
}
