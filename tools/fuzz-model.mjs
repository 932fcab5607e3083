// `npm run fuzz:model [-- --runs 2000] [--seed 7]`: random sequences of everything that can happen to jobs and their runs, on a real
// Redis, compared step by step with the small model in packages/core/test/model. Some minutes.
import { parseArgs } from "node:util";
import { run, tool } from "./run.mjs";
import { setup } from "./setup.mjs";

try {
  const { values } = parseArgs({ options: { runs: { type: "string" }, seed: { type: "string" } } });
  const { runs = "2000", seed } = values;
  for (const number of [runs, seed ?? "0"]) {
    if (!/^\d{1,9}$/.test(number))
      throw new Error(`Give a whole number of at most nine digits, not "${number}".`);
  }
  await setup();
  const env = {
    ...process.env,
    ESCAPEMENT_MODEL_RUNS: runs,
    ...(seed === undefined ? {} : { ESCAPEMENT_MODEL_SEED: seed }),
  };
  process.exitCode = await run(tool("vitest"), ["run", "packages/core/src/model.test.ts", "--retry=0"], {
    env,
  });
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
}
