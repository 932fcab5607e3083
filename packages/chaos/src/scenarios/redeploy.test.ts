import { expect, test } from "vitest";
import { redeployment } from "./redeploy.js";
import { held, runScenario } from "./run-scenario.js";

test("id: S8, S9: three processes that deploy the same set at once change no fire time, and add and lose no run", async () => {
  const { report, ...rest } = await runScenario(redeployment({ times: 10, over: 6000 }));
  expect(rest).toEqual(held);
  expect(report.verdict).toMatchObject({ missed: 0, duplicates: 0 });
  expect(report.verdict.expected).toBeGreaterThan(20);
}, 90_000);
