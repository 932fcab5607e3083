import { InvalidTriggerError, quote } from "../invalid-trigger-error.js";
import { civilDate, dayLength, dayNumber, daysInMonth } from "../wall/civil-date.js";
import { parseInstant } from "./instant.js";

/** The most times of day that a trigger may have. */
export const maxTimesOfDay: number = 1000;

const timeOfDay = /^([01]?\d|2[0-3]):([0-5]\d)(?::([0-5]\d)(?:\.(\d{1,3}))?)?$/;
const date = /^\d{4}-\d{2}-\d{2}$/;
const weekdays: readonly string[] = [
  "sunday",
  "monday",
  "tuesday",
  "wednesday",
  "thursday",
  "friday",
  "saturday",
];
const firstYear = 1900;

/**
 * Reads a time of day: `HH:MM` (or `H:MM`), `HH:MM:SS` or `HH:MM:SS.mmm`.
 *
 * @param field the property to name in the error
 * @returns ms from midnight, 0 to less than 24 hours
 * @throws InvalidTriggerError `INVALID_FIELD`
 */
export function parseTimeOfDay(value: unknown, field: string): number {
  const [match, hours, minutes, seconds = "0", fraction = ""] =
    (typeof value === "string" && timeOfDay.exec(value)) || [];
  if (match === undefined) {
    throw new InvalidTriggerError(
      "INVALID_FIELD",
      `${field}: ${quote(value)} is not a time of day from "00:00" to "23:59:59.999": give HH:MM, HH:MM:SS or HH:MM:SS.mmm`,
      { field, value },
    );
  }
  const minute = Number(hours) * 60 + Number(minutes);
  return (minute * 60 + Number(seconds)) * 1000 + Number(fraction.padEnd(3, "0"));
}

/**
 * Reads the end of a part of a day: a time of day, or `24:00`.
 *
 * @returns ms from midnight, up to 24 hours
 * @throws InvalidTriggerError `INVALID_FIELD`
 */
export function parseEndOfDay(value: unknown, field: string): number {
  return value === "24:00" ? dayLength : parseTimeOfDay(value, field);
}

/** Writes a time of day, given in ms from midnight, in its shortest form: what {@link parseTimeOfDay} reads. */
export function formatTimeOfDay(time: number): string {
  const pad = (number: number, length: number = 2): string => String(number).padStart(length, "0");
  const [minutes, seconds, ms] = [Math.floor(time / 60_000), Math.floor(time / 1000) % 60, time % 1000];
  const short = `${pad(Math.floor(minutes / 60))}:${pad(minutes % 60)}`;
  if (ms > 0) return `${short}:${pad(seconds)}.${pad(ms, 3)}`;
  return seconds > 0 ? `${short}:${pad(seconds)}` : short;
}

/**
 * Reads one time of day or a list of 1 to {@link maxTimesOfDay}.
 *
 * @returns each in its shortest form, ascending without repeats
 * @throws InvalidTriggerError `INVALID_FIELD`
 */
export function parseTimesOfDay(value: unknown, field: string): readonly string[] {
  const times = parseList(value, field, maxTimesOfDay, (item) => parseTimeOfDay(item, field));
  return times.map(formatTimeOfDay);
}

/**
 * Reads a day, `YYYY-MM-DD`, from 1900 to 9999.
 *
 * @returns its number (see `dayNumber`)
 * @throws InvalidTriggerError `INVALID_DATE`
 */
export function parseDay(value: unknown, field: string): number {
  if (typeof value === "string" && value.length === 10 && date.test(value)) {
    const [year, month, day] = [Number(value.slice(0, 4)), Number(value.slice(5, 7)), Number(value.slice(8))];
    const exists = month >= 1 && month <= 12 && day >= 1 && day <= daysInMonth(year, month);
    if (exists && year >= firstYear) return dayNumber(year, month, day);
  }
  throw new InvalidTriggerError(
    "INVALID_DATE",
    `${field}: ${quote(value)} is not a day from 1900 to 9999: give YYYY-MM-DD`,
    { field, value },
  );
}

/** Writes the day of a number as `YYYY-MM-DD`: what {@link parseDay} reads. */
export function formatDay(number: number): string {
  const { year, month, day } = civilDate(number);
  return `${year}-${month < 10 ? "0" : ""}${month}-${day < 10 ? "0" : ""}${day}`; // years have four digits, from 1900 on
}

/**
 * Reads where a trigger begins: a day, `YYYY-MM-DD`, which its time zone makes an instant of; or an instant, as
 * `parseInstant` reads it but for the date alone.
 *
 * @returns the day as it is, or ms since the epoch
 * @throws InvalidTriggerError `INVALID_DATE`
 */
export function parseStart(value: unknown, field: string): string | number {
  if (typeof value === "string" && date.test(value)) return formatDay(parseDay(value, field));
  return parseInstant(value, field) + 0; // JSON has no −0
}

/**
 * Reads one weekday or a list: `"mon"`, `"monday"` in any case, or 0 to 7, where 0 and 7 are Sunday.
 *
 * @returns numbers from 0 (Sunday) to 6, ascending without repeats
 * @throws InvalidTriggerError `INVALID_FIELD`
 */
export function parseWeekdays(value: unknown, field: string): readonly number[] {
  return parseList(value, field, 100, (item) => parseWeekday(item, field));
}

/**
 * Reads a weekday.
 *
 * @returns 0 (Sunday) to 6
 * @throws InvalidTriggerError `INVALID_FIELD`
 */
export function parseWeekday(value: unknown, field: string): number {
  if (typeof value === "number" && Number.isInteger(value) && value >= 0 && value <= 7) {
    return (value + 0) % 7;
  }
  const name = typeof value === "string" && value.length <= 9 ? value.toLowerCase() : "";
  const found = weekdays.findIndex((weekday) => weekday === name || weekday.slice(0, 3) === name);
  if (found >= 0) return found;
  throw new InvalidTriggerError(
    "INVALID_FIELD",
    `${field}: ${quote(value)} is not a weekday: give "mon", "monday" or 0 to 7 (0 and 7 are Sunday)`,
    { field, value },
  );
}

/**
 * Reads one value or a list of values into numbers, ascending without repeats.
 *
 * @param max the most items that are read
 * @param read reads one item, or throws
 * @throws InvalidTriggerError `INVALID_FIELD` for a list that is empty or too long
 */
export function parseList(
  value: unknown,
  field: string,
  max: number,
  read: (item: unknown) => number,
): readonly number[] {
  const items: readonly unknown[] = Array.isArray(value) ? value : [value];
  if (items.length < 1 || items.length > max) {
    throw new InvalidTriggerError(
      "INVALID_FIELD",
      `${field} is a list of ${items.length}: it may have 1 to ${max}`,
      {
        field,
        value,
      },
    );
  }
  return [...new Set(Array.from(items, read))].sort((a, b) => a - b);
}

/**
 * Reads a whole number within bounds.
 *
 * @throws InvalidTriggerError `INVALID_FIELD`
 */
export function parseInteger(value: unknown, field: string, min: number, max: number): number {
  if (typeof value === "number" && Number.isInteger(value) && value >= min && value <= max) return value + 0;
  throw new InvalidTriggerError(
    "INVALID_FIELD",
    `${field} must be a whole number from ${min} to ${max}, not ${quote(value)}`,
    { field, value },
  );
}
