// `npm run model`: explores the formal model of the protocols, packages/chaos/src/model. `npm run model -- --help` tells what there is. Needs no Redis.
import { join } from "node:path";
import { run, top } from "./run.mjs";
import { setup } from "./setup.mjs";

try {
  await setup();
  const main = join(top, "packages/chaos/dist/model/main.js");
  process.exitCode = await run(process.execPath, [
    "--max-old-space-size=3500",
    main,
    ...process.argv.slice(2),
  ]);
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
}
