import type { Cluster, Redis } from "ioredis";
import { TestingError } from "./errors.js";
import type { StartRedisOptions } from "./redis-options.js";
import type { RedisServer } from "./redis-server.js";
import { startCluster } from "./start-cluster.js";
import { startRedis } from "./start-redis.js";

/** A client that finds the server of each key. */
export type StoreClient = Redis | Cluster;

/** Where namespaces live: one server, or a Redis Cluster. */
export interface JobStore extends AsyncDisposable {
  /** Its address, with its password if it has one. */
  readonly url: string;
  /** The one server, or all of the cluster. */
  readonly servers: readonly RedisServer[];
  /** The server that serves a key. */
  masterOf(key: string): Promise<RedisServer>;
  /** A new plain client, closed by `stop()`. */
  client(): StoreClient;
  /** Closes the clients and ends it. Safe to call twice. */
  stop(): Promise<void>;
}

/**
 * Starts a job store: one server, as `startRedis` does, or a Redis Cluster of as many masters as `ESCAPEMENT_TEST_CLUSTER` says. For tests that hold
 * for both; what is about one server takes `startRedis`.
 *
 * @throws TestingError as `startRedis` and `startCluster` do; `INVALID` if `ESCAPEMENT_TEST_CLUSTER` is no number of masters
 */
export async function startJobStore(
  options: Omit<StartRedisOptions, "port" | "dir"> = {},
): Promise<JobStore> {
  const asked = process.env["ESCAPEMENT_TEST_CLUSTER"];
  if (asked === undefined || asked === "") return startRedis(options);
  // Fewer than three masters cannot agree on anything.
  const masters = Number(asked);
  if (!Number.isInteger(masters) || masters < 3)
    throw new TestingError(
      "INVALID",
      `ESCAPEMENT_TEST_CLUSTER is a number of masters from 3 on, not ${asked}`,
    );
  // Of a machine that is busy none should think that another one is down: there are no replicas.
  return startCluster({ masters, replicas: 0, nodeTimeout: 60_000, redis: options });
}

/** Asks each server, by a connection of its own. Answers in their order. */
export function onEach<R>(store: JobStore, ask: (server: Redis) => Promise<R>): Promise<R[]> {
  return Promise.all(
    store.servers.map(async (server) => {
      const client = server.client();
      return ask(client).finally(() => client.disconnect());
    }),
  );
}
