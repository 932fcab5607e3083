import { expect, test } from "vitest";
import { lostReplies } from "./lost-replies.js";
import { held, runScenario } from "./run-scenario.js";

test("replies of Redis are lost again and again: nothing starts twice, nothing is lost", async () => {
  const { report, ...rest } = await runScenario(lostReplies);
  expect(rest).toEqual(held);
  expect(report.verdict).toMatchObject({ missed: 0, duplicates: 0 });
  expect(report.verdict.expected).toBeGreaterThan(300);
}, 90_000);
