import type { SchedulerOptions } from "@escapement/core";

/** What a node process is told, as JSON in the variable {@link nodeVariable}. */
export interface NodeConfig {
  /** Its name in the evidence. */
  readonly name: string;
  /** Its evidence file. */
  readonly evidence: string;
  /** The scheduler's options, those that JSON can hold. */
  readonly scheduler: Omit<SchedulerOptions, "logger">;
}

/** The environment variable that carries a {@link NodeConfig}. */
export const nodeVariable = "ESCAPEMENT_CHAOS_NODE";

/** The tasks that every node has a handler for. `long` does the same as `tick`: a name to tell them apart by. */
export const taskNames = ["tick", "long"] as const;

/** The input of either task. */
export interface WorkInput {
  /** Milliseconds that the handler takes. It does not listen to its signal. @default 0 */
  readonly work?: number;
}
