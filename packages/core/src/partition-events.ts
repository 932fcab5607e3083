import { Events, type SchedulerEvents } from "./events.js";
import type { Logger } from "./logger.js";

/** What is of the whole process, or known to all leaders: each partition would tell it. */
const once = ["nodeJoined", "nodeLeft", "nodeDead", "votersLost", "votersRestored"] as const;
const remembered = 1000;

/** What the engine of one partition tells: the listeners are those of the process, and hear of a node once. */
export class PartitionEvents extends Events {
  readonly #all: Events;
  readonly #told: Set<string>;
  readonly #partition: number;

  /** @param told what has been told of nodes; the same for all partitions of a process */
  constructor(all: Events, logger: Logger, partition: number, told: Set<string>) {
    super(logger);
    this.#all = all;
    this.#partition = partition;
    this.#told = told;
  }

  override hears(event: keyof SchedulerEvents): boolean {
    return this.#all.hears(event);
  }

  override vetoOf(attempt: Parameters<Events["vetoOf"]>[0]): ReturnType<Events["vetoOf"]> {
    return this.#all.vetoOf(attempt);
  }

  override emit<E extends keyof SchedulerEvents>(event: E, details: SchedulerEvents[E]): void {
    if (this.#isToldAlready(event, details)) return;
    const isOfLeaders = event === "leaderElected" || event === "leaderLost" || event === "leaderStalled";
    this.#all.emit(event, isOfLeaders ? { ...details, partition: this.#partition } : details);
  }

  #isToldAlready<E extends keyof SchedulerEvents>(event: E, details: SchedulerEvents[E]): boolean {
    if (!(once as readonly string[]).includes(event)) return false;
    if (!("node" in details)) return this.#partition !== 0;
    const what = `${event} ${details.node}`;
    if (this.#told.has(what)) return true;
    if (this.#told.size >= remembered) this.#told.clear();
    this.#told.add(what);
    return false;
  }
}
