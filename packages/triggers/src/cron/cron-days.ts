import { maxInstant, minInstant } from "../limits.js";
import { civilDate, dayLength, dayNumber, daysInMonth } from "../wall/civil-date.js";
import type { Days } from "../wall/wall-schedule.js";
import { countBits, nextBit, previousBit, toBits } from "./bits.js";
import { type DayRules, MonthMask } from "./day-rules.js";

// A day more on each side, for zones that are ahead of UTC or behind it.
const firstDay = Math.floor(minInstant / dayLength) - 1;
const lastDay = Math.floor(maxInstant / dayLength) + 1;
const firstYear = civilDate(firstDay).year;
const lastYear = civilDate(lastDay).year;

/** Which months and years an expression allows, beside its day rules. */
export interface MonthRules {
  /** 1 to 12. */
  readonly months: readonly number[];
  /** Ascending; `null`: all. */
  readonly years: readonly number[] | null;
}

/** The days that an expression allows: one bit set a month, worked out when it is reached and kept until another is. */
export class CronDays implements Days {
  readonly #months: number;
  readonly #years: ReadonlySet<number> | null;
  readonly #firstYear: number;
  readonly #lastYear: number;
  readonly #mask: MonthMask;
  // The month looked at last: the number of its first day, of the first after it, and its allowed days.
  #start: number = 0;
  #end: number = 0;
  #bits: number = 0;

  constructor(rules: DayRules, { months, years }: MonthRules) {
    this.#months = toBits(months.map((month) => month - 1));
    this.#years = years === null ? null : new Set(years);
    this.#firstYear = Math.max(years?.[0] ?? firstYear, firstYear);
    this.#lastYear = Math.min(years?.at(-1) ?? lastYear, lastYear);
    this.#mask = new MonthMask(rules);
  }

  /** Whether no date is allowed at all. The calendar repeats itself every 400 years, so that looking at as many is enough. */
  isEmpty(): boolean {
    const years = this.#years ?? Array.from({ length: 400 }, (_, index) => 2000 + index);
    for (const year of years) {
      for (let month = nextBit(this.#months, 0); month >= 0; month = nextBit(this.#months, month + 1)) {
        if (this.#mask.of(year, month + 1) !== 0) return false;
      }
    }
    return true;
  }

  next(day: number): number | null {
    if (day >= this.#start && day < this.#end) {
      const found = nextBit(this.#bits, day - this.#start);
      if (found >= 0) return this.#start + found;
      return this.#search(this.#end);
    }
    return this.#search(Math.max(day, firstDay));
  }

  #search(from: number): number | null {
    if (from > lastDay) return null;
    const date = civilDate(from);
    let { year, month } = date;
    let fromDay = date.day - 1;
    while (year <= this.#lastYear) {
      const allowed = this.#allowsYear(year) ? nextBit(this.#months, month - 1) + 1 : 0;
      if (allowed === 0) {
        year = Math.max(year + 1, this.#firstYear);
        month = 1;
        fromDay = 0;
        continue;
      }
      if (allowed !== month) fromDay = 0;
      this.#load(year, allowed);
      const found = nextBit(this.#bits, fromDay);
      if (found >= 0) return this.#start + found;
      month = allowed + 1;
      fromDay = 0;
    }
    return null;
  }

  previous(day: number): number | null {
    if (day >= this.#start && day < this.#end) {
      const found = previousBit(this.#bits, day - this.#start);
      if (found >= 0) return this.#start + found;
      return this.#searchBack(this.#start - 1);
    }
    return this.#searchBack(Math.min(day, lastDay));
  }

  #searchBack(from: number): number | null {
    if (from < firstDay) return null;
    const date = civilDate(from);
    let { year, month } = date;
    let fromDay = date.day - 1;
    while (year >= this.#firstYear) {
      const allowed = this.#allowsYear(year) ? previousBit(this.#months, month - 1) + 1 : 0;
      if (allowed === 0) {
        year = Math.min(year - 1, this.#lastYear);
        month = 12;
        fromDay = 30;
        continue;
      }
      if (allowed !== month) fromDay = 30;
      this.#load(year, allowed);
      const found = previousBit(this.#bits, fromDay);
      if (found >= 0) return this.#start + found;
      month = allowed - 1;
      fromDay = 30;
    }
    return null;
  }

  count(first: number, last: number): number {
    const from = Math.max(first, firstDay);
    const through = Math.min(last, lastDay);
    if (from > through) return 0;
    const start = civilDate(from);
    const end = civilDate(through);
    // Whole months, less the days before the first and after the last.
    let count = -this.#countUpTo(start.year, start.month, start.day - 1);
    let { year, month } = start;
    while (year < end.year || (year === end.year && month < end.month)) {
      count += this.#countUpTo(year, month, 31);
      month = month === 12 ? 1 : month + 1;
      if (month === 1) year += 1;
    }
    return count + this.#countUpTo(end.year, end.month, end.day);
  }

  /** How many days of a month are allowed, of its first `days`. */
  #countUpTo(year: number, month: number, days: number): number {
    if (days === 0 || !this.#allowsYear(year) || ((this.#months >>> (month - 1)) & 1) === 0) return 0;
    return countBits(this.#mask.of(year, month) & (-1 >>> (32 - days)));
  }

  #allowsYear(year: number): boolean {
    return year >= this.#firstYear && (this.#years === null || this.#years.has(year));
  }

  #load(year: number, month: number): void {
    this.#start = dayNumber(year, month, 1);
    this.#end = this.#start + daysInMonth(year, month);
    this.#bits = this.#mask.of(year, month);
  }
}
