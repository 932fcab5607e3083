import type { Claimed } from "./claim.js";
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

/** The attempt that a context is of: what it makes only if the handler asks for it. */
export interface Asked {
  readonly claimed: Claimed;
  readonly signal: AbortSignal;
  readonly logger: RunLogger;
}

/** What a handler can say of its attempt. */
export interface Sayings {
  progress(claimed: Claimed, value: unknown): Promise<void>;
  extend(claimed: Claimed): Promise<void>;
}

/** What a handler is given. All of it is the object's own, so that a handler may take it apart, or hand on a copy with something else in it. */
export class HandlerContext implements RunContext {
  readonly id: string;
  readonly jobId: string | undefined;
  readonly task: string;
  readonly input: unknown;
  readonly scheduledAt: Date;
  readonly attempt: number;
  readonly fencingToken: bigint;
  declare readonly signal: AbortSignal;
  declare readonly log: RunLogger;
  readonly progress: (value: unknown) => Promise<void>;
  readonly extend: () => Promise<void>;
  readonly #asked: Asked;

  constructor(asked: Asked, sayings: Sayings, input: unknown) {
    const { claimed } = asked;
    this.#asked = asked;
    this.id = claimed.run;
    this.jobId = claimed.job;
    this.task = claimed.task;
    this.input = input;
    this.scheduledAt = new Date(claimed.scheduledAt);
    this.attempt = claimed.attempt;
    this.fencingToken = BigInt(claimed.token);
    Object.defineProperty(this, "signal", HandlerContext.#signal);
    Object.defineProperty(this, "log", HandlerContext.#log);
    this.progress = (value) => sayings.progress(claimed, value);
    this.extend = () => sayings.extend(claimed);
  }

  // The same functions for all contexts: an object with getters of its own takes ten times as long to make, and a kilobyte.
  static readonly #signal: PropertyDescriptor & ThisType<HandlerContext> = {
    get() {
      return this.#asked.signal;
    },
    enumerable: true,
  };
  static readonly #log: PropertyDescriptor & ThisType<HandlerContext> = {
    get() {
      return this.#asked.logger;
    },
    enumerable: true,
  };
}
