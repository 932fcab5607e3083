import type { SchedulerOptions, TaskOptions } from "@escapement/core";
import type { StoreAddress } from "../topologies/address.js";

/** What a node does besides running jobs, as far as JSON can say it. */
export interface NodeHabits {
  /**
   * A file with a set of jobs (`JobDeclaration[]` as JSON) that it applies each time it gets a SIGUSR2, the first time before it
   * joins, as a service does that is deployed.
   */
  readonly jobs?: string;
  /** Takes down, when it is stopped, for how long its event loop was held up at most since it was elected. @default false */
  readonly watchLoop?: boolean;
  /** Whether handlers ask now and then, by `progress()` and `extend()`, whether they still hold their attempts. @default false */
  readonly asksWhetherHeld?: boolean;
  /** Further tasks, which do what all others do, with limits and rates of their own. @default none */
  readonly tasks?: Readonly<Record<string, Pick<TaskOptions<unknown>, "limit" | "rateLimit">>>;
}

/** What a node process is told, as JSON in the variable {@link nodeVariable}. */
export interface NodeConfig extends NodeHabits {
  /** Its name in the evidence. */
  readonly name: string;
  /** Its evidence file. */
  readonly evidence: string;
  /** By how many ms the machine's wall clock is ahead of its monotonic one: that of this process may be wrong. */
  readonly wallAhead: number;
  /** Where it finds the store. */
  readonly store: StoreAddress;
  /** The scheduler's options, those that JSON can hold. */
  readonly scheduler: Omit<SchedulerOptions, "redis" | "logger">;
}

/** The environment variable that carries a {@link NodeConfig}. */
export const nodeVariable = "ESCAPEMENT_CHAOS_NODE";

/** The variable that tells a process in a network namespace of its own which ports it reaches by which sockets, as JSON. */
export const relayVariable = "ESCAPEMENT_CHAOS_RELAY";

/** The tasks that every node has a handler for. All do the same: names to tell them apart by. */
export const taskNames = ["tick", "long", "chime"] as const;

/** The input of either task. */
export interface WorkInput {
  /** Milliseconds that the handler takes. @default 0 */
  readonly work?: number;
  /** Whether it ends at once when its signal is aborted. @default false */
  readonly listens?: boolean;
  /** The node on which the handler never ends, nor listens to its signal. @default none */
  readonly hangsOn?: string;
  /** The attempts that fail. @default none */
  readonly fails?: readonly number[];
  /** Makes the input long. @default none */
  readonly padding?: string;
  /** Whether the handler kills its own process. @default false */
  readonly kills?: boolean;
}
