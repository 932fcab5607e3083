import { annualCalendar } from "../calendars/annual.js";
import { parseCalendarAs } from "../calendars/calendar.js";
import { cronCalendar } from "../calendars/cron.js";
import { datesCalendar } from "../calendars/dates.js";
import { weekdaysCalendar } from "../calendars/weekdays.js";
import { windowCalendar } from "../calendars/window.js";
import { parseInstant } from "../input/instant.js";
import { formatDay } from "../input/local-time.js";
import { readPlainObject } from "../input/plain-object.js";
import { defaultTimezone, parseTimezone } from "../kinds/wall-clock-options.js";
import type {
  AnnualCalendar,
  CronCalendar,
  CronDialect,
  DatesCalendar,
  WeekdaysCalendar,
  WindowCalendar,
} from "../trigger.js";
import { dayLength } from "../wall/civil-date.js";
import { findZone } from "../zone/zone.js";
import { splitOptions } from "./split-options.js";
import type { Weekday } from "./wall-clock.js";

/** Options of all calendars. */
export interface CalendarOptions {
  /** Whose days and times of day are excluded. Default: the zone of the trigger that they are taken from, else `UTC`. */
  readonly timezone?: string | undefined;
}

/** Options of `calendar.cron`. */
export interface CronCalendarOptions extends CalendarOptions {
  /** Default: `"vixie"`. */
  readonly dialect?: CronDialect | undefined;
}

/** Options of `calendar.window`, if given all in one. */
export interface WindowCalendarOptions extends CalendarOptions {
  /** The first time of day that is excluded, such as `"22:00"`. */
  readonly from: string;
  /** The first that is not any more; earlier than `from`: on the next day. Not the same as `from`. */
  readonly to: string;
}

/** What builds the calendars of `except`. Each refuses nonsense with an `InvalidTriggerError`. */
export interface CalendarBuilders {
  /**
   * Excludes up to 10,000 days: `calendar.dates("2030-12-25", new Date("2030-12-26"))`. A `Date` stands for its day in
   * `timezone` if given, else in UTC.
   */
  dates(...dates: readonly (string | Date)[]): DatesCalendar;
  dates(...args: readonly [...dates: (string | Date)[], options: CalendarOptions]): DatesCalendar;
  dates(dates: readonly (string | Date)[], options?: CalendarOptions): DatesCalendar;
  /** Excludes days of the week: `calendar.weekdays("fri", "sat")`. Default: Saturday and Sunday. */
  weekdays(...days: readonly Weekday[]): WeekdaysCalendar;
  weekdays(...args: readonly [...days: Weekday[], options: CalendarOptions]): WeekdaysCalendar;
  weekdays(days: readonly Weekday[], options?: CalendarOptions): WeekdaysCalendar;
  /** Excludes days of each year, `MM-DD`: `calendar.annual("12-25", "01-01")`. */
  annual(...days: readonly string[]): AnnualCalendar;
  annual(...args: readonly [...days: string[], options: CalendarOptions]): AnnualCalendar;
  annual(days: readonly string[], options?: CalendarOptions): AnnualCalendar;
  /**
   * Excludes each minute that a cron expression of five fields matches, or second if it has six or seven: by the wall clock,
   * so that what is repeated when clocks go back is excluded twice. `calendar.cron("* 12-13 * * *")` is from 12:00 to 14:00.
   */
  cron(expr: string, options?: CronCalendarOptions): CronCalendar;
  /** Excludes a part of each day, `to` itself not included: `calendar.window("22:00", "06:00")`. */
  window(from: string, to: string, options?: CalendarOptions): WindowCalendar;
  window(options: WindowCalendarOptions): WindowCalendar;
}

/** Builds the calendars of `except`. */
export const calendar: CalendarBuilders = {
  dates: (...args: readonly unknown[]) => {
    const { items, timezone } = readArguments(args, "dates");
    const zone = findZone(timezone ?? defaultTimezone);
    const dates = items.map((item) => {
      if (!(item instanceof Date)) return item;
      const instant = parseInstant(item, "dates");
      return formatDay(Math.floor((instant + zone.offsetAt(instant)) / dayLength));
    });
    return parseCalendarAs(datesCalendar, { type: "dates", dates, timezone }, "dates");
  },
  weekdays: (...args: readonly unknown[]) => {
    const { items, timezone } = readArguments(args, "weekdays");
    const isDefault = items.length === 0 && !Array.isArray(args[0]);
    const days = isDefault ? ["sat", "sun"] : items;
    return parseCalendarAs(weekdaysCalendar, { type: "weekdays", days, timezone }, "weekdays");
  },
  annual: (...args: readonly unknown[]) => {
    const { items, timezone } = readArguments(args, "annual");
    return parseCalendarAs(annualCalendar, { type: "annual", days: items, timezone }, "annual");
  },
  cron: (expr, options = {}) => {
    const given = readPlainObject(options, ["timezone", "dialect"], "the options of calendar.cron");
    const json = { type: "cron", expr, ...Object.fromEntries(given) };
    return parseCalendarAs(cronCalendar, json, "cron");
  },
  window: (...args: readonly unknown[]) => {
    const [first, to, options = {}] = args;
    const given =
      typeof first === "string"
        ? readPlainObject(options, ["timezone"], "the options of calendar.window")
        : readPlainObject(first, ["from", "to", "timezone"], "the options of calendar.window");
    const times = typeof first === "string" ? { from: first, to } : {};
    return parseCalendarAs(
      windowCalendar,
      { type: "window", ...times, ...Object.fromEntries(given) },
      "window",
    );
  },
};

function readArguments(
  args: readonly unknown[],
  name: string,
): { readonly items: readonly unknown[]; readonly timezone: string | undefined } {
  const { items, options } = splitOptions(args);
  const given = readPlainObject(options, ["timezone"], `the options of calendar.${name}`);
  return { items, timezone: parseTimezone(given.get("timezone")) };
}
