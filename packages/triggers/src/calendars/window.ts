import { formatTimeOfDay, parseEndOfDay, parseTimeOfDay } from "../input/local-time.js";
import { InvalidTriggerError } from "../invalid-trigger-error.js";
import type { WindowCalendar } from "../trigger.js";
import { dayLength } from "../wall/civil-date.js";
import type { CalendarKind } from "./calendar-kind.js";

/** Excludes a part of each day, which may go over midnight. */
export const windowCalendar: CalendarKind<WindowCalendar> = {
  properties: ["from", "to"],
  parse: (properties) => {
    const from = parseTimeOfDay(properties.get("from"), "from");
    const to = parseEndOfDay(properties.get("to"), "to");
    if (from === to || to - from === dayLength) {
      throw new InvalidTriggerError(
        "INVALID_FIELD",
        "to is the same time of day as from, or the whole day is meant: give another, an earlier one for a window over midnight",
        { field: "to", value: properties.get("to") },
      );
    }
    return { type: "window", from: formatTimeOfDay(from), to: formatTimeOfDay(to) };
  },
  compile: (calendar) => {
    const from = parseTimeOfDay(calendar.from, "from");
    const length = modulo(parseEndOfDay(calendar.to, "to") - from, dayLength);
    /** How long the window has been open, or `null`. */
    const elapsed = (wall: number): number | null => {
      const time = modulo(wall - from, dayLength);
      return time < length ? time : null;
    };
    return {
      until: (wall) => {
        const time = elapsed(wall);
        return time === null ? null : wall - time + length;
      },
      since: (wall) => {
        const time = elapsed(wall);
        return time === null ? null : wall - time;
      },
    };
  },
};

function modulo(value: number, divisor: number): number {
  return ((value % divisor) + divisor) % divisor;
}
