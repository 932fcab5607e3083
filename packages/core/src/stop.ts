import { fields, orElse, whole } from "./check.js";
import { duration } from "./times.js";

/** Options of `stop`. */
export interface StopOptions {
  /** How long handlers that run may go on: whole milliseconds, a text such as `"10s"`, or Infinity. @default "30s" */
  readonly timeout?: number | string;
}

/**
 * How long `stop` waits for handlers, in ms. A number may be longer than any duration: it only ever ends the waiting.
 *
 * @throws InvalidOptionError
 */
export function stopTimeout(options: StopOptions): number {
  const { timeout } = fields("options", options, ["timeout"]);
  if (typeof timeout !== "number") return duration("timeout", orElse(timeout, 30_000), 0);
  if (timeout === Number.POSITIVE_INFINITY) return timeout;
  return whole("timeout", timeout, 0, Number.MAX_SAFE_INTEGER);
}
