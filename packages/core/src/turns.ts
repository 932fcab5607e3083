import { setImmediate } from "node:timers/promises";
import { monotonic } from "./clock.js";

// Far below what a lease, a timer or a handler on the same loop would feel; far above what a turn of the loop costs.
const longest = 8;

/**
 * Divides long work among turns of the event loop, so that timers, sockets and handlers have theirs in between. What others
 * do in between must not harm: the work is to be guarded by what it compares when it writes.
 */
export class Turns {
  #since: number = monotonic();

  /** Between two steps: waits for the loop to go round once, if this turn has lasted 8 ms. */
  async next(): Promise<void> {
    if (monotonic() - this.#since < longest) return;
    await setImmediate();
    this.#since = monotonic();
  }
}
