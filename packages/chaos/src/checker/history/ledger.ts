import type { Evidence, TrialFact } from "../../evidence/evidence.js";
import { factsOf, groupBy } from "../case.js";
import type { Bounds } from "./causes.js";
import { type JobStory, jobStories } from "./definitions.js";
import { backOf, saidToBeBack } from "./handed-back.js";
import { type Asked, operationsIn } from "./operations.js";
import { distinct, partitionsIn, splitEvidence } from "./parts.js";
import { momentsIn } from "./redis-clock.js";
import { ServerTime } from "./server-time.js";
import { type Claim, type End, entriesIn, type Told, toldIn } from "./told.js";

/** A handler that began. */
export type Begin = Extract<Evidence, { kind: "start" }>;

/** All that is known of one run. */
export interface RunStory {
  readonly id: string;
  /** Its job; none if it was enqueued. */
  readonly job: string | undefined;
  /** Its fire time, ms; none if it was enqueued or asked for by hand. */
  readonly fireTime: number | undefined;
  /** Attempts that were handed out, ends of attempts and of the run, as the store told them; handlers that began. In order. */
  readonly claims: Claim[];
  readonly ends: End[];
  readonly begins: Begin[];
}

/** All evidence of a trial, in the forms that rules ask for. */
export interface Ledger {
  readonly trial: TrialFact;
  /** Of all partitions together, where this is of one of several; else this one. Tokens there have their partition behind them. */
  readonly whole: Ledger;
  /** Of each partition of the whole alone, in order; this one, where there is one. */
  readonly parts: readonly [Ledger, ...Ledger[]];
  /** Which partition it is of; 0: of the first, or of all. */
  readonly partition: number;
  readonly evidence: readonly Evidence[];
  readonly told: readonly Told[];
  readonly operations: readonly Asked[];
  readonly jobs: ReadonlyMap<string, JobStory>;
  readonly runs: ReadonlyMap<string, RunStory>;
  /** Handlers that began, and ends that the store told, by token. */
  readonly begun: ReadonlyMap<string, Begin>;
  readonly ended: ReadonlyMap<string, End>;
  /** Whether a token's attempt was handed back before it began: its node says so, if nodes do, and the store tells of what shows that it was back. */
  handedBack(claim: Claim): boolean;
  /** What shows that an attempt that never began, and has no end of its own, was back. */
  backBy(claim: Claim): Told | undefined;
  /** Redis' own clock, TIME. */
  readonly serverTime: ServerTime;
  /** When a line was told, at the least and at the most, by this machine's wall clock; ms. */
  momentOf(line: Told): Bounds;
  /** Notes that a rule had something to judge: of how many cases, and not only whether they were in order, the report tells. */
  judged(what: string, count?: number): void;
  readonly exercised: Readonly<Record<string, number>>;
  /** When a phase was reached by the wall clock; later than everything if it was not. */
  reached(phase: string): number;
}

/** What a run's id says. */
export function partsOf(run: string): { readonly job?: string; readonly fireTime?: number } {
  const [, job, time, hand] = /^(.+)@(\d{13})(-.*)?$/.exec(run) ?? [];
  if (job === undefined) return {};
  return hand === undefined ? { job, fireTime: Number(time) } : { job };
}

/** Reads the evidence. @throws Error if nothing says what trial it is of */
export function ledgerOf(evidence: readonly Evidence[]): Ledger {
  if (partitionsIn(evidence) === 1) return readLedger(evidence);
  let parts: readonly [Ledger, ...Ledger[]] | undefined;
  const whole = readLedger(distinct(evidence), {
    whole: () => whole,
    parts: () => {
      parts ??= splitEvidence(evidence).map(
        (part): Ledger => readLedger(part, { whole: () => whole, parts: () => whole.parts }),
      ) as [Ledger, ...Ledger[]];
      return parts;
    },
  });
  return whole;
}

/** How to find what a ledger is part of, and its parts. */
interface Relatives {
  whole(): Ledger;
  parts(): Ledger["parts"];
}

function readLedger(evidence: readonly Evidence[], relatives?: Relatives): Ledger {
  const [trial] = factsOf(evidence, "trial");
  if (trial === undefined) throw new Error("The evidence does not say what trial it is of.");
  const told = toldIn(entriesIn(evidence).kept);
  const operations = operationsIn(evidence);
  const serverTime = new ServerTime(evidence);
  const runs = runStories(evidence, told);
  const begun = new Map(factsOf(evidence, "start").map((begin) => [begin.token, begin]));
  const ended = new Map(
    told.flatMap((line) =>
      line.what !== "other" && line.what !== "started" && line.token !== "0" ? [[line.token, line]] : [],
    ),
  );
  const jobs = jobStories(operations);
  const isSettled = (token: string): boolean => begun.has(token) || ended.has(token);
  const backBy = backOf(told, runs, jobs, isSettled, saidToBeBack(evidence));
  const phases = new Map(factsOf(evidence, "phase").map(({ phase, at }) => [phase as string, at]));
  const exercised: Record<string, number> = {};
  const ledger: Ledger = {
    get whole() {
      return relatives?.whole() ?? ledger;
    },
    get parts() {
      return relatives?.parts() ?? [ledger];
    },
    partition: trial.partition ?? 0,
    exercised,
    judged: (what, count = 1) => {
      exercised[what] = (exercised[what] ?? 0) + count;
    },
    trial,
    evidence,
    told,
    operations,
    jobs,
    runs,
    begun,
    ended,
    backBy,
    momentOf: momentsIn(evidence, told, serverTime),
    serverTime,
    handedBack: (claim) => backBy(claim) !== undefined,
    reached: (phase) => phases.get(phase) ?? Number.POSITIVE_INFINITY,
  };
  return ledger;
}

function runStories(evidence: readonly Evidence[], told: readonly Told[]): Map<string, RunStory> {
  const runs = new Map<string, RunStory>();
  const storyOf = (id: string): RunStory => {
    const { job, fireTime } = partsOf(id);
    const story = runs.get(id) ?? { id, job, fireTime, claims: [], ends: [], begins: [] };
    runs.set(id, story);
    return story;
  };
  for (const line of told) {
    if (line.what === "started") storyOf(line.run).claims.push(line);
    // An entry for fire times that were missed stands for several, and is none of the run that it names.
    else if (line.what !== "other" && line.state !== "m") storyOf(line.run).ends.push(line);
  }
  const begins = factsOf(evidence, "start").sort((a, b) => a.mono - b.mono);
  for (const [run, some] of groupBy(begins, (begin) => begin.run)) storyOf(run).begins.push(...some);
  return runs;
}
