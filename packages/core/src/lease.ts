import { longestSleep, monotonic, wallClock } from "./clock.js";

/**
 * A node's lease as the node itself may count it: from the moment at which the request was sent, and over as soon as either
 * the monotonic or the wall clock says so (the monotonic one stands still while a machine is suspended).
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

  /** Whether the lease surely holds at this instant. */
  isHeld(): boolean {
    return monotonic() < this.#monotonicEnd && wallClock() - this.#wallStart < this.#ttl + clockStep;
  }

  /** Stops watching; `isHeld` is false from now on. */
  end(): void {
    clearTimeout(this.#timer);
    this.#monotonicEnd = 0;
  }

  #watch(): void {
    clearTimeout(this.#timer);
    const left = Math.min(Math.ceil(this.#monotonicEnd - monotonic()), longestSleep);
    this.#timer = setTimeout(
      () => {
        if (this.isHeld()) this.#watch();
        else this.#onEnd();
      },
      Math.max(left, 1),
    );
  }
}

// A wall clock that is set forward while awake looks like a suspend. A step of less than this is taken for what it is.
const clockStep = 60_000;
