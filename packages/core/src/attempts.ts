import { PlaceList } from "@escapement/redis/internal";
import { json } from "./check.js";
import type { Claimed, Completion } from "./claim.js";
import { monotonic } from "./clock.js";
import { LeaseLostError, RunCancelledError, SchedulerStoppedError } from "./errors.js";
import type { AttemptEvent } from "./events.js";
import { Execution, type Surroundings } from "./execution.js";
import { tryToLog } from "./logger.js";
import type { Outcome } from "./outcome.js";
import { retryDelay } from "./retry.js";
import { keepingLogger } from "./run-logger.js";
import { RunLogs } from "./run-logs.js";
import { extend, report } from "./scripts/index.js";
import type { AnyTask } from "./task.js";
import type { Veto } from "./veto.js";
import type { WorkerParts } from "./worker-parts.js";

/** Bytes of JSON that a report of progress may take. */
const mostProgress = 4096;

const forgotten =
  "The store has lost that this node holds the run. Stop: it may already be under way elsewhere.";

/** How an attempt ended, as listeners hear of it; `vetoed`: its handler was not called. */
export type End = { readonly state: Outcome["state"]; readonly duration: number } | "vetoed";

/** Takes what is to be reported of an attempt, and what to tell once the report is accepted. */
export type Complete = (
  claimed: Claimed,
  outcome: Completion["outcome"],
  detail: string,
  result: string,
  end?: End,
) => void;

/** The attempts that a node carries out: their handlers, their signals, and how each of them ended. */
export class Attempts {
  readonly #parts: WorkerParts;
  readonly #complete: Complete;
  readonly #took: (ms: number, now: number) => void;
  /** What the handlers say, on its way to the store. */
  readonly logs: RunLogs;
  /** A list, and no map: what comes and goes by the ten thousand a second leaves maps behind that keep each other, and what was in them, from being freed. */
  readonly #running = new PlaceList<Execution>();
  readonly #around: Surroundings;

  /** @param took is told how many ms each handler took, and when it ended (monotonic) */
  constructor(parts: WorkerParts, complete: Complete, took: (ms: number, now: number) => void) {
    this.#parts = parts;
    this.#complete = complete;
    this.#took = took;
    this.logs = new RunLogs(parts.node, parts.store, parts.events);
    const { maxResult, abortGrace } = parts.settings;
    this.#around = {
      maxResult,
      abortGrace,
      openLog: (claimed) => this.#openLog(claimed),
      progress: async (claimed, value) =>
        this.#report(claimed, json("progress", value, mostProgress) ?? "null"),
      extend: (claimed) => this.#report(claimed, ""),
      ended: (execution, outcome) => this.#ended(execution, outcome),
    };
  }

  /** How many there are. */
  get size(): number {
    return this.#running.size;
  }

  /** What was claimed for them. */
  held(): Claimed[] {
    return Array.from(this.#latest().values(), ({ claimed }) => claimed);
  }

  /** By run. A later attempt of one that this node was said not to hold any more may be under way beside the earlier. */
  #latest(): Map<string, Execution> {
    const latest = new Map<string, Execution>();
    for (const execution of this.#running) {
      const { run, token } = execution.claimed;
      const other = latest.get(run);
      if (other === undefined || Number(other.claimed.token) < Number(token)) latest.set(run, execution);
    }
    return latest;
  }

  /** Resolves when all that run now have ended. */
  async ended(): Promise<void> {
    await Promise.all([...this.#running].map((execution) => execution.over()));
  }

  /** Tells all handlers to stop, and why. */
  abort(reason: Error): void {
    for (const execution of this.#running) execution.abort(reason);
  }

  /** Tells the handler of one to stop, if it runs here. */
  cancel(run: string, reason: string): void {
    // Aborting twice is none; should it be stopping for another reason, the script that takes its outcome knows of this.
    this.#latest().get(run)?.abort(new RunCancelledError(reason));
  }

  /** Tells the handlers of these to stop: the store does not know any more that they run here, and other attempts may start. */
  lose(runs: readonly string[]): void {
    const latest = this.#latest();
    for (const run of runs) latest.get(run)?.abort(new LeaseLostError(forgotten));
  }

  /** Calls the handler, and reports how that ended. */
  start(claimed: Claimed, task: AnyTask): void {
    const { slots, events, node } = this.#parts;
    const execution = new Execution(claimed, task, this.#around);
    // Before anybody hears of it: a listener may stop the scheduler, which waits for what runs.
    slots.begin();
    this.#running.add(execution);
    const veto = events.vetoOf(() => describeAttempt(node, claimed));
    if (veto === undefined) execution.begin();
    else {
      this.#leave(execution);
      this.#vetoed(claimed, veto);
    }
  }

  /** The handler was not called. With voters the lock is left to expire, as after a start. */
  #vetoed(claimed: Claimed, { reason }: Veto): void {
    this.#parts.locks?.forget(claimed);
    const detail = { ...ownDetail(claimed), reason: "vetoed", ...(reason === "" ? {} : { veto: reason }) };
    this.#complete(claimed, "v", JSON.stringify(detail), "", "vetoed");
  }

  #openLog(claimed: Claimed): ReturnType<Surroundings["openLog"]> {
    const { node, logger } = this.#parts;
    const log = this.logs.open(claimed);
    const own = logger.child({ job: claimed.job, run: claimed.run, attempt: claimed.attempt, node });
    return { logger: keepingLogger(own, log.keep), close: log.close };
  }

  #ended(execution: Execution, outcome: Outcome): void {
    const { state } = outcome;
    if (state !== "failed" && state !== "timed-out") this.#end(execution, outcome, undefined);
    else this.#retry(execution, outcome).then((again) => this.#end(execution, outcome, again));
  }

  /** After how many ms there is to be another attempt, if there is. Never rejects. */
  async #retry({ claimed, task }: Execution, { thrown }: Outcome): Promise<number | undefined> {
    try {
      const { abortGrace } = this.#parts.settings;
      return await within(abortGrace, retryDelay(claimed.body?.retry, claimed, thrown, task.options));
    } catch (error) {
      // What decides on it failed: the run fails rather than being tried again for ever, and this is said.
      this.#parts.events.emit("error", { step: "retry", error: error as Error });
      return undefined;
    }
  }

  async #report(claimed: Claimed, progress: string): Promise<void> {
    const { store, node } = this.#parts;
    const script = progress === "" ? extend : report;
    await script.run(store.lease, {
      keys: { ...store.keys, active: store.keys.active(node) },
      args: { node, run: claimed.run, token: claimed.token, progress },
    });
  }

  #leave(execution: Execution): void {
    this.#parts.slots.end();
    this.#running.remove(execution);
    execution.leave();
  }

  #end(execution: Execution, outcome: Outcome, again: number | undefined): void {
    const { claimed, startedAt } = execution;
    this.#leave(execution);
    this.#parts.locks?.forget(claimed);
    if (outcome.state === "failed" && execution.aborted instanceof SchedulerStoppedError) {
      // Cut short by the stop of this node, which is no fault of the run: another attempt may start elsewhere.
      this.#complete(claimed, "l", JSON.stringify({ ...ownDetail(claimed), reason: "stopped" }), "");
      return;
    }
    const { events, node } = this.#parts;
    const { state, error } = outcome;
    const now = monotonic();
    const duration = now - startedAt;
    this.#took(duration, now);
    if (error !== undefined && state !== "succeeded") {
      events.emit(outcome.crashed ? "afterCrash" : "afterError", {
        ...describeAttempt(node, claimed),
        error,
      });
    }
    const [code, end] = [codes[state], { state, duration }];
    if (again === undefined)
      this.#complete(claimed, code, detailOf(claimed, outcome), outcome.result ?? "", end);
    else this.#complete(claimed, code === "t" ? "T" : "F", detailOf(claimed, outcome), String(again), end);
  }
}

const codes = { succeeded: "s", failed: "f", "timed-out": "t", cancelled: "c" } as const;

/** What is kept of an outcome, as JSON text; empty if there is nothing to say. */
function detailOf(claimed: Claimed, { error, reason }: Outcome): string {
  if (error === undefined && reason === undefined) {
    if (claimed.job !== undefined) return "";
    const { task, scheduledAt: at } = claimed;
    // What somebody else has written may be no number.
    return Number.isFinite(at) ? `{"task":${quoted(task)},"at":${at}}` : JSON.stringify(ownDetail(claimed));
  }
  return JSON.stringify({
    ...ownDetail(claimed),
    ...(error === undefined ? {} : { error }),
    ...(reason === undefined ? {} : { reason }),
  });
}

let [lastTask, lastQuoted]: [string, string] = ["", '""'];

/** A task's name as JSON. Most runs are of the task of the one before. */
function quoted(task: string): string {
  if (task !== lastTask) [lastTask, lastQuoted] = [task, JSON.stringify(task)];
  return lastQuoted;
}

/** A task's own function may never answer: that must not keep the attempt from ending. */
async function within<T>(ms: number, answer: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`retryIf or backoff has not answered within ${ms} ms`)), ms);
  });
  try {
    return await Promise.race([answer, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Tells listeners of an attempt whose end the store has taken. */
export function tellEnd({ events, node }: WorkerParts, claimed: Claimed, end: End | undefined): void {
  if (end === "vetoed") events.emit("skipped", { runId: claimed.run, jobId: claimed.job, reason: "vetoed" });
  else if (end !== undefined && events.hears("afterRun")) {
    const { state, duration } = end;
    events.emit("afterRun", { ...describeAttempt(node, claimed), outcome: state, duration });
  }
}

/** Tells that the store has not taken the outcome of an attempt. */
export function tellRefused({ events, logger, node }: WorkerParts, claimed: Claimed): void {
  const of = { run: claimed.run, attempt: claimed.attempt };
  tryToLog(() => logger.warn(of, "the outcome was refused: this node does not hold the attempt any more"));
  events.emit("completionRefused", describeAttempt(node, claimed));
}

/** An attempt, as events show it. */
export function describeAttempt(node: string, claimed: Claimed): AttemptEvent {
  return {
    runId: claimed.run,
    jobId: claimed.job,
    task: claimed.task,
    attempt: claimed.attempt,
    fencingToken: BigInt(claimed.token),
    node: node,
    scheduledAt: new Date(claimed.scheduledAt),
    lateness: claimed.claimedAt - claimed.scheduledAt,
  };
}

/** What an entry says of an enqueued run; a job's run has its time in its id, and its task in the job. */
export function ownDetail(claimed: Claimed): { task?: string; at?: number } {
  return claimed.job === undefined ? { task: claimed.task, at: claimed.scheduledAt } : {};
}
