// `npm run fuzz:fire-times [-- --runs 200000] [--seed 7]`: the proofs of packages/triggers at full length, some minutes:
// random cases against other cron libraries and an oracle, every change of clocks of every zone, hostile inputs with the slowest.
import { parseArgs } from "node:util";
import { run, tool } from "./run.mjs";
import { setup } from "./setup.mjs";

try {
  const { values } = parseArgs({ options: { runs: { type: "string" }, seed: { type: "string" } } });
  const { runs = "200000", seed } = values;
  for (const number of [runs, seed ?? "0"]) {
    if (!/^\d{1,9}$/.test(number))
      throw new Error(`Give a whole number of at most nine digits, not "${number}".`);
  }
  await setup();
  const env = {
    ...process.env,
    ESCAPEMENT_FUZZ_RUNS: runs,
    ...(seed === undefined ? {} : { ESCAPEMENT_FUZZ_SEED: seed }),
  };
  process.exitCode = await run(tool("vitest"), ["run", "packages/triggers/src/proof", "--retry=0"], { env });
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
}
