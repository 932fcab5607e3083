import { Cluster, Redis, type RedisOptions } from "ioredis";
import { type ClusterAddress, clusterAddressOf } from "./cluster-address.js";
import { EscapementError } from "./errors.js";
import { SlotRoute, slotConnector } from "./slot-connector.js";
import { problemOf, type RedisSource } from "./source.js";
import { isClusterUrl, parseClusterUrl, parseRedisUrl } from "./url.js";

/** Jittered back-off of reconnecting: 50 ms doubling to 2 s, each drawn from its upper half. */
export function reconnectDelay(attempt: number, random: () => number = Math.random): number {
  const ceiling = Math.min(50 * 2 ** Math.min(attempt - 1, 10), 2000);
  return Math.round(ceiling * (0.5 + random() / 2));
}

/** After a failover the old master answers READONLY, and to who waited in it, UNBLOCKED: it is left. The command is the caller's to repeat. */
function isDemoted({ message }: Error): boolean {
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
} satisfies RedisOptions;

type Leaves = (error: Error) => boolean;

/** By which errors a client leaves its server. Kept apart from its options, where what it is asked by has a state of its own. */
const leavesOf = new WeakMap<Redis, Leaves>();

/** Opens a client that leaves its server as `leaves` says, once a socket: ioredis would begin anew at each refusal that comes in on it. */
function open(make: (reconnectOnError: Leaves) => Redis, leaves: Leaves): Redis {
  let isLeft = false;
  const client = make((error) => {
    if (isLeft || !leaves(error)) return false;
    isLeft = true;
    return true;
  });
  client.on("close", () => {
    isLeft = false;
  });
  leavesOf.set(client, leaves);
  return client;
}

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
    const own = { ...sharedOptions, ...sentinelsOf(source.options) };
    return open(
      (reconnectOnError) => source.duplicate({ ...own, reconnectOnError }),
      leavesOf.get(source) ?? isDemoted,
    );
  }
  if (typeof source === "string" && isClusterUrl(source)) return openSlot(parseClusterUrl(source), key);
  const options = typeof source === "string" ? parseRedisUrl(source) : source;
  const own = { ...options, ...sharedOptions, ...sentinelsOf(options) };
  return open((reconnectOnError) => new Redis({ ...own, reconnectOnError }), isDemoted);
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
  const own = { ...cluster.options, ...sharedOptions, Connector: slotConnector(route) };
  return open(
    (reconnectOnError) => new Redis({ ...own, reconnectOnError }),
    (error) => isDemoted(error) || route.isLeft(error.message),
  );
}
