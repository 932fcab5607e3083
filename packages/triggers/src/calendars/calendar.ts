import { readPlainObject, readType } from "../input/plain-object.js";
import { InvalidTriggerError, quote } from "../invalid-trigger-error.js";
import { parseTimezone } from "../kinds/wall-clock-options.js";
import type { Calendar } from "../trigger.js";
import { findZone } from "../zone/zone.js";
import { annualCalendar } from "./annual.js";
import type { CalendarKind } from "./calendar-kind.js";
import { cronCalendar } from "./cron.js";
import { datesCalendar } from "./dates.js";
import { type ExcludedTimes, type ExcludedWalls, excludeByWallClock } from "./excluded-times.js";
import { weekdaysCalendar } from "./weekdays.js";
import { windowCalendar } from "./window.js";

/**
 * Validates a calendar from anywhere and returns it in canonical form: a new object, lists sorted and without repeats.
 *
 * @throws InvalidTriggerError whatever is wrong with it
 */
export function parseCalendar(json: unknown): Calendar {
  const type = readType(json);
  switch (type) {
    case "dates":
      return parseCalendarAs(datesCalendar, json, type);
    case "weekdays":
      return parseCalendarAs(weekdaysCalendar, json, type);
    case "annual":
      return parseCalendarAs(annualCalendar, json, type);
    case "cron":
      return parseCalendarAs(cronCalendar, json, type);
    case "window":
      return parseCalendarAs(windowCalendar, json, type);
  }
  throw new InvalidTriggerError(
    "INVALID_FIELD",
    `a calendar is a plain object whose type is "dates", "weekdays", "annual", "cron" or "window", not ${quote(type ?? json)}`,
    { field: "calendar", value: type ?? json },
  );
}

/**
 * Makes a calendar in canonical form ready to compute with.
 *
 * @param timezone the zone of its days, unless it names one itself
 * @param jobId the seed of `H`, if known
 */
export function compileCalendar(
  calendar: Calendar,
  timezone: string,
  jobId: string | undefined,
): ExcludedTimes {
  return excludeByWallClock(compileWalls(calendar, jobId), findZone(calendar.timezone ?? timezone));
}

/**
 * Reads a calendar of one type.
 *
 * @throws InvalidTriggerError
 */
export function parseCalendarAs<T extends Calendar>(
  kind: CalendarKind<T>,
  json: unknown,
  type: T["type"],
): T {
  const allowed = ["type", ...kind.properties, "timezone"];
  const properties = readPlainObject(json, allowed, `a calendar of type ${type}`);
  const timezone = parseTimezone(properties.get("timezone"));
  return { ...kind.parse(properties), ...(timezone !== undefined && { timezone }) };
}

function compileWalls(calendar: Calendar, jobId: string | undefined): ExcludedWalls {
  switch (calendar.type) {
    case "dates":
      return datesCalendar.compile(calendar, jobId);
    case "weekdays":
      return weekdaysCalendar.compile(calendar, jobId);
    case "annual":
      return annualCalendar.compile(calendar, jobId);
    case "cron":
      return cronCalendar.compile(calendar, jobId);
    case "window":
      return windowCalendar.compile(calendar, jobId);
  }
}
