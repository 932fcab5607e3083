import type {
  CalendarIntervalTrigger,
  DailyTrigger,
  DailyWindowTrigger,
  MonthlyTrigger,
  WeeklyTrigger,
} from "../trigger.js";
import { zoneNote } from "./cron.js";
import { cronSentence } from "./cron-sentence.js";
import { anything, type FieldValues, only, type Sayable } from "./field-values.js";
import type { Language } from "./locale.js";
import { amount, everyInterval, instantOrDay, list, weekdays } from "./words.js";

/** Describes a `daily`, `weekly` or `monthly` trigger: as the cron expression that does the same, else in English. */
export function describeRecurring(
  trigger: DailyTrigger | WeeklyTrigger | MonthlyTrigger,
  language: Language,
): string {
  const counts = (trigger.every ?? 1) > 1 || trigger.from !== undefined;
  const fields = counts ? undefined : sameFields(trigger);
  const sentence = fields && cronSentence(fields, language);
  return `${sentence ?? recurringInEnglish(trigger)}${zoneNote(trigger)}`;
}

/** `Every 1 month 2 days at 09:00, from 2030-01-31 (UTC)`. */
export function describeCalendarInterval(trigger: CalendarIntervalTrigger): string {
  const parts = (["year", "month", "week", "day"] as const).flatMap((unit) => {
    const number = trigger[`${unit}s`] ?? 0;
    return number === 0 ? [] : amount(number, unit);
  });
  const at = trigger.at === undefined ? "" : ` at ${trigger.at}`;
  return `Every ${parts.join(" ")}${at}, from ${instantOrDay(trigger.from)}${zoneNote(trigger)}`;
}

/** `Every 5 minutes from 08:00 through 18:00, Monday through Friday (UTC)`. */
export function describeDailyWindow({ from, to, every, on, timezone }: DailyWindowTrigger): string {
  const end = to < from ? `${to} of the next day` : to;
  const days = on === undefined ? "" : weekdays(on);
  const zone = zoneNote(timezone === undefined ? {} : { timezone });
  return `${everyInterval(every)} from ${from} through ${end}${days && `, ${days}`}${zone}`;
}

/** The fields of the cron expression with the same fire times, if there is one. */
function sameFields(trigger: DailyTrigger | WeeklyTrigger | MonthlyTrigger): Sayable | undefined {
  const times = trigger.at.map((time) => time.split(":").map(Number));
  const [[, minute = 0, second = 0] = []] = times;
  const alike = times.every(([, m = 0, s = 0]) => m === minute && s === second);
  const dayOfMonth = trigger.type === "monthly" ? monthDays(trigger.on) : anything;
  if (!alike || !Number.isInteger(second) || dayOfMonth === undefined) return undefined;
  const week = trigger.type === "weekly" && new Set(trigger.on).size < 7;
  return {
    second: only([second]),
    minute: only([minute]),
    hour: times.length === 24 ? anything : only(times.map(([hour = 0]) => hour)),
    dayOfMonth,
    month: anything,
    dayOfWeek: week ? only(trigger.on) : anything,
    year: anything,
    both: true,
  };
}

function monthDays(on: readonly number[]): FieldValues | undefined {
  const fromEnd = on.filter((day) => day < 0);
  const [last] = fromEnd;
  const days = on.filter((day) => day > 0);
  if (days.length === 31) return anything;
  if (last === undefined || fromEnd.length > 1) return last === undefined ? only(days) : undefined;
  return only(days, [last === -1 ? "L" : `L-${-1 - last}`]);
}

function recurringInEnglish(trigger: DailyTrigger | WeeklyTrigger | MonthlyTrigger): string {
  const every = trigger.every ?? 1;
  const noun = trigger.type === "daily" ? "day" : trigger.type === "weekly" ? "week" : "month";
  const rate = every === 1 ? `every ${noun}` : `every ${amount(every, noun)}`;
  // With n = 1 there is nothing to count, but the first day bounds.
  const from = trigger.from === undefined ? "" : `, from ${instantOrDay(trigger.from)}`;
  return `At ${list(trigger.at, "times")}, ${rate}${daysInEnglish(trigger)}${from}`;
}

function daysInEnglish(trigger: DailyTrigger | WeeklyTrigger | MonthlyTrigger): string {
  if (trigger.type === "daily") return "";
  if (trigger.type === "weekly") {
    const days = weekdays(trigger.on);
    return ` on ${days || "each day"}`;
  }
  return ` on ${list(trigger.on.map(monthDay), "days")}`;
}

function monthDay(day: number): string {
  if (day > 0) return `day ${day}`;
  return day === -1 ? "the last day" : `day ${-day} from the end`;
}
