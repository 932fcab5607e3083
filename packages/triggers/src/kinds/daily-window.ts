import type { FireTimes } from "../compiled-trigger.js";
import { parseDuration } from "../input/duration.js";
import { formatTimeOfDay, parseEndOfDay, parseTimeOfDay, parseWeekdays } from "../input/local-time.js";
import { InvalidTriggerError, quote } from "../invalid-trigger-error.js";
import type { DailyWindowTrigger } from "../trigger.js";
import { dayLength } from "../wall/civil-date.js";
import { layOnZone, realTime } from "../wall/lay-on-zone.js";
import { stepTimes } from "../wall/step-times.js";
import { createWallSchedule } from "../wall/wall-schedule.js";
import { weekDays } from "../wall/week-days.js";
import type { Kind } from "./kind.js";
import { parseTimezone, zoneOf } from "./wall-clock-options.js";

const everyDay: readonly number[] = [0, 1, 2, 3, 4, 5, 6];

/** Fires at a cadence within a window of each day. */
export const dailyWindowKind: Kind<DailyWindowTrigger> = {
  properties: ["from", "to", "every", "on", "timezone"],
  parse: parseDailyWindow,
  compile: compileDailyWindow,
};

/**
 * Reads the properties of a dailyWindow trigger, in the forms of JSON or of the builder. A window may go over midnight
 * but not round the clock: `to` equal to `from` is refused, since it could mean one fire time a day or a whole day.
 * An `every` longer than the window leaves `from` alone.
 *
 * @throws InvalidTriggerError `INVALID_FIELD`, `INVALID_INTERVAL`, `INVALID_TIMEZONE`
 */
export function parseDailyWindow(properties: ReadonlyMap<string, unknown>): DailyWindowTrigger {
  const from = formatTimeOfDay(parseTimeOfDay(properties.get("from"), "from"));
  const to = formatTimeOfDay(parseEndOfDay(properties.get("to"), "to"));
  if (from === to || (from === "00:00" && to === "24:00")) {
    throw new InvalidTriggerError(
      "INVALID_FIELD",
      `to must differ from from, not be ${quote(to)} too: for one fire time a day use daily; for all day give a to one step before from`,
      { field: "to", value: to },
    );
  }
  const on = properties.get("on");
  const timezone = parseTimezone(properties.get("timezone"));
  return {
    type: "dailyWindow",
    from,
    to,
    every: parseDuration(properties.get("every"), "every"),
    ...(on !== undefined && { on: parseWeekdays(on, "on") }),
    ...(timezone !== undefined && { timezone }),
  };
}

function compileDailyWindow(trigger: DailyWindowTrigger): FireTimes {
  const from = parseTimeOfDay(trigger.from, "from");
  const length = (parseEndOfDay(trigger.to, "to") - from + dayLength) % dayLength;
  const days = weekDays({ on: trigger.on ?? everyDay });
  const times = stepTimes(0, trigger.every, length);
  return layOnZone(createWallSchedule(days, times, from), zoneOf(trigger), realTime);
}
