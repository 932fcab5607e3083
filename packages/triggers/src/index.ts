// Users build, check and preview triggers; schedulers compute with compileTrigger, assertFires, holdsNow and jitter.
export { type AssertFiresOptions, assertFires, assertFiring } from "./assert-fires.js";
export { type CronOptions, cron, type EveryOptions, every, once } from "./builders/basic.js";
export {
  type CalendarBuilders,
  type CalendarOptions,
  type CronCalendarOptions,
  calendar,
  type WindowCalendarOptions,
} from "./builders/calendar.js";
export { type AllOfOptions, allOf, anyOf, everyRandom, except } from "./builders/combinators.js";
export {
  type CalendarIntervalOptions,
  calendarInterval,
  type DailyOptions,
  type DailyWindowOptions,
  daily,
  dailyWindow,
  type MonthlyOptions,
  monthly,
  type RepeatOptions,
  type WallClockTriggerOptions,
  type Weekday,
  type WeeklyOptions,
  weekly,
} from "./builders/wall-clock.js";
export type { QueryJob } from "./compile-query.js";
export { type CompileOptions, compileTrigger } from "./compile-trigger.js";
export type { CompiledTrigger, FireTimeCount } from "./compiled-trigger.js";
export { type CountFireTimesOptions, countFireTimes } from "./count-fire-times.js";
export { type DescribeOptions, describe } from "./describe/describe.js";
export { type FireTimesOptions, fireTimes } from "./fire-times.js";
export { parseDuration } from "./input/duration.js";
export {
  type InvalidTriggerCode,
  type InvalidTriggerDetails,
  InvalidTriggerError,
} from "./invalid-trigger-error.js";
export { type JitterOptions, jitter } from "./jitter.js";
export { type TriggerJSON, triggerToJSON } from "./json.js";
export { holdsNow } from "./kinds/combined-triggers.js";
export { isOfJob } from "./kinds/cron.js";
export { matches, type NextFireTimesOptions, nextFireTimes } from "./next-fire-times.js";
export { parseTrigger } from "./parse-trigger.js";
export { type PreviousFireTimeOptions, previousFireTime } from "./previous-fire-time.js";
export type {
  AllOfTrigger,
  AnnualCalendar,
  AnyOfTrigger,
  Calendar,
  CalendarIntervalTrigger,
  CronCalendar,
  CronDialect,
  CronTrigger,
  DailyTrigger,
  DailyWindowTrigger,
  DatesCalendar,
  EveryRandomTrigger,
  EveryTrigger,
  ExceptTrigger,
  GapPolicy,
  MonthlyTrigger,
  OnceTrigger,
  OverlapPolicy,
  Trigger,
  WallClockOptions,
  WeekdaysCalendar,
  WeeklyTrigger,
  WindowCalendar,
} from "./trigger.js";
