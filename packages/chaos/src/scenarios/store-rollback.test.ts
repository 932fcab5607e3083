import { expect, test } from "vitest";
import { held, runScenario } from "./run-scenario.js";
import { storeRollback } from "./voters.js";

test("a store that forgot acknowledged writes starts no attempt that the voters remember", async () => {
  const { report, ...rest } = await runScenario(storeRollback);
  expect(rest).toEqual(held);
  expect(report.verdict).toMatchObject({ missed: 0, duplicates: 0 });
  expect(report.verdict.expected).toBeGreaterThan(100);
}, 90_000);
