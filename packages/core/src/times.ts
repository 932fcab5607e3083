import { once, parseDuration } from "@escapement/triggers";
import { whole } from "./check.js";
import { InvalidOptionError } from "./errors.js";

const year = 366 * 86_400_000;

/** A duration in ms, from a number of ms or a text such as `"90s"`. */
export function duration(path: string, value: unknown, least: number, most: number = year): number {
  let ms: number;
  try {
    ms = value === 0 ? 0 : parseDuration(value as number | string);
  } catch (cause) {
    throw new InvalidOptionError(path, (cause as Error).message, { cause });
  }
  return whole(path, ms, least, most);
}

/** An instant in ms, from a Date, ms, or ISO 8601 with `Z` or an offset. */
export function instant(path: string, value: unknown): number | undefined {
  if (value === undefined) return undefined;
  try {
    const [at] = Array.isArray(value) ? [] : once(value as Date | string | number).at;
    if (typeof at === "number" && at >= 0) return at;
  } catch {
    // Refused below.
  }
  throw new InvalidOptionError(
    path,
    "must be a Date, whole milliseconds, or ISO 8601 with Z or an offset, from 1970 to 9999.",
  );
}
