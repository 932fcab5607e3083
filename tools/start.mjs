// `npm start`: from a fresh clone to a cluster at work. `npm start -- --help` tells what it can be told.
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { top } from "./run.mjs";
import { setup } from "./setup.mjs";
import { wayToRedis } from "./setup-redis-way.mjs";

try {
  process.env.ESCAPEMENT_TEST_REDIS = await wayToRedis();
  await setup();
  const main = pathToFileURL(join(top, "packages/examples/dist/live/main.js")).href;
  const { runLive } = await import(main);
  process.exitCode = await runLive(process.argv.slice(2));
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
}
