import { Cluster, Redis, type RedisOptions } from "ioredis";
import { show } from "./names.js";
import { isClusterUrl, parseRedisUrl } from "./url.js";

/** Where a Redis is: a URL, ioredis options, or a client (or cluster client) whose options are taken over. */
export type RedisSource = string | RedisOptions | Redis | Cluster;

/** What keeps a source from being used. */
export interface SourceProblem {
  /** The option at fault, such as `keyPrefix`. */
  readonly option: string;
  readonly message: string;
}

/** Looks at the options of a source before anything is opened; `undefined` if there is nothing against them. */
export function problemOf(source: RedisSource): SourceProblem | undefined {
  if (typeof source === "string") return undefined;
  const { keyPrefix, port, host, db, sentinels, name, role, useSRVRecords } = optionsOf(source);
  // ioredis would put it before the names in KEYS, and not before those that scripts make.
  if (keyPrefix !== undefined && keyPrefix !== null && keyPrefix !== "")
    return {
      option: "keyPrefix",
      message: "cannot be used, since scripts make names of keys themselves. Use namespace instead.",
    };
  if (port !== undefined && !isWhole(port, 1, 65_535))
    return { option: "port", message: `must be a whole number from 1 to 65535, not ${shown(port)}.` };
  if (host !== undefined && (typeof host !== "string" || host === ""))
    return { option: "host", message: `must be a host's name or address, not ${shown(host)}.` };
  if (db !== undefined && !isWhole(db, 0, 9999))
    return { option: "db", message: `must be a database's number, not ${shown(db)}.` };
  if (useSRVRecords === true)
    return {
      option: "useSRVRecords",
      message: "cannot be used. Name some of the cluster's servers by host and port.",
    };
  if (Array.isArray(sentinels)) return sentinelProblem(sentinels, name, role);
  return undefined;
}

function sentinelProblem(sentinels: unknown[], name: unknown, role: unknown): SourceProblem | undefined {
  if (sentinels.length === 0)
    return { option: "sentinels", message: "must name at least one sentinel, as { host, port }." };
  if (typeof name !== "string" || name === "")
    return { option: "name", message: "must be the name by which the sentinels know the master." };
  // Replicas take no writes.
  if (role !== undefined && role !== "master")
    return { option: "role", message: `must be "master" or left out, not ${shown(role)}.` };
  return undefined;
}

/** What a source names: one server, a master that sentinels know, or a cluster. */
export function kindOf(source: RedisSource): "server" | "sentinel" | "cluster" {
  if (source instanceof Cluster || (typeof source === "string" && isClusterUrl(source))) return "cluster";
  const { sentinels } = typeof source === "string" ? parseRedisUrl(source) : optionsOf(source);
  return sentinels === undefined || sentinels === null ? "server" : "sentinel";
}

/** `host:port/db` of a single server, and `undefined` for what is none (a cluster, sentinels). */
export function addressOf(source: RedisSource): string | undefined {
  if (kindOf(source) !== "server") return undefined;
  const options = typeof source === "string" ? parseRedisUrl(source) : optionsOf(source);
  const { path, host = "localhost", port = 6379, db = 0 } = options as Record<string, unknown>;
  const server = typeof path === "string" ? path : `${String(host).toLowerCase()}:${port}`;
  return `${server}/${db}`;
}

function optionsOf(source: Exclude<RedisSource, string>): Record<string, unknown> {
  if (source instanceof Cluster) {
    const { keyPrefix, redisOptions, useSRVRecords } = source.options;
    // The nodes' addresses are the cluster's own affair.
    return {
      keyPrefix: keyPrefix || (redisOptions as { keyPrefix?: string } | undefined)?.keyPrefix,
      useSRVRecords,
    };
  }
  return (source instanceof Redis ? source.options : source) as Record<string, unknown>;
}

// ioredis takes digits too, as they come from the environment.
function isWhole(value: unknown, least: number, most: number): boolean {
  const number = typeof value === "string" && /^\d{1,5}$/.test(value) ? Number(value) : value;
  return typeof number === "number" && Number.isInteger(number) && number >= least && number <= most;
}

function shown(value: unknown): string {
  return typeof value === "number" ? String(value) : show(value);
}
