import { type Cluster, Redis, type RedisOptions } from "ioredis";
import { type StoreAddress, sourceOf } from "./address.js";

/** A connection of a bystander: what fails is told at once, and a command is sent once at most. */
export function connectTo(address: StoreAddress, options: RedisOptions = {}): Redis | Cluster {
  const own: RedisOptions = {
    maxRetriesPerRequest: 0,
    autoResendUnfulfilledCommands: false,
    commandTimeout: 10_000,
    retryStrategy: () => 100,
    ...options,
  };
  const client = openTo(address, own);
  client.on("error", () => undefined);
  return client;
}

function openTo(address: StoreAddress, own: RedisOptions): Redis | Cluster {
  if ("url" in address) return new Redis(address.url, own);
  if ("cluster" in address) {
    const cluster = sourceOf(address) as Cluster;
    void cluster.connect().catch(() => undefined);
    return cluster;
  }
  return new Redis({ ...address.options, ...own });
}
