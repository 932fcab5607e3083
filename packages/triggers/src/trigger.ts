/** Which reading of a cron expression applies: Debian's five fields, or Quartz' six or seven. */
export type CronDialect = "vixie" | "quartz";

/** What becomes of a wall-clock time that a zone skips: it fires at the first valid instant after it, or not at all. */
export type GapPolicy = "next-valid" | "skip";

/** Which pass of a wall-clock time that a zone repeats is the fire time. */
export type OverlapPolicy = "first" | "second" | "both";

/** What all triggers with fixed times of day have in common. */
export interface WallClockOptions {
  /** IANA name or fixed offset such as `+05:30`. Default: `UTC`, never the zone of the machine. */
  readonly timezone?: string;
  /** What becomes of a time that the zone skips. Default: `"next-valid"`. */
  readonly gap?: GapPolicy;
  /** Which pass of a time that the zone repeats fires. Default: `"first"`. */
  readonly overlap?: OverlapPolicy;
}

/** Fires when the wall clock of a time zone matches a cron expression. */
export interface CronTrigger extends WallClockOptions {
  readonly type: "cron";
  /** The fields, or a macro such as `@daily`. At most 1024 characters. */
  readonly expr: string;
  /** Default: `"vixie"`. */
  readonly dialect?: CronDialect;
  /** What `H` is hashed from, 1 to 256 characters. Default: the job's id. */
  readonly seed?: string;
}

/** Fires at a fixed cadence, whatever the time zone and however long runs take. */
export interface EveryTrigger {
  readonly type: "every";
  /** Milliseconds between two fire times: an integer from 1 to 100 years. */
  readonly interval: number;
  /** The first fire time (before `phase`), in ms since the epoch. Default: one interval after the anchor. */
  readonly from?: number;
  /** Milliseconds by which each fire time is shifted: an integer from 0 to less than `interval`. Default: 0. */
  readonly phase?: number;
  /** `"completion"`: the interval counts from the end of the previous run, so that only a scheduler knows the fire times. */
  readonly after?: "completion";
}

/** Fires after pauses drawn by hash of the job's id and the previous fire time: random to look at, the same everywhere. */
export interface EveryRandomTrigger {
  readonly type: "everyRandom";
  /** The shortest pause in ms: an integer from 1 to `max`. */
  readonly min: number;
  /** The longest pause in ms: an integer from `min` to 100 years. */
  readonly max: number;
}

/** Fires every n days at times of day. */
export interface DailyTrigger extends WallClockOptions {
  readonly type: "daily";
  /** Every how many days, 1 to 10,000. Default: 1. More than 1 counts from `from`. */
  readonly every?: number;
  /** Times of day, `HH:MM`, `HH:MM:SS` or `HH:MM:SS.mmm`, ascending without repeats. */
  readonly at: readonly string[];
  /** The first day (`YYYY-MM-DD` in the zone) or instant (ms). Default: the anchor, if `every` is more than 1. */
  readonly from?: string | number;
}

/** Fires every n weeks on weekdays at times of day. */
export interface WeeklyTrigger extends WallClockOptions {
  readonly type: "weekly";
  /** Every how many weeks, 1 to 1,000. Default: 1. More than 1 counts from the week of `from`. */
  readonly every?: number;
  /** Weekdays, 0 (Sunday) to 6, ascending without repeats. */
  readonly on: readonly number[];
  readonly at: readonly string[];
  /** The day that weeks start on, 0 (Sunday, the default) to 6. Matters when `every` is more than 1. */
  readonly weekStart?: number;
  readonly from?: string | number;
}

/** Fires every n months on days of the month at times of day. A day that a month lacks is skipped. */
export interface MonthlyTrigger extends WallClockOptions {
  readonly type: "monthly";
  /** Every how many months, 1 to 1,000. Default: 1. More than 1 counts from the month of `from`. */
  readonly every?: number;
  /** Days: 1 to 31, and −1 (the last) to −31; ascending without repeats. */
  readonly on: readonly number[];
  readonly at: readonly string[];
  readonly from?: string | number;
}

/** Fires at a calendar distance: each so many years, months, weeks and days after `from`, at one time of day. */
export interface CalendarIntervalTrigger extends WallClockOptions {
  readonly type: "calendarInterval";
  readonly years?: number;
  readonly months?: number;
  readonly weeks?: number;
  readonly days?: number;
  /** The time of day. Default: that of `from`, or midnight if it is a day. */
  readonly at?: string;
  /**
   * The first day (`YYYY-MM-DD` in the zone) or instant (ms). Nothing fires before it: from an instant in the second pass of
   * an overlap it is one interval to the first fire time, unless `overlap` lets the second pass fire.
   */
  readonly from: string | number;
}

/** Fires at a cadence within a window of each day; goes by real time when clocks are changed. */
export interface DailyWindowTrigger {
  readonly type: "dailyWindow";
  /** The first time of day. */
  readonly from: string;
  /** The end, itself included: a time of day or `24:00`. Earlier than `from`: on the next day. */
  readonly to: string;
  /** Milliseconds between two fire times, counted from `from` anew each day. */
  readonly every: number;
  /** The weekdays that a window starts on, 0 (Sunday) to 6. Default: all. */
  readonly on?: readonly number[];
  readonly timezone?: string;
}

/** Fires at given instants. */
export interface OnceTrigger {
  readonly type: "once";
  /** Milliseconds since the epoch, ascending without repeats; `"now"` (first if present) is the job's creation. */
  readonly at: readonly (number | "now")[];
}

/** Fires when one of several triggers does. */
export interface AnyOfTrigger {
  readonly type: "anyOf";
  readonly triggers: readonly Trigger[];
}

/** Fires when all of several triggers do. */
export interface AllOfTrigger {
  readonly type: "allOf";
  readonly triggers: readonly Trigger[];
  /** By how many ms their fire times may lie apart; the earliest of them counts. Default: 0. */
  readonly tolerance?: number;
}

/** Fires when a trigger does, but for the instants that a calendar excludes. */
export interface ExceptTrigger {
  readonly type: "except";
  readonly trigger: Trigger;
  readonly calendar: Calendar;
}

/** Excludes whole days, `YYYY-MM-DD`. */
export interface DatesCalendar {
  readonly type: "dates";
  readonly dates: readonly string[];
  /** Default, here and below: the zone of the trigger that it is taken from, else `UTC`. */
  readonly timezone?: string;
}

/** Excludes days of the week, 0 (Sunday) to 6. */
export interface WeekdaysCalendar {
  readonly type: "weekdays";
  readonly days: readonly number[];
  readonly timezone?: string;
}

/** Excludes days of each year, `MM-DD`. */
export interface AnnualCalendar {
  readonly type: "annual";
  readonly days: readonly string[];
  readonly timezone?: string;
}

/** Excludes each minute (five fields) or second (six or seven) that a cron expression matches. */
export interface CronCalendar {
  readonly type: "cron";
  readonly expr: string;
  readonly dialect?: CronDialect;
  readonly timezone?: string;
}

/** Excludes a part of each day, from `from` on to before `to` (which may be `24:00`); over midnight if `to` is the earlier one. */
export interface WindowCalendar {
  readonly type: "window";
  readonly from: string;
  readonly to: string;
  readonly timezone?: string;
}

/** What {@link ExceptTrigger} takes away. */
export type Calendar = DatesCalendar | WeekdaysCalendar | AnnualCalendar | CronCalendar | WindowCalendar;

/** The rule that yields fire times: plain JSON, stored as it is. */
export type Trigger =
  | CronTrigger
  | EveryTrigger
  | EveryRandomTrigger
  | DailyTrigger
  | WeeklyTrigger
  | MonthlyTrigger
  | CalendarIntervalTrigger
  | DailyWindowTrigger
  | OnceTrigger
  | AnyOfTrigger
  | AllOfTrigger
  | ExceptTrigger;
