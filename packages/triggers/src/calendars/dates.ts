import { parseDay, parseList } from "../input/local-time.js";
import { maxDates } from "../limits.js";
import type { DatesCalendar } from "../trigger.js";
import type { CalendarKind } from "./calendar-kind.js";
import { excludeDays } from "./excluded-days.js";

/** Excludes the days listed. */
export const datesCalendar: CalendarKind<DatesCalendar> = {
  properties: ["dates"],
  parse: (properties) => {
    const given = properties.get("dates");
    parseList(given, "dates", maxDates, (item) => parseDay(item, "dates"));
    const dates: readonly unknown[] = Array.isArray(given) ? given : [given];
    // Written like this, days sort as texts do.
    return { type: "dates", dates: [...new Set(dates.map(String))].sort() };
  },
  compile: ({ dates }) => {
    const days = new Set(dates.map((date) => parseDay(date, "dates")));
    return excludeDays((day) => days.has(day));
  },
};
