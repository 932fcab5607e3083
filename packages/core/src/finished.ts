import type { End } from "./attempts.js";
import type { Claimed, Completion } from "./claim.js";
import { monotonic } from "./clock.js";

/** What has ended while a request is under way waits for so many ms for others that end, then it goes by the other line. */
const coalesced = 1;

/** An attempt whose outcome is to be reported, and what to tell once it is accepted. */
export interface Ended {
  readonly claimed: Claimed;
  readonly end: End | undefined;
}

/** What has ended and is not on its way to the store yet, in the order in which it ended. */
export class Finished {
  readonly #completions: Completion[] = [];
  readonly #ended: Ended[] = [];
  #since = 0; // monotonic: when the first of them ended

  /** How many there are. */
  get size(): number {
    return this.#completions.length;
  }

  /** The monotonic instant from which on they are to go, whatever is under way; never, if there are none. */
  get dueAt(): number {
    return this.size === 0 ? Number.POSITIVE_INFINITY : this.#since + coalesced;
  }

  /** @returns how many there are now */
  add(completion: Completion, ended: Ended): number {
    if (this.size === 0) this.#since = monotonic();
    this.#ended.push(ended);
    return this.#completions.push(completion);
  }

  /** Takes out the first ones. */
  take(most: number): { readonly completions: readonly Completion[]; readonly completed: readonly Ended[] } {
    return { completions: this.#completions.splice(0, most), completed: this.#ended.splice(0, most) };
  }

  /** What was claimed for them. */
  held(): Claimed[] {
    return this.#ended.map(({ claimed }) => claimed);
  }
}
