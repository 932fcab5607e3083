import type { Evidence } from "../../evidence/evidence.js";
import { factsOf } from "../case.js";

/** For so long after what befell a voter nodes may not have found back to it, ms. */
const echo = 5000;

/**
 * Whether too few voters may have remembered at `until` a lock that most of them had granted at `from`: somebody has deleted those of some since, and others
 * may not have granted it, as they were befallen then. A lock that all have granted stands where one vote is deleted.
 */
export function votesLost(
  evidence: readonly Evidence[],
  voters: number,
): (from: number, until: number) => boolean {
  const faults = factsOf(evidence, "fault").filter(
    ({ fault, target }) => /voter/.test(fault) || target.startsWith("voter"),
  );
  const deletions = faults.filter(({ fault, proof }) => fault === "locks-deleted" && proof !== "");
  const befallen = faults.filter(({ fault, begun }) => fault !== "locks-deleted" && begun !== false);
  const spare = voters - (Math.floor(voters / 2) + 1);
  return (from, until) => {
    const deleted = new Set(
      deletions.flatMap((one) => (one.until >= from && one.from <= until ? [one.target] : [])),
    );
    if (deleted.size === 0) return false;
    const away = befallen.some((one) => one.from <= from && from <= one.until + echo);
    return away || deleted.size > spare;
  };
}
