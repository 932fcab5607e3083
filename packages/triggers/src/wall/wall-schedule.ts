import { dayLength } from "./civil-date.js";

/**
 * The wall-clock times that a rule names, in no time zone: a time is in ms as if the wall clock showed UTC, so that
 * no change of clocks is seen here (see `lay-on-zone.ts`).
 */
export interface WallSchedule {
  /** The first time later than `after`, or `null`. */
  next(after: number): number | null;
  /** The last time at or before `through`, or `null`. */
  previous(through: number): number | null;
  /** How many times are later than `after` and not later than `through`; arithmetic, nothing is enumerated but months. */
  count(after: number, through: number): number;
}

/** A set of days, by their numbers (see `dayNumber`). Bounded: `next` ends with the year 9999, `previous` with 1899. */
export interface Days {
  /** The first day at or after `day`, or `null`. */
  next(day: number): number | null;
  /** The last day at or before `day`, or `null`. */
  previous(day: number): number | null;
  /** How many days there are from `first` to `last`, both included; 0 if `last` is before `first`. */
  count(first: number, last: number): number;
}

/** A set of times of day that is not empty, each in ms from 0 to less than 24 hours. */
export interface Times {
  readonly first: number;
  readonly last: number;
  /** How many there are. */
  readonly size: number;
  /** The first one later than `time`, or −1. */
  after(time: number): number;
  /** The last one at or before `time`, or −1. */
  upTo(time: number): number;
  /** How many are at or before `time`. */
  countUpTo(time: number): number;
}

/**
 * All times on all days.
 *
 * @param shift ms by which each day starts later than midnight, for windows that go over it: times count from there.
 */
export function createWallSchedule(days: Days, times: Times, shift: number = 0): WallSchedule {
  const isDay = (day: number): boolean => days.next(day) === day;
  return {
    next: (after) => {
      const start = Math.floor((after - shift) / dayLength);
      let day = days.next(start);
      if (day === start) {
        const time = times.after(after - shift - start * dayLength);
        if (time >= 0) return start * dayLength + time + shift;
        day = days.next(start + 1);
      }
      return day === null ? null : day * dayLength + times.first + shift;
    },
    previous: (through) => {
      const end = Math.floor((through - shift) / dayLength);
      let day = days.previous(end);
      if (day === end) {
        const time = times.upTo(through - shift - end * dayLength);
        if (time >= 0) return end * dayLength + time + shift;
        day = days.previous(end - 1);
      }
      return day === null ? null : day * dayLength + times.last + shift;
    },
    count: (after, through) => {
      if (through <= after) return 0;
      const first = Math.floor((after - shift) / dayLength);
      const last = Math.floor((through - shift) / dayLength);
      const before = isDay(first) ? times.countUpTo(after - shift - first * dayLength) : 0;
      const upTo = isDay(last) ? times.countUpTo(through - shift - last * dayLength) : 0;
      return days.count(first, last - 1) * times.size - before + upTo;
    },
  };
}
