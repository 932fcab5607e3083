import { expect, test } from "vitest";
import { redisCliProgram } from "../pauses/redis-cli.js";
import { pauseSurvives } from "./pause-survives.js";
import { held, runScenario } from "./run-scenario.js";

test("pause, resume: a pause outlives nodes, Redis, the leader in the same second, updates and redeploys: nothing starts until it is over", async ({
  skip,
}) => {
  skip(redisCliProgram() === undefined, "where Redis runs in a container there may be no client beside it");
  const { report, ...rest } = await runScenario(pauseSurvives);
  expect(rest).toEqual(held);
  expect(report.verdict).toMatchObject({ missed: 0, duplicates: 0 });
}, 150_000);
