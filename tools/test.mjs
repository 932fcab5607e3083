// `npm test`: sets up, finds a Redis, runs the tests. Arguments go to vitest: `npm test -- packages/core`.
import { run, tool } from "./run.mjs";
import { setup } from "./setup.mjs";
import { ensureRedis } from "./setup-redis.mjs";

/** What `ESCAPEMENT_TEST_REDIS` has to say for the Redis that there is. */
async function wayToRedis() {
  if (process.env.ESCAPEMENT_TEST_REDIS) return process.env.ESCAPEMENT_TEST_REDIS;
  const source = await ensureRedis({ log: console.log });
  if (source.kind === "url") return source.url;
  return source.kind === "process" ? "process" : "testcontainers";
}

try {
  const way = await wayToRedis();
  await setup();
  const env = { ...process.env, ESCAPEMENT_TEST_REDIS: way };
  process.exitCode = await run(tool("vitest"), ["run", ...process.argv.slice(2)], { env });
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
}
