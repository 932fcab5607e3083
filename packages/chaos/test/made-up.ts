import { every } from "@escapement/triggers";
import { factsOf } from "../src/checker/case.js";
import { type HistoryVerdict, judgeHistory } from "../src/checker/history/judge-history.js";
import type { Answer, Evidence, Fact, TrialFact } from "../src/evidence/evidence.js";
import { inputText } from "../src/evidence/input-text.js";
import type { StoreDump } from "../src/evidence/store-dump.js";
import type { WorkInput } from "../src/nodes/node-config.js";
import { partitionOf, partitionOfRun } from "../src/partitions.js";
import type { Operation, PlannedJob } from "../src/workload/operations.js";

/** When made-up histories begin, ms; a whole second. */
export const dawn = 1_000_000_000_000;

/** A node of a made-up history: its process, and the identity under which the store knows it. */
export const nodeOf = (name: string): string => `id-${name}`;

/** The id of a job's run at so many ms after the beginning. */
export const runAt = (job: string, ms: number): string => `${job}@${dawn + ms}`;

/** A job that fires every second from the beginning on, and whose runs may overlap. */
export function secondly(id: string, options: Partial<PlannedJob> = {}): PlannedJob {
  return { id, task: "tick", trigger: every("1s", { from: new Date(dawn) }), overlap: "allow", ...options };
}

/** A job or run of several partitions' that lives in one of them, by its name. */
export function idIn(partition: number, partitions: number, word = "job"): string {
  for (let number = 1; ; number += 1)
    if (partitionOf(`${word}-${number}`, partitions) === partition) return `${word}-${number}`;
}

/** How an attempt goes. Times are ms after the beginning. */
export interface MadeUpAttempt {
  readonly run: string;
  readonly attempt?: number;
  readonly at: number;
  /** @default 10 */
  readonly takes?: number;
  readonly node?: string;
  /** `again`: it failed and is tried again, so many ms later. @default "s" */
  readonly ends?: "s" | "f" | "t" | "again" | "never";
  readonly wait?: number;
  /** What its handler is handed. @default nothing */
  readonly input?: WorkInput;
}

/** Evidence of a trial that never was, made up fact by fact. Whatever is not said goes as it should. */
export class MadeUp {
  readonly evidence: Evidence[] = [];
  #sequence = 0;
  #ops = 0;
  readonly #partitions: number;
  readonly #moves: { readonly from: number; readonly until: number; readonly ahead: number }[] = [];

  constructor(trial: Partial<TrialFact> = {}) {
    const conditions = { seed: 1, topology: "single", keepsWrites: true, voters: 0, namespace: "made-up" };
    this.add(-1000, { kind: "trial", ...conditions, keptRuns: 100, limits: {}, rates: {}, ...trial });
    this.#partitions = trial.partitions ?? 1;
    for (const node of ["n1", "n2"]) {
      this.add(-900, { kind: "up", id: nodeOf(node) }, node);
      if (this.#partitions > 1)
        for (let partition = 0; partition < this.#partitions; partition += 1)
          this.tellIn(partition, -900, `nodeJoined ${nodeOf(node)}`);
    }
    this.add(0, { kind: "phase", phase: "begun" });
  }

  add(ms: number, fact: Fact, node = "driver"): this {
    this.evidence.push({ node, mono: ms, at: dawn + ms, ...fact });
    return this;
  }

  /** What the store tells in one step; of several partitions that of the first line's job or run. */
  tell(ms: number, ...lines: string[]): this {
    const [, subject = ""] = lines[0]?.split(" ") ?? [];
    return this.tellIn(partitionOfRun(subject, this.#partitions), ms, ...lines);
  }

  /** What a partition tells in one step. */
  tellIn(partition: number, ms: number, ...lines: string[]): this {
    this.#sequence += 1;
    const t = this.redisTime(ms);
    const own = this.#partitions === 1 ? {} : { partition };
    return this.add(ms, { kind: "told", entry: `${t}-${this.#sequence}`, t, lines, ...own }, "watcher");
  }

  /** Somebody moves Redis' clock ahead, or back if `ahead` is negative, and later to where it belongs. To be said before what happens from then on. */
  moveClock(from: number, until: number, ahead: number): this {
    this.#moves.push({ from, until, ahead });
    const when = { from: dawn + from, until: dawn + until, proof: "TIME was wrong" };
    const moved = { ahead, by: when.from, back: when.until };
    const fault = `redis-clock-${ahead > 0 ? "ahead" : "back"}`;
    return this.add(until, { kind: "fault", fault, target: "clock", ...when, moved });
  }

  /** Redis' clock at a moment of the machine's, ms: the server's, or the latest that the store has told by then. */
  redisTime(ms: number): number {
    const move = this.#moves.find(({ from, until }) => from <= ms && ms < until);
    const told = factsOf(this.evidence, "told").flatMap(({ at, t }) => (at <= dawn + ms ? [t] : []));
    return Math.max(dawn + ms + (move?.ahead ?? 0), ...(this.#moves.length > 0 ? told : []));
  }

  /** An operation that is asked for and heard of 10 ms later. */
  ask(ms: number, does: Operation, answer: Answer = { end: "acknowledged", answer: null }, after = 10): this {
    this.#ops += 1;
    this.add(ms, { kind: "operation", op: this.#ops, does });
    return this.add(ms + after, { kind: "answer", op: this.#ops, ...answer });
  }

  define(ms: number, ...jobs: PlannedJob[]): this {
    return this.ask(ms, { do: "define", jobs });
  }

  /** The token of what is claimed then. */
  token(ms: number, more = 0): string {
    return String((dawn + ms) * 1000 + more);
  }

  /** An attempt as it should go: claimed, begun, ended, recorded, and the node hears that. */
  attempt(
    { run, attempt = 1, at, takes = 10, node = "n1", ends = "s", wait = 0, input }: MadeUpAttempt,
    more = 0,
  ): this {
    const token = this.token(at, more);
    const fact = { run, attempt, token };
    this.tell(at, `started ${run} ${attempt} ${token} ${nodeOf(node)}`);
    this.add(at + 1, { kind: "claimed", ...fact, claimedAt: this.redisTime(at) }, node);
    const scheduledAt = Number(/@(\d{13})/.exec(run)?.[1] ?? this.redisTime(at));
    const handed = inputText(input);
    this.add(
      at + 1,
      { kind: "start", ...fact, scheduledAt, ...(handed !== undefined && { input: handed }) },
      node,
    );
    if (ends === "never") return this;
    if (ends === "s") this.add(at + takes, { kind: "end", ...fact }, node);
    const [claimed, ended] = [this.redisTime(at), this.redisTime(at + takes)];
    const head = `${this.#at(run, at)} ${claimed} ${ended} ${ends === "again" ? "f" : ends} ${attempt} ${token} ${nodeOf(node)}`;
    if (ends === "again") this.tell(at + takes, `again ${run} ${head} ${ended + wait}`);
    else this.tell(at + takes, `ended ${run} ${head}  `);
    const outcome = { s: "succeeded", f: "failed", t: "timed-out", again: "failed" }[ends];
    return this.add(at + takes + 1, { kind: "accepted", ...fact, outcome }, node);
  }

  /** An attempt that is given out and never begins. Its node says that it hands it back, or not. */
  given(ms: number, { run, attempt = 1, node = "n1" }: Omit<MadeUpAttempt, "at">, isBack = true): this {
    const token = this.token(ms);
    this.tell(ms, `started ${run} ${attempt} ${token} ${nodeOf(node)}`);
    return isBack ? this.add(ms + 1, { kind: "back", run, attempt, token }, node) : this;
  }

  /** The end of something that did not start: `skipped`, `missed`, `cancelled`. */
  ended(ms: number, run: string, state: "k" | "m" | "c", reason: string, count = 1): this {
    return this.tell(
      ms,
      `ended ${run} ${this.#at(run, ms)} 0 ${dawn + ms} ${state} 0 0 - ${count} ${JSON.stringify(reason)}`,
    );
  }

  /** A lost attempt; another follows, or not. */
  lost(
    ms: number,
    { run, attempt = 1, at, node = "n1" }: MadeUpAttempt,
    again: boolean,
    reason = "node-dead",
  ): this {
    const head = `${this.#at(run, at)} ${dawn + at} ${dawn + ms} l ${attempt} ${this.token(at)} ${nodeOf(node)}`;
    return this.tell(
      ms,
      again ? `again ${run} ${head} ${dawn + ms}` : `ended ${run} ${head}  ${JSON.stringify(reason)}`,
    );
  }

  /** All runs of a job between two moments, one a second. */
  runs(job: string, from: number, until: number, more = 0): this {
    for (let ms = from; ms <= until; ms += 1000) this.attempt({ run: runAt(job, ms), at: ms + 5 }, more);
    return this;
  }

  /** What the store holds, one partition of it where there are several. */
  store(
    ms: number,
    when: "during" | "settled" | "removed" | "stopped",
    dump: StoreDump,
    partition?: number,
  ): this {
    return this.add(ms, { kind: "store", when, dump, ...(partition !== undefined && { partition }) });
  }

  /** The faults are over, and all has ended. */
  heal(ms: number): this {
    return this.add(ms, { kind: "phase", phase: "healed" }).add(ms, { kind: "phase", phase: "settled" });
  }

  judge(): HistoryVerdict {
    return judgeHistory(this.evidence);
  }

  /** The rules that it breaks. */
  get broken(): string[] {
    return Object.keys(this.judge().byRule).sort();
  }

  #at(run: string, ms: number): string {
    return /@(.+)$/.exec(run)?.[1] ?? String(dawn + ms);
  }
}
