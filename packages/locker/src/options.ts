import { EscapementError, type RedisSource } from "@escapement/redis";
import { type Connection, show } from "@escapement/redis/internal";
import { type Clock, systemClock } from "./clock.js";

/** Options of `createLocker`. */
export interface LockerOptions {
  /**
   * 1, 3 or 5 independent Redis masters: URLs, ioredis options, or clients whose options are taken over (the clients
   * themselves are left alone). Escapement's own packages may hand over connections of the profile "lease"; they stay theirs.
   */
  readonly voters: readonly (RedisSource | Connection)[];
  /** Milliseconds after which a lock ends by itself, 100 to 86 400 000. @default 300000 */
  readonly ttl?: number;
  /** Milliseconds after which `acquire` and `extend` give up, 20 to 60 000. A voter may take half of it. @default 2000, at most half of `ttl` */
  readonly deadline?: number;
  /** What tells the time; for tests. @default the process' clocks */
  readonly clock?: Clock;
}

/** The options with every default filled in. */
export type Settings = Required<LockerOptions>;

/**
 * Checks the options and fills in the defaults.
 *
 * @throws EscapementError `EVEN_VOTERS`, `INVALID_OPTION`
 */
export function settingsOf(options: LockerOptions): Settings {
  const { voters } = options;
  if (voters.length > 0 && voters.length % 2 === 0) {
    throw new EscapementError(
      "EVEN_VOTERS",
      `${voters.length} voters can split into two halves, and then nobody gets a lock. Give 1, 3 or 5.`,
    );
  }
  if (![1, 3, 5].includes(voters.length)) {
    throw new EscapementError(
      "INVALID_OPTION",
      `voters must be 1, 3 or 5 Redis masters, not ${voters.length}.`,
    );
  }
  const ttl = milliseconds("ttl", options.ttl ?? 300_000, 100, 86_400_000);
  const deadline = options.deadline ?? Math.min(2000, Math.floor(ttl / 2));
  return {
    voters,
    ttl,
    deadline: milliseconds("deadline", deadline, 20, Math.min(60_000, ttl)),
    clock: options.clock ?? systemClock,
  };
}

/**
 * Checks names of locks and drops repetitions.
 *
 * @throws EscapementError `INVALID_NAME`
 */
export function checkNames(names: readonly string[]): string[] {
  for (const name of names) {
    if (typeof name === "string" && name.length > 0 && name.length <= 1024) continue;
    throw new EscapementError(
      "INVALID_NAME",
      `A lock's name must be a string of 1 to 1024 characters; it is ${show(name)}.`,
    );
  }
  return [...new Set(names)];
}

function milliseconds(name: string, value: number, least: number, most: number): number {
  if (Number.isInteger(value) && value >= least && value <= most) return value;
  throw new EscapementError(
    "INVALID_OPTION",
    `${name} must be a whole number of milliseconds from ${least} to ${most}; it is ${String(value)}.`,
  );
}
