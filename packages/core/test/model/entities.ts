// What the rules of docs/semantics.md speak of, as plain data: no Redis, no indexes, no scripts.
import type { CatchUp, Overlap } from "../../src/job.js";

/** What of a job's definition the model knows. Durations in ms. */
export interface Definition {
  readonly overlap: Overlap;
  readonly maxRuns: number | undefined;
  readonly grace: number;
  readonly catchUp: CatchUp;
  readonly max: number;
  /** How many attempts may fail. */
  readonly attempts: number;
  readonly backoff: number;
  readonly delivery: "at-least-once" | "at-most-once";
  /** How many attempts may be lost. */
  readonly maxLost: number;
  readonly priority: number;
  /** After how many failures in a row the job pauses itself. */
  readonly pauseAfterFailures: number | undefined;
  /** Whether it is limited by the concurrency key of the cluster. */
  readonly keyed: boolean;
}

/** At most `max` at once; what finds no place waits or is skipped. */
export interface Bound {
  readonly max: number;
  readonly whenFull: "wait" | "skip";
}

/** What is the same for as long as a cluster lives. */
export interface Setting {
  /** Of all runs, as nodes that know of limits have it. */
  readonly all: Bound | undefined;
  /** Of the one task. */
  readonly task: Bound | undefined;
  /** Of the queue of job `b`. */
  readonly queue: Bound | undefined;
  readonly key: Bound;
}

/** A job: it fires each {@link interval}. */
export interface Job {
  readonly id: string;
  readonly queue: string;
  readonly tags: readonly string[];
  /** By how much later than the full interval it fires. */
  readonly offset: number;
  definition: Definition;
  /** The first fire time that is not materialised; none for a job that is exhausted. */
  cursor: number | undefined;
  /** Whether the leader has put it aside since it is paused. */
  frozen: boolean;
  /** The pauses under which it is held back. */
  readonly heldBy: Set<string>;
  /** Whether it was noticed that as many runs as its `maxRuns` have started. */
  full: boolean;
  exhausted: boolean;
  /** Counted by `maxRuns`. */
  started: number;
  /** The run that runs or waits for its next attempt, where runs may not overlap, and when it started. */
  holder: { readonly run: Run; readonly since: number } | undefined;
  /** How many fire times were missed. */
  missed: number;
  /** How many runs failed in a row, and whether that has paused the job. */
  failures: number;
  hasGivenUp: boolean;
}

/** A run, from when it is materialised or asked for. */
export interface Run {
  readonly id: string;
  readonly job: Job;
  readonly at: number;
  readonly byHand: boolean;
  /** Whether it was asked for although its job was paused, or would be. */
  readonly byForce: boolean;
  /** `blocked`: it waits for the end of its job's running one. */
  state: "queued" | "blocked" | "active" | "ended";
  notBefore: number;
  /** Whether it was looked at, and waits for a place of its key: it is looked at again when one is free. */
  waitsForKey: boolean;
  /** Whether it is held back: by a pause, until the leader has caught up, or until a last run has ended or is handed back. */
  held: boolean;
  /** The number of the attempt that runs, or of the next one. */
  attempt: number;
  lost: number;
  /** How attempts have ended, first to last. */
  readonly past: string[];
  node: string | undefined;
  /** Its job's definition when it was claimed: that says how it is retried. */
  claimedAs: Definition | undefined;
  /** The number of its latest start, of all that there were. */
  token: number;
  /** The limits in which it has a place. */
  places: readonly string[];
  /** Whether `maxRuns` has counted it. */
  counted: boolean;
  /** Why it is to be cancelled. */
  cancel: string | undefined;
  /** How it ended. */
  end: string | undefined;
}

/** Between two fire times of a job, in ms. */
export const interval = 10_000;
/** How far ahead runs are materialised, in ms. */
export const lookahead = 15_000;
/** How near a cursor must be for its job to be looked at. */
export const horizon: number = (2 * lookahead) / 3;
