/** One term of leadership. */
export interface Term {
  /** Its number; every term's is higher than that of all terms before it. Give it to what the leader writes. */
  readonly epoch: number;
  /** Until when the term holds if it is not renewed, in milliseconds on the monotonic clock (`performance.now()`). */
  readonly validUntil: number;
}

/**
 * Why a term ended.
 *
 * - `expired`: no renewal came through in time, or the process or machine was stopped.
 * - `refused`: Redis said that the lease is not held any more.
 * - `stalled`: `progress()` was not called (see `requireProgress`).
 * - `resigned`, `closed`: `resign()` or `close()` was called.
 */
export type LostReason = "expired" | "refused" | "stalled" | "resigned" | "closed";

/** What an elector tells its listeners. */
export interface ElectorEvents {
  /** This process leads now. */
  elected: [term: Term];
  /** It does not lead any more. It may be elected again, in a new term. */
  lost: [reason: LostReason, term: Term];
  /** It held the lease without doing its work; `silentFor` is the time in milliseconds since the last `progress()`. */
  stalled: [reason: string, silentFor: number];
  /** A request to Redis failed, or a listener threw. The elector goes on by itself. */
  failed: [error: Error];
}
