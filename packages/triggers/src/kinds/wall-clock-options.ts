import { InvalidTriggerError, quote } from "../invalid-trigger-error.js";
import type { GapPolicy, OverlapPolicy, WallClockOptions } from "../trigger.js";
import type { ZonePolicy } from "../wall/lay-on-zone.js";
import { findZone, type Zone } from "../zone/zone.js";

/** The zone of a trigger that names none: the same on every node, which the zone of a machine is not. */
export const defaultTimezone: string = "UTC";

/** The properties that {@link parseWallClockOptions} reads. */
export const wallClockProperties: readonly string[] = ["timezone", "gap", "overlap"];

const gapPolicies: readonly GapPolicy[] = ["next-valid", "skip"];
const overlapPolicies: readonly OverlapPolicy[] = ["first", "second", "both"];
const maxNameLength = 64;

/**
 * Reads `timezone`, `gap` and `overlap`; one that is not given is left out of the result.
 *
 * @throws InvalidTriggerError `INVALID_TIMEZONE`, `INVALID_FIELD`
 */
export function parseWallClockOptions(properties: ReadonlyMap<string, unknown>): WallClockOptions {
  const timezone = parseTimezone(properties.get("timezone"));
  const gap = parseChoice(properties.get("gap"), gapPolicies, "gap");
  const overlap = parseChoice(properties.get("overlap"), overlapPolicies, "overlap");
  return {
    ...(timezone !== undefined && { timezone }),
    ...(gap !== undefined && { gap }),
    ...(overlap !== undefined && { overlap }),
  };
}

/** What becomes of times that the zone of a trigger skips or repeats, its defaults filled in. */
export function policyOf(trigger: WallClockOptions): ZonePolicy {
  return { gap: trigger.gap ?? "next-valid", overlap: trigger.overlap ?? "first" };
}

/** The zone of a trigger. */
export function zoneOf(trigger: WallClockOptions): Zone {
  return findZone(trigger.timezone ?? defaultTimezone);
}

/**
 * Reads the name of a time zone; `undefined` stays so.
 *
 * @throws InvalidTriggerError `INVALID_TIMEZONE`
 */
export function parseTimezone(value: unknown): string | undefined {
  if (value === undefined) return undefined;
  if (typeof value !== "string" || value === "" || value.length > maxNameLength) {
    throw new InvalidTriggerError(
      "INVALID_TIMEZONE",
      `timezone must be text of 1 to ${maxNameLength} characters, such as "Europe/Berlin", not ${quote(value)}`,
      { field: "timezone", value },
    );
  }
  findZone(value);
  return value;
}

/** Reads one of a few words; `undefined` stays so.
 *
 * @throws InvalidTriggerError `INVALID_FIELD`
 */
export function parseChoice<T extends string>(
  value: unknown,
  known: readonly T[],
  field: string,
): T | undefined {
  const choice = known.find((name) => name === value);
  if (choice !== undefined || value === undefined) return choice;
  throw new InvalidTriggerError(
    "INVALID_FIELD",
    `${field} must be one of ${known.map(quote).join(", ")}, not ${quote(value)}`,
    { field, value },
  );
}
