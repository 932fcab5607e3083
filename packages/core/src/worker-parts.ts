import type { Events } from "./events.js";
import type { RunLocks } from "./lock.js";
import type { Logger } from "./logger.js";
import type { Settings } from "./options.js";
import type { Store } from "./store.js";
import type { AnyTask } from "./task.js";

/** Handlers that run in a process. */
export class BusySlots {
  /** How many there are. */
  size = 0;
  /** Called where one of an identity that is dead has ended, and so makes room for the present one. */
  freed: (() => void) | undefined;
}

/** What a worker works with. */
export interface WorkerParts {
  readonly node: string;
  readonly store: Store;
  readonly settings: Settings;
  readonly tasks: ReadonlyMap<string, AnyTask>;
  readonly locks: RunLocks | undefined;
  readonly events: Events;
  readonly logger: Logger;
  /** Handlers that run in this process, those of earlier identities included. */
  readonly busy: BusySlots;
  /** Whether the node's lease surely holds, by the wall clock as well: nothing starts otherwise. */
  isAlive(): boolean;
  /** Whether the node's lease has ended by the monotonic clock: what is under way is given up only then. */
  isOver(): boolean;
  /** This node is dead, for that reason. */
  onDead(reason: string): void;
}
