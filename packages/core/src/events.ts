import { oneOf } from "./check.js";
import { InvalidOptionError } from "./errors.js";
import type { Logger } from "./logger.js";
import type { PauseInfo } from "./read-pauses.js";
import type { Resumed } from "./resumed.js";
import type { RunError } from "./run.js";
import { judge, type Veto } from "./veto.js";

/** What identifies a run in an event. */
export interface RunEvent {
  readonly runId: string;
  readonly jobId: string | undefined;
}

/** One attempt in an event. */
export interface AttemptEvent extends RunEvent {
  readonly task: string;
  readonly attempt: number;
  readonly fencingToken: bigint;
  readonly node: string;
  readonly scheduledAt: Date;
  /** Milliseconds by Redis' clock from the fire time to the claim. */
  readonly lateness: number;
}

/** An attempt whose handler is about to be called, unless a listener objects. */
export interface BeforeRunEvent extends AttemptEvent {
  /**
   * Keeps the handler from being called: the run ends as `skipped`, with the reason `vetoed`. Answers `false` if that comes too
   * late, after the listener has returned: a promise is not waited for.
   *
   * @param reason why, for people; up to 200 characters are kept with the run
   */
  veto(reason?: string): boolean;
}

/** All that a scheduler tells its listeners. Each hears of what happens on its own node. */
export interface SchedulerEvents {
  /** The handler of an attempt is about to be called. A listener can veto that, with `event.veto()`. What it answers means nothing. */
  beforeRun: BeforeRunEvent;
  /** An attempt has ended, whatever its outcome, and the outcome has been accepted. */
  afterRun: AttemptEvent & {
    readonly outcome: "succeeded" | "failed" | "timed-out" | "cancelled";
    readonly duration: number;
  };
  /** A handler threw, or took too long. */
  afterError: AttemptEvent & { readonly error: RunError };
  /** A handler left an error uncaught: thrown in a callback, or a rejection that nobody waited for. The attempt has failed. */
  afterCrash: AttemptEvent & { readonly error: RunError };
  /** An outcome came too late: this node does not hold the attempt any more, and what it said was not recorded. */
  completionRefused: AttemptEvent;
  /**
   * An attempt that this node was given and has not started: it stops, or is not sure of its lease, or too few voters answered, or the slot for which it
   * was claimed ahead was not free in time. Told before the store hears of it; the attempt is given out again under its number then.
   */
  handedBack: AttemptEvent;
  /** A lock says that the attempt has been started before; this node did not start it. */
  lockRefused: RunEvent;
  /** A fire time was skipped for a reason that a policy gives. */
  skipped: RunEvent & { readonly reason: string };
  /** A fire time could not start in time, and was not made up for. */
  missed: RunEvent & { readonly reason: string };
  /**
   * An attempt was given up; `retry`: another one follows. Its node died, says the leader; or the store, which lost
   * acknowledged writes, took it for one that runs on a node that knows nothing of it, says that node.
   */
  lost: RunEvent & { readonly node: string; readonly retry: boolean };
  jobAdded: { readonly jobId: string };
  jobUpdated: { readonly jobId: string };
  jobRemoved: { readonly jobId: string };
  /** The last run of a job has ended on this node, and no further fire time of it will start. */
  jobExhausted: { readonly jobId: string };
  /** The fire times of a job could not be computed; the leader goes on without it. */
  jobParked: { readonly jobId: string; readonly error: string };
  /** This process has set a pause; `target` is what follows `pause:` in its key, such as `job:sales`. */
  paused: Omit<PauseInfo, "failures">;
  /** Told by the leader: a pause has lasted for as long as `pausedTooLong` says, or as long again. */
  pausedTooLong: PauseInfo;
  /**
   * A job has paused itself after so many failures in a row. Told where the last one of them ended, or by the leader of what a dead node had left; once.
   * `reason` is the error, as in the pause.
   */
  autoPaused: { readonly jobId: string; readonly failures: number; readonly reason: string };
  /** This process has ended a pause. */
  resumed: { readonly target: string } & Resumed;
  nodeJoined: { readonly node: string };
  nodeLeft: { readonly node: string };
  /** A node's lease has ended: this one's own, or, told by the leader, another's. */
  nodeDead: { readonly node: string };
  /** `partition`: which one it leads, where there are several. */
  leaderElected: { readonly node: string; readonly epoch: number; readonly partition?: number };
  leaderLost: {
    readonly node: string;
    readonly epoch: number;
    readonly reason: string;
    readonly partition?: number;
  };
  /** The leader held its lease without doing its work, and has let go of it. */
  leaderStalled: { readonly node: string; readonly reason: string; readonly partition?: number };
  /** The leader's sweeper has put something right: a run in no place or in two, a place that nobody holds, a job without a next fire time. */
  mended: { readonly subject: string; readonly what: string };
  /** There is no connection to the job store. */
  storeLost: { readonly node: string };
  storeRestored: { readonly node: string };
  /** A majority of the voters cannot be reached: nothing starts on this node. */
  votersLost: { readonly reason: string };
  votersRestored: Record<string, never>;
  /** A step failed and will be tried again. */
  error: { readonly step: string; readonly error: Error };
}

const events: Readonly<Record<keyof SchedulerEvents, true>> = {
  beforeRun: true,
  afterRun: true,
  afterError: true,
  afterCrash: true,
  completionRefused: true,
  handedBack: true,
  lockRefused: true,
  skipped: true,
  missed: true,
  lost: true,
  jobAdded: true,
  jobUpdated: true,
  jobRemoved: true,
  jobExhausted: true,
  jobParked: true,
  paused: true,
  pausedTooLong: true,
  autoPaused: true,
  resumed: true,
  nodeJoined: true,
  nodeLeft: true,
  nodeDead: true,
  leaderElected: true,
  leaderLost: true,
  leaderStalled: true,
  mended: true,
  storeLost: true,
  storeRestored: true,
  votersLost: true,
  votersRestored: true,
  error: true,
};
const eventNames = Object.keys(events) as (keyof SchedulerEvents)[];

/** Hears of an event. What it throws, or rejects with, is logged and stops nothing. */
export type Listener<E extends keyof SchedulerEvents> = (event: SchedulerEvents[E]) => unknown;

/** The listeners of one scheduler. */
export class Events {
  readonly #listeners = new Map<keyof SchedulerEvents, Set<Listener<never>>>();
  readonly #logger: Logger;

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  /** @throws InvalidOptionError for an event that there is not: its listener would never hear of anything */
  on<E extends keyof SchedulerEvents>(event: E, listener: Listener<E>): void {
    oneOf("event", event, eventNames);
    if (typeof listener !== "function") throw new InvalidOptionError("listener", "must be a function.");
    const set = this.#listeners.get(event) ?? new Set();
    this.#listeners.set(event, set.add(listener as Listener<never>));
  }

  off<E extends keyof SchedulerEvents>(event: E, listener: Listener<E>): void {
    this.#listeners.get(event)?.delete(listener as Listener<never>);
  }

  /** Whether anybody listens, so that what nobody hears need not be put together. */
  hears(event: keyof SchedulerEvents): boolean {
    return (this.#listeners.get(event)?.size ?? 0) > 0;
  }

  /** Tells the listeners, after what runs now: a slow one cannot delay the step that tells it. */
  emit<E extends keyof SchedulerEvents>(event: E, details: SchedulerEvents[E]): void {
    const listeners = this.#listeners.get(event);
    if (listeners === undefined || listeners.size === 0) return;
    for (const listener of listeners) {
      setImmediate(() => {
        try {
          const answer = (listener as Listener<E>)(details);
          if (answer instanceof Promise) answer.catch((error: unknown) => this.#failed(event, error));
        } catch (error) {
          this.#failed(event, error);
        }
      });
    }
  }

  /** Asks the listeners of `beforeRun`, one after the other and now. Answers the first one's veto, if there is one. Never throws. */
  vetoOf(attempt: () => AttemptEvent): Veto | undefined {
    const listeners = this.#listeners.get("beforeRun");
    if (listeners === undefined || listeners.size === 0) return undefined;
    return judge(attempt(), [...listeners] as Listener<"beforeRun">[], (error) =>
      this.#failed("beforeRun", error),
    );
  }

  #failed(event: string, error: unknown): void {
    this.#logger.error({ event, err: error }, "a listener failed");
  }
}
