import { EscapementError } from "@escapement/redis";
import { monotonic } from "./clock.js";
import type { Store } from "./store.js";

/** Errors after which a request may have been applied all the same. */
const unknown: ReadonlySet<string> = new Set(["REDIS_TIMEOUT", "REDIS_FAILED"]);

/**
 * One identity's way onto the list of nodes. It has one lease of time for that, from the first request on that may have put it there: after that the lease
 * which it was given unheard may have ended, its death been declared, and forgotten. The store refuses what arrives later, by its own clock; here
 * nothing is sent later, and no answer is taken that comes later.
 */
export class Joining {
  readonly #ttl: number;
  #first: { readonly began: number; readonly at: number } | undefined;
  #mayHaveJoined = false;

  /** @param ttl the lease, in milliseconds */
  constructor(ttl: number) {
    this.#ttl = ttl;
  }

  /**
   * Asks once.
   *
   * @param send sends the request; it is handed the time of the store from before the first one, in ms, by which the store knows a late one
   * @throws EscapementError `NODE_DEAD` if this identity must not be used any more; what `send` throws
   */
  async ask<R>(store: Store, send: (began: number) => Promise<R>): Promise<R> {
    this.#first ??= { began: await store.now(store.lease), at: monotonic() };
    this.#assertInTime(this.#first.at);
    const { began, at } = this.#first;
    const answer = await send(began).catch((error: unknown) => {
      this.#mayHaveJoined ||= !(error instanceof EscapementError) || unknown.has(error.code);
      if (!this.#mayHaveJoined) this.#first = undefined;
      throw error;
    });
    this.#assertInTime(at);
    return answer;
  }

  #assertInTime(at: number): void {
    if (monotonic() - at < this.#ttl) return;
    const message = "Joining was not answered for longer than the lease; it goes on under a new identity.";
    throw new EscapementError("NODE_DEAD", message);
  }
}
