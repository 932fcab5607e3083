import { readType } from "../input/plain-object.js";

/**
 * Tells the arguments of a builder apart: several items or one list of them, then options if the last argument is an object
 * without a `type`, which each trigger has.
 */
export function splitOptions(args: readonly unknown[]): {
  readonly items: readonly unknown[];
  /** Not checked yet; `{}` if none are given. */
  readonly options: unknown;
} {
  const last = args.at(-1);
  const given = isOptions(last);
  // A list may be followed by options that are `undefined`.
  const items = given || (args.length === 2 && last === undefined) ? args.slice(0, -1) : args;
  return { items: flatten(items), options: given ? last : {} };
}

/** Several arguments, or the items of the only one if it is a list. */
export function flatten(args: readonly unknown[]): readonly unknown[] {
  const [list] = args;
  return args.length === 1 && Array.isArray(list) ? list : args;
}

function isOptions(value: unknown): boolean {
  const isObject = typeof value === "object" && value !== null && !Array.isArray(value);
  return isObject && !(value instanceof Date) && readType(value) === undefined;
}
