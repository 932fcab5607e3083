import { expect, test } from "vitest";
import { leaderDeath } from "./leader-death.js";
import { held, runScenario } from "./run-scenario.js";

test("the leader dies and a frozen node comes back late: each fire time starts once, and the late outcome is refused", async () => {
  const { report, ...rest } = await runScenario(leaderDeath);
  expect(rest).toEqual(held);
  expect(report.verdict).toMatchObject({ missed: 0, duplicates: 0 });
  expect(report.verdict.expected).toBeGreaterThan(1000);
}, 90_000);
