import { weekdayOf } from "./civil-date.js";
import { periodicDays } from "./periodic-days.js";
import type { Days } from "./wall-schedule.js";

/** What {@link weekDays} consist of. */
export interface WeekDaysOptions {
  /** Weekdays, 0 (Sunday) to 6, at least one. */
  readonly on: readonly number[];
  /** Every how many weeks. Default: 1. */
  readonly every?: number | undefined;
  /** The number of a day in the week that weeks are counted from. Default: any, which is good for `every` 1. */
  readonly from?: number | undefined;
  /** The weekday that weeks start on. Default: 0, Sunday. */
  readonly weekStart?: number | undefined;
}

/** Weekdays of every n-th week, to both sides of the week that they are counted from. */
export function weekDays({ on, every = 1, from = 0, weekStart = 0 }: WeekDaysOptions): Days {
  const sinceWeekStart = (weekday: number): number => (weekday - weekStart + 7) % 7;
  const offsets = [...new Set(on.map(sinceWeekStart))].sort((a, b) => a - b);
  return periodicDays(from - sinceWeekStart(weekdayOf(from)), 7 * every, offsets);
}
