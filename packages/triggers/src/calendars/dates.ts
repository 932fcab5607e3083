import { formatDay, parseDay, parseList } from "../input/local-time.js";
import { maxDates } from "../limits.js";
import type { DatesCalendar } from "../trigger.js";
import type { CalendarKind } from "./calendar-kind.js";
import { excludeDays } from "./excluded-days.js";

/** Excludes the days listed. */
export const datesCalendar: CalendarKind<DatesCalendar> = {
  properties: ["dates"],
  parse: (properties) => {
    const days = parseList(properties.get("dates"), "dates", maxDates, (item) => parseDay(item, "dates"));
    return { type: "dates", dates: days.map(formatDay) };
  },
  compile: ({ dates }) => {
    const days = new Set(dates.map((date) => parseDay(date, "dates")));
    return excludeDays((day) => days.has(day));
  },
};
