import { parseWeekdays } from "../input/local-time.js";
import type { WeekdaysCalendar } from "../trigger.js";
import { weekdayOf } from "../wall/civil-date.js";
import type { CalendarKind } from "./calendar-kind.js";
import { excludeAll, excludeDays } from "./excluded-days.js";

/** Excludes days of the week. */
export const weekdaysCalendar: CalendarKind<WeekdaysCalendar> = {
  properties: ["days"],
  parse: (properties) => ({ type: "weekdays", days: parseWeekdays(properties.get("days"), "days") }),
  compile: ({ days }) =>
    days.length === 7 ? excludeAll : excludeDays((day) => days.includes(weekdayOf(day))),
};
