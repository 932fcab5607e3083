import { type RedisServer, startRedis, startVoters } from "@escapement/testing";
import type { Redis } from "ioredis";
import { versionOf } from "../cost/figures.js";
import type { Contestant, Place } from "./contestant.js";
import { contestants } from "./index.js";
import { startPostgres } from "./postgres.js";

/** The one Redis that all of a work's contestants use in turn, emptied before each. */
export interface Arena extends AsyncDisposable {
  /** Of all contestants but ours with voters. */
  readonly place: Place;
  /** The same, with three voters. */
  readonly withVoters: Place;
  /** A connection to look at the Redis with. */
  readonly redis: Redis;
  /** Those of the wanted ones whose store is here. */
  readonly contestants: readonly Contestant[];
  /** Which stores these are, and who is left out. */
  readonly notes: readonly string[];
  /** Empties the stores. */
  clear(): Promise<void>;
}

/** What a work needs. */
export interface ArenaOptions {
  /** @default all */
  readonly wanted?: readonly Contestant[];
  /** Three further Redis masters. @default false */
  readonly voters?: boolean;
}

/** Starts the stores; without persistence and with Redis' own settings otherwise. */
export async function openArena(options: ArenaOptions = {}): Promise<Arena> {
  const { wanted = contestants, voters: hasVoters = false } = options;
  const server: RedisServer = await startRedis();
  const voters = hasVoters ? await startVoters(3) : undefined;
  const postgres = wanted.some(({ store }) => store === "postgres") ? await startPostgres() : undefined;
  const here = wanted.filter(({ store }) => store === "redis" || postgres !== undefined);
  const missing = wanted.filter((one) => !here.includes(one)).map(({ name }) => name);
  const redis = server.client();
  const place: Place = {
    redis: server.url,
    ...(postgres === undefined ? {} : { postgres: postgres.url }),
  };
  return {
    place,
    withVoters: { ...place, ...(voters === undefined ? {} : { voters: voters.urls }) },
    redis,
    contestants: here,
    notes: [
      `${await versionOf(server)} without persistence${postgres === undefined ? "" : `; PostgreSQL ${postgres.version} without fsync`}.`,
      ...(missing.length === 0 ? [] : [`Left out: ${missing.join(", ")}: no local PostgreSQL.`]),
    ],
    clear: async () => {
      await redis.flushall();
      await postgres?.clear();
    },
    [Symbol.asyncDispose]: async () => {
      await server.stop();
      await voters?.stop();
      await postgres?.stop();
    },
  };
}
