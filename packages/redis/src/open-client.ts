import { Cluster, Redis, type RedisOptions } from "ioredis";
import { type ClusterAddress, clusterAddressOf } from "./cluster-address.js";
import { EscapementError } from "./errors.js";
import { isOfSlot, SlotRoute, slotConnector } from "./slot-connector.js";
import { problemOf, type RedisSource } from "./source.js";
import { isClusterUrl, parseClusterUrl, parseRedisUrl } from "./url.js";

/** Jittered back-off of reconnecting: 50 ms doubling to 2 s, each drawn from its upper half. */
export function reconnectDelay(attempt: number, random: () => number = Math.random): number {
  const ceiling = Math.min(50 * 2 ** Math.min(attempt - 1, 10), 2000);
  return Math.round(ceiling * (0.5 + random() / 2));
}

function isDemoted(message: string): boolean {
  return message.includes("READONLY") || message.startsWith("UNBLOCKED");
}

const sharedOptions = {
  // A command that was cut off is never sent twice by the client: scripts carry what makes a repeat harmless.
  autoResendUnfulfilledCommands: false,
  // Steps are batched by us, in scripts; gathering commands of one turn besides costs more than it saves, and would put a lease's renewal
  // behind whatever else was asked for.
  enableAutoPipelining: false,
  enableOfflineQueue: false,
  // ioredis waits for no answer when it subscribes again: a connection that breaks then would be an unhandled rejection, which
  // ends the process. Subscribers subscribe at each `restored` instead.
  autoResubscribe: false,
  maxRetriesPerRequest: null,
  lazyConnect: false,
  // CLIENT SETINFO would be refused to a user who may do only what is needed, at each connection; nothing here depends on it.
  disableClientInfo: true,
  // Without it "ready" comes before the answer to SELECT, and what is sent then may land in another database.
  enableReadyCheck: true,
  connectTimeout: 5000,
  // Subscribers are silent for long: what stands between may forget them, and neither end would notice.
  keepAlive: 30_000,
  // How long a socket that is given up may take to close before it is destroyed; one that is half open never would.
  disconnectTimeout: 50,
  retryStrategy: (attempt: number): number => reconnectDelay(attempt),
  // After a failover the old master answers READONLY, and to who waited in it, UNBLOCKED: leave it. The command is the caller's to repeat.
  reconnectOnError: ({ message }: Error): boolean => isDemoted(message),
} satisfies RedisOptions;

/** What is asked of sentinels. One that stands still would otherwise be waited for as long as it does. */
const sentinelOptions = {
  sentinelCommandTimeout: 1000,
  sentinelRetryStrategy: sharedOptions.retryStrategy,
} satisfies RedisOptions;

/**
 * Opens a client that connects in the background.
 *
 * @param key any key of the slot that it is for, if the source is a cluster
 * @throws EscapementError `INVALID_OPTION`, `INVALID_REDIS_URL`
 */
export function openClient(source: RedisSource, key: string | undefined): Redis {
  const problem = problemOf(source);
  if (problem !== undefined)
    throw new EscapementError("INVALID_OPTION", `redis.${problem.option}: ${problem.message}`);
  if (source instanceof Cluster) return openSlot(clusterAddressOf(source), key);
  if (source instanceof Redis) {
    const { reconnectOnError } = isOfSlot(source) ? source.options : sharedOptions;
    return source.duplicate({ ...sharedOptions, ...sentinelsOf(source.options), reconnectOnError });
  }
  if (typeof source === "string" && isClusterUrl(source)) return openSlot(parseClusterUrl(source), key);
  const options = typeof source === "string" ? parseRedisUrl(source) : source;
  return new Redis({ ...options, ...sharedOptions, ...sentinelsOf(options) });
}

function sentinelsOf(options: RedisOptions): RedisOptions {
  const { sentinels, sentinelCommandTimeout } = options;
  if (sentinels === undefined || sentinels === null) return {};
  return { ...sentinelOptions, ...(sentinelCommandTimeout === undefined ? {} : { sentinelCommandTimeout }) };
}

function openSlot(cluster: ClusterAddress, key: string | undefined): Redis {
  if (key === undefined)
    throw new EscapementError(
      "INVALID_OPTION",
      "redis: is a Redis Cluster, and this needs a single server. Name one that is not part of a cluster.",
    );
  const route = new SlotRoute(cluster, key, sharedOptions.retryStrategy);
  return new Redis({
    ...cluster.options,
    ...sharedOptions,
    Connector: slotConnector(route),
    reconnectOnError: (error) => isDemoted(error.message) || route.isLeft(error.message),
  });
}
