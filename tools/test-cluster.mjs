// `npm run test:cluster`: the suites with namespaces of 8 partitions, on a Redis Cluster of three masters. Takes a redis-server on the PATH.
// Arguments go to vitest: `npm run test:cluster -- packages/core/src/limit.test.ts`.
import { run, tool } from "./run.mjs";
import { setup } from "./setup.mjs";
import { wayToRedis } from "./setup-redis-way.mjs";

const suites = ["core", "cli", "examples", "elector", "locker", "redis"].map((name) => `packages/${name}/`);

try {
  const way = await wayToRedis();
  if (way !== "process")
    throw new Error("A Redis Cluster takes a redis-server or valkey-server on the PATH.");
  await setup();
  const given = process.argv.slice(2);
  const env = {
    ...process.env,
    ESCAPEMENT_TEST_REDIS: way,
    ESCAPEMENT_TEST_CLUSTER: "3",
    ESCAPEMENT_TEST_PARTITIONS: "8",
  };
  process.exitCode = await run(tool("vitest"), ["run", ...(given.length > 0 ? given : suites)], { env });
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
}
