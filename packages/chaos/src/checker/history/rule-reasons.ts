import { pausesOf } from "../../pauses/pause-rules.js";
import type { Finding, HistoryRule } from "./finding.js";
import type { Ledger } from "./ledger.js";
import { isMissed } from "./rule-children.js";
import { mostOf, type Placed, placesOf, scopesOf } from "./rule-places.js";
import type { Claim, End, Told } from "./told.js";

/** How long a claim that was handed back may have held its place: the store does not tell when that was. */
const handBack = 15_000;
/** How late a fire time has to be to be a misfire, where nothing else is said. */
const usualGrace = 60_000;

/** What is skipped is skipped for a reason that was there at that moment: a run of its job, or runs that took all places. */
export const skipsHaveReasons: HistoryRule = (ledger) => {
  const open = new Holders(ledger);
  const sameMoment = claimsByTime(ledger.told);
  return ledger.told.flatMap((line): Finding[] => {
    open.follow(line);
    if (line.what !== "ended" || line.state !== "k") return [];
    // What the same step gives out stands behind what it skips.
    const holders = [...open.at(line.t), ...(sameMoment.get(line.t) ?? [])];
    if (stoodInItsWay(ledger, open.placed, line, holders)) return [];
    const message = `${line.run} was skipped (${line.reason}), and nothing stood in its way.`;
    return [{ rule: "skipped-for-nothing", at: line.t, message, about: [line.run] }];
  });
};

function stoodInItsWay(
  ledger: Ledger,
  placed: ReturnType<typeof placesOf>,
  line: End,
  holders: readonly Claim[],
): boolean {
  const job = jobOf(line.run);
  const { overlap = "skip", dependsOn = [] } = ledger.jobs.get(job)?.job ?? {};
  switch (line.reason) {
    case "overlap":
      if (overlap === "allow" || overlap === "queue-all") return false;
      return holders.some(({ run }) => run !== line.run && jobOf(run) === job);
    case "limit":
      return isFull(ledger, placed, line, holders);
    case "dependency":
      return dependsOn.some((parent) => didNotSucceed(ledger, parent, line));
    default:
      return false;
  }
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
export const cancelsHaveReasons: HistoryRule = ({ operations, runs, jobs }) => {
  const asked = new Set(
    operations.flatMap(({ does, end }) => (does.do === "cancel" && end !== "refused" ? [does.run] : [])),
  );
  return [...runs.values()].flatMap(({ id, job = "", ends }) =>
    ends.flatMap((end): Finding[] => {
      if (end.state !== "c" || asked.has(id) || id.startsWith("impostor") || !known(end)) return [];
      const { job: definition, removals = [] } = jobs.get(job) ?? {};
      const { overlap } = definition ?? {};
      if (end.reason === "overlap" && (overlap === "replace" || overlap === "cancel-running")) return [];
      // What was handed back, or failed, when its job had been removed has no other attempt: it ends as `job-removed`.
      if (/^(job-)?removed$/.test(end.reason) && removals.some(({ asked: when }) => when.at <= end.t))
        return [];
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

/** What is missed was late, or its job was changed or paused. */
export const missesHaveReasons: HistoryRule = ({ told, operations, jobs }) => {
  const paused = operations.flatMap(({ does, asked, end }) =>
    end !== "refused" && (does.do === "pause" || does.do === "set")
      ? [{ name: does.name, at: asked.at }]
      : [],
  );
  const wasPaused = (id: string, t: number): boolean => {
    const { task = "", queue = "default", tags = [] } = jobs.get(id)?.job ?? {};
    const names = pausesOf({ id, task, queue, tags, beside: true });
    return paused.some(({ name, at }) => names.includes(name) && at <= t);
  };
  return told.flatMap((line): Finding[] => {
    if (line.what !== "ended" || line.state !== "m") return [];
    const job = jobOf(line.run);
    const time = Number(line.run.slice(job.length + 1));
    const redefined = operations.some(
      ({ does, asked, heard }) =>
        asked.at <= line.t &&
        heard.at >= line.t - 100 &&
        (("job" in does && does.job === job) ||
          (does.do === "define" && does.jobs.some(({ id }) => id === job))),
    );
    const justified =
      line.reason === "paused" ? wasPaused(job, line.t) : redefined || line.t - time > usualGrace;
    if (justified) return [];
    const message = `${line.run} and ${line.count - 1} others were recorded as missed (${line.reason}) ${line.t - time} ms after the first.`;
    return [{ rule: "missed-for-nothing", at: line.t, message, about: [line.run, job] }];
  });
};
