import { expect, test } from "vitest";
import { redisRestart } from "./redis-restart.js";
import { held, runScenario } from "./run-scenario.js";

test("Redis is restarted by SIGTERM and by SIGKILL: no fire time is lost or doubled", async () => {
  const { report, ...rest } = await runScenario(redisRestart);
  expect(rest).toEqual(held);
  expect(report.verdict).toMatchObject({ missed: 0, duplicates: 0 });
  expect(report.verdict.expected).toBeGreaterThan(150);
}, 90_000);
