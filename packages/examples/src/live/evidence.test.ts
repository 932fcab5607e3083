import { createScheduler } from "@escapement/core";
import { eventually, startRedis, uniqueNamespace } from "@escapement/testing";
import { every } from "@escapement/triggers";
import { expect, test } from "vitest";
import { Evidence } from "./evidence.js";

test("what never started is judged as missed, and what started twice as such", async () => {
  await using redis = await startRedis();
  await using client = createScheduler({ redis: redis.url, namespace: uniqueNamespace("evidence") });
  const job = await client.schedule("nobody", { id: "idle", trigger: every("100ms") });
  const [first, second] = [1, 2].map((count) => job.createdAt.getTime() + count * 100);
  const until = (second ?? 0) + 50;
  await eventually(() => Date.now() > until);

  const evidence = new Evidence();
  await evidence.read(client);
  expect(evidence.tally(until).missed).toEqual([`idle@${first}`, `idle@${second}`]);

  const start = (time: number | undefined): void =>
    evidence.heard({
      event: "beforeRun",
      time: "",
      runId: `idle@${time}`,
      jobId: "idle",
      attempt: 1,
      lateness: 3,
      scheduledAt: new Date(time ?? 0).toISOString(),
    });
  start(first);
  expect(evidence.tally(until)).toMatchObject({
    expected: 2,
    started: 1,
    missed: [`idle@${second}`],
    twice: [],
  });
  start(first);
  expect(evidence.tally(until).twice).toEqual([`idle@${first}`]);
  expect(evidence.lateness(0, until)).toEqual([3]);
});
