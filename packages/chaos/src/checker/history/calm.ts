import { factsOf } from "../case.js";
import type { Ledger } from "./ledger.js";
import type { Span } from "./spans.js";

/** How long before and after a fault what happens may still come of it, ms. */
const echo = { before: 500, after: 3000 } as const;

/** A store that the watcher got nothing from for so long stood still by itself, ms: the disk was busy, or the processor. */
const stall = 1000;

/** When the store stood still by itself, by how long the watcher got nothing from it, and for a while after that. */
export function stallsIn({ evidence }: Pick<Ledger, "evidence">): Span[] {
  const looks = factsOf(evidence, "leases").map(({ at }) => at);
  return looks.flatMap((at, index) => {
    const before = looks[index - 1] ?? at;
    return at - before > stall ? [{ from: before, until: at + echo.after }] : [];
  });
}

/** When a fault was under way, whatever it befell, or just over, or the store stood still for another reason. */
export function troublesIn(ledger: Ledger): Span[] {
  const faults = factsOf(ledger.evidence, "fault").map(({ from, until }) => ({
    from,
    until: until + echo.after,
  }));
  return [...faults, ...stallsIn(ledger)].map(({ from, until }) => ({ from: from - echo.before, until }));
}

/**
 * How to find whether no fault was under way, nor just over, in a time by the wall clock (ms) that can have held up `node` (its identity), or
 * the store, nor did the store stand still for another reason. What befalls other nodes alone does not count.
 */
export function calmIn(ledger: Ledger): (node: string, from: number, until: number) => boolean {
  const { evidence } = ledger;
  const nameOf = new Map(factsOf(evidence, "up").map(({ id, node }) => [id, node]));
  const names = new Set(nameOf.values());
  const faults = factsOf(evidence, "fault");
  const stalls = stallsIn(ledger);
  return (node, from, until) =>
    stalls.every((one) => one.from > until || one.until < from) &&
    faults.every(
      (fault) =>
        (names.has(fault.target) && fault.target !== nameOf.get(node)) ||
        fault.from - echo.before > until ||
        fault.until + echo.after < from,
    );
}
