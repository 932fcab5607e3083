import type { Redis } from "ioredis";

/** What the data of a server take. */
export interface StoreMemory {
  /** Bytes, by what INFO says of its data: without connections, buffers and cached scripts. */
  readonly data: number;
  /** How many keys there are, and the bytes that they take, each by itself. */
  readonly keys: number;
  readonly ofKeys: number;
}

/** Asks a server for it, which goes through all of its keys. */
export async function storeMemory(redis: Redis): Promise<StoreMemory> {
  const names = await redis.keys("*");
  const pipeline = redis.pipeline();
  for (const name of names) pipeline.call("MEMORY", "USAGE", name, "SAMPLES", "0");
  const sizes = (await pipeline.exec()) ?? [];
  const info = await redis.info("memory");
  return {
    data: Number(/^used_memory_dataset:(\d+)/m.exec(info)?.[1]),
    keys: names.length,
    ofKeys: sizes.reduce((sum, [, size]) => sum + Number(size ?? 0), 0),
  };
}
