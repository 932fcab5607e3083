import { parseDuration } from "@escapement/triggers";
import type { PlannedJob } from "../../workload/operations.js";
import type { Finding, HistoryRule } from "./finding.js";
import type { Ledger, RunStory } from "./ledger.js";
import type { Claim } from "./told.js";

/** What says which limits a run falls under, and what becomes of it when it is lost: its job's definition, or what it was enqueued with. */
export type Placed = Pick<
  PlannedJob,
  "task" | "queue" | "concurrencyKey" | "concurrencyLimit" | "rateLimit" | "delivery" | "maxLost"
>;

/** How to find what says that of a run. */
export function placesOf({ jobs, operations }: Ledger): (run: string) => Placed | undefined {
  const enqueued = new Map<string, Placed>();
  for (const { does } of operations)
    if (does.do === "enqueue")
      for (const run of does.runs) enqueued.set(run.id ?? "", { ...run, task: does.task });
  return (run) => enqueued.get(run) ?? jobs.get(run.slice(0, Math.max(0, run.lastIndexOf("@"))))?.job;
}

/** The scopes under whose limits a run falls. */
export function scopesOf({ task, queue = "default", concurrencyKey }: Placed): string[] {
  return [
    "all",
    `queue:${queue}`,
    `task:${task}`,
    ...(concurrencyKey === undefined ? [] : [`key:${concurrencyKey}`]),
  ];
}

/** How many of a scope may run at once: by what nodes were told, or the run's own key. */
export function mostOf(ledger: Ledger, scope: string, placed: Placed): number {
  const { concurrencyKey, concurrencyLimit, rateLimit } = placed;
  if (scope !== `key:${concurrencyKey}`) return ledger.trial.limits[scope]?.max ?? Number.POSITIVE_INFINITY;
  // With a rate alone the key bounds nothing else.
  if (concurrencyLimit === undefined) return rateLimit === undefined ? 1 : Number.POSITIVE_INFINITY;
  return typeof concurrencyLimit === "number" ? concurrencyLimit : concurrencyLimit.max;
}

/** At no moment, in the order in which the store gives out and records, do more runs of a scope run than it allows. */
export const limitsHold: HistoryRule = (ledger) => {
  const placed = placesOf(ledger);
  const held = new Map<string, Map<string, Claim>>();
  const found: Finding[] = [];
  for (const line of ledger.told) {
    if (line.what === "other") continue;
    const own = placed(line.run);
    if (own === undefined) continue;
    for (const scope of scopesOf(own)) {
      const holders = held.get(scope) ?? new Map<string, Claim>();
      held.set(scope, holders);
      if (line.what !== "started") holders.delete(line.token);
      else if (!ledger.handedBack(line)) {
        holders.set(line.token, line);
        const most = mostOf(ledger, scope, own);
        const there = holders.size <= most ? [] : [...holders.values()].filter(isThere(ledger, line));
        if (there.length <= most) continue;
        const runs = there.map(({ run }) => run);
        const message = `${line.run} was given out as number ${there.length} of ${scope}, which allows ${most}: ${runs.join(", ")}.`;
        found.push({ rule: "limit", at: line.t, message, about: runs });
      }
    }
  }
  return found;
};

/** Whether a claim has its place when another is given out: not if it ends in that millisecond in another partition. */
function isThere({ ended }: Ledger, line: Claim): (holder: Claim) => boolean {
  return ({ partition, token }) =>
    partition === line.partition || (ended.get(token)?.t ?? Number.POSITIVE_INFINITY) > line.t;
}

/**
 * Within any period no more attempts of a scope are given out than its rate allows, those aside that were handed back: they have not started. While
 * Redis' clock has gone back the product's stands still, and what it remembers of starts is forgotten by the server's own, a period after the latest.
 */
export const ratesHold: HistoryRule = (ledger) => {
  const placed = placesOf(ledger);
  const starts = new Map<string, Claim[]>();
  const found: Finding[] = [];
  for (const line of ledger.told) {
    const own = line.what === "started" ? placed(line.run) : undefined;
    if (own === undefined || line.what !== "started" || ledger.handedBack(line)) continue;
    for (const scope of scopesOf(own)) {
      const rate = scope.startsWith("key:") ? rateOf(own) : ledger.trial.rates[scope];
      if (rate === undefined) continue;
      const all = starts.get(scope) ?? [];
      starts.set(scope, all);
      all.push(line);
      const before = all.at(-1 - rate.max);
      if (before === undefined || line.t - before.t >= rate.per) continue;
      if (isForgotten(ledger, all.slice(-1 - rate.max), rate.per)) continue;
      const message = `${line.run} was given out ${line.t - before.t} ms after ${before.run}, with ${rate.max - 1} others of ${scope} between; ${rate.max} may start in ${rate.per} ms.`;
      found.push({ rule: "rate", at: line.t, message, about: [line.run, before.run] });
    }
  }
  return found;
};

/** Whether the server's clock may have gone on by a period between one start and the next, where somebody moved it. */
function isForgotten({ serverTime, momentOf }: Ledger, starts: readonly Claim[], per: number): boolean {
  if (!serverTime.isMoved) return false;
  return starts.some((line, index) => {
    const before = starts[index - 1];
    if (before === undefined) return false;
    const [first, last] = [momentOf(before), momentOf(line)];
    return serverTime.most(first.least, last.most) - serverTime.least(first.least, first.most) >= per;
  });
}

function rateOf({ rateLimit }: Placed): { readonly max: number; readonly per: number } | undefined {
  if (rateLimit === undefined) return undefined;
  const { max, per } = rateLimit;
  return { max, per: parseDuration(per) };
}

/** Runs of a job that must not run beside each other do not: from the first claim until the run has ended, its waits between attempts included. */
export const overlapsHold: HistoryRule = (ledger) => {
  const open = new Map<string, Set<string>>();
  const found: Finding[] = [];
  for (const line of ledger.told) {
    if (line.what === "other") continue;
    const job = line.run.includes("@") ? line.run.slice(0, line.run.lastIndexOf("@")) : "";
    const { overlap = "skip" } = ledger.jobs.get(job)?.job ?? {};
    if (job === "" || overlap === "allow" || overlap === "replace") continue;
    const runs = open.get(job) ?? new Set<string>();
    open.set(job, runs);
    if (line.what !== "started") {
      if (line.what === "ended") runs.delete(line.run);
      continue;
    }
    if (ledger.handedBack(line)) continue;
    const others = [...runs].filter((run) => run !== line.run);
    runs.add(line.run);
    if (others.length === 0) continue;
    const message = `${line.run} was given out while ${others.join(", ")} had not ended; ${job} has the overlap ${overlap}.`;
    found.push({ rule: "overlap", at: line.t, message, about: [line.run, ...others] });
  }
  return found;
};

/** No more runs of fire times start than a job's `maxRuns` says. */
export const maxRunsHold: HistoryRule = (ledger) =>
  [...ledger.jobs.values()].flatMap(({ id, job: { maxRuns } }): Finding[] => {
    if (maxRuns === undefined) return [];
    const counted = [...ledger.runs.values()]
      .filter((run) => run.job === id && isCounted(ledger, run))
      .sort((a, b) => (a.claims[0]?.index ?? 0) - (b.claims[0]?.index ?? 0));
    const over = counted[maxRuns];
    if (over === undefined) return [];
    const message = `${counted.length} runs of ${id} started, which has maxRuns ${maxRuns}.`;
    return [{ rule: "max-runs", at: over.claims[0]?.t ?? 0, message, about: [over.id, id] }];
  });

/** Whether `maxRuns` counts a run: it was given out, and not handed back. One that was lost before it began has counted. */
export function isCounted({ handedBack }: Ledger, { fireTime, claims }: RunStory): boolean {
  return fireTime !== undefined && claims.some((claim) => claim.attempt === 1 && !handedBack(claim));
}
