import type { Redis } from "ioredis";

/** What Redis has done, by its own counters. */
export interface Reading {
  /** User and system. */
  readonly cpuSeconds: number;
  /** All commands, those that scripts call included. */
  readonly commands: number;
  /** Calls of scripts. */
  readonly scripts: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
}

/** Reads the counters of several servers, together. */
export async function readStores(servers: readonly Redis[]): Promise<Reading> {
  const [first, ...rest] = await Promise.all(servers.map(readStore));
  if (first === undefined) throw new RangeError("no servers to read the counters of");
  return rest.reduce((sum, one) => combine(sum, one, 1), first);
}

/** Reads the counters since Redis was started. */
export async function readStore(redis: Redis): Promise<Reading> {
  const text = String(await redis.call("INFO", "stats", "cpu", "commandstats"));
  const field = (name: string): number => Number(new RegExp(`^${name}:([\\d.]+)`, "m").exec(text)?.[1] ?? 0);
  const calls = (pattern: RegExp): number =>
    [...text.matchAll(pattern)].reduce((sum, [, count]) => sum + Number(count), 0);
  return {
    cpuSeconds: field("used_cpu_user") + field("used_cpu_sys"),
    commands: calls(/^cmdstat_[^:]+:calls=(\d+)/gm),
    scripts: calls(/^cmdstat_(?:eval|evalsha|fcall)(?:_ro)?:calls=(\d+)/gm),
    bytesIn: field("total_net_input_bytes"),
    bytesOut: field("total_net_output_bytes"),
  };
}

/** What was done between two readings. */
export function since(before: Reading, after: Reading): Reading {
  return combine(after, before, -1);
}

function combine(one: Reading, other: Reading, sign: 1 | -1): Reading {
  return {
    cpuSeconds: one.cpuSeconds + sign * other.cpuSeconds,
    commands: one.commands + sign * other.commands,
    scripts: one.scripts + sign * other.scripts,
    bytesIn: one.bytesIn + sign * other.bytesIn,
    bytesOut: one.bytesOut + sign * other.bytesOut,
  };
}

/** Bytes that Redis has in use. */
export async function usedMemory(redis: Redis): Promise<number> {
  return Number(/^used_memory:(\d+)/m.exec(await redis.info("memory"))?.[1] ?? 0);
}
