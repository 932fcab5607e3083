import { expect, test } from "vitest";
import { held, runScenario } from "../run-scenario.js";
import { pauseHolds } from "./pause.js";

test("pause, resume: the leader is killed in the same second: nothing starts until the pause is over", async () => {
  const { report, ...rest } = await runScenario(pauseHolds);
  expect(rest).toEqual(held);
  expect(report.verdict).toMatchObject({ missed: 0, duplicates: 0 });
}, 90_000);
