import { EscapementError } from "@escapement/redis";
import { show } from "@escapement/redis/internal";
import type { PauseInfo } from "./read-pauses.js";

/** An option, id or input that cannot be used. Nothing was stored. */
export class InvalidOptionError extends EscapementError {
  override readonly name: string = "InvalidOptionError";
  /** Where the bad value stands, such as `misfire.grace`. */
  readonly path: string;

  constructor(path: string, message: string, options?: ErrorOptions & { code?: string }) {
    super(options?.code ?? "INVALID_OPTION", `${path}: ${message}`, options);
    this.path = path;
  }
}

/** The reason of an aborted signal: this node's lease ended, or the store has forgotten that it holds the run, which is being taken over. */
export class LeaseLostError extends EscapementError {
  override readonly name: string = "LeaseLostError";

  constructor(message = "This node's lease has ended. Stop: the run may already be under way elsewhere.") {
    super("LEASE_LOST", message);
  }
}

/** The reason of an aborted signal: the run took longer than its job's `timeout`. */
export class RunTimeoutError extends EscapementError {
  override readonly name: string = "RunTimeoutError";

  constructor(timeout: number) {
    super("RUN_TIMEOUT", `The run took longer than its timeout of ${timeout} ms.`);
  }
}

/** The reason of an aborted signal: the scheduler stops, and the time for running handlers is over. */
export class SchedulerStoppedError extends EscapementError {
  override readonly name: string = "SchedulerStoppedError";

  constructor() {
    super("SCHEDULER_STOPPED", "The scheduler is stopping and the time to finish has passed.");
  }
}

/**
 * What a handler throws to fail its attempt and still have something kept of it: `result` is kept with the run, as an answer would be.
 *
 * @example throw new TaskFailure("The import stopped at row 17.", { result: { row: 17 } });
 */
export class TaskFailure extends EscapementError {
  override readonly name: string = "TaskFailure";
  /** What JSON can hold, at most `maxResult` bytes of it; else it is left out. */
  readonly result: unknown;

  /** @param options `code`: kept with the error, "TASK_FAILED" if left out */
  constructor(message: string, options: ErrorOptions & { code?: string; result?: unknown } = {}) {
    super(options.code ?? "TASK_FAILED", message, options);
    this.result = options.result;
  }
}

/** What a handler throws to fail its run for good, whatever its `retry` says. */
export class NonRetriableError extends EscapementError {
  override readonly name: string = "NonRetriableError";

  constructor(message: string, options: ErrorOptions & { code?: string } = {}) {
    super(options.code ?? "NON_RETRIABLE", message, options);
  }
}

/** The reason of an aborted signal: the run was cancelled. */
export class RunCancelledError extends EscapementError {
  override readonly name: string = "RunCancelledError";
  /** Why, in the words of whoever cancelled it. */
  readonly reason: string;

  constructor(reason: string) {
    super("RUN_CANCELLED", `The run was cancelled: ${reason}`);
    this.reason = reason;
  }
}

/** What `result()` throws for a run that ended otherwise than succeeded. */
export class RunFailedError extends EscapementError {
  override readonly name: string = "RunFailedError";
  readonly runId: string;

  constructor(runId: string, message: string) {
    super("RUN_FAILED", message);
    this.runId = runId;
  }
}

/** What applying a set throws whose version, or content, is not the one that the store is at: others applied another one. */
export class StaleJobSetError extends EscapementError {
  override readonly name: string = "StaleJobSetError";
  /** The set's name. */
  readonly set: string;
  /** The version that was to be applied. */
  readonly version: number;
  /** The version that the store is at; `undefined` if it has none any more. */
  readonly stored: number | undefined;

  constructor(set: string, version: number, stored: number | undefined, options?: ErrorOptions) {
    const what = `Set ${set} is at version ${stored ?? "none"} in the store`;
    super(
      "STALE_JOB_SET",
      stored !== undefined && stored > version
        ? `${what}: version ${version} is older, and is not applied. Run newer code, or set it back with force.`
        : `${what}: others set it back or applied other jobs while version ${version} was being applied. Apply again what is to be.`,
      options,
    );
    this.set = set;
    this.version = version;
    this.stored = stored;
  }
}

/**
 * What a call with many items throws that was cut short after the first of them were written: what is written stays. Written are as many as `written` says, from
 * the first one on, or, where a namespace has several partitions, in some of these; of the others none, or, if the `cause` is a `REDIS_TIMEOUT`, perhaps some.
 * The same call again with these `ids` does the rest, and nothing twice.
 */
export class PartlyWrittenError extends EscapementError {
  override readonly name: string = "PartlyWrittenError";
  /** The ids of all the items, in order. */
  readonly ids: readonly string[];
  readonly written: number;

  constructor(what: string, ids: readonly string[], written: number, cause: EscapementError) {
    super(
      "PARTLY_WRITTEN",
      `${written} of ${ids.length} ${what} are written, and then: ${cause.message} ` +
        "Call again for all of them, with their ids, which this error has: what is written already stays as it is.",
      { cause },
    );
    this.ids = ids;
    this.written = written;
  }
}

/** The error for a job that there is not. */
export function jobNotFound(id: string): EscapementError {
  return new EscapementError("JOB_NOT_FOUND", `There is no job ${id}. Define it with schedule() first.`);
}

/** The error for a job that is not run by hand, since pauses would hold the run back. */
export function jobPaused(id: string, pauses: readonly PauseInfo[]): EscapementError {
  const [first, ...others] = pauses;
  const { target = "all", reason = "", by } = first ?? {};
  const why =
    reason === "" ? "" : `: ${show(reason)}${by === undefined ? "" : ` (${show(by).slice(1, -1)})`}`;
  const also = others.length === 0 ? "" : `, and by ${others.map((pause) => pause.target).join(", ")}`;
  return new EscapementError(
    "JOB_PAUSED",
    `Job ${id} is paused by ${target}${why}${also}. Nothing was queued. Resume it, or run it all the same with runNow({ force: true }).`,
  );
}
