import { expect, test } from "vitest";
import { held, runScenario } from "./run-scenario.js";
import { votersDown } from "./voters.js";

test("one voter down: runs go on; two down: nothing starts, and it is said why; one back: what was due runs", async () => {
  const { report, ...rest } = await runScenario(votersDown);
  expect(rest).toEqual(held);
  expect(report.verdict).toMatchObject({ missed: 0, duplicates: 0 });
  expect(report.verdict.expected).toBeGreaterThan(100);
}, 90_000);
