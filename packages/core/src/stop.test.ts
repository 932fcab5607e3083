import { once as eventOnce } from "node:events";
import { eventually, type JobStore, startJobStore, startProxy, uniqueNamespace } from "@escapement/testing";
import { every } from "@escapement/triggers";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Cluster, fast, gate, heard, idsTogether } from "../test/cluster.js";
import { createScheduler, type Scheduler, SchedulerStoppedError } from "./index.js";

let server: JobStore;
beforeAll(async () => {
  server = await startJobStore();
});
afterAll(() => server.stop());

describe("stop", () => {
  test("W5: waits for what runs, starts nothing more, and reports how it ended", async () => {
    await using cluster = new Cluster(server);
    const [node, client] = [cluster.scheduler({ concurrency: 1 }), cluster.scheduler()];
    const [started, release] = [gate(), gate()];
    let aborted = false;
    node.task("task", async ({ signal }) => {
      signal.addEventListener("abort", () => {
        aborted = true;
      });
      started.open();
      await release.opened;
      return "to the end";
    });
    await node.start();
    // Which of two is first is said within a partition.
    const [first, second] = await client.enqueueMany(
      "task",
      idsTogether(2).map((id) => ({ id })),
    );
    await started.opened;
    const stopped = node.stop();
    release.open();
    await stopped;
    expect(aborted).toBe(false);
    expect(await first?.get()).toMatchObject({ state: "succeeded", result: "to the end" });
    expect(await second?.get()).toMatchObject({ state: "ready", attempt: 0 });
    expect(await client.nodes()).toEqual([]);
  });

  test("a handler may use its scheduler to its end: to queue what follows, to read, to pause", async () => {
    await using cluster = new Cluster(server);
    const [node, client] = [cluster.scheduler(), cluster.scheduler()];
    const [started, release] = [gate(), gate()];
    node.task("task", async () => {
      started.open();
      await release.opened;
      await node.schedule("next", { id: "next", trigger: every("1h") });
      await node.pause({ task: "next" }, { reason: "not yet" });
      const follower = await node.enqueue("next", { delay: "1h" });
      return (await node.run(follower.id).get())?.id;
    });
    await node.start();
    const run = await client.enqueue("task");
    await started.opened;
    const stopped = node.stop();
    await expect(node.start()).rejects.toMatchObject({ code: "SCHEDULER_STOPPED" });
    release.open();
    await stopped;
    const next = (await run.result()) as string;
    expect(await client.run(next).get()).toMatchObject({ state: "scheduled", task: "next" });
  });

  test.each<[string, (scheduler: Scheduler) => unknown]>([
    ["schedule", (scheduler) => scheduler.schedule("task", { id: "job", trigger: every("1h") })],
    ["apply", (scheduler) => scheduler.apply([])],
    ["enqueue", (scheduler) => scheduler.enqueue("task")],
    ["pause", (scheduler) => scheduler.pause("all", { reason: "why" })],
    ["resume", (scheduler) => scheduler.resume("all")],
    ["nodes", (scheduler) => scheduler.nodes()],
    ["leader", (scheduler) => scheduler.leader()],
    ["deadLetters", (scheduler) => scheduler.deadLetters()],
    ["redrive", (scheduler) => scheduler.redrive()],
    ["removeDeadLetters", (scheduler) => scheduler.removeDeadLetters()],
    ["finishedRuns", (scheduler) => scheduler.finishedRuns("task")],
    ["unfinishedRuns", (scheduler) => scheduler.unfinishedRuns({ task: "task" })],
    ["doctor", (scheduler) => scheduler.doctor()],
    ["start", (scheduler) => scheduler.start()],
  ])("after it %s says that the scheduler was stopped, not that Redis is gone", async (_name, use) => {
    await using cluster = new Cluster(server);
    const client = cluster.scheduler();
    await client.stop();
    await expect((async () => use(client))()).rejects.toMatchObject({ code: "SCHEDULER_STOPPED" });
  });

  test.each([2 ** 31, Number.MAX_SAFE_INTEGER, Number.POSITIVE_INFINITY, "60d"])(
    "T3: a timeout of %s is not over at once",
    async (timeout) => {
      await using cluster = new Cluster(server);
      const node = cluster.scheduler();
      const [started, release] = [gate(), gate()];
      let aborted = false;
      node.task("task", async ({ signal }) => {
        signal.addEventListener("abort", () => {
          aborted = true;
        });
        started.open();
        await release.opened;
      });
      await node.start();
      await node.enqueue("task");
      await started.opened;
      const stopped = node.stop({ timeout });
      // A timer of 1 ms, which is what a too long one becomes, is over by then.
      await new Promise((resolve) => setTimeout(resolve, 50));
      release.open();
      await stopped;
      expect(aborted).toBe(false);
    },
  );

  test("W6: after its timeout tells the handlers, and another node goes on at once", async () => {
    await using cluster = new Cluster(server);
    const [node, other] = [cluster.scheduler(), cluster.scheduler({ nodeTtl: 60_000, pollEvery: 60_000 })];
    const reasons: unknown[] = [];
    const started = gate();
    node.task("task", async ({ signal }) => {
      started.open();
      await eventOnce(signal, "abort");
      reasons.push(signal.reason);
      throw signal.reason;
    });
    other.task("task", ({ attempt }) => attempt);
    await node.start();
    const handle = await node.enqueue("task");
    await started.opened;
    await other.start();
    await node.stop({ timeout: 20 });
    expect(reasons).toEqual([expect.any(SchedulerStoppedError)]);
    expect(await other.run(handle.id).result({ timeout: 3000 })).toBe(2);
    expect((await other.run(handle.id).get())?.attempts).toMatchObject([
      { state: "lost", reason: "stopped" },
      { state: "succeeded" },
    ]);
  });

  test("W4: lets go of the lease, the leadership and the locks that it held", async () => {
    await using cluster = new Cluster(server);
    const node = cluster.scheduler();
    node.task("task", () => 1);
    await node.start();
    await eventually(() => node.isLeader());
    await (await node.enqueue("task")).result();
    await node.stop();
    const left = await server.client().keys(`escapement:{${cluster.namespace}}:*`);
    const names = left.map((key) => key.split("}:")[1] ?? "");
    expect(names.filter((name) => /^(leader|lock|nodes|node-info|active|request|dead)/.test(name))).toEqual(
      [],
    );
  });

  test("does not wait for ever for a handler that will not end; its run is taken over when the lease ends", async () => {
    await using cluster = new Cluster(server);
    const [node, other] = [cluster.scheduler(), cluster.scheduler()];
    const [started, release] = [gate(), gate()];
    node.task("task", async () => {
      started.open();
      await release.opened;
    });
    other.task("task", ({ attempt }) => attempt);
    await node.start();
    const handle = await node.enqueue("task");
    await started.opened;
    await other.start();
    await node.stop({ timeout: 10 });
    expect(await other.run(handle.id).result({ timeout: 8000 })).toBe(2);
    release.open();
  });

  test("can be called twice, before a start, while it starts, and by `await using`", async () => {
    const options = { ...fast, redis: server.url, namespace: uniqueNamespace("stop") };
    const never = createScheduler(options);
    await Promise.all([never.stop(), never.stop()]);
    await expect(never.schedule("task", { id: "a", trigger: every(1000) })).rejects.toMatchObject({
      code: "SCHEDULER_STOPPED",
    });
    await expect(never.start()).rejects.toMatchObject({ code: "SCHEDULER_STOPPED" });
    await expect(never.job("a").get()).rejects.toMatchObject({
      code: "REDIS_UNAVAILABLE",
      message: expect.stringContaining("has been closed"),
    });

    const starting = createScheduler(options);
    const started = starting.start();
    await starting.stop();
    await started;
    {
      await using used = createScheduler(options);
      await used.start();
      expect(await used.nodes()).toHaveLength(1);
    }
    await using client = createScheduler(options);
    expect(await client.nodes()).toEqual([]);
  });

  test("W6: hands back what it was given but has not begun, with no attempt used up", async () => {
    await using proxy = await startProxy(server.url);
    await using cluster = new Cluster(server);
    const node = cluster.scheduler({
      ...{ redis: proxy.url, roles: ["worker"], nodeTtl: 20_000, pollEvery: 60_000 },
    });
    const other = cluster.scheduler({ pollEvery: 60_000, nodeTtl: 60_000 });
    const begun = heard(node, "beforeRun");
    node.task("task", () => undefined);
    node.task("probe", () => undefined);
    other.task("task", ({ attempt }) => attempt);
    await node.start();
    const [probe = "", ...ids] = idsTogether(11);
    const handles = await other.enqueueMany(
      "task",
      ids.map((id) => ({ id, delay: 1000 })),
    );
    // With this answer the node knows when it has to come for the others.
    await (await other.enqueue("probe", { id: probe })).result({ timeout: 3000 });
    proxy.blockReplies(true);
    const active = `escapement:{${cluster.namespace}}:active:${node.nodeId}`;
    await eventually(async () => (await server.client().hlen(active)) === 10);
    const stopped = node.stop();
    proxy.blockReplies(false); // now the node hears of what it was given
    await stopped;
    expect(begun.map(({ task }) => task)).toEqual(["probe"]);
    await other.start();
    const results = await Promise.all(handles.map((handle) => handle.result({ timeout: 3000 })));
    expect(results).toEqual(Array(10).fill(1));
  });
});

test("a scheduler that stops while it is coming back from the dead is gone for good", async () => {
  await using proxy = await startProxy(server.url);
  await using cluster = new Cluster(server);
  // In one partition: in others it may live under its former name still, and leave under both.
  const node = cluster.scheduler({ redis: proxy.url, roles: ["worker"], partitions: 1 });
  await node.start();
  const identity = node.nodeId;
  const [stopped, left] = [gate(), heard(node, "nodeLeft")];
  node.on("nodeDead", () => {
    node.stop().then(stopped.open);
    proxy.blockReplies(false); // it hears that it has joined under its next identity only now
  });
  proxy.blockReplies(true);
  await stopped.opened;
  await eventually(() => left.length > 0);
  expect(left).toEqual([{ node: node.nodeId }]);
  expect(node.nodeId).not.toBe(identity);
  await using client = cluster.scheduler({ partitions: 1 });
  await eventually(async () => (await client.nodes()).every(({ alive }) => !alive));
});
