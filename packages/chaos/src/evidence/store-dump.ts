import type { Cluster, Redis } from "ioredis";
import { prefixOf } from "../partitions.js";

/** What a store holds of a namespace at one moment, by the names of its keys without what they have in common. */
export type StoreDump = Readonly<Record<string, DumpedKey>>;

/** One key. */
export interface DumpedKey {
  readonly type: string;
  /** Members, fields or items; 1 for a string. */
  readonly size: number;
  /** Milliseconds until it ends by itself, as PTTL has it: -1 if it does not. Left out in evidence of before this was looked at. */
  readonly ttl?: number;
  /** Members with scores, fields with values, members or items, or the string, as the type has them; left out where only the size is read. */
  readonly value?: Readonly<Record<string, string>> | readonly string[] | string;
}

// In one step, so that no run is on its way from one place to another.
const read = `
local prefix, all = ARGV[1], ARGV[2] == 'all'
local found = {}
for _, key in ipairs(redis.call('KEYS', ARGV[3])) do
  if string.sub(key, 1, #prefix) == prefix then
    local name, kind = string.sub(key, #prefix + 1), redis.call('TYPE', key).ok
    local size, value = 1, {}
    local past = string.match(name, '^history:') or string.match(name, '^failures:') or name == 'finished' or string.match(name, '^dead%-letters')
    local counted = kind == 'stream' or string.match(name, '^results?:') or (past and not all)
    if kind == 'string' then value = { redis.call('GET', key) }
    elseif kind == 'hash' then
      size = redis.call('HLEN', key)
      if not counted then value = redis.call('HGETALL', key) end
    elseif kind == 'zset' then
      size = redis.call('ZCARD', key)
      if not counted then value = redis.call('ZRANGE', key, 0, -1, 'WITHSCORES') end
    elseif kind == 'set' then
      size = redis.call('SCARD', key)
      value = redis.call('SMEMBERS', key)
    elseif kind == 'list' then
      size = redis.call('LLEN', key)
      if not counted then value = redis.call('LRANGE', key, 0, -1) end
    elseif kind == 'stream' then size = redis.call('XLEN', key) end
    found[#found + 1] = { name, kind, size, redis.call('PTTL', key), counted and 1 or 0, value }
  end
end
return found`;

/**
 * Reads the keys of one partition of a namespace as they stand at one moment, without any code of the product.
 *
 * @param what `all`, or `live`: of what has ended the sizes only
 */
export async function dumpStore(
  redis: Redis | Cluster,
  namespace: string,
  what: "all" | "live",
  partition = 0,
): Promise<StoreDump> {
  const prefix = prefixOf(namespace, partition);
  const pattern = `${prefix.replace(/[{}[\]]/g, "?")}*`;
  const found = (await redis.eval(read, 1, `${prefix}clock`, prefix, what, pattern)) as [
    string,
    string,
    number,
    number,
    number,
    string[],
  ][];
  return Object.fromEntries(
    found.map(([name, type, size, ttl, counted, flat]) => [
      name,
      { type, size, ttl, ...(counted === 0 && { value: contentOf(type, flat) }) },
    ]),
  );
}

function contentOf(type: string, flat: readonly string[]): NonNullable<DumpedKey["value"]> {
  if (type === "string") return flat[0] ?? "";
  if (type !== "hash" && type !== "zset") return flat;
  const pairs: Record<string, string> = {};
  for (let at = 0; at + 1 < flat.length; at += 2) pairs[flat[at] ?? ""] = flat[at + 1] ?? "";
  return pairs;
}
