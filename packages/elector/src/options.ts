import { randomUUID } from "node:crypto";
import { EscapementError, type RedisSource } from "@escapement/redis";
import { type Connection, show } from "@escapement/redis/internal";
import { type Clock, systemClock } from "./clock.js";

/** Options of `createElector`. */
export interface ElectorOptions {
  /**
   * Where the lease lies: a URL, ioredis options, or an ioredis client or cluster whose options are taken over (the client
   * itself is left alone). Escapement's own packages may hand over a connection of the profile "lease"; it stays theirs.
   */
  readonly redis: RedisSource | Connection;
  /** The lease's key; electors with the same key elect one of themselves. With Redis Cluster it needs a hash tag: `app:{leader}`. */
  readonly key: string;
  /** Key of the number of the latest term. @default `${key}:epoch` */
  readonly epochKey?: string;
  /** Who this is: the value of the lease's key. It must be new at each boot. @default a random UUID */
  readonly id?: string;
  /** Milliseconds after which the lease of a dead leader ends, 500 to 86 400 000. @default 5000 */
  readonly ttl?: number;
  /** Milliseconds between renewals, less than half of the lease. @default a third of `ttl` */
  readonly renewEvery?: number;
  /** Milliseconds before the end of the lease at which leadership stops here. @default a tenth of `ttl`, but at least 100 */
  readonly margin?: number;
  /** Milliseconds after which a follower looks again at the latest. @default half of `ttl` */
  readonly retryEvery?: number;
  /** Renew only while `progress()` is called: a leader that does nothing loses its lease. @default false */
  readonly requireProgress?: boolean;
  /** Milliseconds without `progress()` after which the leader counts as stalled. @default `ttl` */
  readonly stallAfter?: number;
  /** A connection of the profile "subscriber" to share, for Escapement's own packages. @default one of its own */
  readonly subscriber?: Connection;
  /** What tells the time; for tests. @default the process' clocks */
  readonly clock?: Clock;
}

/** The options with every default filled in. */
export interface Settings {
  readonly key: string;
  readonly epochKey: string;
  readonly channel: string;
  readonly id: string;
  readonly ttl: number;
  readonly renewEvery: number;
  readonly margin: number;
  readonly retryEvery: number;
  readonly requireProgress: boolean;
  readonly stallAfter: number;
  /** Milliseconds that one request may take. */
  readonly deadline: number;
  readonly clock: Clock;
}

/**
 * Checks the options and fills in the defaults.
 *
 * @throws EscapementError `INVALID_OPTION`
 */
export function settingsOf(options: ElectorOptions): Settings {
  const key = text("key", options.key);
  const ttl = milliseconds("ttl", options.ttl ?? 5000, 500, 86_400_000);
  const margin = milliseconds("margin", options.margin ?? Math.max(Math.round(ttl / 10), 100), 0, ttl / 2);
  return {
    key,
    epochKey: text("epochKey", options.epochKey ?? `${key}:epoch`),
    channel: `${key}:resigned`,
    id: text("id", options.id ?? randomUUID()),
    ttl,
    margin,
    renewEvery: milliseconds("renewEvery", options.renewEvery ?? Math.round(ttl / 3), 10, (ttl - margin) / 2),
    retryEvery: milliseconds("retryEvery", options.retryEvery ?? Math.round(ttl / 2), 10, 86_400_000),
    requireProgress: options.requireProgress ?? false,
    stallAfter: milliseconds("stallAfter", options.stallAfter ?? ttl, 10, 86_400_000),
    deadline: Math.min(Math.round(ttl / 4), 2000),
    clock: options.clock ?? systemClock,
  };
}

/**
 * Refuses keys that Redis Cluster would keep on different servers.
 *
 * @throws EscapementError `INVALID_OPTION`
 */
export function checkHashTags(settings: Settings): void {
  const [lease, epoch] = [settings.key, settings.epochKey].map((key) => /^[^{]*\{([^}]+)\}/.exec(key)?.[1]);
  if (lease !== undefined && lease === epoch) return;
  throw new EscapementError(
    "INVALID_OPTION",
    `On Redis Cluster, key and epochKey need the same hash tag, such as "app:{leader}"; they are ${show(settings.key)} and ${show(settings.epochKey)}.`,
  );
}

function text(name: string, value: unknown): string {
  if (typeof value === "string" && value !== "") return value;
  throw new EscapementError(
    "INVALID_OPTION",
    `${name} must be a string that is not empty; it is ${show(value)}.`,
  );
}

function milliseconds(name: string, value: number, least: number, most: number): number {
  if (Number.isInteger(value) && value >= least && value <= most) return value;
  throw new EscapementError(
    "INVALID_OPTION",
    `${name} must be a whole number of milliseconds from ${least} to ${Math.floor(most)}; it is ${String(value)}.`,
  );
}
