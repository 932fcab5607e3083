import type { Evidence } from "../../evidence/evidence.js";
import { factsOf } from "../case.js";
import type { Finding, HistoryRule } from "./finding.js";
import type { Ledger } from "./ledger.js";
import { takenOutIn } from "./taken-out.js";
import type { Claim, Told } from "./told.js";

/** For so many ms two views of the machine's clock may differ. */
const blur = 100;

/** What a handler heard that had asked whether its attempt is still its node's. */
type Held = Extract<Evidence, { kind: "held" }>;

/** What the store said of leases. */
type Look = Extract<Evidence, { kind: "leases" }>;

/**
 * `progress()` and `extend()` do not succeed for an attempt that had ended when they were called, or been given out again, or whose node's lease had
 * ended; and they are not refused while none of that is so. Where the store can lose writes, two of it may answer; while its clock is moved or stands
 * still, looks and calls have no one order: then this says nothing of leases.
 */
export const heldAttemptsAnswer: HistoryRule = (ledger) => {
  const { evidence, runs, trial } = ledger;
  if (!trial.keepsWrites) return [];
  const looks = factsOf(evidence, "leases").sort((a, b) => a.at - b.at);
  return factsOf(evidence, "held").flatMap((held): Finding[] => {
    const { run, attempt, token, by, asked, at, answer } = held;
    const claim = runs.get(run)?.claims.find((one) => one.token === token);
    if (claim === undefined) return [];
    const over = overBy(ledger, claim);
    const found = (rule: string, message: string): Finding[] => [
      { rule, at: asked, message: `${by}() of ${run}#${attempt} ${message}`, about: [run, claim.node] },
    ];
    if (answer === "done") {
      const since = over === undefined ? undefined : asked - ledger.momentOf(over).most;
      if (since !== undefined && since > blur)
        return found("held-after-end", `succeeded, asked for ${since} ms after its attempt had ended.`);
      const ended = leaseEnded(ledger, looks, claim.node, held);
      return ended === undefined
        ? []
        : found(
            "held-after-end",
            `succeeded, asked for ${ended} ms after the lease of ${claim.node} had ended.`,
          );
    }
    if (answer !== "LEASE_LOST" || !isHeldUntil(ledger, looks, claim, over, held)) return [];
    return found(
      "held-refused",
      `was refused ${at - asked} ms after it was asked for, and ${claim.node} held it.`,
    );
  });
};

/** What ended an attempt, or shows that it is nobody's any more: its end, or that its run is given out again. */
function overBy({ ended, runs }: Ledger, { run, token, index }: Claim): Told | undefined {
  const next = runs.get(run)?.claims.find((one) => one.index > index);
  const end = ended.get(token);
  return end !== undefined && (next === undefined || end.index < next.index) ? end : next;
}

/** By how many ms a node's lease had ended when a call began, if no look shows that it was prolonged until the call was answered. */
function leaseEnded(
  { serverTime, told }: Ledger,
  looks: readonly Look[],
  node: string,
  { asked, at }: Held,
): number | undefined {
  const before = looks.findLast((look) => look.at + blur < asked);
  const after = looks.find((look) => look.t > at + blur);
  if (before === undefined || after === undefined || !serverTime.isRight(before.t, after.at))
    return undefined;
  const end = before.nodes[node];
  // An identity joins once: whoever is off the list does not come back to it.
  if (end === undefined) {
    const joined = told.find(
      (line) => line.what === "other" && line.word === "nodeJoined" && line.subject === node,
    );
    return joined !== undefined && joined.t < before.t ? asked - before.t : undefined;
  }
  return end + blur < asked && after.nodes[node] === end ? asked - end : undefined;
}

/** Whether a node surely held an attempt, and a lease, for as long as a call was under way. */
function isHeldUntil(
  { serverTime, told, momentOf, evidence }: Ledger,
  looks: readonly Look[],
  { node }: Claim,
  over: Told | undefined,
  { asked, at }: Held,
): boolean {
  if (over !== undefined && momentOf(over).least <= at + blur) return false;
  const gone = told.some(
    (line) =>
      line.what === "other" &&
      /^node(Dead|Left)$/.test(line.word) &&
      line.subject === node &&
      line.t <= at + blur,
  );
  // For good: an identity that is off the list does not come back to it.
  const deleted = takenOutIn(evidence).some(({ id, from }) => id === node && from <= at + blur);
  const [before, after] = [looks.findLast((look) => look.at < asked), looks.find((look) => look.t > at)];
  if (gone || deleted || before === undefined || after === undefined) return false;
  if (!serverTime.isRight(before.t, after.at)) return false;
  return [before, after].every((look) => (look.nodes[node] ?? 0) > at + blur);
}

/** How many calls there were, by what was called and what was answered. */
export function countHeld(evidence: readonly Evidence[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { by, answer } of factsOf(evidence, "held"))
    counts[`${by} ${answer}`] = (counts[`${by} ${answer}`] ?? 0) + 1;
  return counts;
}
