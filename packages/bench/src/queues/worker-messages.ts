import type { Place } from "./contestant.js";
import type { Columns } from "./records.js";

/** What a worker process is to do: its one argument, as JSON. */
export interface Instructions {
  /** A name of `contestants` or of `inProcess`. */
  readonly contestant: string;
  readonly place: Place;
  readonly concurrency: number;
  /** What a handler does: nothing, or wait for a timer of 1 ms. */
  readonly handler: "nothing" | "timer";
  /** Of one in process: how many jobs it has. */
  readonly jobs: number;
}

/** What a worker process is told: to begin, to watch its event loop from now on, to say what it used, to stop. */
export type Order = "begin" | "watch" | "use" | "stop";

/** What a process used since it began. */
export interface Use {
  /** User and system. */
  readonly cpuSeconds: number;
  /** Resident, in bytes. */
  readonly memory: number;
  /** The most that was ever resident, in bytes. */
  readonly mostMemory: number;
  /** The longest that its event loop was held up since it was watched, in ms, to the nearest two; 0: it was not watched. */
  readonly longestTurn: number;
}

/** What it says of all its handlers once it has stopped. */
export interface Report {
  readonly columns: Columns;
  /** CPU seconds from when its first handler was called until it was told to stop. */
  readonly cpuSeconds: number;
  /** When it was told to begin, in ms since the epoch. */
  readonly begunAt: number;
}

/** What a worker process says: that it could begin; that it has begun; how many handlers were called; the answers to orders. */
export type Answer =
  | { readonly kind: "ready" }
  | { readonly kind: "begun" }
  | { readonly kind: "watching" }
  | { readonly kind: "count"; readonly count: number }
  | { readonly kind: "use"; readonly use: Use }
  | { readonly kind: "report"; readonly report: Report }
  | { readonly kind: "failed"; readonly reason: string };
