import type { Evidence } from "../../evidence/evidence.js";
import {
  type Given,
  givenIn,
  identities,
  judgePauses,
  mostAfterPause,
  type NamesOf,
  type Pausable,
  type PauseFindings,
} from "../../pauses/pause-rules.js";
import { factsOf, groupBy } from "../case.js";
import { faultsOn, troublesOf } from "./calm.js";
import type { Finding, HistoryRule } from "./finding.js";
import type { Begin, Ledger } from "./ledger.js";
import { placesOf } from "./rule-places.js";
import type { Span } from "./spans.js";

/**
 * By how many ms more a handler may begin late after a pause that was set while its claim was answered: the processor may be busy, and voters have to be
 * asked. `perhaps`: after several pauses. `troubled`: where something has befallen its node, its link or the store since its claim.
 */
const slack = {
  alone: { perhaps: 50, calm: 150, troubled: 2500 },
  voters: { perhaps: 150, calm: 300, troubled: 8000 },
} as const;
/** Once a pause is acknowledged no run of a further partition begins later than so many ms: docs/partitions.md. */
const mostAtGate = 1000;
/** So many pauses after which handlers began late perhaps are no accident. */
const several = 2;
/** For so long after a fault an answer that it held up may still be on its way, ms. */
const echo = 500;
/** The watcher looks that often when nothing holds it up, ms. */
const usual = 200;

/**
 * What the driver did to pauses, in the form in which those who set keys by hand take it down. A time to live passes by the server's clock: where somebody
 * moved that, it may be over sooner.
 */
function asPauseEvidence({ operations, serverTime: time }: Ledger): Evidence[] {
  const shortest = (ttl: number, asked: number, heard: number): number =>
    time.earliest(time.least(asked, heard) + ttl, asked) - asked;
  return operations.flatMap(({ op, does, asked, heard, end, answer }): Evidence[] => {
    const sets = does.do === "pause" || does.do === "set";
    if (!sets && does.do !== "resume" && does.do !== "del") return [];
    if (end === "refused") return [];
    const act = sets
      ? ({
          set: true,
          ...(does.ttl !== undefined && { ttl: shortest(does.ttl, asked.wall, heard.wall) }),
        } as const)
      : ({ set: false } as const);
    const lines: Evidence[] = [
      {
        node: "driver",
        mono: asked.mono,
        at: asked.wall,
        kind: "asked",
        act: op,
        pause: does.name,
        does: act,
      },
    ];
    if (end === "acknowledged" && answer !== "unanswered")
      lines.push({ node: "driver", mono: heard.mono, at: heard.wall, kind: "acknowledged", act: op });
    return lines;
  });
}

/**
 * The attempts that the store gave out, by what it told of them, whether their nodes heard of that or not; and those that only nodes know of, since
 * the store has lost what it told.
 */
function givenOut({ evidence, runs, momentOf }: Ledger): Given[] {
  const claims = [...runs.values()].flatMap((run) => run.claims);
  const told = new Set(claims.map(({ token }) => token));
  const others = evidence.filter((line) => line.kind !== "claimed" || !told.has(line.token));
  return [
    ...claims.map((line) => ({ run: line.run, attempt: line.attempt, to: line.node, ...momentOf(line) })),
    ...givenIn(others),
  ];
}

/** How what happened agrees with the pauses. */
export function pausesIn(ledger: Ledger): PauseFindings {
  const { evidence, operations, jobs } = ledger;
  const placed = placesOf(ledger);
  const things: Pausable[] = [...jobs.values()].map(
    ({ id, job: { task, queue = "default", tags = [], overlap } }) => {
      return { id, task, queue, tags, beside: overlap === "allow" };
    },
  );
  for (const { does } of operations) {
    if (does.do !== "enqueue") continue;
    for (const { id = "" } of does.runs) {
      const { task, queue = "default" } = placed(id) ?? { task: does.task };
      things.push({ id, task, queue, tags: [], beside: true });
    }
  }
  const others = evidence.filter(({ kind }) => kind !== "asked" && kind !== "acknowledged");
  return judgePauses(
    [...others, ...asPauseEvidence(ledger)],
    things,
    givenOut(ledger),
    namesOfProcess(ledger.whole),
  );
}

/** How to find the names that the process of a node has in all partitions. The process that had its place before had others. */
function namesOfProcess({ parts, evidence }: Ledger): NamesOf {
  const names = parts.map((part) => identities(part.evidence));
  if (parts.length === 1) return (node, mono) => names.map((nameOf) => nameOf(node, mono));
  const joined = new Map(factsOf(evidence, "up").map(({ id, mono }) => [id, mono]));
  const began = groupBy(
    factsOf(evidence, "event").filter(({ event }) => event === "began"),
    ({ node }) => node,
  );
  return (node, mono) => {
    const since = began.get(node)?.findLast((one) => one.mono <= mono)?.mono ?? Number.NEGATIVE_INFINITY;
    const all = new Set(names.map((nameOf) => nameOf(node, mono)));
    return [...all].filter((id) => (joined.get(id) ?? since) >= since);
  };
}

/**
 * Nothing is given out under a pause, and what was given out before it begins soon after, or was frozen. In further partitions what is given out is looked at
 * in the first one, where the pause is, before it begins.
 */
export const nothingStartsPaused: HistoryRule = (ledger) => {
  const { started, spans, ...given } = pausesIn(ledger);
  const claimed = ledger.partition === 0 ? given.claimed : [];
  const givenAt = new Map(givenOut(ledger).map((one) => [`${one.run}#${one.attempt}`, one.least]));
  const under = claimed.map(({ what, pause, ms }): Finding => {
    const run = what.slice(0, what.lastIndexOf("#"));
    const message = `${what} was given out ${ms} ms after the pause ${pause} had been acknowledged.`;
    return {
      rule: "paused-claim",
      at: givenAt.get(what) ?? 0,
      message,
      about: [run, `pause:${pause}`],
    };
  });
  const [late, lateAtGate] = [lateBeginsIn(ledger), lateAtGateIn(ledger)];
  const wasUnder = new Set(claimed.map(({ what, pause }) => `${what} ${pause}`));
  const seen = started.flatMap(({ what, pause, ms }) => {
    const [run = "", attempt] = [
      what.slice(0, what.lastIndexOf("#")),
      Number(what.slice(what.lastIndexOf("#") + 1)),
    ];
    const begin = ledger.runs.get(run)?.begins.find((one) => one.attempt === attempt);
    const judge = begin !== undefined && isOfGate(ledger, begin, pause) ? lateAtGate : late;
    const how = wasUnder.has(`${what} ${pause}`) ? undefined : begin && judge(begin, ms);
    return begin === undefined || how === undefined ? [] : [{ run, what, pause, ms, begin, how }];
  });
  // A busy machine makes handlers begin late after one pause, not after several.
  const pauses = new Set(seen.map(({ pause, begin, ms }) => `${pause} ${Math.round(begin.mono - ms)}`));
  const begun = seen.flatMap(({ run, what, pause, ms, begin, how }): Finding[] => {
    if (how === "perhaps" && pauses.size < several) return [];
    const message = `${what} began ${Math.round(ms)} ms after the pause ${pause} had been acknowledged.`;
    return [{ rule: "paused-start", at: begin.at, message, about: [run, `pause:${pause}`] }];
  });
  return spans.length === 0 ? [] : [...under, ...begun];
};

/** Whether a pause is found by a look that is taken before a run begins: in further partitions each, in the first that of a name that its node has elsewhere. */
function isOfGate({ partition, runs, parts }: Ledger, { run, token }: Begin, pause: string): boolean {
  if (parts.length === 1) return false;
  const claim = runs.get(run)?.claims.find((one) => one.token === token);
  return partition > 0 || (pause.startsWith("node:") && pause !== `node:${claim?.node}`);
}

/**
 * Whether a handler began too many ms after such a pause: the look is younger than that, whatever befalls the store or the way to it. Only what
 * keeps the process itself from running may come between.
 */
function lateAtGateIn(ledger: Ledger): (begin: Begin, ms: number) => "late" | undefined {
  const own = faultsOn(ledger.evidence).filter(({ node }) => node !== undefined);
  const busy = busyIn(ledger);
  return ({ node, at }, ms) => {
    ledger.judged("begins after a pause at the gate");
    if (own.some((one) => one.node === node && one.from <= at && one.until + echo >= at - ms))
      return undefined;
    return ms - busy(at - ms, at) > mostAtGate ? "late" : undefined;
  };
}

/** By how many ms the watcher looked later than it wanted to between two moments: so long others on this machine may have waited as well. */
function busyIn({ whole }: Ledger): (from: number, until: number) => number {
  const looks = factsOf(whole.parts[0].evidence, "leases").map(({ at }) => at);
  return (from, until) =>
    looks.reduce((worst, at, index) => {
      const before = looks[index - 1] ?? at;
      return at >= from && before <= until ? Math.max(worst, at - before - usual) : worst;
    }, 0);
}

/**
 * Whether a handler began too many ms after a pause had been acknowledged for what befell its node, its link or the store, which may have kept the
 * answer to the claim; `perhaps`: the machine may have been busy.
 */
function lateBeginsIn(ledger: Ledger): (begin: Begin, ms: number) => "late" | "perhaps" | undefined {
  const own = ledger.trial.voters === 0 ? slack.alone : slack.voters;
  const [most, troubled] = [mostAfterPause + own.calm, mostAfterPause + own.troubled];
  const [brief, long] = [troublesOf(ledger, echo), troublesOf(ledger, troubled)];
  const isBusyFor = busyIn(ledger);
  return ({ run, token, at }, ms) => {
    const claim = ledger.runs.get(run)?.claims.find((one) => one.token === token);
    const node = claim?.node ?? "";
    const touches = (spans: readonly Span[], from: number): boolean =>
      spans.some((one) => one.from <= at && one.until >= from);
    // Of a claim that the store has lost nobody knows since when it was on its way.
    const isCalm = claim !== undefined && !touches(brief(node), ledger.momentOf(claim).least);
    if (!isCalm) return ms > troubled && !touches(long(node), at - ms) ? "late" : undefined;
    ledger.judged("begins after a pause");
    if (ms <= mostAfterPause) return undefined;
    const free = ms - isBusyFor(at - ms, at);
    if (free > most) return "late";
    return free > mostAfterPause + own.perhaps ? "perhaps" : undefined;
  };
}
