import { factsOf, groupBy } from "../case.js";
import { troublesIn } from "./calm.js";
import type { Finding, HistoryRule } from "./finding.js";
import type { Ledger } from "./ledger.js";
import type { Asked } from "./operations.js";
import { isMissed } from "./rule-children.js";
import { mostOf, type Placed, placesOf, scopesOf } from "./rule-places.js";
import { merged, touching } from "./spans.js";
import type { Claim, End, Told } from "./told.js";
import { waitingIn } from "./waiting.js";

/** How long a claim that was handed back may have held its place: the store does not tell when that was. */
const handBack = 15_000;

/** What is skipped is skipped for a reason that was there at that moment: a run of its job, or runs that took all places. */
export const skipsHaveReasons: HistoryRule = (ledger) => {
  const open = new Holders(ledger);
  const sameMoment = claimsByTime(ledger.told);
  const othersWait = waitingIn(ledger);
  const around = ledger.parts.length === 1 ? undefined : aroundIn(ledger);
  const isOnItsWay = mayBeOnItsWay(ledger);
  return ledger.told.flatMap((line): Finding[] => {
    open.follow(line);
    if (line.what !== "ended" || line.state !== "k") return [];
    // What the same step gives out stands behind what it skips.
    const there = line.reason === "limit" ? around?.(line) : undefined;
    const holders = there ?? [...open.at(line.t), ...(sameMoment.get(line.t) ?? [])];
    if (stoodInItsWay(ledger, open.placed, line, holders, othersWait) || isOnItsWay(line)) return [];
    const message = `${line.run} was skipped (${line.reason}), and nothing stood in its way.`;
    return [
      { rule: "skipped-for-nothing", at: line.t, message, about: [line.run, ...parentsOf(ledger, line)] },
    ];
  });
};

function stoodInItsWay(
  ledger: Ledger,
  placed: ReturnType<typeof placesOf>,
  line: End,
  holders: readonly Claim[],
  othersWait: (skipped: End) => boolean,
): boolean {
  const job = jobOf(line.run);
  const { overlap = "skip", dependsOn = [] } = ledger.jobs.get(job)?.job ?? {};
  switch (line.reason) {
    case "overlap":
      if (/^(allow|queue-all|replace)$/.test(overlap)) return false;
      if (!holders.some(({ run }) => run !== line.run && jobOf(run) === job)) return false;
      // With the others one waits, or comes and takes the turn of what waits.
      return overlap === "skip" || othersWait(line);
    case "limit":
      return isFull(ledger, placed, line, holders);
    case "dependency":
      return dependsOn.some((parent) => didNotSucceed(ledger, parent, line));
    default:
      return false;
  }
}

/** The runs that one which was skipped depends on: what another partition has told of them it may have lost itself. */
function parentsOf({ jobs }: Ledger, { run, reason }: End): string[] {
  const { dependsOn = [] } = (reason === "dependency" && jobs.get(jobOf(run))?.job) || {};
  return dependsOn.map((parent) => parent + run.slice(run.lastIndexOf("@")));
}

/** Whether a parent's run of the same fire time had come to an end other than success by then; the same step may tell of it later. */
function didNotSucceed({ runs, told }: Ledger, parent: string, { run, index, t }: End): boolean {
  const time = Number(run.slice(run.lastIndexOf("@") + 1));
  const last = runs
    .get(`${parent}@${time}`)
    ?.ends.findLast((end) => end.what === "ended" && (end.index < index || end.t === t));
  if (last !== undefined) return last.state !== "s";
  return isMissed(told, parent, time);
}

/**
 * For so many ms what the home of a limit has said of its places is believed elsewhere, and so long a place that it lent counts as taken before it is used, or
 * may be on its way to be; docs/partitions.md.
 */
const believed = { before: 600, after: 200 } as const;

/** How to find who held something about when a run was skipped, in whatever partition. */
function aroundIn({ told, ended, evidence, backBy }: Ledger): (skipped: End) => Claim[] {
  const back = new Map(factsOf(evidence, "back").map(({ token, at }) => [token, at]));
  const over = (claim: Claim): number => {
    const isBack = backBy(claim)?.t ?? Number.POSITIVE_INFINITY;
    return ended.get(claim.token)?.t ?? Math.min(isBack, (back.get(claim.token) ?? isBack) + handBack);
  };
  const spans = told.flatMap((line) =>
    line.what === "started" ? [{ claim: line, until: over(line) + believed.before }] : [],
  );
  return ({ t }) =>
    spans.flatMap(({ claim, until }) => (claim.t <= t + believed.after && t <= until ? [claim] : []));
}

/**
 * Whether a place of a limit may have been on its way between two partitions when whoever carried it was befallen, or a partition that has some may not have
 * answered: then there are fewer until it is asked for again.
 */
function mayBeOnItsWay(ledger: Ledger): (skipped: End) => boolean {
  const troubles = ledger.parts.length === 1 ? [] : merged(troublesIn(ledger));
  return ({ reason, t }) => {
    if (reason !== "limit" || ledger.parts.length === 1) return false;
    const isTroubled = touching(troubles, t, t).length > 0;
    if (!isTroubled) ledger.judged("skips by a limit, undisturbed");
    return isTroubled;
  };
}

function jobOf(run: string): string {
  return run.includes("@") ? run.slice(0, run.lastIndexOf("@")) : "";
}

function isFull(
  ledger: Ledger,
  placed: ReturnType<typeof placesOf>,
  { run }: End,
  holders: readonly Claim[],
): boolean {
  const own = placed(run);
  if (own === undefined) return true;
  return scopesOf(own).some((scope) => {
    if (whenFull(ledger, scope, own) !== "skip") return false;
    const others = holders.filter(
      (holder) => holder.run !== run && scopesOf(placed(holder.run) ?? { task: "-" }).includes(scope),
    );
    return others.length >= mostOf(ledger, scope, own);
  });
}

/** What becomes of a run while all places of a scope are taken. */
function whenFull(ledger: Ledger, scope: string, { concurrencyKey, concurrencyLimit }: Placed): string {
  if (scope !== `key:${concurrencyKey}`) return ledger.trial.limits[scope]?.whenFull ?? "wait";
  return typeof concurrencyLimit === "object" ? (concurrencyLimit.whenFull ?? "wait") : "wait";
}

function claimsByTime(told: readonly Told[]): Map<number, Claim[]> {
  const claims = new Map<number, Claim[]>();
  for (const line of told)
    if (line.what === "started") claims.set(line.t, [...(claims.get(line.t) ?? []), line]);
  return claims;
}

/** Who holds what, step by step: runs that were given out and have not ended, those between attempts included. */
class Holders {
  readonly placed: ReturnType<typeof placesOf>;
  readonly #ledger: Ledger;
  readonly #open = new Map<string, Claim>();

  constructor(ledger: Ledger) {
    this.#ledger = ledger;
    this.placed = placesOf(ledger);
  }

  follow(line: Told): void {
    if (line.what === "started") this.#open.set(line.run, line);
    if (line.what === "ended") this.#ended(line);
  }

  /** An end in the same step as what is skipped for it stands before or behind it: it is one moment. */
  #ended({ run, t }: End): void {
    const claim = this.#open.get(run);
    if (claim === undefined) return;
    this.#open.delete(run);
    this.#just = this.#just.filter((one) => one.t === t);
    this.#just.push({ t, claim });
  }

  #just: { readonly t: number; readonly claim: Claim }[] = [];

  at(t: number): Claim[] {
    const open = [...this.#open.values()].filter(
      (claim) => !this.#ledger.handedBack(claim) || t - claim.t < handBack,
    );
    return [...open, ...this.#just.flatMap((one) => (one.t === t ? [one.claim] : []))];
  }
}

/** What is cancelled was asked to be: by the driver, with its job, or by a later run of its job. */
export const cancelsHaveReasons: HistoryRule = ({ operations, runs, jobs, told }) => {
  const rivals = groupBy(
    told.flatMap((line) => (line.what === "started" ? [line] : [])),
    ({ run }) => jobOf(run),
  );
  const asked = new Set(
    operations.flatMap(({ does, end }) => (does.do === "cancel" && end !== "refused" ? [does.run] : [])),
  );
  return [...runs.values()].flatMap(({ id, job = "", ends }) =>
    ends.flatMap((end): Finding[] => {
      if (end.state !== "c" || asked.has(id) || id.startsWith("impostor") || !known(end)) return [];
      const { job: definition, removals = [] } = jobs.get(job) ?? {};
      const { overlap } = definition ?? {};
      if (end.reason === "overlap" && isCutShort(end, overlap, rivals.get(job) ?? [])) return [];
      // What was handed back, or failed, when its job had been removed has no other attempt: it ends as `job-removed`.
      if (removals.some((removal) => mayHaveEnded(removal, end))) return [];
      const message = `${id} was cancelled (${end.reason}), and nobody had asked for that.`;
      return [{ rule: "cancelled-for-nothing", at: end.t, message, about: [id] }];
    }),
  );

  function known({ run }: End): boolean {
    return (
      run.includes("@") ||
      operations.some(({ does }) => does.do === "enqueue" && does.runs.some(({ id }) => id === run))
    );
  }
};

/** Whether a run may have been cancelled with its job: one that ran only if that was asked for. */
function mayHaveEnded({ does, asked }: Asked, { reason, token, t }: End): boolean {
  if (!/^(job-)?removed$/.test(reason) || asked.at > t) return false;
  return reason === "job-removed" || token === "0" || (does.do === "remove" && does.cancelRunning);
}

/** Whether a run of a job may have been cut short for another: one that replaces it has been given out, in the same step at the latest. */
function isCutShort({ run, t }: End, overlap: string | undefined, claims: readonly Claim[]): boolean {
  if (overlap === "cancel-running") return true;
  return (
    overlap === "replace" && claims.some((claim) => claim.run !== run && claim.attempt === 1 && claim.t <= t)
  );
}
