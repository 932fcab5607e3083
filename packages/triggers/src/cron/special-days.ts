import type { SpecialDay, SpecialWeekday } from "./day-rules.js";
import { fieldError } from "./field-error.js";
import { type FieldRule, readValue } from "./field-rules.js";

/**
 * Reads `L`, `L-3`, `LW`, `L-3W` and `15W`, as a day of the month; `undefined` for any other item.
 *
 * @throws InvalidTriggerError `INVALID_FIELD`
 */
export function readSpecialDay(item: string, position: number): SpecialDay | undefined {
  const [, offset, weekdayOfEnd] = /^L(?:-(\d{1,4}))?(W)?$/i.exec(item) ?? [];
  if (/^L/i.test(item)) {
    const day = Number(offset ?? 0);
    if (!/^L(?:-\d{1,4})?W?$/i.test(item) || day > 30) {
      throw fieldError("dayOfMonth", item, position, "give L, L-1 to L-30, LW or L-1W");
    }
    return { day, fromEnd: true, weekday: weekdayOfEnd !== undefined };
  }
  const [, near] = /^(\d{1,4})W$/i.exec(item) ?? [];
  if (near === undefined) return undefined;
  const day = Number(near);
  if (day < 1 || day > 31) throw fieldError("dayOfMonth", item, position, "W takes a day from 1 to 31");
  return { day, fromEnd: false, weekday: true };
}

/**
 * Reads `5L`, `FRI#2` and, in the Quartz dialect, `L`, as a day of the week; `undefined` for any other item.
 *
 * @throws InvalidTriggerError `INVALID_FIELD`
 */
export function readSpecialWeekday(
  rule: FieldRule,
  item: string,
  position: number,
): SpecialWeekday | undefined {
  const base = rule.min; // the number of Sunday: 0, or 1 in the Quartz dialect
  // go-quartz' reading, which has the week end with Saturday: the last Saturday of the month.
  if (base === 1 && /^L$/i.test(item)) return { weekday: 6, nth: 0 };
  const [, day = "", last, nth] = /^(\d|[A-Z]{3})(?:(L)|#(\d))$/i.exec(item) ?? [];
  if (last === undefined && nth === undefined) return undefined;
  const weekday = readValue(rule, day);
  if (!(weekday >= rule.min && weekday <= rule.max)) {
    throw fieldError("dayOfWeek", item, position, `a weekday is ${rule.min} to ${rule.max}, or SUN to SAT`);
  }
  if (last === undefined && (Number(nth) < 1 || Number(nth) > 5)) {
    throw fieldError("dayOfWeek", item, position, "a month has a weekday up to 5 times: give #1 to #5");
  }
  return { weekday: (weekday - base) % 7, nth: Number(nth ?? 0) };
}
