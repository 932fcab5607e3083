import { longestSleep, monotonic, wallClock } from "./clock.js";

/**
 * A node's lease as the node itself may count it: from the moment at which the request was sent, on the monotonic clock. That one stands
 * still while a machine is suspended, and the wall clock tells of this; but it may have been set as well. So what it says only keeps from
 * starting anything until Redis was asked: it ends nothing.
 */
export class NodeLease {
  readonly #ttl: number;
  #monotonicEnd: number;
  #wallStart: number;
  #timer: NodeJS.Timeout | undefined;
  readonly #onEnd: () => void;

  constructor(ttl: number, onEnd: () => void) {
    this.#ttl = ttl;
    this.#onEnd = onEnd;
    this.#monotonicEnd = 0;
    this.#wallStart = 0;
  }

  /** The lease was prolonged by a request sent at `sentAt` (monotonic) and `wallSentAt`. */
  prolonged(sentAt: number, wallSentAt: number): void {
    this.#monotonicEnd = sentAt + this.#ttl;
    this.#wallStart = wallSentAt;
    this.#watch();
  }

  /** Whether the lease surely holds at this instant, by both clocks: nothing is started otherwise. */
  isHeld(): boolean {
    return !this.isOver() && wallClock() - this.#wallStart < this.#ttl + clockStep;
  }

  /** Whether it has come to its end by the monotonic clock, which nobody sets: for what runs, and for a request under way. */
  isOver(): boolean {
    return monotonic() >= this.#monotonicEnd;
  }

  /** Stops watching; the lease is over from now on. */
  end(): void {
    clearTimeout(this.#timer);
    this.#monotonicEnd = 0;
  }

  #watch(): void {
    clearTimeout(this.#timer);
    const left = Math.min(Math.ceil(this.#monotonicEnd - monotonic()), longestSleep);
    this.#timer = setTimeout(
      () => {
        if (this.isOver()) this.#onEnd();
        else this.#watch();
      },
      Math.max(left, 1),
    );
  }
}

// A wall clock that is set forward while awake looks like a suspend. A step of less than this is taken for what it is.
const clockStep = 60_000;
