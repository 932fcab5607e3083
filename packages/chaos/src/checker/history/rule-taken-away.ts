import { fireTimesIn, isTimed, type Spell } from "./definitions.js";
import type { Finding, HistoryRule } from "./finding.js";
import { type Ledger, partsOf } from "./ledger.js";
import type { Asked } from "./operations.js";
import { lastMoment } from "./rule-fire-times.js";
import type { Claim, End, Other } from "./told.js";

/**
 * Nothing of a job is given out once it has been removed, until it is defined again; and no fire time that a change has taken away. What
 * was given out before may go on, and be given back. What a removed job left running has no further attempt, also if a job is defined anew
 * under its id: that has another task, input and delivery.
 */
export const takenAwayStaysAway: HistoryRule = (ledger) => {
  const known = new Set<number>();
  const all = [
    ...afterRemoval(ledger),
    ...ofFormerJob(ledger),
    ...afterAnswer(ledger),
    ...afterChange(ledger),
  ].filter(({ line }) => !known.has(line.index) && known.add(line.index));
  return all.map(({ line: { what: kind, run, attempt, t }, what }): Finding => {
    const came = kind === "started" ? "was given out" : "was to have another attempt";
    const message = `${run}#${attempt} ${came} after ${what}.`;
    return { rule: "taken-away-started", at: t, message, about: [run, partsOf(run).job ?? run] };
  });
};

/** For so many ms two processes' views of the machine's clock may differ. */
const blur = 100;

interface Late {
  readonly line: Claim | End;
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
      : [{ line, what: `the store had told, ${line.t - since} ms before, that its job was removed` }];
  });
}

/**
 * By the order of the stream: what was given out before its job was removed is not to be tried again. A run by hand is of one job only, whatever
 * attempt is given out; a fire time may be one of the new definition as well, and begins with attempt 1 then.
 */
function ofFormerJob({ told }: Ledger): Late[] {
  const given = new Map<string, Map<string, Claim>>(); // by job and run: the latest claim
  const former = new Map<string, { readonly claim: Claim; readonly removed: number }>();
  return told.flatMap((line): Late[] => {
    if (line.what === "other") {
      const own = given.get(line.subject);
      if (line.word === "jobRemoved") {
        for (const [run, claim] of own ?? []) former.set(run, { claim, removed: line.t });
        given.delete(line.subject);
      } else if (line.word === "jobAdded")
        // In one and the same ms nobody can tell the one job from the other.
        for (const [run, { claim }] of former)
          if (partsOf(run).job === line.subject && claim.t >= line.t) former.delete(run);
      return [];
    }
    const { job, fireTime } = partsOf(line.run);
    if (job === undefined || (line.what === "ended" && line.state === "m")) return [];
    if (line.what === "ended") {
      former.delete(line.run);
      given.get(job)?.delete(line.run);
      return [];
    }
    const was = former.get(line.run);
    const isNew = line.what === "started" && line.attempt === 1 && fireTime !== undefined;
    if (was !== undefined && !isNew)
      return [
        {
          line,
          what: `its job, of which it had been given out, was removed ${line.t - was.removed} ms before`,
        },
      ];
    if (line.what !== "started") return [];
    former.delete(line.run);
    const own = given.get(job) ?? new Map<string, Claim>();
    given.set(job, own.set(line.run, line));
    return [];
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
        : [{ line: claim, what: `the removal of its job, which was acknowledged at ${removal.heard.at}` }];
    });
  });
}

/**
 * Fire times that a definition does not have any more: those after the step that changed it, where the stream of events tells of that. What had
 * come due by then is owed still, unless the job was removed: then also what is handed back goes.
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
    return [...ledger.runs.values()].flatMap(({ job: of, fireTime, claims }): Late[] => {
      if (of !== id || fireTime === undefined) return [];
      const those = times.filter(({ has }) => has.has(fireTime));
      if (those.length === 0) return [];
      return claims
        .filter(
          (claim) =>
            claim.attempt === 1 && !those.some(({ spell, over }) => isOwed(spell, over, fireTime, claim)),
        )
        .map((line) => ({ line, what: "its fire time had been taken away" }));
    });
  });
}

/** Whether a fire time of a definition may be given out, as its first attempt. */
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
