import { Carrier } from "./carrier.js";
import { Events } from "./events.js";
import type { Founding } from "./founding.js";
import { Lender } from "./lender.js";
import type { Settings } from "./options.js";
import { PartitionEvents } from "./partition-events.js";
import { SeenPauses } from "./pause-gate.js";
import { ProcessNames } from "./process-names.js";
import { Slots } from "./slots.js";
import type { Store } from "./store.js";
import type { AnyTask } from "./task.js";

/** What the partitions of one process share. */
export class Shared {
  readonly events: Events;
  readonly tasks: Map<string, AnyTask> = new Map();
  readonly slots: Slots;
  readonly names: ProcessNames = new ProcessNames();
  /** Of all partitions, in order. */
  readonly stores: Store[] = [];
  /** Which pauses there are not, as its engines have seen. */
  readonly seenPauses: SeenPauses = new SeenPauses();
  /** What goes between partitions; `undefined` where there is one. */
  readonly carrier: Carrier | undefined;
  readonly lender: Lender | undefined;
  /** Of the first partition's store, which says so of all. */
  founding: Founding | undefined;
  readonly #told = new Set<string>();
  readonly #settings: Settings;

  constructor(settings: Settings) {
    this.#settings = settings;
    this.events = new Events(settings.logger);
    this.slots = new Slots(settings.concurrency);
    if (settings.partitions === 1) return;
    this.carrier = new Carrier(this.events);
    this.lender = new Lender(this.events);
  }

  /** What a partition tells. */
  eventsOf(partition: number): Events {
    const { partitions, logger } = this.#settings;
    return partitions === 1 ? this.events : new PartitionEvents(this.events, logger, partition, this.#told);
  }
}
