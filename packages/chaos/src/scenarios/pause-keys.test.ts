import { expect, test } from "vitest";
import { redisCliProgram } from "../pauses/redis-cli.js";
import { pausingByKeys } from "./pause-keys.js";
import { held, runScenario } from "./run-scenario.js";

test("pause, resume: by redis-cli alone nothing of what a key names starts, all else goes on, and nothing is lost or doubled", async ({
  skip,
}) => {
  skip(redisCliProgram() === undefined, "where Redis runs in a container there may be no client beside it");
  const short = { jobs: 100, count: 12, over: 9000, seed: 5 };
  const { report, ...rest } = await runScenario(pausingByKeys(short));
  expect(rest).toEqual(held);
  expect(report.verdict).toMatchObject({ missed: 0, duplicates: 0 });
  expect(report.verdict.expected).toBeGreaterThan(500);
}, 90_000);
