import { civilDate, dayNumber, daysInMonth } from "./civil-date.js";
import { firstDay, lastDay } from "./periodic-days.js";
import type { Days } from "./wall-schedule.js";

/** What {@link monthDays} consist of. */
export interface MonthDaysOptions {
  /** Days of the month: 1 to 31, and −1 (the last) to −31. */
  readonly on: readonly number[];
  /** Every how many months. Default: 1. */
  readonly every?: number | undefined;
  /** The number of a day in the month that months are counted from. Default: any, which is good for `every` 1. */
  readonly from?: number | undefined;
}

/**
 * Days of every n-th month, to both sides of the month that they are counted from; a day that a month lacks is left out.
 * Counting goes through the months, since their lengths matter.
 */
export function monthDays({ on, every = 1, from = 0 }: MonthDaysOptions): Days {
  const byLength = new Map([28, 29, 30, 31].map((length) => [length, daysOfMonth(on, length)]));
  const origin = monthOf(from);
  /** The first month at or after one that counts. */
  const align = (month: number): number => origin + Math.ceil((month - origin) / every) * every;
  const daysOf = (month: number): readonly number[] =>
    byLength.get(daysInMonth(Math.floor(month / 12), (month % 12) + 1)) ?? [];
  return {
    next: (day) => {
      const start = Math.max(day, firstDay);
      for (let month = align(monthOf(start)); month <= lastMonth; month += every) {
        const before = startOf(month) - 1;
        const found = daysOf(month).find((number) => before + number >= start);
        if (found !== undefined) return before + found;
      }
      return null;
    },
    previous: (day) => {
      const end = Math.min(day, lastDay);
      for (let month = align(monthOf(end) - every + 1); month >= firstMonth; month -= every) {
        const before = startOf(month) - 1;
        const found = daysOf(month).findLast((number) => before + number <= end);
        if (found !== undefined) return before + found;
      }
      return null;
    },
    count: (first, last) => {
      const [start, end] = [Math.max(first, firstDay), Math.min(last, lastDay)];
      if (start > end) return 0;
      const [startMonth, endMonth] = [monthOf(start), monthOf(end)];
      let count = 0;
      for (let month = align(startMonth); month <= endMonth; month += every) {
        const days = daysOf(month);
        if (month > startMonth && month < endMonth) count += days.length;
        else count += countWithin(days, start - startOf(month) + 1, end - startOf(month) + 1);
      }
      return count;
    },
  };
}

const firstMonth: number = monthOf(firstDay);
const lastMonth: number = monthOf(lastDay);

/** The number of the month that a day lies in: 12 times the year, plus 0 to 11. */
function monthOf(day: number): number {
  const { year, month } = civilDate(day);
  return year * 12 + month - 1;
}

/** The number of the first day of a month. */
function startOf(month: number): number {
  return dayNumber(Math.floor(month / 12), (month % 12) + 1, 1);
}

function daysOfMonth(on: readonly number[], length: number): readonly number[] {
  const days = on.map((day) => (day > 0 ? day : length + 1 + day));
  return [...new Set(days.filter((day) => day >= 1 && day <= length))].sort((a, b) => a - b);
}

function countWithin(days: readonly number[], first: number, last: number): number {
  return days.filter((day) => day >= first && day <= last).length;
}
