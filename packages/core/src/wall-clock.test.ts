import { eventually, startProxy, startRedis, uniqueNamespace } from "@escapement/testing";
import { expect, test, vi } from "vitest";
import { gate, heard, idsTogether } from "../test/cluster.js";
import { readEntry } from "./event-line.js";
import { createScheduler } from "./index.js";

test("T4: a wall clock that is set ahead by hours loses no run: what was just claimed is handed back, and starts once the lease is sure", async () => {
  await using redis = await startRedis();
  await using proxy = await startProxy(redis.url);
  const namespace = uniqueNamespace("step");
  // In one partition: the only slot would be another's turn.
  const one = { namespace, partitions: 1 };
  await using node = createScheduler({ ...one, redis: proxy.url, concurrency: 1 });
  await using client = createScheduler({ ...one, redis: redis.url });
  const started: unknown[] = [];
  const back = heard(node, "handedBack");
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
  expect(back).toMatchObject([{ runId: "2", attempt: 1, task: "task", node: node.nodeId }]);
  // Nothing is claimed, to be handed back again, before it is sure.
  const told = await redis.client().xrange(`escapement:{${namespace}}:events`, "-", "+");
  const events = told.flatMap(([, fields]) => readEntry(fields));
  expect(events.filter((event) => event?.type === "beforeRun")).toHaveLength(5);
});

test("T4: a wall clock that is set ahead while a request is under way, which then fails, ends nothing: the request is repeated", async () => {
  await using redis = await startRedis();
  await using proxy = await startProxy(redis.url);
  const namespace = uniqueNamespace("step");
  await using node = createScheduler({ redis: proxy.url, namespace, concurrency: 2 });
  await using client = createScheduler({ redis: redis.url, namespace });
  const died: unknown[] = [];
  node.on("nodeDead", (event) => died.push(event));
  const [long, short] = [gate(), gate()];
  let started = 0;
  const task = (name: string, until: Promise<void>): void => {
    node.task(name, async ({ signal }) => {
      started += 1;
      await until;
      signal.throwIfAborted();
    });
  };
  task("long", long.opened);
  task("short", short.opened);
  await node.start();
  const identity = node.nodeId;
  const kept = await client.enqueue("long", { delivery: "at-most-once" });
  const [id = ""] = idsTogether(1);
  const ended = await client.enqueue("short", { id, delivery: "at-most-once" });
  await eventually(() => started === 2);

  // The end of one is on its way while the clock is set, and the answer is lost.
  proxy.blockReplies(true);
  short.open();
  const active = `escapement:{${namespace}}:active:${identity}`;
  await eventually(async () => (await redis.client().hexists(active, ended.id)) === 0);
  const real = Date.now;
  const set = vi.spyOn(Date, "now").mockImplementation(() => real() + 7_200_000);
  try {
    proxy.cut();
    proxy.blockReplies(false);
    // Nothing new starts until a heartbeat has shown that the lease holds; then all goes on.
    await (await client.enqueue("short")).result({ timeout: 10_000 });
    long.open();
    await kept.result({ timeout: 10_000 });
  } finally {
    set.mockRestore();
  }

  expect(await ended.get()).toMatchObject({ state: "succeeded" });
  expect(died).toEqual([]);
  expect(node.nodeId).toBe(identity);
});
