import { ensureRedis } from "./setup-redis.mjs";

/**
 * What `ESCAPEMENT_TEST_REDIS` has to say so that the Redis that there is will be used; what it says already is left.
 *
 * @returns {Promise<string>}
 * @throws {Error} that names the three ways to a Redis, if there is none
 */
export async function wayToRedis() {
  if (process.env.ESCAPEMENT_TEST_REDIS) return process.env.ESCAPEMENT_TEST_REDIS;
  const source = await ensureRedis({ log: console.log });
  if (source.kind === "url") return source.url;
  return source.kind === "process" ? "process" : "testcontainers";
}
