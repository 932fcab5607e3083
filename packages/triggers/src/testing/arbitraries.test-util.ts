import fc from "fast-check";
import { parseCalendar } from "../calendars/calendar.js";
import { formatDay, formatTimeOfDay } from "../input/local-time.js";
import { parseTrigger } from "../parse-trigger.js";
import type { Calendar, Trigger } from "../trigger.js";
import { dayLength, dayNumber } from "../wall/civil-date.js";

/** Zones with changes of half an hour, by night, at midnight, of a whole day, and none. */
export const zoneNames: readonly string[] = [
  "UTC",
  "+05:30",
  "Europe/Berlin",
  "America/New_York",
  "America/Sao_Paulo",
  "Australia/Lord_Howe",
  "Antarctica/Troll",
  "Pacific/Apia",
];

const hour = 3_600_000;

/** An instant from 2000 to 2049, in whole seconds. */
export const anyInstant: fc.Arbitrary<number> = fc
  .integer({ min: Date.UTC(2000, 0, 1) / 1000, max: Date.UTC(2050, 0, 1) / 1000 })
  .map((seconds) => seconds * 1000);

const timezone = fc.constantFrom(...zoneNames);
const day = fc
  .integer({ min: dayNumber(2000, 1, 1), max: dayNumber(2049, 12, 31) })
  .map((number) => formatDay(number));
const time = fc.oneof(
  fc.integer({ min: 0, max: 95 }).map((quarter) => formatTimeOfDay(quarter * 900_000)),
  fc.integer({ min: 0, max: dayLength - 1 }).map((ms) => formatTimeOfDay(ms)),
);
const at = fc.array(time, { minLength: 1, maxLength: 4 });
const start = fc.oneof(day, anyInstant);
const weekdays = fc.uniqueArray(fc.integer({ min: 0, max: 6 }), { minLength: 1, maxLength: 7 });
const wallClock = {
  timezone,
  gap: fc.constantFrom("next-valid" as const, "skip" as const),
  overlap: fc.constantFrom("first" as const, "second" as const, "both" as const),
};
const expr = fc.constantFrom(
  "*/15 * * * *",
  "0 9 * * 1-5",
  "30 2 * * *",
  "0 0 1,15 * *",
  "H H * * *",
  "15,45 1-3 * * 0",
  "@daily",
  "0 12 L * *",
  "0 0 29 2 *",
);
const quartz = fc.constantFrom("0 30 2 * * ?", "0 0 0 ? * 6#3", "0 0 12 LW * ? *");

const cron = fc.oneof(
  fc.record(
    { type: fc.constant("cron"), expr, seed: fc.constantFrom("a", "b"), ...wallClock },
    {
      requiredKeys: ["type", "expr"],
    },
  ),
  fc.record(
    { type: fc.constant("cron"), expr: quartz, dialect: fc.constant("quartz"), ...wallClock },
    {
      requiredKeys: ["type", "expr", "dialect"],
    },
  ),
);

const leaves: readonly fc.Arbitrary<unknown>[] = [
  cron,
  fc.record(
    {
      type: fc.constant("every"),
      interval: fc.integer({ min: 60_000, max: 30 * dayLength }),
      from: anyInstant,
      phase: fc.integer({ min: 0, max: 59_999 }),
    },
    { requiredKeys: ["type", "interval"] },
  ),
  fc
    .tuple(fc.integer({ min: hour, max: dayLength }), fc.integer({ min: 0, max: dayLength }))
    .map(([min, more]) => ({ type: "everyRandom", min, max: min + more })),
  fc.record(
    { type: fc.constant("daily"), every: fc.integer({ min: 1, max: 40 }), at, from: start, ...wallClock },
    { requiredKeys: ["type", "at"] },
  ),
  fc.record(
    {
      type: fc.constant("weekly"),
      every: fc.integer({ min: 1, max: 6 }),
      on: weekdays,
      at,
      weekStart: fc.integer({ min: 0, max: 6 }),
      from: start,
      ...wallClock,
    },
    { requiredKeys: ["type", "on", "at"] },
  ),
  fc.record(
    {
      type: fc.constant("monthly"),
      every: fc.integer({ min: 1, max: 14 }),
      // With the 1st among them, there is a day in each month.
      on: fc.uniqueArray(fc.constantFrom(-31, -2, -1, 2, 15, 29, 30, 31)).map((days) => [1, ...days]),
      at,
      from: start,
      ...wallClock,
    },
    { requiredKeys: ["type", "on", "at"] },
  ),
  fc.record(
    {
      type: fc.constant("calendarInterval"),
      years: fc.integer({ min: 0, max: 2 }),
      months: fc.integer({ min: 0, max: 14 }),
      weeks: fc.integer({ min: 0, max: 5 }),
      days: fc.integer({ min: 1, max: 40 }),
      at: time,
      from: start,
      ...wallClock,
    },
    { requiredKeys: ["type", "days", "from"] },
  ),
  fc
    .record(
      {
        type: fc.constant("dailyWindow"),
        from: time,
        to: time,
        every: fc.integer({ min: 60_000, max: 5 * hour }),
        on: weekdays,
        timezone,
      },
      { requiredKeys: ["type", "from", "to", "every"] },
    )
    .filter(({ from, to }) => from !== to),
  fc.record({ type: fc.constant("once"), at: fc.array(anyInstant, { minLength: 1, maxLength: 5 }) }),
];

/** A calendar of any type, in canonical form. */
export const anyCalendar: fc.Arbitrary<Calendar> = fc
  .oneof(
    fc.record(
      { type: fc.constant("dates"), dates: fc.array(day, { minLength: 1, maxLength: 20 }), timezone },
      {
        requiredKeys: ["type", "dates"],
      },
    ),
    fc.record(
      { type: fc.constant("weekdays"), days: weekdays.filter(({ length }) => length < 7), timezone },
      {
        requiredKeys: ["type", "days"],
      },
    ),
    fc.record(
      {
        type: fc.constant("annual"),
        days: fc.array(fc.constantFrom("01-01", "02-28", "02-29", "03-01", "12-25", "12-31"), {
          minLength: 1,
        }),
        timezone,
      },
      { requiredKeys: ["type", "days"] },
    ),
    fc.record(
      {
        type: fc.constant("cron"),
        expr: fc.constantFrom(
          "* 2 * * *",
          "0 9 * * *",
          "* * * * 6",
          "* * * 8 *",
          "*/20 30 * * * *",
          "@daily",
        ),
        timezone,
      },
      { requiredKeys: ["type", "expr"] },
    ),
    fc
      .record(
        { type: fc.constant("window"), from: time, to: time, timezone },
        {
          requiredKeys: ["type", "from", "to"],
        },
      )
      .filter(({ from, to }) => from !== to),
  )
  .map(parseCalendar);

/** A trigger without others in it, of any type. */
export const anySimpleTrigger: fc.Arbitrary<Trigger> = fc.oneof(...leaves).map(parseTrigger);

/** A trigger of any type in canonical form, combinators up to three deep included. All but some combinators fire. */
export const anyTrigger: fc.Arbitrary<Trigger> = fc.letrec<{ trigger: Trigger }>((tie) => {
  const list = fc.array(tie("trigger"), { minLength: 1, maxLength: 3 });
  return {
    trigger: fc.oneof(
      { maxDepth: 3, depthSize: "small" },
      { weight: 8, arbitrary: anySimpleTrigger },
      { weight: 1, arbitrary: list.map((triggers) => parseTrigger({ type: "anyOf", triggers })) },
      {
        weight: 1,
        arbitrary: fc
          .tuple(list, fc.integer({ min: 0, max: dayLength }))
          .map(([triggers, tolerance]) => parseTrigger({ type: "allOf", triggers, tolerance })),
      },
      {
        weight: 1,
        arbitrary: fc
          .tuple(tie("trigger"), anyCalendar)
          .map(([trigger, calendar]) => parseTrigger({ type: "except", trigger, calendar })),
      },
    ),
  };
}).trigger;
