import { fields, nameAt, oneOf, orElse, whole } from "./check.js";
import { InvalidOptionError } from "./errors.js";
import type { Retry } from "./retry.js";
import { duration } from "./times.js";

/**
 * Checks the option `retry` and fills in the defaults; `undefined`: a failed attempt is not tried again.
 *
 * @throws InvalidOptionError
 */
export function retryOptions(value: unknown): Retry | undefined {
  if (value === undefined) return undefined;
  const given = fields("retry", value, ["attempts", "backoff", "jitter"]);
  const attempts = whole("retry.attempts", orElse(given["attempts"], 1), 1, 1000);
  const backoff = backoffOf(orElse(given["backoff"], {}));
  const jitter = orElse(given["jitter"], 0);
  if (typeof jitter !== "number" || !(jitter >= 0 && jitter <= 1)) {
    throw new InvalidOptionError("retry.jitter", "must be a share from 0 to 1.");
  }
  return attempts === 1 ? undefined : { attempts, backoff, jitter };
}

const shortName = /^[A-Za-z_][A-Za-z0-9_.-]*$/;

function backoffOf(value: unknown): Retry["backoff"] {
  // A text that is no duration names a function of the task.
  if (typeof value === "string" && shortName.test(value)) return nameAt("retry.backoff", value);
  if (typeof value === "string" || typeof value === "number") {
    const delay = duration("retry.backoff", value, 0);
    return { type: "fixed", delay, max: delay, factor: 1 };
  }
  const given = fields("retry.backoff", value, ["type", "delay", "max", "factor"]);
  const factor = orElse(given["factor"], 2);
  if (typeof factor !== "number" || !(factor >= 1 && factor <= 100)) {
    throw new InvalidOptionError("retry.backoff.factor", "must be a number from 1 to 100.");
  }
  const delay = duration("retry.backoff.delay", orElse(given["delay"], 1000), 0);
  return {
    type: oneOf("retry.backoff.type", orElse(given["type"], "exponential"), ["fixed", "exponential"]),
    delay,
    max: duration("retry.backoff.max", orElse(given["max"], Math.max(3_600_000, delay)), delay),
    factor,
  };
}
