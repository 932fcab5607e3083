import { expect, test } from "vitest";
import { dayWithoutNodes } from "./day-without-nodes.js";
import { held, runScenario } from "./run-scenario.js";

test("misfire: S10: after 24 hours without any node jobs make up for what their catch-up says, the rest is one record each", async () => {
  const { report, ...rest } = await runScenario(dayWithoutNodes({ times: 1, atOnce: 20 }));
  expect(rest).toEqual(held);
  expect(report.verdict).toMatchObject({ duplicates: 0 });
}, 90_000);
