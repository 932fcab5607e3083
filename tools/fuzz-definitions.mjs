// `npm run fuzz:definitions [-- --runs 10000] [--seed 7]`: calls of the whole API with hostile definitions, names and payloads, on a real
// Redis: each ends in a typed error and writes nothing, or is stored whole. Some minutes.
import { parseArgs } from "node:util";
import { run, tool } from "./run.mjs";
import { setup } from "./setup.mjs";

try {
  const { values } = parseArgs({ options: { runs: { type: "string" }, seed: { type: "string" } } });
  const { runs = "10000", seed } = values;
  for (const number of [runs, seed ?? "0"]) {
    if (!/^\d{1,9}$/.test(number))
      throw new Error(`Give a whole number of at most nine digits, not "${number}".`);
  }
  await setup();
  const env = {
    ...process.env,
    ESCAPEMENT_FUZZ_DEFINITIONS_RUNS: runs,
    ...(seed === undefined ? {} : { ESCAPEMENT_FUZZ_DEFINITIONS_SEED: seed }),
  };
  process.exitCode = await run(tool("vitest"), ["run", "packages/core/src/fuzz.test.ts", "--retry=0"], {
    env,
  });
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
}
