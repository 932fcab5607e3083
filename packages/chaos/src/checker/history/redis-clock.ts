import type { Evidence } from "../../evidence/evidence.js";
import { factsOf } from "../case.js";

/** What the product's clock, which is Redis' and never goes back, may have said at a moment of this machine's wall clock; all in ms. */
export interface RedisClock {
  least(at: number): number;
  most(at: number): number;
}

const same: RedisClock = { least: (at) => at, most: (at) => at };

/** When somebody moved Redis' clock. */
export function clockFaults(
  evidence: readonly Evidence[],
): { readonly from: number; readonly until: number }[] {
  return factsOf(evidence, "fault").filter(({ fault }) => fault.startsWith("redis-clock-"));
}

/** What is known of Redis' clock where somebody moved it; else it is the machine's. */
export function redisClockOf(evidence: readonly Evidence[]): RedisClock {
  const faults = clockFaults(evidence);
  if (faults.length === 0) return same;
  const isRight = (at: number): boolean => !faults.some(({ from, until }) => from <= at && at <= until);
  const seen = [...factsOf(evidence, "leases"), ...factsOf(evidence, "told")]
    .map(({ at, t }) => ({ at, t }))
    .sort((a, b) => a.at - b.at);
  let highest = Number.NEGATIVE_INFINITY;
  const points = seen.map(({ at, t }) => {
    highest = Math.max(highest, t);
    return { at, t: highest };
  });
  const before = (at: number): { at: number; t: number } | undefined =>
    points.findLast((point) => point.at <= at);
  return {
    least: (at) => before(at)?.t ?? Math.min(at, points[0]?.t ?? at),
    most: (at) => {
      const last = before(at);
      const next = points.find((point) => point.at >= at)?.t ?? at;
      // It may have gone on since it was last seen, and back again before it was seen next.
      const seenToBe = last === undefined ? next : Math.max(next, last.t + at - last.at);
      // Whoever looks may have looked late, and what was seen then be old; a clock that is right is the machine's, or ahead of it since it was.
      return isRight(at) ? Math.max(seenToBe, at) : seenToBe;
    },
  };
}
