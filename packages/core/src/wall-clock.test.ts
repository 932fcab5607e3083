import { eventually, startProxy, startRedis, uniqueNamespace } from "@escapement/testing";
import { expect, test, vi } from "vitest";
import { gate } from "../test/cluster.js";
import { createScheduler } from "./index.js";

test("T4: a wall clock that is set ahead by hours loses no run: what was just claimed is handed back, and starts once the lease is sure", async () => {
  await using redis = await startRedis();
  await using proxy = await startProxy(redis.url);
  const namespace = uniqueNamespace("step");
  await using node = createScheduler({ redis: proxy.url, namespace, concurrency: 1 });
  await using client = createScheduler({ redis: redis.url, namespace });
  const started: unknown[] = [];
  const go = gate();
  node.task("task", async ({ id, attempt }) => {
    started.push([id, attempt]);
    await go.opened;
  });
  await node.start();
  const ids = ["1", "2", "3", "4"];
  const runs = await client.enqueueMany(
    "task",
    ids.map((id) => ({ id, delivery: "at-most-once" })),
  );
  await eventually(() => started.length === 1);

  // The next one is claimed with the end of the first, and the clock is set before the answer comes.
  proxy.blockReplies(true);
  go.open();
  const active = `escapement:{${namespace}}:active:${node.nodeId}`;
  await eventually(async () => (await redis.client().hexists(active, "2")) === 1);
  const real = Date.now;
  const set = vi.spyOn(Date, "now").mockImplementation(() => real() + 7_200_000);
  try {
    proxy.blockReplies(false);
    for (const run of runs) await run.result({ timeout: 10_000 });
  } finally {
    set.mockRestore();
  }

  expect(started.sort()).toEqual(ids.map((id) => [id, 1]));
  // Nothing is claimed, to be handed back again, before it is sure.
  const told = await redis.client().xrange(`escapement:{${namespace}}:events`, "-", "+");
  expect(JSON.stringify(told).match(/started /g)).toHaveLength(5);
});
