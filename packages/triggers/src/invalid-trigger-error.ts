/**
 * Why a trigger was refused.
 *
 * - `INVALID_TRIGGER`: not a plain object of a known type, or with an unknown property
 * - `INVALID_EXPRESSION`: a cron expression that is no expression at all (blank, too long, wrong number of fields)
 * - `INVALID_FIELD`: one field of a cron expression, or one property of the trigger, is wrong
 * - `INVALID_TIMEZONE`: not a time zone that this runtime knows, or two that contradict each other
 * - `INVALID_INTERVAL`: not a duration, or out of bounds
 * - `INVALID_DATE`: not an instant, or out of bounds
 * - `INVALID_ARGUMENT`: an argument beside the trigger is wrong (a count, an id)
 * - `NEVER_FIRES`: well-formed, but no instant matches it
 * - `ALL_IN_PAST`: each instant of a `once` lies in the past
 * - `SEARCH_LIMIT`: the fire times of an `allOf` or `except` lie too far apart to be found
 * - `UNSUPPORTED`: written by a newer version of this package
 */
export type InvalidTriggerCode =
  | "INVALID_TRIGGER"
  | "INVALID_EXPRESSION"
  | "INVALID_FIELD"
  | "INVALID_TIMEZONE"
  | "INVALID_INTERVAL"
  | "INVALID_DATE"
  | "INVALID_ARGUMENT"
  | "NEVER_FIRES"
  | "ALL_IN_PAST"
  | "SEARCH_LIMIT"
  | "UNSUPPORTED";

/** Where a trigger went wrong. */
export interface InvalidTriggerDetails {
  /** The cron field (`"minute"`) or property (`"timezone"`) at fault. */
  readonly field?: string;
  /** The offending value; kept as a quoted, printable string of bounded length. */
  readonly value?: unknown;
  /** Index of the first character at fault in the expression, from 0. */
  readonly position?: number;
}

/** A trigger was refused: `code` says why, the message says what to do. Safe to log: no raw input in it. */
export class InvalidTriggerError extends Error {
  /** The name to tell this error by across copies of the package. */
  override readonly name: string = "InvalidTriggerError";
  /** Why, for programs. */
  readonly code: InvalidTriggerCode;
  /** The cron field or property at fault, if there is one. */
  readonly field?: string;
  /** The offending value: quoted, control characters escaped, at most 100 characters of it. */
  readonly value?: string;
  /** Index of the first character at fault in the expression, if known. */
  readonly position?: number;

  constructor(code: InvalidTriggerCode, message: string, details: InvalidTriggerDetails = {}) {
    super(message);
    this.code = code;
    if (details.field !== undefined) this.field = details.field;
    if ("value" in details) this.value = quote(details.value);
    if (details.position !== undefined) this.position = details.position;
  }
}

const quotedLength = 100;
// C1 controls, and what changes the direction or the lines of a text: JSON leaves them as they are.
const invisible = /[\u007f-\u009f\u00ad\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g;

/** Shows any value in a message: quoted, printable, bounded; never calls code of the value. */
export function quote(value: unknown): string {
  if (typeof value === "string") {
    const shown = JSON.stringify(value.slice(0, quotedLength)).replace(
      invisible,
      (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
    );
    return value.length > quotedLength ? `${shown}…` : shown;
  }
  if (value === null || value === undefined) return String(value);
  if (typeof value === "number" || typeof value === "boolean") return String(value);
  return Array.isArray(value) ? "an array" : `a value of type ${typeof value}`;
}
