import { factsOf } from "../case.js";
import type { Ledger } from "./ledger.js";

/** How long before and after a fault what happens may still come of it, ms. */
const echo = { before: 500, after: 3000 } as const;

/** A store that the watcher got nothing from for so long stood still by itself, ms: the disk was busy, or the processor. */
const stall = 1000;

/**
 * How to find whether no fault was under way, nor just over, in a time by the wall clock (ms) that can have held up `node` (its identity), or
 * the store, nor did the store stand still for another reason. What befalls other nodes alone does not count.
 */
export function calmIn({ evidence }: Ledger): (node: string, from: number, until: number) => boolean {
  const nameOf = new Map(factsOf(evidence, "up").map(({ id, node }) => [id, node]));
  const names = new Set(nameOf.values());
  const faults = factsOf(evidence, "fault");
  const looks = factsOf(evidence, "leases").map(({ at }) => at);
  const stalls = looks.flatMap((at, index) => {
    const before = looks[index - 1] ?? at;
    return at - before > stall ? [{ from: before, until: at }] : [];
  });
  return (node, from, until) =>
    stalls.every((one) => one.from > until || one.until + echo.after < from) &&
    faults.every(
      (fault) =>
        (names.has(fault.target) && fault.target !== nameOf.get(node)) ||
        fault.from - echo.before > until ||
        fault.until + echo.after < from,
    );
}
