import { EscapementError } from "./errors.js";

const allowed = /^[A-Za-z0-9_.:/-]{1,128}$/;

/**
 * Checks an id or name before it reaches a key: 1 to 128 of `A-Z a-z 0-9 _ . : / -`.
 *
 * @param what what it names, for the message, such as `"job id"`
 * @returns the name
 * @throws EscapementError `INVALID_NAME`
 */
export function checkName(what: string, name: unknown): string {
  if (typeof name === "string" && allowed.test(name)) return name;
  throw new EscapementError(
    "INVALID_NAME",
    `The ${what} ${show(name)} cannot be used: it must be 1 to 128 characters, each one of A-Z a-z 0-9 _ . : / -`,
  );
}

/**
 * Checks a namespace: a name that does not end in a colon and digits, since that is how the further partitions of
 * another namespace are written (`{billing:1}` is partition 1 of `billing`).
 *
 * @throws EscapementError `INVALID_NAME`
 */
export function checkNamespace(name: unknown): string {
  const namespace = checkName("namespace", name);
  if (!/:\d+$/.test(namespace)) return namespace;
  throw new EscapementError(
    "INVALID_NAME",
    `The namespace ${show(name)} cannot be used: an ending of ":" and digits is kept for partitions. Use another ending.`,
  );
}

/** A value as it may stand in a message: quoted, escaped and short. */
export function show(value: unknown): string {
  if (typeof value !== "string") return value === null ? "null" : `(of type ${typeof value})`;
  const shown = JSON.stringify(value.length > 80 ? `${value.slice(0, 80)}…` : value);
  // JSON leaves these as they are, and a terminal or a log would act on them.
  return shown.replace(
    /[\u007f-\u009f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]/g,
    (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
