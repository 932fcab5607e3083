// `npm test`: sets up, finds a Redis, runs the tests. Arguments go to vitest: `npm test -- packages/core`.
import { run, tool } from "./run.mjs";
import { setup } from "./setup.mjs";
import { wayToRedis } from "./setup-redis-way.mjs";

try {
  const way = await wayToRedis();
  await setup();
  const env = { ...process.env, ESCAPEMENT_TEST_REDIS: way };
  process.exitCode = await run(tool("vitest"), ["run", ...process.argv.slice(2)], { env });
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
}
