import type { FireTimes } from "../compiled-trigger.js";
import type { AnyOfTrigger } from "../trigger.js";
import { parseTriggers } from "./combined-triggers.js";
import type { Kind } from "./kind.js";
import { search, searchPart, spend } from "./search-budget.js";

/** Fires when one of several triggers does; what several fire at together is one fire time. */
export const anyOfKind: Kind<AnyOfTrigger> = {
  properties: ["triggers"],
  parse: (properties, nested) => ({
    type: "anyOf",
    triggers: parseTriggers(properties.get("triggers"), nested),
  }),
  compile: (trigger, _context, nested) => {
    const [first, ...others] = trigger.triggers.map(nested);
    return first !== undefined && others.length === 0 ? first : union(first ? [first, ...others] : []);
  },
};

function union(all: readonly FireTimes[]): FireTimes {
  const best = (of: (times: FireTimes) => number | null, choose: (a: number, b: number) => number) =>
    search(() => {
      let found: number | null = null;
      for (const [index, times] of all.entries()) {
        const time = spend() ? searchPart(all.length - index, () => of(times)) : null;
        if (time !== null) found = found === null ? time : choose(found, time);
      }
      return found;
    });
  return {
    next: (after) => best((times) => times.next(after), Math.min),
    previous: (through) => best((times) => times.previous(through), Math.max),
  };
}
