import { monotonic } from "./clock.js";
import { age } from "./scripts/index.js";
import type { Store } from "./store.js";

/** Milliseconds between two looks at all queues. */
const every = 10_000;
/** For so many ms others of higher priority may keep a run waiting before it counts as kept waiting too long. */
const waited = 30_000;
/** How many runs of a queue and task are moved up at the most, and have not started yet. */
const most = 100;
/** How many queues and tasks one call looks at. */
const page = 50;

/**
 * The leader's care for runs of low priority behind others of their queue and task that never end: what has waited for long gets each tenth place from the front, so that priority
 * decides who goes first and nobody waits for ever.
 */
export class Aging {
  readonly #store: Store;
  readonly #epoch: number;
  #cursor = "0";
  /** Monotonic time of the next look. */
  nextLook: number = monotonic() + every;

  constructor(store: Store, epoch: number) {
    this.#store = store;
    this.#epoch = epoch;
  }

  /**
   * One page, if it is time for one.
   *
   * @returns how many runs were moved up
   * @throws EscapementError `STALE_EPOCH` if there is a later leader
   */
  async look(): Promise<number> {
    if (monotonic() < this.nextLook) return 0;
    this.nextLook = monotonic() + every; // also if it fails
    const { prefix, ...keys } = this.#store.keys;
    const args = { prefix, epoch: this.#epoch, cursor: this.#cursor, page, waited, most };
    const [, cursor, moved] = await this.#store.timed(
      () => age.run(this.#store.lease, { keys, args }),
      ([time]) => time,
    );
    this.#cursor = cursor;
    if (cursor !== "0") this.nextLook = 0; // the others at once
    return moved;
  }
}
