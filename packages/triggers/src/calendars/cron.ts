import { expandMacro } from "../cron/macros.js";
import { InvalidTriggerError } from "../invalid-trigger-error.js";
import { compileWall, cronKind } from "../kinds/cron.js";
import type { CronCalendar } from "../trigger.js";
import type { CalendarKind } from "./calendar-kind.js";
import { excludeSlots } from "./excluded-slots.js";

const minute = 60_000;
const second = 1000;

/** Excludes each minute (five fields) or second (six or seven) that a cron expression matches, changes of clocks or not. */
export const cronCalendar: CalendarKind<CronCalendar> = {
  properties: ["expr", "dialect"],
  parse: (properties) => {
    const trigger = cronKind.parse(properties, refuseNested);
    if (trigger.type === "cron") return trigger;
    throw new InvalidTriggerError(
      "INVALID_EXPRESSION",
      "@every has no fixed times that a calendar could exclude: give a cron expression",
      { field: "expr", value: properties.get("expr") },
    );
  },
  compile: (calendar, jobId) =>
    excludeSlots(compileWall(calendar, jobId).schedule, fieldsOf(calendar.expr) === 5 ? minute : second),
};

function fieldsOf(expr: string): number {
  return expandMacro(expr).trim().split(/\s+/).length;
}

function refuseNested(): never {
  throw new RangeError("a cron expression has no trigger within it");
}
