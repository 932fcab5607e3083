import { parseDuration } from "./duration.js";
import { parseInstant } from "./instant.js";
import { InvalidTriggerError, quote } from "./invalid-trigger-error.js";
import type { EveryTrigger } from "./trigger.js";

/**
 * Reads the properties of an `every` trigger.
 *
 * @throws InvalidTriggerError `INVALID_INTERVAL`, `INVALID_DATE`, `UNSUPPORTED`
 */
export function parseEvery(properties: ReadonlyMap<string, unknown>): EveryTrigger {
  if (properties.has("after")) {
    throw new InvalidTriggerError("UNSUPPORTED", "after is not supported in this version: leave it out", {
      field: "after",
      value: properties.get("after"),
    });
  }
  const given = properties.get("interval");
  // Stored triggers hold milliseconds; only the builder reads "90s".
  const interval = parseDuration(typeof given === "number" ? given : Number.NaN);
  const from = properties.get("from");
  const phase = properties.get("phase");
  return {
    type: "every",
    interval,
    ...(from !== undefined && { from: parseInstant(from, "from") }),
    ...(phase !== undefined && { phase: parsePhase(phase, interval) }),
  };
}

function parsePhase(value: unknown, interval: number): number {
  if (typeof value === "number" && Number.isInteger(value) && value >= 0 && value < interval)
    return value + 0;
  throw new InvalidTriggerError(
    "INVALID_INTERVAL",
    `phase must be whole milliseconds from 0 to less than the interval of ${interval} ms, not ${quote(value)}`,
    { field: "phase", value },
  );
}
