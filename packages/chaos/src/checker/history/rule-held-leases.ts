import type { LeasesFact } from "../../evidence/evidence.js";
import { factsOf } from "../case.js";
import type { Finding, HistoryRule } from "./finding.js";
import type { Claim, End } from "./told.js";

/** What a node was given, or has ended, as it said itself. */
type Work = Claim | End;

/**
 * Whoever is given an attempt, or ends one, has a lease at that moment, also while nobody has declared it dead yet. Leases are looked at now and
 * then: this finds what was done after the end of a lease that had not been prolonged at the next look, or that its node could not prolong in
 * time, since it was declared dead too soon for that. Where the store can lose writes, or while its clock is moved or stands still, looks and steps have no
 * one order.
 */
export const workNeedsALease: HistoryRule = ({ evidence, told, trial, serverTime, momentOf }) => {
  if (!trial.keepsWrites) return [];
  const all = factsOf(evidence, "leases").sort((a, b) => a.mono - b.mono);
  const looks = all
    .filter(({ at }, index) => serverTime.isRight(all[index - 1]?.at ?? at, at))
    .sort((a, b) => a.t - b.t);
  const joined = new Map<string, number>();
  const dead = new Map<string, number>();
  for (const line of told) {
    if (line.what !== "other") continue;
    if (line.word === "nodeJoined") joined.set(line.subject, line.t);
    if (line.word === "nodeDead") dead.set(line.subject, line.t);
  }
  const longest = longestLeases(looks);
  return told.flatMap((line): Finding[] => {
    if (line.what === "other" || (line.what !== "started" && !/[sft]/.test(line.state))) return [];
    const next = firstFrom(looks, line.t);
    const before = looks[next - 1];
    if (before === undefined) return [];
    const { least, most } = momentOf(line);
    const until = Math.max(looks[next]?.t ?? most, most);
    if (!serverTime.isRight(Math.min(before.t, least), until)) return [];
    const end = before.nodes[line.node];
    const gone = dead.get(line.node) ?? Number.POSITIVE_INFINITY;
    const message =
      end === undefined
        ? withoutLease(line, before, joined.get(line.node))
        : afterLease(line, end, looks[next], gone < before.t + (longest.get(line.node) ?? 0));
    return message === undefined
      ? []
      : [{ rule: "no-lease", at: line.t, message, about: [line.run, line.node] }];
  });
};

/** The first look that was not before some time. */
function firstFrom(looks: readonly LeasesFact[], time: number): number {
  let [low, high] = [0, looks.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((looks[middle]?.t ?? 0) < time) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** How long each node's lease was seen to last: none that is prolonged lasts for less. */
function longestLeases(looks: readonly LeasesFact[]): Map<string, number> {
  const longest = new Map<string, number>();
  for (const { t, nodes } of looks)
    for (const [node, end] of Object.entries(nodes))
      longest.set(node, Math.max(longest.get(node) ?? 0, end - t));
  return longest;
}

function afterLease(
  line: Work,
  end: number,
  next: LeasesFact | undefined,
  diedTooSoon: boolean,
): string | undefined {
  if (line.t <= end) return undefined;
  const later = next?.nodes[line.node];
  const isEnd = later === undefined ? diedTooSoon : later === end;
  return isEnd ? `${does(line)} ${line.t - end} ms after the end of its lease.` : undefined;
}

/** An identity joins once: whoever is off the list does not come back to it. */
function withoutLease(line: Work, look: LeasesFact, joined: number | undefined): string | undefined {
  if (joined === undefined || joined >= look.t) return undefined;
  return `${does(line)} although it had no lease ${line.t - look.t} ms before.`;
}

function does(line: Work): string {
  return `${line.node} ${line.what === "started" ? "was given" : "ended"} ${line.run}#${line.attempt}`;
}
