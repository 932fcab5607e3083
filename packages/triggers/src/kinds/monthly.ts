import type { FireTimes } from "../compiled-trigger.js";
import { parseInteger, parseList } from "../input/local-time.js";
import { InvalidTriggerError, quote } from "../invalid-trigger-error.js";
import type { MonthlyTrigger } from "../trigger.js";
import { monthDays } from "../wall/month-days.js";
import {
  calendarProperties,
  calendarTimes,
  checkStart,
  parseAt,
  parseCalendarOptions,
} from "./calendar-times.js";
import type { JobContext, Kind } from "./kind.js";

const maxEvery = 1000;
const maxDays = 100;

/** Fires every n months on days of the month at times of day. */
export const monthlyKind: Kind<MonthlyTrigger> = {
  properties: ["every", "on", ...calendarProperties],
  parse: parseMonthly,
  compile: compileMonthly,
};

/**
 * Reads the properties of a monthly trigger, in the forms of JSON or of the builder.
 *
 * @throws InvalidTriggerError `INVALID_FIELD`, `INVALID_DATE`, `INVALID_TIMEZONE`; `NEVER_FIRES` for days that none of its
 *   months has, if `from` says which months those are
 */
export function parseMonthly(properties: ReadonlyMap<string, unknown>): MonthlyTrigger {
  const every = properties.get("every");
  const trigger: MonthlyTrigger = {
    type: "monthly",
    ...(every !== undefined && { every: parseInteger(every, "every", 1, maxEvery) }),
    on: parseList(properties.get("on"), "on", maxDays, parseDayOfMonth),
    at: parseAt(properties),
    ...parseCalendarOptions(properties),
  };
  return checkStart(trigger, compileMonthly);
}

function compileMonthly(trigger: MonthlyTrigger, context: JobContext): FireTimes {
  const { on, every } = trigger;
  return calendarTimes(trigger, context, (from) => monthDays({ on, every, from }));
}

function parseDayOfMonth(value: unknown): number {
  const number = typeof value === "number" ? value : 0;
  if (Number.isInteger(number) && number !== 0 && Math.abs(number) <= 31) return number;
  throw new InvalidTriggerError(
    "INVALID_FIELD",
    `on: ${quote(value)} is not a day of the month: give 1 to 31, or -1 (the last) to -31`,
    { field: "on", value },
  );
}
