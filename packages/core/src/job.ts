import type { Trigger } from "@escapement/triggers";

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

/** What a job's definition can say, beside its task. */
export interface JobOptions<Input = unknown> {
  /** Names the job; defining it again changes it. 1 to 128 of `A-Z a-z 0-9 _ . : / -`. */
  readonly id: string;
  /** When it fires. */
  readonly trigger: Trigger;
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
  /**
   * When a fire time comes while an earlier run of the job runs: `"skip"` records it as skipped, `"allow"` runs both. A run
   * that started late because nothing could start does not skip the fire times that wait behind it: they follow one by one.
   *
   * @default "skip"
   */
  readonly overlap?: "skip" | "allow";
  readonly misfire?: Misfire;
  /** What becomes of a run whose node died: another attempt (at most `maxLost` times), or it is recorded as lost. @default "at-least-once" */
  readonly delivery?: Delivery;
  /** How many attempts may be lost before the run is recorded as lost. @default 3 */
  readonly maxLost?: number;
  /** Milliseconds (or a duration) after which an attempt is aborted and recorded as timed out. @default none */
  readonly timeout?: number | string;
  /** What to do if there is such a job: change it, leave it, or refuse with `JOB_EXISTS`. @default "replace" */
  readonly onConflict?: "replace" | "keep" | "error";
}

export type Delivery = "at-least-once" | "at-most-once";

/**
 * - `scheduled`: it has a next fire time, or runs that have not ended
 * - `exhausted`: its trigger has no fire time left, and its last run has ended
 * - `parked`: its fire times could not be computed; `error` says why. Define it anew.
 */
export type JobState = "scheduled" | "exhausted" | "parked";

/** A stored job, as read. */
export interface Job<Input = unknown> {
  readonly id: string;
  readonly task: string;
  readonly trigger: Trigger;
  readonly input: Input | undefined;
  readonly metadata: unknown;
  readonly queue: string;
  readonly tags: readonly string[];
  readonly priority: number;
  readonly overlap: "skip" | "allow";
  readonly misfire: { readonly grace: number; readonly catchUp: CatchUp; readonly max: number };
  readonly delivery: Delivery;
  readonly maxLost: number;
  /** Milliseconds. */
  readonly timeout: number | undefined;
  /** 1, and one more with each change. */
  readonly version: number;
  /** When it was defined, or last given `once("now")` as another trigger: what its trigger counts from. */
  readonly createdAt: Date;
  readonly state: JobState;
  readonly nextFireTime: Date | undefined;
  /** The run that runs, for a job whose runs may not overlap. */
  readonly running: string | undefined;
  /** Why the job is parked. */
  readonly error: string | undefined;
}
