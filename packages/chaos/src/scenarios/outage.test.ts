import { expect, test } from "vitest";
import { outage } from "./outage.js";
import { held, runScenario } from "./run-scenario.js";

test("misfire: all nodes are away for a while: each job's catch-up decides what runs of what was missed", async () => {
  const { report, ...rest } = await runScenario(outage);
  expect(rest).toEqual(held);
  expect(report.verdict).toMatchObject({ missed: 0, duplicates: 0 });
  expect(report.verdict.expected).toBeGreaterThan(50);
}, 90_000);
