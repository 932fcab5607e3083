import { InvalidTriggerError, quote } from "../invalid-trigger-error.js";
import { dateInstant, parseInstant } from "./instant.js";

/**
 * Options, which in JavaScript may be anything: an object without properties that nobody reads, such as `jobID`.
 *
 * @throws InvalidTriggerError `INVALID_ARGUMENT`
 */
export function readOptions<T extends object>(options: T, known: readonly (string & keyof T)[]): T {
  const names: readonly string[] = known;
  if (typeof options !== "object" || options === null) {
    throw new InvalidTriggerError("INVALID_ARGUMENT", `options must be an object, not ${quote(options)}`, {
      field: "options",
      value: options,
    });
  }
  const unknown = Object.keys(options).find((name) => !names.includes(name));
  if (unknown === undefined) return options;
  throw new InvalidTriggerError(
    "INVALID_ARGUMENT",
    `there is no option ${quote(unknown)}: there are ${names.join(", ")}`,
    { field: "options", value: unknown },
  );
}

/**
 * Reads a `Date` from 1900 to 9999 into ms.
 *
 * @param field the property to name in the error
 * @throws InvalidTriggerError `INVALID_DATE`, also for a number or a text: an argument that is a `Date` tells its unit
 */
export function parseDate(value: unknown, field: string): number {
  if (dateInstant(value) !== undefined) return parseInstant(value, field);
  throw new InvalidTriggerError("INVALID_DATE", `${field} must be a Date, not ${quote(value)}`, {
    field,
    value,
  });
}

/** The same; `undefined` stays so. */
export function parseOptionalDate(value: unknown, field: string): number | undefined {
  return value === undefined ? undefined : parseDate(value, field);
}

/**
 * Reads a number of things.
 *
 * @throws InvalidTriggerError `INVALID_ARGUMENT`
 */
export function parseCount(value: unknown, field: string, max: number): number {
  if (typeof value === "number" && Number.isInteger(value) && value >= 0 && value <= max) return value;
  throw new InvalidTriggerError(
    "INVALID_ARGUMENT",
    `${field} must be an integer from 0 to ${max}, not ${quote(value)}`,
    { field, value },
  );
}
