import type { Evidence } from "../../evidence/evidence.js";
import { factsOf } from "../case.js";
import { merged, uncovered } from "./spans.js";

/** How long the sweeper of the workload's nodes rests at most before it finds such a node, and until another leads if that one led; ms. */
const sweepEvery = 10_000;
const lease = 10_000;
/** How long after another fault there may be no leader yet, ms. */
const after = 3000;

/** That a fault took a node off the list of those with a lease: the one with this identity, by what was seen of that, and no other. */
export interface TakenOut {
  readonly id: string;
  /** When, by the wall clock, ms. */
  readonly from: number;
  /** Whether what follows from that may happen at this time: the sweeper comes by, if nothing else keeps it from that. */
  isNear(t: number): boolean;
}

/** All nodes that faults took off the list. What did not hit took nobody off, and the node's next identity is another one. */
export function takenOutIn(evidence: readonly Evidence[]): TakenOut[] {
  const faults = factsOf(evidence, "fault");
  const others = merged(
    faults
      .filter(({ fault }) => fault !== "node-lease-deleted")
      .map(({ from, until }) => ({ from, until: until + after })),
  );
  return faults.flatMap(({ fault, from, proof }): TakenOut[] => {
    const [, id] = (fault === "node-lease-deleted" && /^ZREM \S+ (\S+) answered 1$/.exec(proof)) || [];
    if (id === undefined) return [];
    return [{ id, from, isNear: (t) => from <= t && uncovered(others, from, t) <= sweepEvery + lease }];
  });
}
