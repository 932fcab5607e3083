import type { FireTimes } from "../compiled-trigger.js";
import { parseInteger, parseWeekday, parseWeekdays } from "../input/local-time.js";
import type { WeeklyTrigger } from "../trigger.js";
import { weekDays } from "../wall/week-days.js";
import {
  calendarProperties,
  calendarTimes,
  checkStart,
  parseAt,
  parseCalendarOptions,
} from "./calendar-times.js";
import type { JobContext, Kind } from "./kind.js";

const maxEvery = 1000;

/** Fires every n weeks on weekdays at times of day. */
export const weeklyKind: Kind<WeeklyTrigger> = {
  properties: ["every", "on", "weekStart", ...calendarProperties],
  parse: parseWeekly,
  compile: compileWeekly,
};

/**
 * Reads the properties of a weekly trigger, in the forms of JSON or of the builder.
 *
 * @throws InvalidTriggerError `INVALID_FIELD`, `INVALID_DATE`, `INVALID_TIMEZONE`, `NEVER_FIRES`
 */
export function parseWeekly(properties: ReadonlyMap<string, unknown>): WeeklyTrigger {
  const every = properties.get("every");
  const weekStart = properties.get("weekStart");
  const trigger: WeeklyTrigger = {
    type: "weekly",
    ...(every !== undefined && { every: parseInteger(every, "every", 1, maxEvery) }),
    on: parseWeekdays(properties.get("on"), "on"),
    at: parseAt(properties),
    ...(weekStart !== undefined && { weekStart: parseWeekday(weekStart, "weekStart") }),
    ...parseCalendarOptions(properties),
  };
  return checkStart(trigger, compileWeekly);
}

function compileWeekly(trigger: WeeklyTrigger, context: JobContext): FireTimes {
  const { on, every, weekStart } = trigger;
  return calendarTimes(trigger, context, (from) => weekDays({ on, every, weekStart, from }));
}
