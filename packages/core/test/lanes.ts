import type { StoreBench } from "./store-bench.js";

/** Puts a run into a lane, `<queue>@<task>`, as nobody should. */
export async function putInLane({ redis, store }: StoreBench, lane: string, run = ""): Promise<void> {
  await redis.zadd(`${store.keys.prefix}ready:${lane}`, 1e12, run);
  await redis.zadd(store.keys.ready, "LT", 1e12, lane);
}
