import type { Claimed } from "./claim.js";
import { monotonic } from "./clock.js";

/** So many ms of work are claimed ahead, and as many as a request takes: no idle node could begin it much sooner. */
const reach = 1;
/** A request counts as one of so many ms at most: with what is claimed ahead by that, what waits begins before it would have to go back. */
const mostOfRequest = 3;
/** How many runs end within a ms is counted over so many ms, and the same before. */
const window = 5;
/** For so many ms a run that was claimed ahead waits for a free slot at most; then it goes back. */
const longest = 5;
/** So many ms after its claim a run may still begin at the most, where the event loop was blocked meanwhile: well below what a pause is promised to take. */
const stale = 25;
/** Runs that are claimed ahead at most; and where voters hold locks: with more, batches get older than a run may be that has waited, and go back by the hundred. */
const most = 400;
const mostLocked = 200;

/**
 * Runs that were claimed for slots that are about to be free. Where handlers take well below a millisecond, a node would wait for Redis rather than work
 * if it asked for the next run only then. How many there may be goes by how long handlers take, none where they take longer, or nobody knows; and by how many
 * have lately ended, since other slots may be taken by what takes long.
 */
export class Ahead {
  readonly #waiting: { readonly claimed: Claimed; readonly claimedAt: number; readonly since: number }[] = [];
  readonly #onLate: (runs: readonly Claimed[]) => void;
  #timer: NodeJS.Timeout | undefined;
  #mean = Number.POSITIVE_INFINITY; // ms that a handler takes
  #windowEnds = 0; // monotonic
  #requestMs = 0;
  readonly #ends = { now: 0, before: 0 }; // how many handlers have, in this window and in the last one

  /** @param onLate takes the runs for which no slot has become free in time */
  constructor(onLate: (runs: readonly Claimed[]) => void) {
    this.#onLate = onLate;
  }

  /** How many wait. */
  get size(): number {
    return this.#waiting.length;
  }

  /** Those that wait. */
  held(): Claimed[] {
    return this.#waiting.map(({ claimed }) => claimed);
  }

  /**
   * How many may wait, with so many slots.
   *
   * @param now monotonic
   * @param apart ms between the answer to a claim and the moment at which what it brought could begin, here as on any other node
   */
  room(concurrency: number, now: number = monotonic(), apart = 0): number {
    this.#turnWindow(now);
    const ms = reach + this.#requestMs + apart;
    const ended = Math.ceil(((this.#ends.now + this.#ends.before) * ms) / window);
    return Math.min(apart > 0 ? mostLocked : most, Math.floor((concurrency * ms) / this.#mean), ended);
  }

  #turnWindow(now: number): void {
    if (now < this.#windowEnds) return;
    this.#ends.before = now < this.#windowEnds + window ? this.#ends.now : 0;
    this.#ends.now = 0;
    this.#windowEnds = now + window;
  }

  /** A request that brought something took so many ms. */
  learnRequest(ms: number): void {
    this.#requestMs += (Math.min(ms, mostOfRequest) - this.#requestMs) / 8;
  }

  /** A handler has ended, at that monotonic time, that took so many ms. */
  learn(duration: number, now: number): void {
    this.#turnWindow(now);
    this.#ends.now += 1;
    const known = Number.isFinite(this.#mean);
    // One that is slow counts at once, one that is quick counts a little; after a slow one nobody knows for a while whether it was the last.
    if (!known) this.#mean = Math.max(duration, reach);
    else if (duration > this.#mean * 8) this.#mean = duration;
    else this.#mean += (Math.max(duration, 0.005) - this.#mean) / 8;
  }

  /** @param claimedAt by the monotonic clock */
  add(runs: readonly Claimed[], claimedAt: number): void {
    const since = monotonic();
    for (const claimed of runs) this.#waiting.push({ claimed, claimedAt, since });
    if (runs.length > 0) this.#timer ??= setTimeout(this.#expire, longest);
  }

  /** The next one that is to begin now; those that are too old for that go back. */
  next(): Claimed | undefined {
    for (;;) {
      const first = this.#waiting.shift();
      if (first === undefined) return undefined;
      if (monotonic() - first.claimedAt < stale) return first.claimed;
      this.#onLate([first.claimed]);
    }
  }

  /** Takes one out, or all. */
  remove(run?: string): Claimed[] {
    const gone = run === undefined ? this.held() : this.held().filter((claimed) => claimed.run === run);
    const left = this.#waiting.filter(({ claimed }) => !gone.includes(claimed));
    this.#waiting.splice(0, this.#waiting.length, ...left);
    return gone;
  }

  readonly #expire = (): void => {
    this.#timer = undefined;
    const before = monotonic() - longest;
    const late = this.#waiting.filter(({ since }) => since <= before).map(({ claimed }) => claimed);
    if (late.length > 0) {
      this.#mean = Number.POSITIVE_INFINITY; // what runs takes longer than was thought
      this.#waiting.splice(0, late.length);
      this.#onLate(late);
    }
    const [first] = this.#waiting;
    if (first !== undefined)
      this.#timer = setTimeout(this.#expire, Math.max(first.since + longest - monotonic(), 1));
  };
}
