import { expect, test } from "vitest";
import { frozenStore } from "./freezes.js";
import { held, runScenario } from "./run-scenario.js";

test("Redis stands still for longer than all leases", async () => {
  const { report, ...rest } = await runScenario(frozenStore);
  expect(rest).toEqual(held);
  expect(report.verdict).toMatchObject({ missed: 0, duplicates: 0 });
  expect(report.verdict.expected).toBeGreaterThan(100);
}, 90_000);
