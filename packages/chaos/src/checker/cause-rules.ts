import type { Evidence } from "../evidence/evidence.js";
import { type Case, factsOf, groupBy, outcomesOf, show, storyOf, type Violation } from "./case.js";
import type { Rule } from "./rules.js";

/** Of an attempt that was given up the history names a cause, and it is one that can have been. */
export const lossesHaveCause: Rule = (facts) => {
  if (facts.storeRolledBack) return [];
  const claimed = new Set(factsOf(facts.evidence, "claimed").map(({ run, attempt }) => `${run}#${attempt}`));
  return [...outcomesOf(facts).values()].flatMap(({ id, attempts }) =>
    attempts.flatMap(({ attempt, state, reason }): Violation[] => {
      const found = (message: string): Violation[] => [
        { rule: "loss-without-cause", message: `${id}#${attempt} ${message}`, story: storyOf(facts, id) },
      ];
      if (state !== "lost") return [];
      if (reason === "store-lost")
        return found("was given up since its node knew nothing of it, though the store kept its writes.");
      if (reason === "lock" && !claimed.has(`${id}#${attempt}`))
        return found("was refused by a lock, though nobody had been given this attempt before.");
      return [];
    }),
  );
};

/** An identity that was declared dead is given nothing any more. */
export const deadStayDead: Rule = (facts) => {
  const deaths = new Map<string, number>();
  for (const { event, details, at } of factsOf(facts.evidence, "event")) {
    if (event !== "nodeDead") continue;
    const { node } = details as { node: string };
    deaths.set(node, Math.min(at, deaths.get(node) ?? at));
  }
  const identity = identities(facts.evidence);
  return factsOf(facts.evidence, "claimed").flatMap(({ run, attempt, node, mono, claimedAt }) => {
    const death = deaths.get(identity(node, mono));
    if (death === undefined || claimedAt <= death) return [];
    const message = `${node} was given ${run}#${attempt} ${claimedAt - death} ms after it had been declared dead, under the same identity.`;
    return [{ rule: "dead-goes-on", message, story: storyOf(facts, run) }];
  });
};

/** Who leads is never refused the lease that it still holds: nobody else was given it, as long as the store keeps its writes. */
export const leasesAreNotTaken: Rule = (facts: Case) => {
  if (facts.storeRolledBack) return [];
  return factsOf(facts.evidence, "event").flatMap((line) => {
    const { node, event, details } = line;
    const { epoch, reason } = (details ?? {}) as { epoch?: number; reason?: string };
    if (event !== "leaderLost" || reason !== "refused") return [];
    const message = `${node} was refused its lease of term ${epoch} before that was over.`;
    const elected = factsOf(facts.evidence, "elected").sort((a, b) => a.mono - b.mono);
    return [{ rule: "lease-taken", message, story: [...elected.map(show), show(line)] }];
  });
};

/** Who a node was at a moment: the latest identity under which it had joined by then. */
function identities(evidence: readonly Evidence[]): (node: string, mono: number) => string {
  const ups = groupBy(factsOf(evidence, "up"), ({ node }) => node);
  return (node, mono) => ups.get(node)?.findLast((up) => up.mono <= mono)?.id ?? "-";
}
