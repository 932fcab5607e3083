// `npm run docs:cli`: writes docs/cli.md anew. The work is done in tools/docs-cli; what is typed stands in its transcripts.mjs.
import { join } from "node:path";
import { run, top } from "./run.mjs";
import { setup } from "./setup.mjs";
import { wayToRedis } from "./setup-redis-way.mjs";

try {
  const way = await wayToRedis();
  await setup();
  const env = { ...process.env, ESCAPEMENT_TEST_REDIS: way };
  const main = join(top, "tools/docs-cli/main.mjs");
  process.exitCode = await run(process.execPath, [main, ...process.argv.slice(2)], { env });
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
}
