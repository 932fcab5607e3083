import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { InvalidTriggerError } from "../invalid-trigger-error.js";
import type { CronDialect } from "../trigger.js";
import { dayLength } from "../wall/civil-date.js";
import type { WallSchedule } from "../wall/wall-schedule.js";
import { countBits, nextBit, previousBit, SixtyBits } from "./bits.js";
import { compileCronWall } from "./cron-wall.js";
import { type CronFields, parseFields, valuesOf } from "./parse-fields.js";

describe("a bit set", () => {
  test("finds, and counts, what a list of its members does", () => {
    const members = fc.uniqueArray(fc.integer({ min: 0, max: 59 }), { minLength: 1 });
    fc.assert(
      fc.property(members, fc.integer({ min: -1, max: 60 }), (list, at) => {
        const sorted = [...list].sort((a, b) => a - b);
        const bits = new SixtyBits(list);
        expect(bits.next(Math.max(at, 0))).toBe(sorted.find((member) => member >= at) ?? -1);
        expect(bits.previous(Math.min(at, 59))).toBe(sorted.findLast((member) => member <= at) ?? -1);
        expect(bits.countUpTo(Math.min(at, 59))).toBe(sorted.filter((member) => member <= at).length);
        expect(bits.has(Math.min(Math.max(at, 0), 59))).toBe(list.includes(Math.min(Math.max(at, 0), 59)));
        expect([bits.first, bits.last, bits.size]).toEqual([sorted[0], sorted.at(-1), list.length]);
      }),
    );
  });

  test("of 32 bits has no trouble with its sign", () => {
    expect([
      nextBit(-1, 31),
      nextBit(-1, 32),
      nextBit(1 << 31, 0),
      previousBit(-1, 31),
      previousBit(0, 31),
    ]).toEqual([31, -1, 31, 31, -1]);
    expect([countBits(-1), countBits(0), countBits(0x4000_0001)]).toEqual([32, 0, 2]);
  });
});

/** Whether a date is allowed, told without masks: from the calendar of `Date` and the rules as they are said. */
function allowsDay({ dayRules, month, year }: CronFields, day: number): boolean {
  const date = new Date(day * dayLength);
  const [y, m, d, w] = [date.getUTCFullYear(), date.getUTCMonth(), date.getUTCDate(), date.getUTCDay()];
  if (!valuesOf(month, 1, 12).includes(m + 1) || (!year.any && !year.values.includes(y))) return false;
  const length = new Date(Date.UTC(y, m + 1, 0)).getUTCDate();
  const nearest = (target: number): number => {
    const weekday = new Date(Date.UTC(y, m, target)).getUTCDay();
    if (weekday === 6) return target > 1 ? target - 1 : target + 2;
    if (weekday === 0) return target < length ? target + 1 : target - 2;
    return target;
  };
  const byDate =
    dayRules.days.includes(d) ||
    dayRules.specialDays.some((special) => {
      const target = special.fromEnd ? length - special.day : special.day;
      return target >= 1 && target <= length && d === (special.weekday ? nearest(target) : target);
    });
  const byWeekday =
    dayRules.weekdays.includes(w) ||
    dayRules.specialWeekdays.some(
      ({ weekday, nth }) => w === weekday && (nth === 0 ? d + 7 > length : Math.ceil(d / 7) === nth),
    );
  return dayRules.both ? byDate && byWeekday : byDate || byWeekday;
}

function compileIfItFires(expr: string, dialect: CronDialect): WallSchedule | null {
  try {
    return compileCronWall(expr, dialect, "seed").schedule;
  } catch (error) {
    if (error instanceof InvalidTriggerError && error.code === "NEVER_FIRES") return null;
    throw error;
  }
}

const oneOf = (...texts: readonly string[]): fc.Arbitrary<string> => fc.constantFrom(...texts);
const second = oneOf("0", "*", "*/7", "59", "13-47/11", "0,30", "29,30,31");
const hour = oneOf("*", "0", "23", "9-17", "*/5", "0,12,23", "7/8");
const dayOfMonth = oneOf("*", "1", "31", "29-31", "*/10", "L", "L-3", "LW", "1W", "31W", "15W,L", "L-1W");
const month = oneOf("*", "2", "*/5", "jan-mar", "12", "4,6");
const dayOfWeek = oneOf("*", "1", "mon-fri", "*/2", "5L", "1#2", "0#5", "7", "1#1,3", "SAT,SUN");
const vixie = fc
  .tuple(second, second, hour, dayOfMonth, month, dayOfWeek)
  .map((fields) => ({ expr: fields.join(" "), dialect: "vixie" as const }));
const quartzDays = fc.oneof(
  fc.tuple(dayOfMonth, fc.constant("?")),
  fc.tuple(fc.constant("?"), oneOf("*", "FRI-MON", "2-6", "1", "6#3", "7L", "L", "5/2")),
);
const quartz = fc
  .tuple(
    second,
    second,
    oneOf("*", "22-2", "20-4/3", "9"),
    quartzDays,
    oneOf("*", "NOV-FEB", "10-3/2"),
    oneOf("", " 2024/3", " 1999,2030"),
  )
  .map(([s, m, h, [d, w], mo, y]) => ({
    expr: `${s} ${m} ${h} ${d} ${mo} ${w}${y}`,
    dialect: "quartz" as const,
  }));

test("the wall-clock times of an expression are those that its fields allow, forwards, backwards and counted", () => {
  const from = fc.integer({ min: Date.UTC(1985, 0, 1), max: Date.UTC(2040, 0, 1) });
  fc.assert(
    fc.property(
      fc.oneof(vixie, quartz),
      from,
      fc.integer({ min: 0, max: 40 * dayLength }),
      ({ expr, dialect }, start, span) => {
        const fields = parseFields(expr, dialect, "seed");
        const schedule = compileIfItFires(expr, dialect);
        if (schedule === null) {
          // Twelve years hold each month with each number of days, starting on each weekday but for leap Februaries.
          for (let day = 11_000; day < 15_400; day += 1) expect(allowsDay(fields, day)).toBe(false);
          return;
        }
        const times = valuesOf(fields.hour, 0, 23).flatMap((h) =>
          valuesOf(fields.minute, 0, 59).flatMap((m) =>
            valuesOf(fields.second, 0, 59).map((s) => (h * 3600 + m * 60 + s) * 1000),
          ),
        );
        const matching: number[] = [];
        const [first, last] = [Math.floor(start / dayLength), Math.floor((start + span) / dayLength)];
        for (let day = first; day <= last; day += 1) {
          if (allowsDay(fields, day)) matching.push(...times.map((time) => day * dayLength + time));
        }
        const between = matching.filter((wall) => wall > start && wall <= start + span);
        const next = schedule.next(start);
        const previous = schedule.previous(start + span);
        if (between.length > 0) expect([next, previous]).toEqual([between[0], between.at(-1)]);
        else {
          expect(next ?? Number.POSITIVE_INFINITY).toBeGreaterThan(start + span);
          expect(previous ?? 0).toBeLessThanOrEqual(start);
          if (next !== null) {
            expect(allowsDay(fields, Math.floor(next / dayLength))).toBe(true);
            expect(schedule.previous(next - 1) ?? 0).toBeLessThanOrEqual(start);
          }
        }
        expect(schedule.count(start, start + span)).toBe(between.length);
      },
    ),
    { numRuns: 1500 },
  );
});
