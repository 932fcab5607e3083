import type { RunLogger } from "./run-logger.js";

/** What a handler is given: the attempt that it is to carry out. */
export interface RunContext<Input = unknown> {
  /** The run's id: `<job>@<fire time in ms>`, or an enqueued run's own. The same for every attempt. */
  readonly id: string;
  /** The job, if the run is one of a job. */
  readonly jobId: string | undefined;
  /** The task's name. */
  readonly task: string;
  readonly input: Input;
  /** The fire time, or when an enqueued run was to start. */
  readonly scheduledAt: Date;
  /** 1, 2, … */
  readonly attempt: number;
  /** Higher than that of every attempt before it. Hand it to what you write to, and let that refuse lower ones. */
  readonly fencingToken: bigint;
  /** Aborted when the attempt should end: lease lost, timeout, stop. Its `reason` is the error that says why. */
  readonly signal: AbortSignal;
  /**
   * The node's logger, which knows job, run, attempt and node. Lines from `info` on are kept as well, whatever the logger's own level:
   * `scheduler.run(id).logs()` reads them in any process.
   */
  readonly log: RunLogger;
  /**
   * Keeps what can be said of the progress, as JSON of at most 4 KiB, readable while the run runs.
   *
   * @throws EscapementError `LEASE_LOST` if this node does not hold the run any more
   */
  progress(value: unknown): Promise<void>;
  /**
   * Makes sure that this node still holds the run; for use before a step that must not happen twice.
   *
   * @throws EscapementError `LEASE_LOST` if it does not
   */
  extend(): Promise<void>;
}
