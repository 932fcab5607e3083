// `npm run chaos`: sets up, finds a Redis, and runs the trials of packages/chaos. `npm run chaos -- --help` tells what they are.
import { existsSync } from "node:fs";
import { join } from "node:path";
import { run, top } from "./run.mjs";
import { setup } from "./setup.mjs";
import { wayToRedis } from "./setup-redis-way.mjs";

try {
  const way = await wayToRedis();
  await setup();
  const main = join(top, "packages/chaos/dist/main.js");
  if (!existsSync(main)) throw new Error(`${main} is not there; the build should have made it.`);
  const env = { ...process.env, ESCAPEMENT_TEST_REDIS: way };
  process.exitCode = await run(process.execPath, [main, ...process.argv.slice(2)], { env });
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
}
