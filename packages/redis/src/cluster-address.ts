import type { Cluster, ClusterNode, ClusterOptions, NatMap, RedisOptions } from "ioredis";
import { EscapementError } from "./errors.js";

/** Where one server is. */
export interface ServerAddress {
  readonly host: string;
  readonly port: number;
}

/** Where a Redis Cluster is, and how its servers are to be talked to. */
export interface ClusterAddress {
  /** Servers to begin with: any of them, of which one has to answer. */
  readonly nodes: readonly ServerAddress[];
  /** User, password, TLS and the like, for every server. */
  readonly options: RedisOptions;
  /** Where a server is reached, by what the cluster calls it: `host:port`. */
  readonly natMap?: NatMap;
}

/**
 * What an ioredis cluster client was made with. The client itself is neither used nor changed.
 *
 * @throws EscapementError `INVALID_OPTION` for a client without any node
 */
export function clusterAddressOf(client: Cluster): ClusterAddress {
  // ioredis keeps them to itself; it gives them to a duplicate only.
  const given = Reflect.get(client, "startupNodes") as readonly ClusterNode[];
  const starts = given.map(startOf);
  const [first] = starts;
  if (first === undefined)
    throw new EscapementError(
      "INVALID_OPTION",
      "redis: the cluster client names no node. Name at least one.",
    );
  const { redisOptions = {}, natMap } = client.options as ClusterOptions & { redisOptions?: RedisOptions };
  const { host: _, port: __, ...own } = first;
  return {
    nodes: starts.map(({ host = "127.0.0.1", port = 6379 }) => ({ host, port })),
    options: { ...own, ...redisOptions },
    ...(natMap === undefined ? {} : { natMap }),
  };
}

/** Where a server is reached that the cluster calls by that name. */
export function natMapped(address: ServerAddress, natMap: NatMap | undefined): ServerAddress {
  const name = `${address.host}:${address.port}`;
  const mapped = typeof natMap === "function" ? natMap(name) : natMap?.[name];
  return mapped ?? address;
}

function startOf(node: ClusterNode): RedisOptions {
  if (typeof node === "number") return { port: node };
  if (typeof node === "object") {
    const { db: _, ...options } = node as RedisOptions;
    return { ...options, ...(options.port === undefined ? {} : { port: Number(options.port) }) };
  }
  const url = new URL(node.includes("://") ? node : `redis://${node}`);
  return {
    host: url.hostname.replace(/^\[|\]$/g, "") || "127.0.0.1",
    ...(url.port === "" ? {} : { port: Number(url.port) }),
    ...(url.username === "" ? {} : { username: decodeURIComponent(url.username) }),
    ...(url.password === "" ? {} : { password: decodeURIComponent(url.password) }),
    ...(url.protocol === "rediss:" ? { tls: {} } : {}),
  };
}
