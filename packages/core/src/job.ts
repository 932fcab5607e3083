import type { Trigger } from "@escapement/triggers";
import type { Limit, Rate, RateLimit } from "./limit.js";
import type { PauseInfo } from "./read-pauses.js";
import type { Retain, RetainOptions } from "./retention.js";
import type { Retry, RetryOptions } from "./retry.js";

/** Which of the fire times that could not start in time are made up for. `max` bounds `"all"`. */
export type CatchUp = "none" | "latest" | "earliest" | "all";

/** What becomes of fire times that could not start in time. */
export interface Misfire {
  /** Milliseconds (or a duration such as `"5m"`) after a fire time until which its run still starts as usual. @default 1 minute */
  readonly grace?: number | string;
  /** Once a fire time is later than that: what to run of all those missed. @default "latest" */
  readonly catchUp?: CatchUp;
  /** The most that `"all"` runs; the others are recorded as missed. @default 100 */
  readonly max?: number;
}

/**
 * When a fire time comes while an earlier run of the job runs, or waits for its next attempt:
 *
 * - `skip`: it is recorded as skipped. A run that started late because nothing could start does not skip the fire times that wait
 *   behind it: they follow one by one
 * - `allow`: both run
 * - `queue-one`: one waits for the end of the running one; further ones meanwhile are skipped
 * - `queue-all`: all wait, and run one after the other
 * - `cancel-running`: the running one is cancelled, and the new one starts when it has ended; of several that wait the latest runs
 * - `replace`: the running one is cancelled, and the new one starts at once
 */
export type Overlap = "skip" | "allow" | "queue-one" | "queue-all" | "cancel-running" | "replace";

/** What a job's definition can say, beside its task. */
export interface JobOptions<Input = unknown> {
  /** Names the job; defining it again changes it. 1 to 128 of `A-Z a-z 0-9 _ . : / -`. */
  readonly id: string;
  /** When it fires. To be left out only by a job that gives `dependsOn`: it runs when the runs of others have succeeded. */
  readonly trigger?: Trigger;
  /**
   * Jobs, at most 20, whose runs of the same fire time must have succeeded before its own starts. With a trigger its run waits for them, until its
   * `misfire.grace` is over; without one it has a run for each fire time at which all of them succeeded. Where one of their runs ends
   * otherwise, its own is recorded as skipped, with the reason `dependency`. @default none
   */
  readonly dependsOn?: readonly string[];
  /** Jobs, at most 20, that depend on this one, as if their own `dependsOn` named it. @default none */
  readonly then?: readonly string[];
  /** Handed to the task: JSON, at most 64 KiB. */
  readonly input?: Input;
  /** Free JSON for people and tools, at most 64 KiB. */
  readonly metadata?: unknown;
  /** Which nodes may run it. @default "default" */
  readonly queue?: string;
  /** Names to find it by. */
  readonly tags?: readonly string[];
  /** Orders due runs of a queue; higher first, -1000 to 1000. @default 0 */
  readonly priority?: number;
  /** What becomes of a fire time that comes while an earlier run runs. @default "skip" */
  readonly overlap?: Overlap;
  readonly misfire?: Misfire;
  /** What becomes of a run whose node died: another attempt (at most `maxLost` times), or it is recorded as lost. @default "at-least-once" */
  readonly delivery?: Delivery;
  /** How many attempts may be lost before the run is recorded as lost. @default 3 */
  readonly maxLost?: number;
  /** Milliseconds (or a duration) after which an attempt is aborted and recorded as timed out. @default none */
  readonly timeout?: number | string;
  /** What becomes of a run whose attempt failed or timed out. @default it has failed for good */
  readonly retry?: RetryOptions;
  /** Keep a run that failed for good in its queue's dead letters, until it is retried or removed. @default true */
  readonly deadLetter?: boolean;
  /**
   * After so many runs in a row that failed for good (failed, timed out or lost, with no further attempt), 1 to 1000, the job pauses itself, with the
   * last error as the reason. @default never
   */
  readonly pauseAfterFailures?: number;
  /** Runs of one key, of whichever jobs and tasks, are limited together in the whole cluster. @default none */
  readonly concurrencyKey?: string;
  /** How many runs with its `concurrencyKey` may run at once: a number, or with what becomes of one more. @default 1 */
  readonly concurrencyLimit?: number | Limit;
  /** How many runs with its `concurrencyKey` may start within any period of a length, in the whole cluster. @default any */
  readonly rateLimit?: RateLimit;
  /** No fire time before this counts: a Date, ms, or ISO 8601. */
  readonly startAt?: Date | number | string;
  /** No fire time after this counts; one at this very instant does. */
  readonly endAt?: Date | number | string;
  /** How many runs of fire times start at most; skipped ones and those by hand do not count. The job is exhausted then. */
  readonly maxRuns?: number;
  /** What becomes of the job when its last run has ended and no further fire time will come: it is kept, or removed. @default "keep" */
  readonly whenExhausted?: "keep" | "remove";
  /**
   * What it goes on with when a pause of it ends, unless `resume` says otherwise: what it missed, under its `misfire`, or the next fire time after
   * that, with what came due meanwhile recorded as missed. @default "missed"
   */
  readonly resumeFrom?: "missed" | "now";
  /** Starts each run up to so many ms (or a duration, up to 24 h) later: by hash of job and fire time, and before the next one. @default 0 */
  readonly jitter?: number | string;
  /** How many of its finished runs, and for how long they and their results are kept. @default as the scheduler's `retain` says */
  readonly retain?: RetainOptions;
  /** What to do if there is such a job: change it, leave it, or refuse with `JOB_EXISTS`. @default "replace" */
  readonly onConflict?: "replace" | "keep" | "error";
}

export type Delivery = "at-least-once" | "at-most-once";

/**
 * - `scheduled`: it has a next fire time, or runs that have not ended, or no trigger but others to follow
 * - `exhausted`: its trigger has no fire time left, and its last run has ended
 * - `parked`: its fire times could not be computed; `error` says why. Define it anew.
 * - `paused`: one or more pauses hold it back; `pauses` has them
 * - `errored`: the same, and one of them the job has set itself, after too many failures in a row
 */
export type JobState = "scheduled" | "exhausted" | "parked" | "paused" | "errored";

/** Every state of a job. */
export const jobStates: readonly JobState[] = ["scheduled", "exhausted", "parked", "paused", "errored"];

/** A stored job, as read. */
export interface Job<Input = unknown> {
  readonly id: string;
  readonly task: string;
  /** None for a job that follows others: see `dependsOn`. */
  readonly trigger: Trigger | undefined;
  readonly dependsOn: readonly string[];
  readonly then: readonly string[];
  readonly input: Input | undefined;
  readonly metadata: unknown;
  readonly queue: string;
  readonly tags: readonly string[];
  readonly priority: number;
  readonly overlap: Overlap;
  readonly misfire: { readonly grace: number; readonly catchUp: CatchUp; readonly max: number };
  readonly delivery: Delivery;
  readonly maxLost: number;
  /** Milliseconds. */
  readonly timeout: number | undefined;
  readonly retry: Retry | undefined;
  readonly deadLetter: boolean;
  readonly pauseAfterFailures: number | undefined;
  /**
   * How many of its runs have failed since the last one that succeeded, for a job with `pauseAfterFailures`; 0 without it. Once the job has paused itself it
   * stays so until that pause is over.
   */
  readonly failuresInARow: number;
  readonly concurrencyKey: string | undefined;
  readonly concurrencyLimit: Required<Limit> | undefined;
  readonly rateLimit: Rate | undefined;
  readonly startAt: Date | undefined;
  readonly endAt: Date | undefined;
  readonly maxRuns: number | undefined;
  readonly whenExhausted: "keep" | "remove";
  /** What it goes on with when a pause of it ends, unless `resume` says otherwise. */
  readonly resumeFrom: "missed" | "now";
  /** How many runs have started that `maxRuns` counts; 0 without one. */
  readonly startedRuns: number;
  /** Milliseconds. */
  readonly jitter: number;
  /** What it was given; the rest is as the scheduler's `retain` says. */
  readonly retain: Retain | undefined;
  /** The set that it belongs to, if it was declared in one. See `defineJobs`. */
  readonly set: string | undefined;
  /** 1, and one more with each change. */
  readonly version: number;
  /** When it was defined, or last given `once("now")` as another trigger: what its trigger counts from. */
  readonly createdAt: Date;
  readonly state: JobState;
  /** The pauses that hold it back: of itself, its tags, queue and task, and of everything. */
  readonly pauses: readonly PauseInfo[];
  readonly nextFireTime: Date | undefined;
  /** The run that runs, for a job whose runs may not overlap. */
  readonly running: string | undefined;
  /** Why the job is parked. */
  readonly error: string | undefined;
}
