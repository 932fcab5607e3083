import type { Lateness } from "../lateness.js";
import { quantiles } from "../lateness.js";
import type { Finding, HistoryRule } from "./finding.js";
import { type Hindrances, hindrancesIn } from "./hindrances.js";
import type { Ledger, RunStory } from "./ledger.js";
import { type Span, touching, uncovered } from "./spans.js";
import type { Claim } from "./told.js";
import { millisOf } from "./versions.js";

/** For so many ms in all an attempt that is due may be kept waiting with nothing in its way, and its handler once it has been given out: the machine may be busy. */
const most = 5000;
/** So much longer where voters have to be asked for its lock. */
const mostOfVoters = 3000;

/** How late half of what nothing stands in the way of may begin at the most, and all but a hundredth, ms: a machine with two processors may be busy. */
const mostInCalm = { half: 150, hundredth: 1500 } as const;
/** Of fewer starts that says nothing. */
const fewest = { ofHalf: 20, ofHundredth: 200 } as const;

/** A wait, by the wall clock, ms; `free`: for how long of that nothing stood in the way. */
interface Wait extends Span {
  readonly free: number;
}

/**
 * Whatever is due is given out within a bound, and begins within one: of the time between, that in which a fault, a pause, a limit or the like can have
 * kept it from starting does not count. That goes for fire times, for what was enqueued, for further attempts from the end of their wait on, and so
 * for what goes on after a pause.
 */
export const startsAreInTime: HistoryRule = (ledger) => {
  const hindrances = hindrancesIn(ledger);
  const due = dueIn(ledger);
  const longest = most + (ledger.trial.voters > 0 ? mostOfVoters : 0);
  return [...ledger.runs.values()].flatMap((run) =>
    run.claims.flatMap((claim): Finding[] => {
      const of = `${run.id}#${claim.attempt}`;
      const { least, most: at } = ledger.momentOf(claim);
      const found = (what: string, { from, until, free }: Wait): Finding => {
        const message = `${of} ${what} ${until - from} ms after it was due; for ${free} ms of that nothing stood in its way.`;
        // A pause whose end was lost may have held it back.
        const pauses = hindrances.pausesOf(run.id).map((name) => `pause:${name}`);
        return { rule: "late", at: until, message, about: [run.id, ...pauses] };
      };
      const given = isFirst(run, claim) ? due(run, claim) : undefined;
      const waited = given === undefined ? undefined : waitOf(hindrances, claim.node, run.id, given, least);
      const begin = ledger.begun.get(claim.token);
      const began = begin && waitOf(hindrances, claim.node, undefined, at, begin.at);
      return [
        ...(waited !== undefined && waited.free > most ? [found("was given out", waited)] : []),
        ...(began !== undefined && began.free > longest ? [found("began", began)] : []),
      ];
    }),
  );
};

/** How late the first attempts of fire times began in whose way nothing stood meanwhile, ms. */
export function calmLatenessOf(ledger: Ledger): Lateness {
  return quantiles(ledger.parts.flatMap(calmWaits));
}

function calmWaits(ledger: Ledger): number[] {
  const hindrances = hindrancesIn(ledger);
  const due = dueIn(ledger);
  return [...ledger.runs.values()].flatMap((run) => {
    const [begin] = run.begins;
    const claim = run.claims.find(({ token }) => token === begin?.token);
    if (run.fireTime === undefined || claim?.attempt !== 1 || !isFirst(run, claim)) return [];
    const from = due(run, claim);
    if (begin === undefined || from === undefined) return [];
    if (inTheWay(hindrances, claim.node, run.id, from, begin.at).length > 0) return [];
    return [begin.at - from];
  });
}

/**
 * What nothing stands in the way of begins at its time, by and large: single ones may be late on a busy machine, within the bound above, half of all
 * are not, nor is more than one in a hundred by much.
 */
export const calmStartsAreOnTime: HistoryRule = (ledger) => {
  const { starts, p50, p99 } = calmLatenessOf(ledger);
  const found = (part: string, ms: number): Finding => {
    const message = `${part} of ${starts} first attempts in whose way nothing stood began ${ms} ms late or later.`;
    return { rule: "late-in-calm", at: ledger.reached("begun"), message, about: [] };
  };
  if (starts >= fewest.ofHalf && p50 > mostInCalm.half) return [found("Half", p50)];
  if (starts >= fewest.ofHundredth && p99 > mostInCalm.hundredth) return [found("One hundredth", p99)];
  return [];
};

function inTheWay(
  { on, of }: Hindrances,
  node: string,
  run: string | undefined,
  from: number,
  until: number,
): Span[] {
  return [...touching(on(node), from, until), ...(run === undefined ? [] : touching(of(run), from, until))];
}

function waitOf(
  hindrances: Hindrances,
  node: string,
  run: string | undefined,
  from: number,
  until: number,
): Wait {
  // Most are not late at all.
  const spans = until - from <= most ? [] : inTheWay(hindrances, node, run, from, until);
  return { from, until, free: uncovered(spans, from, until) };
}

/** What is given out again by the same number was handed back: nobody knows since when it waited again. */
function isFirst({ claims }: RunStory, { attempt, index }: Claim): boolean {
  return claims.every((other) => other.attempt !== attempt || other.index >= index);
}

/** When an attempt was due at the latest, by the machine's wall clock; `undefined`: nobody knows, as it waits for its job's parents, or nobody heard of it. */
function dueIn(ledger: Ledger): (run: RunStory, claim: Claim) => number | undefined {
  const { jobs, momentOf } = ledger;
  const asked = dueAsAsked(ledger);
  return (run, { attempt, index }) => {
    if (attempt > 1) {
      const before = run.ends.findLast((end) => end.what === "again" && end.index < index);
      return before && momentOf(before).most + Math.max(0, before.notBefore - before.t);
    }
    const { job } = jobs.get(run.job ?? "") ?? {};
    if (run.fireTime === undefined) return asked.get(run.id);
    if (job === undefined || job.dependsOn !== undefined) return undefined;
    return run.fireTime + (millisOf(job.jitter) ?? 0);
  };
}

/** When runs that were enqueued or asked for by hand were due, as their asking was acknowledged. */
function dueAsAsked({ operations }: Ledger): Map<string, number> {
  const due = new Map<string, number>();
  for (const { does, heard, answer, end } of operations) {
    if (does.do === "run-now" && end === "acknowledged") due.set(String(answer), heard.wall);
    for (const { id = "", delay, at } of does.do === "enqueue" ? does.runs : []) {
      const from = heard.wall + (millisOf(delay as number | string | undefined) ?? 0);
      due.set(id, at === undefined ? from : Math.max(from, new Date(at).getTime()));
    }
  }
  return due;
}
