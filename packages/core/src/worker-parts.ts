import type { Events } from "./events.js";
import type { Lender } from "./lender.js";
import type { RunLocks } from "./lock.js";
import type { Logger } from "./logger.js";
import type { Settings } from "./options.js";
import type { PauseGate } from "./pause-gate.js";
import type { Slots } from "./slots.js";
import type { Store } from "./store.js";
import type { AnyTask } from "./task.js";

/** What a worker works with. */
export interface WorkerParts {
  readonly node: string;
  readonly store: Store;
  readonly settings: Settings;
  readonly tasks: ReadonlyMap<string, AnyTask>;
  readonly locks: RunLocks | undefined;
  readonly events: Events;
  readonly logger: Logger;
  /** Of this process, for whatever partition and identity. */
  readonly slots: Slots;
  /** Of this process, if there are several partitions. */
  readonly lender: Lender | undefined;
  /** What has to let runs through before they begin; `undefined` where there is one partition: its claims look themselves. */
  readonly gate?: PauseGate | undefined;
  /** Whether the node's lease surely holds, by the wall clock as well: nothing starts otherwise. */
  isAlive(): boolean;
  /** Whether the node's lease has ended by the monotonic clock: what is under way is given up only then. */
  isOver(): boolean;
  /** This node is dead, for that reason. */
  onDead(reason: string): void;
}
