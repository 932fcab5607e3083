// `npm run check`: format, lint, types, and whether each public package can be installed and imported.
import { pnpm, run, tool } from "./run.mjs";
import { setup } from "./setup.mjs";

const steps = [
  ["format and lint", () => run(tool("biome"), ["check", "--error-on-warnings"])],
  ["types of the tests", () => run(tool("tsc"), ["-p", "tsconfig.tests.json"])],
  [
    "packages",
    () => pnpm(["exec", "turbo", "run", "lint:package", "--output-logs=errors-only"], { show: false }),
  ],
];

try {
  await setup();
  const failed = [];
  for (const [name, step] of steps) {
    const passed = (await step()) === 0;
    console.log(`${passed ? "ok    " : "FAILED"} ${name}`);
    if (!passed) failed.push(name);
  }
  if (failed.length > 0) throw new Error(`Failed: ${failed.join(", ")}.`);
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
}
