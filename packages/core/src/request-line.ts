import type { ClaimAnswer, Line } from "./claim.js";
import type { Ended } from "./finished.js";
import { patience } from "./slots.js";

/** A second request is worth its while from so many runs on that have ended, or could be claimed: it costs Redis as much as ten runs do. */
export const bulk = 25;

/** A request that is under way. */
export interface Exchange {
  readonly completed: readonly Ended[];
  /** For how many runs it asks, and how many of these would wait for a slot. */
  readonly slots: number;
  readonly ahead: number;
  /** Monotonic. Its slots are kept from the process' other partitions for a while from then on. */
  readonly sentAt: number;
  readonly answered: Promise<ClaimAnswer>;
}

/** Requests of which one is under way at most. */
export class RequestLine {
  readonly name: Line;
  underWay: Exchange | undefined;
  /** Until what its last request brought has begun. */
  isBusy = false;

  constructor(name: Line) {
    this.name = name;
  }
}

/** The two lines of a node's requests (decision 0026). */
export class RequestLines {
  readonly #all: readonly RequestLine[] = [new RequestLine(""), new RequestLine("2")];

  /** One on which nothing is to be waited for. */
  get free(): RequestLine | undefined {
    return this.#all.find(({ isBusy }) => !isBusy);
  }

  /** Whether a request is under way, or what it brought is about to begin. */
  get isBusy(): boolean {
    return this.#all.some(({ isBusy }) => isBusy);
  }

  /** How many requests are under way; `all`: as many as may be. */
  get underWay(): number | "all" {
    const count = this.#all.filter(({ underWay }) => underWay !== undefined).length;
    return count === this.#all.length ? "all" : count;
  }

  /** How many slots are kept from other partitions, at this monotonic time, for what these ask. */
  kept(now: number): number {
    let kept = 0;
    for (const { underWay } of this.#all)
      if (underWay !== undefined && now < underWay.sentAt + patience) kept += underWay.slots;
    return kept;
  }

  /** Whether one has not been answered in time. */
  isLate(now: number): boolean {
    return this.#all.some(({ underWay }) => underWay !== undefined && now >= underWay.sentAt + patience);
  }

  /** For how many runs these ask, and for how many of them there are slots. */
  get asked(): { readonly all: number; readonly forSlots: number } {
    let [all, forSlots] = [0, 0];
    for (const { underWay } of this.#all) {
      all += underWay?.slots ?? 0;
      forSlots += underWay === undefined ? 0 : underWay.slots - underWay.ahead;
    }
    return { all, forSlots };
  }
}
