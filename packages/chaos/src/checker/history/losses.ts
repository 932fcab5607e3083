// What a store that loses acknowledged writes explains. Its stream of events shows which steps it lost: each step writes its entry with
// whatever else it does. What is left of the stream is the order of the steps that it kept, and holds together by itself; only what rests
// on a step that was lost can be otherwise: what nodes and the driver had heard of it.
import type { Evidence } from "../../evidence/evidence.js";
import { factsOf } from "../case.js";
import type { Finding } from "./finding.js";
import { partsOf } from "./ledger.js";
import { type Asked, operationsIn } from "./operations.js";
import { entriesIn, type Told, toldIn } from "./told.js";

/** A time in which all that was written may be lost, wall clock, ms. */
interface Span {
  readonly from: number;
  readonly until: number;
}

/** Entries farther apart than that were lost in different failovers. */
const apart = 5000; // ms

/** What was asked just before the first entry that was lost, or heard just after the last, may have told nothing. */
const slack = { before: 1000, after: 2500 } as const;

/** Terms, leases and deaths follow from what a node heard before a loss for as long as the longest lease lasts. */
const aftermath = 15_000; // ms

/** What became of a run that was touched shows within so many ms: the longest lease ends, and what it kept from starting waits its turn. */
const ofRuns = 30_000; // ms

/** Rules about who leads, who lives and who holds what by which lock: those of time, not of a run's or a job's place in the store. */
const ofLeases = /^(epoch-order|lease-exclusive|dead-too-early|dead-node-works|lost-for-nothing)$/;

/** Rules that rest on a job's definition, or on where its fire times stand: what was lost of that stays lost until it is written anew. */
const ofDefinitions =
  /^(missed|never-due|taken-away-started|missed-for-nothing|misfire|input|timeout-ignored|timed-out-early|given-up|needless-attempt|not-settled|history)$/;

/** A run that is gone is so for good: at whatever time it is missed. */
const ofAll = /^not-settled$/;

/** What became of a run may have been told, and lost, long after its time; then its job may have been removed. */
const ofOutcomes = /^missed$/;

/** Which fire times there are follows from the definition that was there when they came: they may start later, when it is there again. */
const ofFireTimes = /^(never-due|taken-away-started)$/;

/** One whose start was lost starts once nothing holds it back any more, a pause or a rate: however late. */
const ofStarts = /^duplicate$/;

/** Rules about how long something waits: for as long as a pause is there whose end was lost. */
const ofWaiting = /^(late|late-in-calm|held-on)$/;

/** When nodes were given what no entry tells of: a server that was deposed may have lost its entries before anybody else had read them. */
function claimsOfNoEntry(evidence: readonly Evidence[], told: readonly Told[]): number[] {
  const tokens = new Set(told.flatMap((line) => (line.what === "started" ? [line.token] : [])));
  return factsOf(evidence, "claimed").flatMap(({ token, claimedAt }) =>
    tokens.has(token) ? [] : [claimedAt],
  );
}

/** When what was written went to a master that was deposed for a replica which had stood still meanwhile. Who wrote then may have told nothing. */
function lagsIn(evidence: readonly Evidence[]): Span[] {
  const [trial] = factsOf(evidence, "trial");
  const isHere = (partitions: readonly number[] | undefined): boolean =>
    trial?.partition === undefined || partitions?.includes(trial.partition) !== false;
  return factsOf(evidence, "fault").flatMap(({ fault, from, until, proof, partitions }) =>
    fault === "replica-lag" && proof.includes(" bytes of writes") && isHere(partitions)
      ? [{ from, until }]
      : [],
  );
}

/** What the losses of a store explain. */
export class Losses {
  /** How many entries of the stream of events are gone. */
  readonly entries: number;
  readonly #spans: readonly Span[];
  /** When something of a run, a pause or a node was lost, or of a job's own record. */
  readonly #touched = new Map<string, Span[]>();
  readonly #records = new Map<string, Span[]>();
  /** When starts of a run were lost. */
  readonly #starts = new Map<string, Span[]>();
  readonly #operations: readonly Asked[];
  readonly #ofPauses: Losses | undefined;

  /** @param ofPauses what the partition lost in which pauses are, if that is another one */
  constructor(evidence: readonly Evidence[], ofPauses?: Losses) {
    this.#ofPauses = ofPauses;
    const { kept, unkept } = entriesIn(evidence);
    this.entries = unkept.length;
    const unread = claimsOfNoEntry(evidence, toldIn([...kept, ...unkept]));
    const lost = unkept.map(({ entry }) => Number(entry.split("-")[0]));
    this.#spans = [...spansOf([...lost, ...unread].sort((a, b) => a - b)), ...lagsIn(evidence)];
    this.#operations = operationsIn(evidence);
    for (const line of toldIn(unkept)) this.#touchTold(line);
    this.#touchUnseen(toldIn([...kept, ...unkept]));
    for (const asked of this.#operations) this.#touchAsked(asked);
    this.#touchHeard(evidence);
  }

  /** Whether a finding rests on something that was lost, not long before it. */
  explains({ rule, at, about, explainedByLoss }: Finding): boolean {
    if (explainedByLoss === false) return false;
    if (ofLeases.test(rule)) return isWithin(this.#spans, at, aftermath);
    return about.some((name) => {
      if (this.#ofPauses !== undefined && name.startsWith("pause:"))
        return this.#ofPauses.explains({ rule, at, about: [name], message: "" });
      if (ofStarts.test(rule) && isWithin(this.#starts.get(name), at, Number.POSITIVE_INFINITY)) return true;
      const { job = name, fireTime = at } = partsOf(name);
      const lost = this.#touched.get(name)?.some(({ until }) => until >= at);
      if (ofOutcomes.test(rule) && name.includes("@") && lost === true) return true;
      // What has not ended is told of at the end of the trial, whenever it was to come.
      const [when, after] = ofAll.test(rule) ? [fireTime, Number.POSITIVE_INFINITY] : [at, ofRuns];
      if (ofFireTimes.test(rule) && this.#recordExplains(job, rule, fireTime)) return true;
      if (ofWaiting.test(rule) && this.#pauseExplains(name, at)) return true;
      return isWithin(this.#touched.get(name), at, after) || this.#recordExplains(job, rule, when);
    });
  }

  /** Whether a pause may have been there since its end was lost, or just before, until somebody ended it again. */
  #pauseExplains(name: string, at: number): boolean {
    const lost = name.startsWith("pause:") ? this.#touched.get(name) : undefined;
    return (
      lost?.some(({ from, until }) => from <= at && at <= this.#endedAnew(name, until) + aftermath) ?? false
    );
  }

  #endedAnew(name: string, after: number): number {
    const next = this.#operations.find(
      ({ does, asked, end }) =>
        (does.do === "del" || does.do === "resume") &&
        `pause:${does.name}` === name &&
        end === "acknowledged" &&
        asked.at > after,
    );
    return next?.heard.at ?? Number.POSITIVE_INFINITY;
  }

  #recordExplains(job: string, rule: string, at: number): boolean {
    const lost = this.#records.get(job);
    if (lost === undefined) return false;
    if (!ofDefinitions.test(rule)) return isWithin(lost, at, ofRuns);
    return lost.some((span) => span.from <= at && at <= this.#writtenAnew(job, span) + aftermath);
  }

  /** When a job's record was surely written again after a loss. */
  #writtenAnew(job: string, { until }: Span): number {
    const next = this.#operations.find(
      ({ does, asked, end }) => end === "acknowledged" && asked.at > until && jobsWritten(does).includes(job),
    );
    return next?.heard.at ?? Number.POSITIVE_INFINITY;
  }

  #touchTold(line: Told): void {
    const spans = this.#over(line.t, line.t);
    if (line.what === "started") add(this.#starts, [line.run], spans);
    if (line.what !== "other") add(this.#touched, [line.run], spans);
    else if (line.word.startsWith("job")) add(this.#records, [line.subject], spans);
    else {
      const isPause = /^(paused|resumed)$/.test(line.word);
      add(this.#touched, [isPause ? `pause:${line.subject}` : line.subject], spans);
    }
  }

  #touchAsked({ does, asked, heard, answer }: Asked): void {
    // What was under way when a span began is judged from when it was asked for.
    const spans = this.#over(asked.at, heard.at).map(({ from, until }) => ({
      from: Math.min(from, asked.at),
      until,
    }));
    if (spans.length === 0) return;
    add(this.#records, jobsWritten(does), spans);
    if (does.do === "enqueue")
      add(
        this.#touched,
        does.runs.flatMap(({ id = [] }) => id),
        spans,
      );
    else if (does.do === "run-now") add(this.#touched, [String(answer)], spans);
    else if (does.do === "stale-write") add(this.#touched, [does.job], spans);
    else if ("run" in does) add(this.#touched, [does.run], spans);
    else if ("name" in does) add(this.#touched, [`pause:${does.name}`], spans);
  }

  /**
   * A pause that nobody ever told of, of what was given out meanwhile: whoever set it was connected to a server that was deposed, and that no node
   * wrote to any more.
   */
  #touchUnseen(told: readonly Told[]): void {
    const noticed = new Map<string, number[]>();
    for (const line of told)
      if (line.what === "other" && line.word === "paused")
        noticed.set(line.subject, [...(noticed.get(line.subject) ?? []), line.t]);
    for (const { does, asked, heard, end } of this.#operations) {
      if ((does.do !== "set" && does.do !== "pause") || end !== "acknowledged" || does.ttl === undefined)
        continue;
      const [from, until] = [asked.at, heard.at + does.ttl];
      const isSeen = noticed
        .get(does.name)
        ?.some((t) => from - slack.before <= t && t <= until + slack.after);
      if (isSeen !== true) add(this.#touched, [`pause:${does.name}`], [{ from, until }]);
    }
  }

  /** What nodes were given, or had accepted, while it was about to be lost. */
  #touchHeard(evidence: readonly Evidence[]): void {
    for (const kind of ["start", "end", "accepted", "refused", "claimed"] as const)
      for (const { run, at } of factsOf(evidence, kind)) {
        add(this.#touched, [run], this.#over(at, at));
        if (kind === "start") add(this.#starts, [run], this.#over(at, at));
      }
  }

  /** The spans that a time overlaps. */
  #over(from: number, until: number): Span[] {
    return this.#spans.filter((span) => from <= span.until && until >= span.from);
  }
}

function add(to: Map<string, Span[]>, names: readonly string[], spans: readonly Span[]): void {
  if (spans.length > 0) for (const name of names) to.set(name, [...(to.get(name) ?? []), ...spans]);
}

function isWithin(spans: readonly Span[] | undefined, at: number, after: number): boolean {
  return spans?.some(({ from, until }) => from <= at && at <= until + after) ?? false;
}

function jobsWritten(does: Asked["does"]): string[] {
  if (does.do === "define") return does.jobs.map(({ id }) => id);
  return does.do === "update" || does.do === "remove" ? [does.job] : [];
}

function spansOf(times: readonly number[]): Span[] {
  const spans: { from: number; until: number }[] = [];
  for (const time of times) {
    const last = spans.at(-1);
    if (last !== undefined && time <= last.until + apart) last.until = time;
    else spans.push({ from: time, until: time });
  }
  return spans.map(({ from, until }) => ({ from: from - slack.before, until: until + slack.after }));
}
