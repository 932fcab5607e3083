import { expect, test } from "vitest";
import { frozenOnlyNode } from "./freezes.js";
import { held, runScenario } from "./run-scenario.js";

test("the only node stands still for longer than its leases, and goes on", async () => {
  const { report, ...rest } = await runScenario(frozenOnlyNode);
  expect(rest).toEqual(held);
  expect(report.verdict).toMatchObject({ missed: 0, duplicates: 0 });
  expect(report.verdict.expected).toBeGreaterThan(100);
}, 90_000);
