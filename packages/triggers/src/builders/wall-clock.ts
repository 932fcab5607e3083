import { readPlainObject } from "../input/plain-object.js";
import { calendarIntervalKind, parseCalendarInterval } from "../kinds/calendar-interval.js";
import { dailyKind, parseDaily } from "../kinds/daily.js";
import { dailyWindowKind, parseDailyWindow } from "../kinds/daily-window.js";
import { monthlyKind, parseMonthly } from "../kinds/monthly.js";
import { parseWeekly, weeklyKind } from "../kinds/weekly.js";
import type {
  CalendarIntervalTrigger,
  DailyTrigger,
  DailyWindowTrigger,
  GapPolicy,
  MonthlyTrigger,
  OverlapPolicy,
  WeeklyTrigger,
} from "../trigger.js";

/** A weekday: 0 to 7 (0 and 7 are Sunday), or its English name, whole or three letters (read in any case). */
export type Weekday =
  | number
  | "sun"
  | "mon"
  | "tue"
  | "wed"
  | "thu"
  | "fri"
  | "sat"
  | "sunday"
  | "monday"
  | "tuesday"
  | "wednesday"
  | "thursday"
  | "friday"
  | "saturday";

/** What {@link daily}, {@link weekly}, {@link monthly} and {@link calendarInterval} have in common. */
export interface WallClockTriggerOptions {
  /** IANA name or fixed offset such as `+05:30`. Default: `UTC`, never the zone of the machine. */
  readonly timezone?: string | undefined;
  /** What becomes of a time that the zone skips. Default: `"next-valid"`. */
  readonly gap?: GapPolicy | undefined;
  /** Which pass of a time that the zone repeats fires. Default: `"first"`. */
  readonly overlap?: OverlapPolicy | undefined;
}

/** What {@link daily}, {@link weekly} and {@link monthly} have in common. */
export interface RepeatOptions extends WallClockTriggerOptions {
  /** Every how many days, weeks or months: 1 to 10,000 days, else to 1000. Default: 1. */
  readonly every?: number | undefined;
  /** Times of day, one or up to 1000: `"09:00"`, `"09:00:30"` or `"09:00:30.500"`. */
  readonly at: string | readonly string[];
  /**
   * Where to begin and what `every` counts from: a day of the zone (`"2030-01-31"`), or an instant (a Date, ms, or ISO 8601
   * with `Z` or an offset). Default: no beginning, counted from the job's creation.
   */
  readonly from?: Date | string | number | undefined;
}

/** Options of {@link daily}. */
export type DailyOptions = RepeatOptions;

/** Options of {@link weekly}. */
export interface WeeklyOptions extends RepeatOptions {
  /** One weekday or several. */
  readonly on: Weekday | readonly Weekday[];
  /** The day that weeks start on, for `every` more than 1. Default: Sunday. */
  readonly weekStart?: Weekday | undefined;
}

/** Options of {@link monthly}. */
export interface MonthlyOptions extends RepeatOptions {
  /** One day of the month or several: 1 to 31, and −1 (the last) to −31. */
  readonly on: number | readonly number[];
}

/** Options of {@link calendarInterval}: one of its four parts at least must be 1 or more. */
export interface CalendarIntervalOptions extends WallClockTriggerOptions {
  /** At most 100. */
  readonly years?: number | undefined;
  /** At most 1200. */
  readonly months?: number | undefined;
  /** At most 5218. */
  readonly weeks?: number | undefined;
  /** At most 36,525. */
  readonly days?: number | undefined;
  /** The time of day, such as `"09:00"`. Default: the one that the zone's clock shows at `from`; midnight if that is a day. */
  readonly at?: string | undefined;
  /** The first day of the zone (`"2030-01-31"`), or instant: a Date, ms, or ISO 8601 with `Z` or an offset. */
  readonly from: Date | string | number;
}

/** Options of {@link dailyWindow}. */
export interface DailyWindowOptions {
  /** The first time of day, such as `"08:00"`. */
  readonly from: string;
  /** The end, itself included; earlier than `from`: on the next day. Not the same as `from`. */
  readonly to: string;
  /** The time between two fire times, counted from `from` anew each day: ms, `"5m"`, `"1h30m"` or ISO 8601 `"PT5M"`. */
  readonly every: number | string;
  /** The weekday or weekdays that a window starts on. Default: all. */
  readonly on?: Weekday | readonly Weekday[] | undefined;
  /** IANA name or fixed offset. Default: `UTC`. */
  readonly timezone?: string | undefined;
}

/**
 * A trigger that fires every n days at times of day: `daily({ at: "09:00", timezone: "Europe/Berlin" })`,
 * `daily({ every: 3, at: ["09:00", "17:00"], from: "2030-01-01" })`.
 *
 * @throws InvalidTriggerError `INVALID_FIELD`, `INVALID_DATE`, `INVALID_TIMEZONE`, `INVALID_TRIGGER`, `NEVER_FIRES`
 */
export function daily(options: DailyOptions): DailyTrigger {
  return parseDaily(readPlainObject(options, dailyKind.properties, "the options of daily"));
}

/**
 * A trigger that fires every n weeks on weekdays: `weekly({ on: ["mon", "thu"], at: "09:00" })`,
 * `weekly({ every: 2, on: "friday", at: "17:00", from: "2030-01-04", weekStart: "mon" })`.
 *
 * @throws InvalidTriggerError `INVALID_FIELD`, `INVALID_DATE`, `INVALID_TIMEZONE`, `INVALID_TRIGGER`, `NEVER_FIRES`
 */
export function weekly(options: WeeklyOptions): WeeklyTrigger {
  return parseWeekly(readPlainObject(options, weeklyKind.properties, "the options of weekly"));
}

/**
 * A trigger that fires every n months on days of the month; a day that a month lacks is skipped:
 * `monthly({ on: [1, 15], at: "06:00" })`, `monthly({ on: -1, at: "23:00" })` for the last day.
 *
 * @throws InvalidTriggerError `INVALID_FIELD`, `INVALID_DATE`, `INVALID_TIMEZONE`, `INVALID_TRIGGER`; `NEVER_FIRES` for days
 *   that none of the months has
 */
export function monthly(options: MonthlyOptions): MonthlyTrigger {
  return parseMonthly(readPlainObject(options, monthlyKind.properties, "the options of monthly"));
}

/**
 * A trigger that fires on `from` and at each multiple of a calendar distance after it, which goes by dates and not by hours:
 * `calendarInterval({ months: 1, from: "2030-01-31" })` fires on the 31st of each month that has one.
 *
 * @throws InvalidTriggerError `INVALID_FIELD`, `INVALID_DATE`, `INVALID_TIMEZONE`, `INVALID_TRIGGER`, `NEVER_FIRES`
 */
export function calendarInterval(options: CalendarIntervalOptions): CalendarIntervalTrigger {
  return parseCalendarInterval(
    readPlainObject(options, calendarIntervalKind.properties, "the options of calendarInterval"),
  );
}

/**
 * A trigger that fires at a cadence within a window of each day:
 * `dailyWindow({ from: "08:00", to: "18:00", every: "5m", on: ["mon", "tue", "wed", "thu", "fri"] })`.
 * It goes by real time: skipped times do not fire, repeated ones fire twice.
 *
 * @throws InvalidTriggerError `INVALID_FIELD`, `INVALID_INTERVAL`, `INVALID_TIMEZONE`, `INVALID_TRIGGER`
 */
export function dailyWindow(options: DailyWindowOptions): DailyWindowTrigger {
  return parseDailyWindow(readPlainObject(options, dailyWindowKind.properties, "the options of dailyWindow"));
}
