import type { FireTimes } from "../compiled-trigger.js";
import { parseDuration } from "../input/duration.js";
import { InvalidTriggerError, quote } from "../invalid-trigger-error.js";
import { maxInstant, maxTolerance, minInstant } from "../limits.js";
import type { AllOfTrigger } from "../trigger.js";
import { parseTriggers } from "./combined-triggers.js";
import type { Kind } from "./kind.js";
import { search, spend, spendOn } from "./search-budget.js";

/**
 * Fires when all of several triggers do. With a tolerance, an instant is a fire time if it is one of some trigger and each
 * trigger has one from then on to the tolerance later: the earliest of such a group counts.
 */
export const allOfKind: Kind<AllOfTrigger> = {
  properties: ["triggers", "tolerance"],
  parse: (properties, nested) => {
    const tolerance = properties.get("tolerance");
    return {
      type: "allOf",
      triggers: parseTriggers(properties.get("triggers"), nested),
      ...(tolerance !== undefined && { tolerance: parseTolerance(tolerance) }),
    };
  },
  compile: ({ triggers, tolerance = 0 }, _context, nested) => {
    const all = triggers.map(nested);
    const [only] = all;
    if (only !== undefined && all.length === 1) return only;
    return {
      next: (after) => search(() => nextOfAll(all, tolerance, after)),
      previous: (through) => search(() => previousOfAll(all, tolerance, through)),
    };
  },
};

function parseTolerance(value: unknown): number {
  const tolerance = typeof value === "string" ? parseDuration(value, "tolerance") : value;
  if (
    typeof tolerance === "number" &&
    Number.isInteger(tolerance) &&
    tolerance >= 0 &&
    tolerance <= maxTolerance
  ) {
    return tolerance + 0; // JSON has no −0
  }
  throw new InvalidTriggerError(
    "INVALID_INTERVAL",
    `tolerance must be from 0 to 24 hours, as whole milliseconds or as text such as "5m", not ${quote(value)}`,
    { field: "tolerance", value },
  );
}

/**
 * Leap-frog: a group that holds the latest of all next fire times starts at most the tolerance before it, so that no
 * instant before that need be looked at.
 */
function nextOfAll(all: readonly FireTimes[], tolerance: number, start: number): number | null {
  const times = all.map(() => Number.NEGATIVE_INFINITY);
  for (let after = start; ; ) {
    let latest = Number.NEGATIVE_INFINITY;
    for (const [index, trigger] of all.entries()) {
      let time = times[index] ?? Number.NEGATIVE_INFINITY;
      if (time <= after) {
        const found = spend() ? trigger.next(after) : null;
        if (found === null || found > maxInstant || !spendOn(found - after)) return null;
        time = found;
        times[index] = time;
      }
      latest = Math.max(latest, time);
    }
    const earliest = Math.min(...times);
    if (latest - earliest <= tolerance) return earliest;
    after = latest - tolerance - 1;
  }
}

/**
 * The other way round: the latest fire time of any trigger is the answer if each has one within the tolerance after it.
 * Else the one whose last such fire time is the earliest says where to go on.
 */
function previousOfAll(all: readonly FireTimes[], tolerance: number, end: number): number | null {
  for (let through = end; through >= minInstant; ) {
    let candidate = Number.NEGATIVE_INFINITY;
    for (const trigger of all) {
      if (!spend()) return null;
      candidate = Math.max(candidate, trigger.previous(through) ?? candidate);
    }
    if (candidate < minInstant || !spendOn(through - candidate)) return null;
    let earliest = Number.POSITIVE_INFINITY;
    for (const trigger of all) {
      const time = spend() ? trigger.previous(Math.min(candidate + tolerance, maxInstant)) : null;
      if (time === null) return null;
      earliest = Math.min(earliest, time);
    }
    if (earliest >= candidate) return candidate;
    through = earliest;
  }
  return null;
}
