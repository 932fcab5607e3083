import { dayNumber } from "./civil-date.js";
import type { Days } from "./wall-schedule.js";

/** The number of 1900-01-01, the first day that `Days` find. */
export const firstDay: number = dayNumber(1900, 1, 1);

/** The number of 9999-12-31, the last day that `Days` find. */
export const lastDay: number = dayNumber(9999, 12, 31);

/**
 * Days that repeat in periods of a fixed number of days, to both sides of where they are counted from.
 *
 * @param origin the number of the first day of one of the periods
 * @param period how many days a period has
 * @param offsets the days within a period, from 0 to less than `period`, ascending without repeats, at least one
 */
export function periodicDays(origin: number, period: number, offsets: readonly number[]): Days {
  // The k-th day, and how many are before a given one, both counted from the origin to both sides.
  const dayAt = (index: number): number => {
    const periods = Math.floor(index / offsets.length);
    return origin + periods * period + (offsets[index - periods * offsets.length] ?? 0);
  };
  const indexOf = (day: number): number => {
    const periods = Math.floor((day - origin) / period);
    const rest = day - origin - periods * period;
    const position = offsets.findIndex((offset) => offset >= rest);
    return periods * offsets.length + (position < 0 ? offsets.length : position);
  };
  return {
    next: (day) => {
      const found = dayAt(indexOf(Math.max(day, firstDay)));
      return found > lastDay ? null : found;
    },
    previous: (day) => {
      const found = dayAt(indexOf(Math.min(day, lastDay) + 1) - 1);
      return found < firstDay ? null : found;
    },
    count: (first, last) => {
      const [start, end] = [Math.max(first, firstDay), Math.min(last, lastDay)];
      return start > end ? 0 : indexOf(end + 1) - indexOf(start);
    },
  };
}
