import type { LeasesFact } from "../../evidence/evidence.js";
import { factsOf, groupBy } from "../case.js";
import type { Finding, HistoryRule } from "./finding.js";
import type { Ledger } from "./ledger.js";
import { takenOutIn } from "./taken-out.js";
import type { Claim, End, Other } from "./told.js";

/** Terms are given once and rise, by what nodes witness in the order of time, and by what the store tells. */
export const termsRise: HistoryRule = ({ evidence, told }) => {
  const witnessed = factsOf(evidence, "elected")
    .sort((a, b) => a.mono - b.mono)
    .map(({ epoch, at, node }) => ({ epoch, at, node }));
  const said = othersOf(told, "leaderElected").map(({ rest, t, subject }) => ({
    epoch: Number(rest[0]),
    at: t,
    node: subject,
  }));
  const found = falls(witnessed);
  // What is told comes after the fact, and from whom it comes twice is told once.
  const twice = new Map<number, string>();
  for (const { epoch, at, node } of said) {
    const other = twice.get(epoch);
    if (other !== undefined && other !== node)
      found.push({
        rule: "epoch-order",
        at,
        message: `${node} and ${other} were elected for term ${epoch}.`,
        about: [node, other],
      });
    twice.set(epoch, node);
  }
  return found;
};

function falls(elected: readonly { epoch: number; at: number; node: string }[]): Finding[] {
  return elected.flatMap(({ epoch, node }, index) => {
    const before = elected[index - 1];
    if (before === undefined || epoch > before.epoch) return [];
    const message = `${node} was elected for term ${epoch} after ${before.node} for term ${before.epoch}.`;
    // What was lost is the higher term: whoever is elected next, however late, does not know of it.
    return [{ rule: "epoch-order", at: before.at, message, about: [node, before.node] }];
  });
}

function othersOf(told: Ledger["told"], word: string): Other[] {
  return told.filter((line): line is Other => line.what === "other" && line.word === word);
}

/** Why a leader lets go of a lease that lasts. One that has expired, or was refused, was not let go of. */
const freely = /^(closed|resigned|stalled)$/;

/**
 * Nobody is elected while another's lease lasts, unless that one has let go of it: it takes that down before it tells the store. A term that no
 * node was elected for had no leader: its request was answered when its node had begun to leave, and what it got was handed back at once. Where
 * somebody moved Redis' clock a lease may have ended by that between two looks, each of which is taken after the answer to the one before.
 */
export const leasesAreExclusive: HistoryRule = ({ evidence, serverTime }) => {
  const samples = factsOf(evidence, "leases").sort((a, b) => a.mono - b.mono);
  const led = new Set(factsOf(evidence, "elected").map(({ epoch }) => epoch));
  const over = new Set<string>();
  const letGo = new Set<string>();
  for (const { event, details } of factsOf(evidence, "event")) {
    if (event !== "leaderLost") continue;
    const { node, epoch, reason } = details as { node: string; epoch: number; reason: string };
    over.add(`${node} ${epoch}`);
    if (freely.test(reason)) letGo.add(`${node} ${epoch}`);
  }
  /** Whether a term between these two was let go of, or had no leader. */
  const wasFreeBetween = ({ leader, epoch }: LeasesFact, { epoch: next }: LeasesFact): boolean =>
    Array.from({ length: Math.max(next - epoch - 1, 0) }, (_, index) => epoch + 1 + index).some(
      (term) => letGo.has(`${leader} ${term}`) || !led.has(term),
    );
  const deletions = factsOf(evidence, "fault").filter(
    ({ fault, proof }) => fault === "leader-lease-deleted" && proof !== "",
  );
  return samples.flatMap((sample, index): Finding[] => {
    const before = samples[index - 1];
    if (before === undefined || before.leader === null || sample.leader === null) return [];
    if (before.leader === sample.leader && before.epoch === sample.epoch) return [];
    const time = serverTime.isMoved
      ? serverTime.most(samples[index - 2]?.at ?? Number.NEGATIVE_INFINITY, sample.at)
      : sample.t;
    if (time >= before.until || !led.has(before.epoch)) return [];
    const term = `${before.leader} ${before.epoch}`;
    // Whoever has the lease still, and holds its term for over, begins another one; and may let go of that, or hear of it too late, before it is looked at.
    const mayGoOn = over.has(term) && (before.leader === sample.leader || wasFreeBetween(before, sample));
    if (letGo.has(term) || mayGoOn) return [];
    if (deletions.some(({ from, until }) => from < sample.t && until > before.t - 100)) return [];
    const message = `${sample.leader} led in term ${sample.epoch} while the lease of ${before.leader} for term ${before.epoch} lasted for ${before.until - sample.t} ms more.`;
    return [{ rule: "lease-exclusive", at: sample.t, message, about: [sample.leader, before.leader] }];
  });
};

/** A node is declared dead only when its lease has ended, and does nothing under that identity from then on. */
export const deathIsFinal: HistoryRule = ({ evidence, told }) => {
  const samples = factsOf(evidence, "leases").sort((a, b) => a.t - b.t);
  const dead = new Map<string, number>();
  const takenOut = takenOutIn(evidence);
  const wasTakenOut = (node: string, t: number): boolean =>
    takenOut.some(({ id, isNear }) => id === node && isNear(t));
  const found: Finding[] = [];
  for (const line of told) {
    if (line.what === "other") {
      if (line.word !== "nodeDead") continue;
      dead.set(line.subject, line.t);
      const until = lastLease(samples, line.subject, line.t);
      if (until === undefined || until < line.t || wasTakenOut(line.subject, line.t)) continue;
      const message = `${line.subject} was declared dead ${until - line.t} ms before its lease ended.`;
      found.push({ rule: "dead-too-early", at: line.t, message, about: [line.subject] });
    } else if (dead.has(line.node) && (line.what === "started" || /[sft]/.test(line.state))) {
      const did =
        line.what === "started"
          ? `was given ${line.run}#${line.attempt}`
          : `ended ${line.run}#${line.attempt}`;
      const message = `${line.node} ${did} ${line.t - (dead.get(line.node) ?? 0)} ms after it had been declared dead.`;
      found.push({ rule: "dead-node-works", at: line.t, message, about: [line.run, line.node] });
    }
  }
  return found;
};

function lastLease(samples: readonly LeasesFact[], node: string, before: number): number | undefined {
  return samples.findLast(({ t, nodes }) => t < before && nodes[node] !== undefined)?.nodes[node];
}

/** For so many ms two processes' views of the machine's clock may differ. */
const blur = 100;

/**
 * What is lost is lost for a reason that happened: its node died or left by then, or just then (whoever leaves says so in the step in which it gives up
 * what it holds), or the sweeper found it taken off the list by a fault, or it said that voters refused it the lock of this very attempt: since that was given out, and by when it was given up. That another attempt's was refused, or another node, is none. Where there are
 * voters the store has no lock that could refuse.
 */
export const lossesHaveReasons: HistoryRule = (ledger) => {
  const { told, runs, evidence } = ledger;
  const takenOut = takenOutIn(evidence);
  const gone = new Map<string, number>();
  for (const line of told) {
    if (line.what !== "other") continue;
    const isGone =
      /^node(Dead|Left)$/.test(line.word) ||
      (line.word === "mended" && takenOut.some(({ id, isNear }) => id === line.subject && isNear(line.t)));
    if (isGone) gone.set(line.subject, Math.min(line.index, gone.get(line.subject) ?? line.index));
  }
  const wasRefused = refusalsIn(ledger);
  return [...runs.values()].flatMap(({ id, claims, ends }) =>
    ends.flatMap((end): Finding[] => {
      if (end.state !== "l") return [];
      if ((gone.get(end.node) ?? Number.POSITIVE_INFINITY) <= end.index) return [];
      const claim = claims.find(({ token }) => token === end.token);
      if (claim !== undefined && wasRefused(claim, end)) return [];
      const message = `${id}#${end.attempt} of ${end.node} was given up (${end.reason || "another attempt follows"}), and the node had neither died nor left, nor been refused its lock.`;
      return [{ rule: "lost-for-nothing", at: end.t, message, about: [id, end.node] }];
    }),
  );
};

/** Whether the node that was given an attempt said, before that was given up, that voters refused it the lock. It names the run alone. */
function refusalsIn({ evidence, trial, momentOf }: Ledger): (claim: Claim, end: End) => boolean {
  if (trial.voters < 3) return () => false;
  const nameOf = new Map(factsOf(evidence, "up").map(({ id, node }) => [id, node]));
  const refusals = groupBy(
    factsOf(evidence, "event").filter(({ event }) => event === "lockRefused"),
    ({ details }) => (details as { runId: string }).runId,
  );
  return (claim, end) => {
    const [from, until] = [momentOf(claim).least - blur, momentOf(end).most + blur];
    const isOfLock = end.reason === "" || end.reason === "lock";
    return (
      isOfLock &&
      (refusals.get(end.run) ?? []).some(
        ({ node, at }) => node === nameOf.get(claim.node) && from <= at && at <= until,
      )
    );
  };
}
