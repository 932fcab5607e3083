import type { Days } from "./wall-schedule.js";

/** Those of the days that are not before the one of number `first`. */
export function daysFrom(first: number, days: Days): Days {
  return {
    next: (day) => days.next(Math.max(day, first)),
    previous: (day) => {
      const found = days.previous(day);
      return found === null || found < first ? null : found;
    },
    count: (start, end) => days.count(Math.max(start, first), end),
  };
}
