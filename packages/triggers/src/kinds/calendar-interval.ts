import type { FireTimes } from "../compiled-trigger.js";
import { formatTimeOfDay, parseInteger, parseStart, parseTimeOfDay } from "../input/local-time.js";
import { InvalidTriggerError } from "../invalid-trigger-error.js";
import type { CalendarIntervalTrigger } from "../trigger.js";
import { dayLength } from "../wall/civil-date.js";
import { intervalDays } from "../wall/interval-days.js";
import {
  calendarProperties,
  calendarTimes,
  checkStart,
  parseCalendarOptions,
  wallTime,
} from "./calendar-times.js";
import type { JobContext, Kind } from "./kind.js";
import { zoneOf } from "./wall-clock-options.js";

type Part = "years" | "months" | "weeks" | "days";

/** The most of each part: about a hundred years. */
const maxParts: Readonly<Record<Part, number>> = { years: 100, months: 1200, weeks: 5218, days: 36_525 };

/** Fires at a calendar distance after `from`, and again at each multiple of it. */
export const calendarIntervalKind: Kind<CalendarIntervalTrigger> = {
  properties: [...Object.keys(maxParts), ...calendarProperties],
  parse: parseCalendarInterval,
  compile: compileCalendarInterval,
};

/**
 * Reads the properties of a calendarInterval trigger, in the forms of JSON or of the builder. Parts that are 0 are left out.
 *
 * @throws InvalidTriggerError `INVALID_FIELD`, `INVALID_DATE`, `INVALID_TIMEZONE`, `NEVER_FIRES`
 */
export function parseCalendarInterval(properties: ReadonlyMap<string, unknown>): CalendarIntervalTrigger {
  const part = (name: Part): Partial<Record<Part, number>> => {
    const amount = parseInteger(properties.get(name) ?? 0, name, 0, maxParts[name]);
    return amount > 0 ? { [name]: amount } : {};
  };
  const parts = { ...part("years"), ...part("months"), ...part("weeks"), ...part("days") };
  if (Object.keys(parts).length === 0) {
    throw new InvalidTriggerError(
      "INVALID_FIELD",
      "a calendarInterval trigger needs a distance: give years, months, weeks or days, 1 or more of one of them",
      { field: "days" },
    );
  }
  const at = properties.get("at");
  const trigger: CalendarIntervalTrigger = {
    type: "calendarInterval",
    ...parts,
    ...(at !== undefined && { at: formatTimeOfDay(parseTimeOfDay(at, "at")) }),
    ...parseCalendarOptions(properties),
    from: parseStart(properties.get("from"), "from"),
  };
  return checkStart(trigger, compileCalendarInterval);
}

function compileCalendarInterval(trigger: CalendarIntervalTrigger, context: JobContext): FireTimes {
  const { years = 0, months = 0, weeks = 0, days = 0 } = trigger;
  const interval = { months: years * 12 + months, days: weeks * 7 + days };
  return calendarTimes({ ...trigger, at: [timeOfDay(trigger)] }, context, (from) =>
    intervalDays({ from, ...interval }),
  );
}

/** `at`, else the time that the wall clock shows at `from`, which is midnight if `from` is a day. */
function timeOfDay(trigger: CalendarIntervalTrigger): string {
  const { at, from } = trigger;
  if (at !== undefined) return at;
  if (typeof from === "string") return "00:00";
  const wall = wallTime(zoneOf(trigger), from);
  return formatTimeOfDay(wall - Math.floor(wall / dayLength) * dayLength);
}
