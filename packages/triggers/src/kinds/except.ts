import { compileCalendar, parseCalendar } from "../calendars/calendar.js";
import type { ExcludedTimes } from "../calendars/excluded-times.js";
import type { FireTimes } from "../compiled-trigger.js";
import { maxInstant, minInstant } from "../limits.js";
import type { ExceptTrigger } from "../trigger.js";
import { findTimezone } from "./combined-triggers.js";
import type { Kind } from "./kind.js";
import { search, spend, spendOn } from "./search-budget.js";
import { defaultTimezone } from "./wall-clock-options.js";

/** Fires when a trigger does, but for the instants that a calendar excludes. */
export const exceptKind: Kind<ExceptTrigger> = {
  properties: ["trigger", "calendar"],
  parse: (properties, nested) => ({
    type: "except",
    trigger: nested(properties.get("trigger")),
    calendar: parseCalendar(properties.get("calendar")),
  }),
  compile: ({ trigger, calendar }, { jobId }, nested) => {
    const excluded = compileCalendar(calendar, findTimezone(trigger) ?? defaultTimezone, jobId);
    return difference(nested(trigger), excluded);
  },
};

function difference(times: FireTimes, excluded: ExcludedTimes): FireTimes {
  return {
    next: (after) =>
      search(() => {
        let time = times.next(after);
        while (time !== null && time <= maxInstant && spend()) {
          const until = excluded.excludedUntil(time);
          if (until === null) return time;
          if (until > maxInstant || !spendOn(until - time)) return null;
          time = times.next(until - 1);
        }
        return null;
      }),
    previous: (through) =>
      search(() => {
        let time = times.previous(through);
        while (time !== null && time >= minInstant && spend()) {
          const since = excluded.excludedSince(time);
          if (since === null) return time;
          if (since <= minInstant || !spendOn(time - since)) return null;
          time = times.previous(since - 1);
        }
        return null;
      }),
  };
}
