import type { Finding, HistoryRule } from "./finding.js";
import { placesOf } from "./rule-places.js";

/** How often a run may be lost and have another attempt, where nothing else is said. */
const usualMaxLost = 3;

/**
 * What is delivered at most once ends with its first lost attempt; what is delivered at least once has another one until it has been lost as
 * often as it may be, and ends only then. Of a job that was removed, or may have been, a run ends with whatever befalls it.
 */
export const lossesFollowDelivery: HistoryRule = (ledger) => {
  const placed = placesOf(ledger);
  return [...ledger.runs.values()].flatMap(({ id, job = "", ends }) => {
    const own = placed(id);
    if (own === undefined) return [];
    const { delivery = "at-least-once", maxLost = usualMaxLost } = own;
    const most = delivery === "at-most-once" ? 0 : maxLost;
    const removals = ledger.jobs.get(job)?.removals ?? [];
    let lost = 0;
    const found: Finding[] = [];
    for (const end of ends) {
      if (end.state !== "l") continue;
      const of = `${id}#${end.attempt} was lost for the ${lost + 1}. time (${delivery}, ${most} losses allowed)`;
      if (end.what === "again" && lost >= most)
        found.push({
          rule: "needless-attempt",
          at: end.t,
          message: `${of}, and has another attempt.`,
          about: [id],
        });
      if (end.what === "ended" && lost < most && !removals.some(({ asked }) => asked.at <= end.t))
        found.push({
          rule: "given-up",
          at: end.t,
          message: `${of}, and has no other attempt.`,
          about: [id],
        });
      lost += 1;
    }
    return found;
  });
};
