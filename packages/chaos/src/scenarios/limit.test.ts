import { expect, test } from "vitest";
import { limitWaits } from "./limit.js";
import { held, runScenario } from "./run-scenario.js";

test("limit: S11: one-time jobs under a limit all run, never more at once, though a node dies that holds places", async () => {
  const { report, ...rest } = await runScenario(limitWaits);
  expect(rest).toEqual(held);
  expect(report.verdict).toMatchObject({ missed: 0, duplicates: 0 });
}, 120_000);
