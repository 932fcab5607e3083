import { expect, test } from "vitest";
import { nodeDeath } from "./node-death.js";
import { held, runScenario } from "./run-scenario.js";

test("delivery: a node dies with handlers running: they start again elsewhere, or are recorded as lost", async () => {
  const { report, ...rest } = await runScenario(nodeDeath);
  expect(rest).toEqual(held);
  expect(report.verdict).toMatchObject({ missed: 0, duplicates: 0 });
  expect(report.verdict.expected).toBeGreaterThan(20);
}, 90_000);
