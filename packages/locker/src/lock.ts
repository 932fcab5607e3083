import type { Clock } from "./clock.js";

/** A lock that was granted. It is neither prolonged nor released by itself. */
export interface Lock {
  /** What is locked; also its key on every voter. */
  readonly name: string;
  /** Whose it is: the key's value on every voter. */
  readonly value: string;
  /** Until when it holds, in milliseconds on the monotonic clock (`performance.now()`). */
  readonly validUntil: number;
  /** Whether it holds at this very moment. Reads the clocks, so ask right before acting. */
  isValid(): boolean;
}

/** Milliseconds for which a lock of `ttl` milliseconds can be relied on: voters' clocks may run faster, by 1% and 2 ms. */
export function reliableTime(ttl: number): number {
  return ttl - Math.ceil(ttl / 100) - 2;
}

/**
 * Counts validity for what is requested from now on (pitfall R1: from before the attempt, by a clock that nobody sets; T7: and
 * by the wall clock, as the monotonic one stands still in a suspend).
 *
 * @returns what makes the locks of that attempt, and whether such a lock would hold now
 */
export function startValidity(
  clock: Clock,
  ttl: number,
): { isValid(): boolean; lock(name: string, value: string): Lock } {
  const length = reliableTime(ttl);
  const validUntil = clock.monotonic() + length;
  const wall = clock.wall();
  const isValid = (): boolean => clock.monotonic() < validUntil && clock.wall() - wall < length;
  return { isValid, lock: (name, value) => ({ name, value, validUntil, isValid }) };
}
