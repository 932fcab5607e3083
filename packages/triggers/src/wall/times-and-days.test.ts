import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { formatDay, parseDay } from "../input/local-time.js";
import { dayLength } from "./civil-date.js";
import { daysFrom } from "./days-from.js";
import { everyNDays } from "./every-n-days.js";
import { intervalDays } from "./interval-days.js";
import { listTimes } from "./list-times.js";
import { monthDays } from "./month-days.js";
import { firstDay, lastDay } from "./periodic-days.js";
import { startingAt } from "./starting-at.js";
import { stepTimes } from "./step-times.js";
import { createWallSchedule, type Days, type Times } from "./wall-schedule.js";
import { weekDays } from "./week-days.js";

const day = (text: string): number => parseDay(text, "day");
const dates = (days: Days, from: string, count: number): string[] => {
  const found: string[] = [];
  for (let at = days.next(day(from)); at !== null && found.length < count; at = days.next(at + 1)) {
    found.push(formatDay(at));
  }
  return found;
};
const utc = (number: number): Date => new Date(number * dayLength);
const modulo = (value: number, n: number): number => ((value % n) + n) % n;

/** Asserts that days are those of a plain test of each day, around one of them. */
function expectDays(days: Days, has: (day: number) => boolean, at: number, span: number): void {
  const seek = (step: number): number | null => {
    for (let tried = at; Math.abs(tried - at) < 20_000; tried += step) if (has(tried)) return tried;
    return null;
  };
  expect(days.next(at)).toBe(seek(1));
  expect(days.previous(at)).toBe(seek(-1));
  const range = Array.from({ length: span }, (_, index) => at + index);
  expect(days.count(at, at + span - 1)).toBe(range.filter(has).length);
}

const anyDay = fc.integer({ min: day("1960-01-01"), max: day("2110-12-31") });
const anySpan = fc.integer({ min: 0, max: 800 });

describe("days", () => {
  test("every n days are those that lie whole periods from the first, to both sides", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 40 }), anyDay, anyDay, anySpan, (n, from, at, span) => {
        expectDays(everyNDays(n, from), (day) => (day - from) % n === 0, at, span);
      }),
    );
  });

  test("weekdays of every n weeks are those of weeks that lie whole periods from the first", () => {
    const weekdays = fc.uniqueArray(fc.integer({ min: 0, max: 6 }), { minLength: 1 });
    const start = fc.integer({ min: 0, max: 6 });
    const every = fc.integer({ min: 1, max: 9 });
    fc.assert(
      fc.property(weekdays, every, start, anyDay, anyDay, anySpan, (on, every, weekStart, from, at, span) => {
        const weekOf = (day: number): number => day - modulo(utc(day).getUTCDay() - weekStart, 7);
        const has = (day: number): boolean =>
          on.includes(utc(day).getUTCDay()) && (weekOf(day) - weekOf(from)) % (7 * every) === 0;
        expectDays(weekDays({ on, every, from, weekStart }), has, at, span);
      }),
    );
  });

  test("days of every n months are counted from both ends of a month", () => {
    const dayOfMonth = fc.integer({ min: 1, max: 31 }).chain((day) => fc.constantFrom(day, -day));
    const on = fc.uniqueArray(dayOfMonth, { minLength: 1, maxLength: 5 });
    fc.assert(
      fc.property(
        on,
        fc.integer({ min: 1, max: 14 }),
        anyDay,
        anyDay,
        anySpan,
        (on, every, from, at, span) => {
          const monthOf = (date: Date): number => date.getUTCFullYear() * 12 + date.getUTCMonth();
          const has = (day: number): boolean => {
            const date = utc(day);
            const length = new Date(Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1, 0)).getUTCDate();
            const isDay = on.includes(date.getUTCDate()) || on.includes(date.getUTCDate() - length - 1);
            return isDay && (monthOf(date) - monthOf(utc(from))) % every === 0;
          };
          const days = monthDays({ on, every, from });
          // Months of one length alone may never have the day: then nothing near is found, and nothing far either.
          fc.pre(days.next(at) !== null && days.previous(at) !== null);
          fc.pre((days.next(at) ?? 0) - at < 20_000 && at - (days.previous(at) ?? 0) < 20_000);
          expectDays(days, has, at, span);
        },
      ),
    );
  });

  test("multiples of a calendar interval are those of reckoning each from the first day", () => {
    const months = fc.integer({ min: 0, max: 30 });
    const later = fc.integer({ min: -500, max: 15_000 });
    const distance = fc.integer({ min: 0, max: 40 });
    fc.assert(
      fc.property(months, distance, anyDay, later, anySpan, (months, days, from, passed, span) => {
        fc.pre(months + days > 0);
        const start = utc(from);
        const expected = new Set<number>();
        for (let k = 0; k * (months * 28 + days) < 80_000; k += 1) {
          const month = Date.UTC(
            start.getUTCFullYear(),
            start.getUTCMonth() + k * months,
            start.getUTCDate(),
          );
          const isSkipped = utc(month / dayLength).getUTCDate() !== start.getUTCDate();
          if (!isSkipped) expected.add(month / dayLength + k * days);
        }
        expectDays(intervalDays({ months, days, from }), (day) => expected.has(day), from + passed, span);
      }),
    );
  });

  test("those from a day on are those that are not before it", () => {
    const days = everyNDays(3, 0);
    fc.assert(
      fc.property(anyDay, fc.integer({ min: -20, max: 20 }), (first, distance) => {
        const has = (day: number): boolean => day >= first && day % 3 === 0;
        expectDays(daysFrom(first, days), has, first + distance, 30);
      }),
    );
  });

  test.each([
    ["every day", everyNDays(1, 0), 8100 * 365.2425],
    ["all weekdays", weekDays({ on: [0, 1, 2, 3, 4, 5, 6] }), 8100 * 365.2425],
    ["the first and last of months", monthDays({ on: [1, -1] }), 8100 * 24],
  ])("%s reach from 1900-01-01 to 9999-12-31 and no further", (_name, days, count) => {
    expect(days.next(firstDay - 1e6)).toBe(firstDay);
    expect(days.previous(lastDay + 1e6)).toBe(lastDay);
    expect(days.next(lastDay + 1)).toBeNull();
    expect(days.previous(firstDay - 1)).toBeNull();
    expect(days.count(firstDay - 1e6, lastDay + 1e6)).toBe(Math.round(count));
    expect(days.count(lastDay, firstDay)).toBe(0);
  });

  test("an interval begins with its first day and ends with the year 9999", () => {
    const days = intervalDays({ months: 12, days: 0, from: day("2024-02-29") });
    expect(days.next(firstDay)).toBe(day("2024-02-29"));
    expect(days.previous(day("2024-02-28"))).toBeNull();
    expect(days.previous(lastDay + 1e6)).toBe(day("9996-02-29"));
    expect(days.next(day("9996-03-01"))).toBeNull();
    expect(days.count(firstDay, lastDay)).toBe(1934);
    expect(dates(days, "2096-01-01", 2)).toEqual(["2096-02-29", "2104-02-29"]);
  });

  test("an interval of months keeps the 31st and skips months without one", () => {
    const days = intervalDays({ months: 1, days: 0, from: day("2030-01-31") });
    expect(dates(days, "2030-01-01", 4)).toEqual(["2030-01-31", "2030-03-31", "2030-05-31", "2030-07-31"]);
  });

  test("the day −31 is the first of long months only", () => {
    expect(dates(monthDays({ on: [-31] }), "2030-01-02", 3)).toEqual([
      "2030-03-01",
      "2030-05-01",
      "2030-07-01",
    ]);
  });

  test("days that no month of the period has are none", () => {
    const days = monthDays({ on: [30, 31], every: 12, from: day("2030-02-01") });
    expect(days.next(firstDay)).toBeNull();
    expect(days.previous(lastDay)).toBeNull();
    expect(days.count(firstDay, lastDay)).toBe(0);
  });
});

describe("times of day", () => {
  /** Asserts that times are those of a list, at one of them and around. */
  function expectTimes(times: Times, list: readonly number[], at: number): void {
    expect([times.first, times.last, times.size]).toEqual([list[0], list.at(-1), list.length]);
    expect(times.after(at)).toBe(list.find((time) => time > at) ?? -1);
    expect(times.upTo(at)).toBe(list.findLast((time) => time <= at) ?? -1);
    expect(times.countUpTo(at)).toBe(list.filter((time) => time <= at).length);
  }

  test("from a list are found by halving as by looking at each", () => {
    const list = fc.uniqueArray(fc.integer({ min: 0, max: 60 }), { minLength: 1, maxLength: 30 });
    fc.assert(
      fc.property(list, fc.integer({ min: 0, max: 61 }), (times, at) => {
        const sorted = times.sort((a, b) => a - b);
        expectTimes(listTimes(sorted), sorted, at);
      }),
    );
  });

  test("from steps are found by division as by looking at each", () => {
    const number = fc.nat({ max: 50 });
    fc.assert(
      fc.property(
        number,
        fc.integer({ min: 1, max: 60 }),
        number,
        fc.nat({ max: 120 }),
        (start, step, length, at) => {
          const list = [];
          for (let time = start; time <= start + length; time += step) list.push(time);
          expectTimes(stepTimes(start, step, start + length), list, at);
        },
      ),
    );
  });

  test("from steps of 1 ms of a whole day cost no list", () => {
    const times = stepTimes(0, 1, dayLength - 1);
    expect([times.size, times.after(4_999), times.upTo(dayLength - 1)]).toEqual([
      dayLength,
      5000,
      dayLength - 1,
    ]);
  });
});

describe("fire times from an instant on", () => {
  const daily = createWallSchedule(everyNDays(1, 0), listTimes([9 * 3_600_000]));
  const start = Date.parse("2030-01-01T09:00:00Z");

  test("include that instant and none before", () => {
    const times = startingAt(start, daily);
    expect(times.next(0)).toBe(start);
    expect(times.next(start)).toBe(start + dayLength);
    expect(times.previous(start)).toBe(start);
    expect(times.previous(start - 1)).toBeNull();
    expect(startingAt(start + 1, daily).previous(start + 1)).toBeNull();
  });

  test("are counted exactly", () => {
    const times = startingAt(start, daily);
    expect(times.count?.(0, start - 1)).toBe(0);
    expect(times.count?.(0, start)).toBe(1);
    expect(times.count?.(0, start + 3 * dayLength)).toBe(4);
    expect(times.count?.(start, start + 3 * dayLength)).toBe(3);
  });

  test("are not counted if they were not before", () => {
    const times = startingAt(start, { next: daily.next, previous: daily.previous });
    expect(times.count).toBeUndefined();
  });
});
