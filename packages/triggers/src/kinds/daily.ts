import type { FireTimes } from "../compiled-trigger.js";
import { parseInteger } from "../input/local-time.js";
import type { DailyTrigger } from "../trigger.js";
import { everyNDays } from "../wall/every-n-days.js";
import {
  calendarProperties,
  calendarTimes,
  checkStart,
  parseAt,
  parseCalendarOptions,
} from "./calendar-times.js";
import type { JobContext, Kind } from "./kind.js";

const maxEvery = 10_000;

/** Fires every n days at times of day. */
export const dailyKind: Kind<DailyTrigger> = {
  properties: ["every", ...calendarProperties],
  parse: parseDaily,
  compile: compileDaily,
};

/**
 * Reads the properties of a daily trigger, in the forms of JSON or of the builder.
 *
 * @throws InvalidTriggerError `INVALID_FIELD`, `INVALID_DATE`, `INVALID_TIMEZONE`, `NEVER_FIRES`
 */
export function parseDaily(properties: ReadonlyMap<string, unknown>): DailyTrigger {
  const every = properties.get("every");
  const trigger: DailyTrigger = {
    type: "daily",
    ...(every !== undefined && { every: parseInteger(every, "every", 1, maxEvery) }),
    at: parseAt(properties),
    ...parseCalendarOptions(properties),
  };
  return checkStart(trigger, compileDaily);
}

function compileDaily(trigger: DailyTrigger, context: JobContext): FireTimes {
  return calendarTimes(trigger, context, (day) => everyNDays(trigger.every ?? 1, day));
}
