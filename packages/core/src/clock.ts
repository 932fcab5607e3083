/** Milliseconds on the monotonic clock of this process: what sleeps and leases are counted on. */
export function monotonic(): number {
  return performance.now();
}

/** Milliseconds since the epoch by this machine. Decides nothing; shows that the machine was suspended. */
export function wallClock(): number {
  return Date.now();
}

/** The longest sleep, in milliseconds. A timer over 2^31 - 1 ms would fire at once. */
export const longestSleep: number = 60_000;

/**
 * Sets a timer of any length: one over 2^31 - 1 ms would fire at once, and is made of several.
 *
 * @param ms milliseconds, or Infinity
 * @param replaced is given each further timer that takes the place of the one returned
 */
export function longTimer(
  ms: number,
  replaced: (timer: NodeJS.Timeout) => void,
  then: () => void,
): NodeJS.Timeout {
  const most = 2 ** 31 - 1;
  if (ms <= most) return setTimeout(then, ms);
  return setTimeout(() => replaced(longTimer(ms - most, replaced, then)), most);
}

/**
 * What this node knows of Redis' clock: bounds on its distance from the monotonic clock, from the times at which requests
 * were sent and answered.
 */
export class StoreClock {
  #low = Number.NEGATIVE_INFINITY;
  #high = Number.POSITIVE_INFINITY;
  #at = 0;

  /** Takes in that Redis said `storeTime` (whole ms) between two monotonic instants. */
  observe(storeTime: number, sentAt: number, receivedAt: number): void {
    // The clocks may drift apart, by NTP's slewing at most 500 ppm.
    const drift = (receivedAt - this.#at) / 2000;
    const low = Math.max(this.#low - drift, storeTime - receivedAt);
    const high = Math.min(this.#high + drift, storeTime + 1 - sentAt);
    const agrees = low <= high;
    this.#low = agrees ? low : storeTime - receivedAt;
    this.#high = agrees ? high : storeTime + 1 - sentAt;
    this.#at = receivedAt;
  }

  /** Whether anything was observed. */
  get isKnown(): boolean {
    return Number.isFinite(this.#low);
  }

  /** The monotonic instant at which Redis' clock will surely have reached `storeTime`. */
  reaches(storeTime: number): number {
    return this.isKnown ? storeTime - this.#low : monotonic();
  }

  /** Redis' time in ms now, at the least. Before anything was observed: this machine's. */
  now(): number {
    return this.isKnown ? Math.floor(monotonic() + this.#low) : wallClock();
  }

  /** How far this machine's wall clock is from Redis', in ms; positive: ahead of it. As exact as the bounds are; 0 before anything was observed. */
  wallOffset(): number {
    if (!this.isKnown) return 0;
    return Math.round(wallClock() - monotonic() - (this.#low + this.#high) / 2);
  }
}

/** Resolves when all that is ready to run in this turn of the event loop has run. */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
