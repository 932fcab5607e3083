import { parseList } from "../input/local-time.js";
import { InvalidTriggerError, quote } from "../invalid-trigger-error.js";
import type { AnnualCalendar } from "../trigger.js";
import { civilDate, daysInMonth } from "../wall/civil-date.js";
import type { CalendarKind } from "./calendar-kind.js";
import { excludeAll, excludeDays } from "./excluded-days.js";

const leapYear = 2000;
const daysOfLeapYear = 366;

/** Excludes days of each year; the 29th of February in leap years only. */
export const annualCalendar: CalendarKind<AnnualCalendar> = {
  properties: ["days"],
  parse: (properties) => {
    const days = parseList(properties.get("days"), "days", 1000, parseMonthDay);
    return { type: "annual", days: days.map(formatMonthDay) };
  },
  compile: ({ days }) => {
    if (days.length === daysOfLeapYear) return excludeAll;
    const codes = new Set(days.map(parseMonthDay));
    return excludeDays((number) => {
      const { month, day } = civilDate(number);
      return codes.has(month * 100 + day);
    });
  },
};

/** `"12-25"` as 1225. */
function parseMonthDay(value: unknown): number {
  const [, months, days] = (typeof value === "string" && /^(\d{2})-(\d{2})$/.exec(value)) || [];
  const [month, day] = [Number(months), Number(days)];
  if (month >= 1 && month <= 12 && day >= 1 && day <= daysInMonth(leapYear, month)) return month * 100 + day;
  throw new InvalidTriggerError(
    "INVALID_DATE",
    `days: ${quote(value)} is not a day of the year: give MM-DD, such as "12-25"`,
    { field: "days", value },
  );
}

function formatMonthDay(code: number): string {
  const text = String(code).padStart(4, "0");
  return `${text.slice(0, 2)}-${text.slice(2)}`;
}
