import { parseInstant } from "../input/instant.js";
import { InvalidTriggerError } from "../invalid-trigger-error.js";
import { maxInstants } from "../limits.js";
import type { OnceTrigger } from "../trigger.js";
import type { Kind } from "./kind.js";

/** Fires at given instants; `"now"` is the anchor. */
export const onceKind: Kind<OnceTrigger> = {
  properties: ["at"],
  parse: (properties) => {
    const written = properties.get("at");
    const at: unknown = Array.isArray(written) ? written : [written];
    if (!Array.isArray(at) || at.length === 0 || at.length > maxInstants) {
      throw new InvalidTriggerError(
        "INVALID_DATE",
        `a once trigger needs a list of 1 to ${maxInstants} instants`,
        { field: "at", value: at },
      );
    }
    const given: readonly unknown[] = Array.from(at);
    const instants = new Set(
      given.filter((value) => value !== "now").map((value) => parseInstant(value, "at")),
    );
    const sorted = [...instants].sort((a, b) => a - b);
    return { type: "once", at: given.includes("now") ? ["now", ...sorted] : sorted };
  },
  compile: (trigger, { anchor }) => {
    const resolved = new Set(trigger.at.map((instant) => (instant === "now" ? anchor : instant)));
    const instants = [...resolved].sort((a, b) => a - b);
    /** How many instants there are up to and including one: a binary search. */
    const upTo = (through: number): number => {
      let low = 0;
      let high = instants.length;
      while (low < high) {
        const middle = (low + high) >>> 1;
        if ((instants[middle] ?? 0) <= through) low = middle + 1;
        else high = middle;
      }
      return low;
    };
    return {
      next: (after) => instants[upTo(after)] ?? null,
      previous: (through) => instants[upTo(through) - 1] ?? null,
      count: (after, through) => Math.max(0, upTo(through) - upTo(after)),
    };
  },
};
