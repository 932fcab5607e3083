import type { EnqueueOptions, JobChanges, JobOptions } from "@escapement/core";
import type { WorkInput } from "../nodes/node-config.js";

/** A job as the driver defines it. */
export type PlannedJob = JobOptions<WorkInput> & { readonly task: string };

/** What the driver asks for, with all its arguments, as JSON can say it. */
export type Operation =
  /** Defines jobs: `schedule` for one, `apply` for several. */
  | { readonly do: "define"; readonly jobs: readonly PlannedJob[] }
  | { readonly do: "update"; readonly job: string; readonly changes: JobChanges }
  | { readonly do: "remove"; readonly job: string; readonly cancelRunning: boolean }
  | { readonly do: "run-now"; readonly job: string }
  | { readonly do: "enqueue"; readonly task: string; readonly runs: readonly EnqueueOptions<WorkInput>[] }
  | { readonly do: "cancel"; readonly run: string }
  /** By the API; `name` is what stands behind `pause:`. */
  | { readonly do: "pause"; readonly name: string; readonly ttl?: number }
  | { readonly do: "resume"; readonly name: string; readonly from?: "missed" | "now" }
  /** By a plain SET or DEL, through a connection of the operator's own. */
  | { readonly do: "set"; readonly name: string; readonly ttl?: number }
  | { readonly do: "del"; readonly name: string }
  /** What a leader of an older term, or one that computed from what is not so any more, would write: see stale-writer.ts; to be refused. */
  | { readonly do: "stale-write"; readonly job: string; readonly stale: "term" | "version" | "cursor" }
  /** What a node must not say: see impostor.ts; to be refused. */
  | { readonly do: "impostor"; readonly stale: "holder" | "token" | "request" };
