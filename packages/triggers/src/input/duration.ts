import { InvalidTriggerError, quote } from "../invalid-trigger-error.js";
import { maxInterval } from "../limits.js";

const number = "\\d{1,15}(?:\\.\\d{1,9})?";
const term = (unit: string): string => `(?:(${number})${unit})?`;
const short = new RegExp(`^${["w", "d", "h", "m(?!s)", "s", "ms"].map(term).join(" ?")}$`);
const iso = new RegExp(`^P${term("W")}${term("D")}(?:T(?=\\d)${term("H")}${term("M")}${term("S")})?$`);
const units: readonly number[] = [604_800_000, 86_400_000, 3_600_000, 60_000, 1000, 1];

/**
 * Reads a duration: whole milliseconds, `"90s"`, `"1h30m"`, `"1.5h"` (w, d, h, m, s, ms, largest first), or ISO 8601
 * (`"PT90S"`, `"P1DT12H"`; no years and months, which have no fixed length).
 *
 * @param field the property to name in the error
 * @returns milliseconds: an integer from 1 to 100 years
 * @throws InvalidTriggerError `INVALID_INTERVAL`
 */
export function parseDuration(value: unknown, field: string = "interval"): number {
  const duration = toMs(value);
  if (Number.isSafeInteger(duration) && duration >= 1 && duration <= maxInterval) return duration;
  throw new InvalidTriggerError(
    "INVALID_INTERVAL",
    `${quote(value)} is not a duration from 1 ms to 100 years: give whole milliseconds, "90s", "1h30m" or "PT90S"`,
    { field, value },
  );
}

function toMs(value: unknown): number {
  if (typeof value === "number") return value;
  if (typeof value !== "string" || value.length > 100) return Number.NaN;
  const terms = (short.exec(value) ?? iso.exec(value))?.slice(1);
  if (terms === undefined || terms.every((amount) => amount === undefined)) return Number.NaN;
  const total = terms.reduce((sum, amount, index) => sum + Number(amount ?? 0) * (units[index] ?? 0), 0);
  // 0.1 s is 100.00000000000001 ms to a floating-point unit: forgive what is no part of a millisecond.
  return Math.abs(total - Math.round(total)) < 1e-6 ? Math.round(total) : total;
}
