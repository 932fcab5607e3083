import { civilDate, dayNumber, daysInMonth } from "./civil-date.js";
import { firstDay, lastDay } from "./periodic-days.js";
import type { Days } from "./wall-schedule.js";

/** What {@link intervalDays} consist of; at least one of `months` and `days` is more than 0. */
export interface IntervalDaysOptions {
  /** The number of the first day. */
  readonly from: number;
  readonly months: number;
  readonly days: number;
}

/**
 * The days that lie k times an interval after the first one, for k = 0, 1, 2, …: k times its months, then k times its
 * days. Each is reckoned from the first day, so that the 31st stays the 31st; where that month has no such day, the k is left out.
 * Any day is found by halving; only what a month lacks is stepped over, and counted one by one.
 */
export function intervalDays({ from, months, days }: IntervalDaysOptions): Days {
  const start = civilDate(from);
  const startMonth = start.year * 12 + start.month - 1;
  const isAlways = months === 0 || start.day <= 28;
  // Day 31 of a month of 30 reckons as the next month's 1st: still later than for any k before.
  const dayAt = (index: number): number => {
    const month = startMonth + index * months;
    return dayNumber(Math.floor(month / 12), (month % 12) + 1, start.day) + index * days;
  };
  const exists = (index: number): boolean => {
    const month = startMonth + index * months;
    return isAlways || start.day <= daysInMonth(Math.floor(month / 12), (month % 12) + 1);
  };
  const size = Math.max(Math.floor((lastDay - from) / (28 * months + days)) + 2, 1);
  /** The first index whose day is at or after one. */
  const indexFrom = (day: number): number => {
    let [low, high] = [0, size];
    while (low < high) {
      const middle = Math.floor((low + high) / 2);
      if (dayAt(middle) >= day) high = middle;
      else low = middle + 1;
    }
    return low;
  };
  const end = indexFrom(lastDay + 1);
  const begin = indexFrom(firstDay);
  return {
    next: (day) => {
      let index = indexFrom(Math.max(day, firstDay));
      while (index < end && !exists(index)) index += 1;
      return index < end ? dayAt(index) : null;
    },
    previous: (day) => {
      let index = Math.min(indexFrom(day + 1), end) - 1;
      while (index >= begin && !exists(index)) index -= 1;
      return index >= begin ? dayAt(index) : null;
    },
    count: (first, last) => {
      const [low, high] = [Math.max(indexFrom(first), begin), Math.min(indexFrom(last + 1), end)];
      if (isAlways) return Math.max(high - low, 0);
      let count = 0;
      for (let index = low; index < high; index += 1) if (exists(index)) count += 1;
      return count;
    },
  };
}
