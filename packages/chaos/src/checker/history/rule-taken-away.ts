import { fireTimesIn, isTimed, type Spell } from "./definitions.js";
import type { Finding, HistoryRule } from "./finding.js";
import { type Ledger, partsOf } from "./ledger.js";
import type { Asked } from "./operations.js";
import { lastMoment } from "./rule-fire-times.js";
import type { Claim, Other } from "./told.js";

/**
 * Nothing of a job is given out once it has been removed, until it is defined again; and no fire time that a change has taken away. What
 * was given out before may go on, and be given back.
 */
export const takenAwayStaysAway: HistoryRule = (ledger) => {
  const removed = afterRemoval(ledger);
  const known = new Set(removed.map(({ claim }) => claim.index));
  const all = [...removed, ...afterAnswer(ledger).filter(({ claim }) => !known.has(claim.index))];
  return [...all, ...afterChange(ledger)].map(({ claim: { run, attempt, t }, what }): Finding => {
    const message = `${run}#${attempt} was given out after ${what}.`;
    return { rule: "taken-away-started", at: t, message, about: [run, partsOf(run).job ?? run] };
  });
};

/** For so many ms two processes' views of the machine's clock may differ. */
const blur = 100;

interface Late {
  readonly claim: Claim;
  /** After what. */
  readonly what: string;
}

/** By the order of the stream: a claim between the line that a job was removed and the one that it is there again. */
function afterRemoval({ told }: Ledger): Late[] {
  const gone = new Map<string, number>();
  return told.flatMap((line): Late[] => {
    if (line.what === "other") {
      if (line.word === "jobRemoved") gone.set(line.subject, line.t);
      if (line.word === "jobAdded") gone.delete(line.subject);
      return [];
    }
    if (line.what !== "started") return [];
    const since = gone.get(partsOf(line.run).job ?? "");
    return since === undefined
      ? []
      : [{ claim: line, what: `the store had told, ${line.t - since} ms before, that its job was removed` }];
  });
}

/** By what the driver heard: a claim after a removal was acknowledged, of a job that nobody can have defined again by then. */
function afterAnswer({ operations, runs, jobs }: Ledger): Late[] {
  const defines = operations.filter(({ does, end }) => does.do === "define" && end !== "refused");
  const names = (asked: Asked, job: string): boolean =>
    asked.does.do === "define" && asked.does.jobs.some(({ id }) => id === job);
  return [...runs.values()].flatMap(({ job, claims }) => {
    const removals = jobs.get(job ?? "")?.removals.filter(({ end }) => end === "acknowledged") ?? [];
    return claims.flatMap((claim): Late[] => {
      const removal = removals.findLast(({ heard }) => heard.at + blur < claim.t);
      if (removal === undefined || job === undefined) return [];
      const back = defines.some((one) => {
        const mayFollow = one.end === "maybe" || one.heard.mono > removal.asked.mono;
        return names(one, job) && one.asked.at <= claim.t && mayFollow;
      });
      return back
        ? []
        : [{ claim, what: `the removal of its job, which was acknowledged at ${removal.heard.at}` }];
    });
  });
}

/**
 * Fire times that a definition does not have any more: those after the step that changed it, where the stream of events tells of that. What had
 * come due by then is owed still, unless the job was removed.
 */
function afterChange(ledger: Ledger): Late[] {
  const until = lastMoment(ledger) + 60_000;
  return [...ledger.jobs.values()].flatMap(({ id, job, spells }) => {
    if (!isTimed(job)) return [];
    const times = spells.map((spell) => ({
      spell,
      over: lineOfChange(ledger, id, spell.overBy),
      has: new Set(fireTimesIn(spell, spell.possibleFrom - 1, Math.min(until, spell.possibleUntil + 1))),
    }));
    return [...ledger.runs.values()].flatMap(({ job: of, fireTime, claims: [claim] }): Late[] => {
      if (of !== id || fireTime === undefined || claim === undefined) return [];
      const those = times.filter(({ has }) => has.has(fireTime));
      const some = those.some(({ spell, over }) => isOwed(spell, over, fireTime, claim));
      return those.length === 0 || some ? [] : [{ claim, what: "its fire time had been taken away" }];
    });
  });
}

/** Whether a fire time of a definition may be given out for the first time. */
function isOwed(
  { overBy, possibleUntil }: Spell,
  over: Other | undefined,
  fireTime: number,
  claim: Claim,
): boolean {
  if (over === undefined) return overBy?.does.do !== "remove" || claim.t <= possibleUntil + blur;
  return over.word === "jobUpdated" ? fireTime <= over.t : claim.index < over.index;
}

/** The line of the stream of events that tells of a change; none if it may tell of another one. */
function lineOfChange(
  { told, operations }: Ledger,
  job: string,
  change: Asked | undefined,
): Other | undefined {
  if (change === undefined) return undefined;
  const others = operations.some((one) => {
    if (one === change || one.end === "refused") return false;
    const { does } = one;
    const names =
      does.do === "define" ? does.jobs.some(({ id }) => id === job) : "job" in does && does.job === job;
    const until = one.end === "maybe" ? Number.POSITIVE_INFINITY : one.heard.at;
    return (
      names &&
      /^(define|update|remove)$/.test(does.do) &&
      one.asked.at <= change.heard.at &&
      until >= change.asked.at
    );
  });
  const lines = told.filter(
    (line): line is Other =>
      line.what === "other" &&
      line.subject === job &&
      /^job(Added|Updated|Removed)$/.test(line.word) &&
      line.t >= change.asked.at &&
      line.t <= change.heard.at,
  );
  return others || lines.length > 1 ? undefined : lines[0];
}
