import { parseInstant } from "./instant.js";
import { InvalidTriggerError } from "./invalid-trigger-error.js";
import { maxInstants } from "./limits.js";
import type { OnceTrigger } from "./trigger.js";

/**
 * Reads the properties of a `once` trigger: instants sorted, repeats dropped.
 *
 * @throws InvalidTriggerError `INVALID_DATE`
 */
export function parseOnce(properties: ReadonlyMap<string, unknown>): OnceTrigger {
  const at = properties.get("at");
  if (!Array.isArray(at) || at.length === 0 || at.length > maxInstants) {
    throw new InvalidTriggerError(
      "INVALID_DATE",
      `a once trigger needs a list of 1 to ${maxInstants} instants`,
      {
        field: "at",
        value: at,
      },
    );
  }
  const given: readonly unknown[] = Array.from(at);
  const instants = new Set(
    given.filter((value) => value !== "now").map((value) => parseInstant(value, "at")),
  );
  const sorted = [...instants].sort((a, b) => a - b);
  return { type: "once", at: given.includes("now") ? ["now", ...sorted] : sorted };
}
