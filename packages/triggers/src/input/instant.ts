import { InvalidTriggerError, quote } from "../invalid-trigger-error.js";
import { maxInstant, minInstant } from "../limits.js";

// A date, or a date and a time with its offset: a time without one would mean another instant on another machine.
const iso = /^\d{4}-(\d{2})-(\d{2})(?:T\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?(?:Z|[+-]\d{2}:\d{2}))?$/;

/**
 * Reads an instant: a `Date`, ms since the epoch, or ISO 8601 with `Z` or an offset (a date alone is midnight UTC).
 *
 * @param field the property to name in the error
 * @returns ms since the epoch, an integer from 1900 to 9999
 * @throws InvalidTriggerError `INVALID_DATE`
 */
export function parseInstant(value: unknown, field: string): number {
  const time = toMs(value);
  if (Number.isInteger(time) && time >= minInstant && time <= maxInstant) return time;
  throw new InvalidTriggerError(
    "INVALID_DATE",
    `${quote(value)} is not an instant from 1900 to 9999: give a Date, whole milliseconds, or ISO 8601 with Z or an offset`,
    { field, value },
  );
}

/** The instant of a `Date`, also one of another realm (an iframe, a vm context); `undefined` for anything else. */
export function dateInstant(value: unknown): number | undefined {
  try {
    return Date.prototype.getTime.call(value);
  } catch {
    return undefined;
  }
}

function toMs(value: unknown): number {
  if (typeof value === "number") return value;
  if (typeof value === "object") return dateInstant(value) ?? Number.NaN;
  if (typeof value !== "string" || value.length > 40) return Number.NaN;
  const [, month, day] = iso.exec(value) ?? [];
  if (month === undefined || day === undefined) return Number.NaN;
  // The engine turns the 31st of a short month into the next month's 1st: refuse what does not come back.
  const date = new Date(`${value.slice(0, 10)}T00:00:00Z`);
  return date.getUTCMonth() + 1 === Number(month) && date.getUTCDate() === Number(day)
    ? new Date(value).getTime()
    : Number.NaN;
}
