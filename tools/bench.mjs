// `npm run bench`: sets up and does the works of packages/bench. `npm run bench -- --help` tells what they are.
import { existsSync } from "node:fs";
import { join } from "node:path";
import { run, top } from "./run.mjs";
import { setup } from "./setup.mjs";

try {
  await setup();
  const main = join(top, "packages/bench/dist/main.js");
  if (!existsSync(main)) throw new Error(`${main} is not there; the build should have made it.`);
  process.exitCode = await run(process.execPath, [main, ...process.argv.slice(2)]);
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
}
