import type { Moment } from "./clock.js";

/**
 * The right to lead, counted from the moment at which it was asked for: Redis began to count later, so that it ends here
 * before it can end there.
 */
export class Lease {
  readonly epoch: number;
  /** Its end, in milliseconds on the monotonic clock. */
  readonly validUntil: number;
  readonly #sent: Moment;
  readonly #length: number;

  /**
   * @param sent when the request was sent, on both clocks
   * @param length milliseconds for which it holds, the margin taken off already
   */
  constructor(epoch: number, sent: Moment, length: number) {
    this.epoch = epoch;
    this.validUntil = sent.monotonic + length;
    this.#sent = sent;
    this.#length = length;
  }

  /**
   * Whether it still holds, by both clocks: the monotonic one stands still while the machine is suspended (pitfall T7), the
   * wall clock may be set back (T4). Whichever saw more time pass is believed.
   */
  isValid(now: Moment): boolean {
    return now.monotonic < this.validUntil && now.wall - this.#sent.wall < this.#length;
  }

  /** The same term, prolonged by a request sent at `sent`. */
  renewed(sent: Moment): Lease {
    return new Lease(this.epoch, sent, this.#length);
  }
}
