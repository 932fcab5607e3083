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

/** Rules about who leads, who lives and who holds what by which lock: those of time, not of a run's or a job's place in the store. */
const ofLeases = /^(epoch-order|lease-exclusive|dead-too-early|dead-node-works|lost-for-nothing)$/;

/** What the losses of a store explain. */
export class Losses {
  /** How many entries of the stream of events are gone. */
  readonly entries: number;
  readonly #spans: readonly Span[];
  readonly #touched = new Set<string>();

  constructor(evidence: readonly Evidence[]) {
    const { unkept } = entriesIn(evidence);
    this.entries = unkept.length;
    this.#spans = spansOf(unkept.map(({ entry }) => Number(entry.split("-")[0])));
    for (const line of toldIn(unkept)) this.#touch(namesIn(line));
    for (const asked of operationsIn(evidence)) this.#touchAsked(asked);
    this.#touchHeard(evidence);
  }

  /** Whether a finding rests on something that was lost. */
  explains({ rule, at, about, explainedByLoss }: Finding): boolean {
    if (explainedByLoss === false) return false;
    if (ofLeases.test(rule))
      return this.#spans.some(({ from, until }) => from <= at && at <= until + aftermath);
    return about.some((name) => this.#touched.has(name) || this.#touched.has(partsOf(name).job ?? ""));
  }

  #touch(names: Iterable<string>): void {
    for (const name of names) this.#touched.add(name);
  }

  #touchAsked({ does, asked, heard }: Asked): void {
    if (!this.#wasLost(asked.at, heard.at)) return;
    if (does.do === "define") this.#touch(does.jobs.map(({ id }) => id));
    else if (does.do === "enqueue") this.#touch(does.runs.flatMap(({ id = [] }) => id));
    else if ("job" in does) this.#touch([does.job]);
    else if ("run" in does) this.#touch([does.run]);
    else if ("name" in does) this.#touch([`pause:${does.name}`]);
  }

  /** What nodes were given, or had accepted, while it was about to be lost. */
  #touchHeard(evidence: readonly Evidence[]): void {
    for (const kind of ["start", "end", "accepted", "refused", "claimed"] as const)
      for (const { run, at } of factsOf(evidence, kind)) if (this.#wasLost(at, at)) this.#touch([run]);
  }

  #wasLost(from: number, until: number): boolean {
    return this.#spans.some((span) => from <= span.until && until >= span.from);
  }
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

/** What a step was about: a run, a job, a pause, a node. */
function namesIn(line: Told): string[] {
  if (line.what !== "other") return [line.run];
  return /^(paused|resumed)$/.test(line.word) ? [`pause:${line.subject}`] : [line.subject];
}
