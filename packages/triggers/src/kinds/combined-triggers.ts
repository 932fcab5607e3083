import { InvalidTriggerError, quote } from "../invalid-trigger-error.js";
import { maxCombined } from "../limits.js";
import type { Trigger } from "../trigger.js";

/**
 * Reads the list of triggers of a combinator.
 *
 * @param nested reads one of them
 * @throws InvalidTriggerError `INVALID_FIELD` for what is no list of 1 to 100; whatever `nested` throws
 */
export function parseTriggers(value: unknown, nested: (json: unknown) => Trigger): readonly Trigger[] {
  if (!Array.isArray(value) || value.length === 0 || value.length > maxCombined) {
    throw new InvalidTriggerError(
      "INVALID_FIELD",
      `triggers must be a list of 1 to ${maxCombined} triggers, not ${
        Array.isArray(value) ? `one of ${value.length}` : quote(value)
      }`,
      { field: "triggers", value },
    );
  }
  const given: readonly unknown[] = Array.from(value);
  return given.map((json) => nested(json));
}

/** The first time zone that a trigger, or one within it, names; `undefined` if none does. */
export function findTimezone(trigger: Trigger): string | undefined {
  switch (trigger.type) {
    case "anyOf":
    case "allOf":
      return trigger.triggers.map(findTimezone).find((timezone) => timezone !== undefined);
    case "except":
      return findTimezone(trigger.trigger);
    default:
      return "timezone" in trigger ? trigger.timezone : undefined;
  }
}

/** Whether a trigger is, or holds, a `once("now")`. */
export function holdsNow(trigger: Trigger): boolean {
  switch (trigger.type) {
    case "once":
      return trigger.at.includes("now");
    case "anyOf":
    case "allOf":
      return trigger.triggers.some(holdsNow);
    case "except":
      return holdsNow(trigger.trigger);
    default:
      return false;
  }
}
