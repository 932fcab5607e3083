import type { Redis } from "ioredis";
import type { StoreSample } from "./sample.js";

/** Asks Redis for its memory and keys; for the largest ones if wanted, which goes through all. */
export async function sampleStore(redis: Redis, largest: boolean): Promise<StoreSample> {
  const [memory, used, keys] = await Promise.all([redis.info("memory"), redis.info("cpu"), redis.dbsize()]);
  const usedMemory = Number(/^used_memory:(\d+)/m.exec(memory)?.[1]);
  const seconds = (what: string): number =>
    Number(new RegExp(`^used_cpu_${what}:([\\d.]+)`, "m").exec(used)?.[1]);
  const cpu = 1000 * (seconds("user") + seconds("sys"));
  return { usedMemory, keys, cpu, ...(largest && { largest: await largestKeys(redis) }) };
}

/** Those that take the most memory; the keys of one kind, such as `history:…`, together. */
async function largestKeys(redis: Redis): Promise<Record<string, number>> {
  const bytes = new Map<string, number>();
  let cursor = "0";
  do {
    const [next, names] = await redis.scan(cursor, "COUNT", 200);
    const pipeline = redis.pipeline();
    for (const name of names) pipeline.call("MEMORY", "USAGE", name);
    for (const [index, [, size]] of ((await pipeline.exec()) ?? []).entries()) {
      const kind = /\}:([^:]+)/.exec(names[index] ?? "")?.[1] ?? "other";
      bytes.set(kind, (bytes.get(kind) ?? 0) + Number(size ?? 0));
    }
    cursor = next;
  } while (cursor !== "0");
  return Object.fromEntries([...bytes].sort(([, a], [, b]) => b - a).slice(0, 8));
}
