import { dayNumber, daysInMonth, weekdayOf } from "../wall/civil-date.js";
import { toBits } from "./bits.js";

/** A day counted from the end of the month, or the weekday nearest to a day. */
export interface SpecialDay {
  /** The day of the month, or how many days before the last one. */
  readonly day: number;
  /** Whether `day` counts back from the last day of the month (`L`, `L-3`). */
  readonly fromEnd: boolean;
  /** Whether the nearest Monday to Friday of the same month is meant (`15W`, `LW`). */
  readonly weekday: boolean;
}

/** One of the weekdays of a month. */
export interface SpecialWeekday {
  /** 0 (Sunday) to 6. */
  readonly weekday: number;
  /** Which one of the month, 1 to 5; 0: the last. */
  readonly nth: number;
}

/** What the two day fields of an expression allow. */
export interface DayRules {
  /** Days of the month, 1 to 31. */
  readonly days: readonly number[];
  readonly specialDays: readonly SpecialDay[];
  /** Weekdays, 0 (Sunday) to 6. */
  readonly weekdays: readonly number[];
  readonly specialWeekdays: readonly SpecialWeekday[];
  /** Whether a day has to be allowed by both fields; else by either. */
  readonly both: boolean;
}

const weekBits = 0b111_1111;

/** Day rules made ready: which days of a month they allow, as bits (bit 0 is the 1st). */
export class MonthMask {
  readonly #rules: DayRules;
  readonly #days: number;
  readonly #weekdays: number;

  constructor(rules: DayRules) {
    this.#rules = rules;
    this.#days = toBits(rules.days.map((day) => day - 1));
    this.#weekdays = toBits(rules.weekdays);
  }

  /** @param month 1 to 12 */
  of(year: number, month: number): number {
    const length = daysInMonth(year, month);
    const first = weekdayOf(dayNumber(year, month, 1));
    const whole = -1 >>> (32 - length);
    let days = this.#days;
    for (const special of this.#rules.specialDays) days |= specialDay(special, first, length);
    // The week's bits from the weekday of the 1st on, over and over.
    const week = ((this.#weekdays >>> first) | (this.#weekdays << (7 - first))) & weekBits;
    let weekdays = week | (week << 7) | (week << 14) | (week << 21) | (week << 28);
    for (const special of this.#rules.specialWeekdays) weekdays |= specialWeekday(special, first, length);
    return (this.#rules.both ? days & weekdays : days | weekdays) & whole;
  }
}

/** @param first the weekday of the 1st */
function specialDay({ day, fromEnd, weekday }: SpecialDay, first: number, length: number): number {
  const date = fromEnd ? length - day : day;
  if (date < 1 || date > length) return 0;
  return 1 << ((weekday ? nearestWeekday(date, first, length) : date) - 1);
}

/** The Monday to Friday nearest to a date, without leaving its month. */
function nearestWeekday(date: number, first: number, length: number): number {
  const weekday = (first + date - 1) % 7;
  if (weekday === 6) return date === 1 ? 3 : date - 1;
  if (weekday === 0) return date === length ? date - 2 : date + 1;
  return date;
}

function specialWeekday({ weekday, nth }: SpecialWeekday, first: number, length: number): number {
  const earliest = 1 + ((weekday - first + 7) % 7);
  const date = nth === 0 ? earliest + 7 * Math.floor((length - earliest) / 7) : earliest + 7 * (nth - 1);
  return date > length ? 0 : 1 << (date - 1);
}
