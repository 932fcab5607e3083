import { parseDuration } from "../input/duration.js";
import { parseInstant } from "../input/instant.js";
import { InvalidTriggerError, quote } from "../invalid-trigger-error.js";
import type { EveryTrigger } from "../trigger.js";
import type { Kind } from "./kind.js";

/**
 * Fires at a cadence, by arithmetic alone. Without `from` and `phase` the first time is one interval after the anchor: a job
 * does not run because it was defined. With `after: "completion"` these are the times if runs took no time at all.
 */
export const everyKind: Kind<EveryTrigger> = {
  properties: ["interval", "from", "phase", "after"],
  parse: (properties) => {
    const interval = parseDuration(properties.get("interval"));
    const from = properties.get("from");
    const phase = parsePhase(properties.get("phase"), interval);
    const after = parseAfter(properties.get("after"), phase);
    return {
      type: "every",
      interval,
      ...(from !== undefined && { from: parseInstant(from, "from") }),
      ...(phase !== undefined && { phase }),
      ...(after !== undefined && { after }),
    };
  },
  compile: ({ interval, from, phase = 0 }, { anchor }) => {
    const first = from === undefined ? anchor + (phase === 0 ? interval : phase) : from + phase;
    /** How many fire times there are up to and including an instant. */
    const upTo = (through: number): number =>
      through < first ? 0 : Math.floor((through - first) / interval) + 1;
    return {
      next: (after) => first + upTo(after) * interval,
      previous: (through) => (through < first ? null : first + (upTo(through) - 1) * interval),
      count: (after, through) => Math.max(0, upTo(through) - upTo(after)),
    };
  },
};

function parsePhase(value: unknown, interval: number): number | undefined {
  if (value === undefined) return undefined;
  const phase = typeof value === "string" ? parseDuration(value, "phase") : value;
  if (typeof phase === "number" && Number.isInteger(phase) && phase >= 0 && phase < interval)
    return phase + 0;
  throw new InvalidTriggerError(
    "INVALID_INTERVAL",
    `phase must be whole milliseconds from 0 to less than the interval of ${interval} ms, not ${quote(value)}`,
    { field: "phase", value },
  );
}

function parseAfter(value: unknown, phase: number | undefined): "completion" | undefined {
  if (value === undefined) return undefined;
  if (value === "completion" && phase === undefined) return value;
  throw new InvalidTriggerError(
    "INVALID_FIELD",
    value === "completion"
      ? 'an interval that counts "after" the completion of a run has no phase: leave one of them out'
      : `after must be "completion", not ${quote(value)}`,
    { field: "after", value },
  );
}
