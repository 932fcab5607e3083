import { json } from "./check.js";
import type { Claimed, Completion } from "./claim.js";
import { monotonic } from "./clock.js";
import { LeaseLostError, RunCancelledError, SchedulerStoppedError } from "./errors.js";
import type { AttemptEvent } from "./events.js";
import { execute, type Outcome } from "./execute.js";
import type { Body } from "./record.js";
import { retryDelay } from "./retry.js";
import { keepingLogger } from "./run-logger.js";
import { RunLogs } from "./run-logs.js";
import { extend, report } from "./scripts/index.js";
import type { AnyTask } from "./task.js";
import type { Veto } from "./veto.js";
import type { WorkerParts } from "./worker.js";

/** Bytes of JSON that a report of progress may take. */
const mostProgress = 4096;

const forgotten =
  "The store has lost that this node holds the run. Stop: it may already be under way elsewhere.";

interface Running {
  readonly claimed: Claimed;
  abort(reason: Error): void;
  readonly ended: Promise<void>;
}

/** Takes what is to be reported of an attempt, and what to say once the report is accepted. */
export type Complete = (
  claimed: Claimed,
  outcome: Completion["outcome"],
  detail: string,
  result: string,
  accepted?: () => void,
) => void;

/** The attempts that a node carries out: their handlers, their signals, and how each of them ended. */
export class Attempts {
  readonly #parts: WorkerParts;
  readonly #complete: Complete;
  /** What the handlers say, on its way to the store. */
  readonly logs: RunLogs;
  readonly #running = new Map<string, Running>();

  constructor(parts: WorkerParts, complete: Complete) {
    this.#parts = parts;
    this.#complete = complete;
    this.logs = new RunLogs(parts.node, parts.store, parts.events);
  }

  /** How many there are. */
  get size(): number {
    return this.#running.size;
  }

  /** What was claimed for them. */
  held(): Claimed[] {
    return [...this.#running.values()].map(({ claimed }) => claimed);
  }

  /** Resolves when all that run now have ended. */
  async ended(): Promise<void> {
    await Promise.all([...this.#running.values()].map(({ ended }) => ended));
  }

  /** Tells all handlers to stop, and why. */
  abort(reason: Error): void {
    for (const { abort } of this.#running.values()) abort(reason);
  }

  /** Tells the handler of one to stop, if it runs here. */
  cancel(run: string, reason: string): void {
    // Aborting twice is none; should it be stopping for another reason, the script that takes its outcome knows of this.
    this.#running.get(run)?.abort(new RunCancelledError(reason));
  }

  /** Tells the handlers of these to stop: the store does not know any more that they run here, and other attempts may start. */
  lose(runs: readonly string[]): void {
    for (const run of runs) this.#running.get(run)?.abort(new LeaseLostError(forgotten));
  }

  /** Calls the handler, and reports how that ended. */
  start(claimed: Claimed, task: AnyTask): void {
    const { busy, events, node } = this.#parts;
    const controller = new AbortController();
    const slot = {};
    busy.add(slot);
    let abort = (reason: Error): void => controller.abort(reason);
    const abortNow = (reason: Error): void => abort(reason);
    const armed = (own: (reason: Error) => void): void => {
      abort = own;
    };
    // Once it stands among those that run: a listener may stop the scheduler, which waits for it.
    const ended = Promise.resolve().then(async () => {
      const veto = events.vetoOf(() => describeAttempt(node, claimed));
      const startedAt = monotonic();
      const outcome =
        veto === undefined ? await this.#execute(claimed, task, controller, abortNow, armed) : undefined;
      const again = outcome === undefined ? undefined : await this.#retry(claimed, outcome, task);
      busy.delete(slot);
      this.#running.delete(claimed.run);
      if (outcome !== undefined)
        this.#end(claimed, outcome, again, monotonic() - startedAt, controller.signal);
      else if (veto !== undefined) this.#vetoed(claimed, veto);
    });
    this.#running.set(claimed.run, { claimed, abort: abortNow, ended });
  }

  /** The handler was not called. With voters the lock is left to expire, as after a start. */
  #vetoed(claimed: Claimed, { reason }: Veto): void {
    const { events, locks } = this.#parts;
    locks?.forget(claimed);
    const detail = { ...ownDetail(claimed), reason: "vetoed", ...(reason === "" ? {} : { veto: reason }) };
    this.#complete(claimed, "v", JSON.stringify(detail), "", () =>
      events.emit("skipped", { runId: claimed.run, jobId: claimed.job, reason: "vetoed" }),
    );
  }

  #execute(
    claimed: Claimed,
    task: AnyTask,
    controller: AbortController,
    abort: (reason: Error) => void,
    armed: (own: (reason: Error) => void) => void,
  ): Promise<Outcome> {
    const { node, logger, settings } = this.#parts;
    const log = this.logs.open(claimed);
    return execute(claimed, {
      task,
      controller,
      abort,
      armed,
      maxResult: settings.maxResult,
      timeoutGrace: settings.abortGrace,
      logger: keepingLogger(
        logger.child({ job: claimed.job, run: claimed.run, attempt: claimed.attempt, node }),
        log.keep,
      ),
      progress: async (value) => this.#report(claimed, json("progress", value, mostProgress) ?? "null"),
      extend: () => this.#report(claimed, ""),
    }).finally(log.close);
  }

  /** After how many ms there is to be another attempt, if there is. */
  async #retry(claimed: Claimed, { state, thrown }: Outcome, task: AnyTask): Promise<number | undefined> {
    if (state !== "failed" && state !== "timed-out") return undefined;
    try {
      const { retry } = JSON.parse(claimed.body) as Body;
      const { abortGrace } = this.#parts.settings;
      return await within(abortGrace, retryDelay(retry, claimed, thrown, task.options));
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

  #end(
    claimed: Claimed,
    outcome: Outcome,
    again: number | undefined,
    duration: number,
    signal: AbortSignal,
  ): void {
    this.#parts.locks?.forget(claimed);
    if (outcome.state === "failed" && signal.reason instanceof SchedulerStoppedError) {
      // Cut short by the stop of this node, which is no fault of the run: another attempt may start elsewhere.
      this.#complete(claimed, "l", JSON.stringify({ ...ownDetail(claimed), reason: "stopped" }), "");
      return;
    }
    const { error, reason } = outcome;
    const detail = {
      ...ownDetail(claimed),
      ...(error === undefined ? {} : { error }),
      ...(reason === undefined ? {} : { reason }),
    };
    const text = Object.keys(detail).length === 0 ? "" : JSON.stringify(detail);
    const code = ({ succeeded: "s", failed: "f", "timed-out": "t", cancelled: "c" } as const)[outcome.state];
    const { events } = this.#parts;
    const details = describeAttempt(this.#parts.node, claimed);
    if (outcome.error !== undefined && outcome.state !== "succeeded") {
      events.emit(outcome.crashed ? "afterCrash" : "afterError", { ...details, error: outcome.error });
    }
    const reported = again === undefined ? code : code === "t" ? "T" : "F";
    this.#complete(
      claimed,
      reported,
      text,
      again === undefined ? (outcome.result ?? "") : String(again),
      () => events.emit("afterRun", { ...details, outcome: outcome.state, duration }),
    );
  }
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
