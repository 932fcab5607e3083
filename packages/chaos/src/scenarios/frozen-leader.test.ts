import { expect, test } from "vitest";
import { frozenLeader } from "./freezes.js";
import { held, runScenario } from "./run-scenario.js";

test("the leader stands still for longer than its leases", async () => {
  const { report, ...rest } = await runScenario(frozenLeader);
  expect(rest).toEqual(held);
  expect(report.verdict).toMatchObject({ missed: 0, duplicates: 0 });
  expect(report.verdict.expected).toBeGreaterThan(100);
}, 90_000);
