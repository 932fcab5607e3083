// `npm run fuzz:fire-times|fuzz:model|fuzz:states|fuzz:dependencies|fuzz:definitions [-- --runs 2000] [--seed 7]`: tests with random input at full length, some minutes.
import { parseArgs } from "node:util";
import { run, tool } from "./run.mjs";
import { setup } from "./setup.mjs";

const kinds = {
  // Random cases against other cron libraries and an oracle, every change of clocks of every zone, hostile inputs with the slowest.
  "fire-times": { tests: "packages/triggers/src/proof", variable: "ESCAPEMENT_FUZZ", runs: "200000" },
  // Random sequences of everything that can happen to jobs and their runs, compared step by step with packages/core/test/model.
  model: { tests: "packages/core/src/model.test.ts", variable: "ESCAPEMENT_MODEL", runs: "2000" },
  // Random sequences of it again: what must hold after each step, and that all of it comes to an end.
  states: { tests: "packages/core/src/soundness.test.ts", variable: "ESCAPEMENT_STATES", runs: "1000" },
  // Random sequences of what can happen to runs that depend on others.
  dependencies: {
    tests: "packages/core/src/dependencies-property.test.ts",
    variable: "ESCAPEMENT_DEPENDENCIES",
    runs: "1000",
  },
  // As many calls that define jobs, right and hostile, among others of the whole API: each ends in a typed error, or is stored whole.
  definitions: {
    tests: "packages/core/src/fuzz.test.ts",
    variable: "ESCAPEMENT_FUZZ_DEFINITIONS",
    runs: "10000",
  },
};

try {
  const { values, positionals } = parseArgs({
    options: { runs: { type: "string" }, seed: { type: "string" } },
    allowPositionals: true,
  });
  const { tests, variable, runs: usual } = kinds[positionals[0]];
  const { runs = usual, seed } = values;
  for (const number of [runs, seed ?? "0"]) {
    if (!/^\d{1,9}$/.test(number))
      throw new Error(`Give a whole number of at most nine digits, not "${number}".`);
  }
  await setup();
  const env = { ...process.env, [`${variable}_RUNS`]: runs };
  if (seed !== undefined) env[`${variable}_SEED`] = seed;
  process.exitCode = await run(tool("vitest"), ["run", tests, "--retry=0"], { env });
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
}
