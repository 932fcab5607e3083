import { eventually, type JobStore, onEach, startJobStore, uniqueNamespace } from "@escapement/testing";
import { every } from "@escapement/triggers";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Cluster, fast, heard, idsTogether, partitions } from "../test/cluster.js";
import { createScheduler } from "./index.js";

let server: JobStore;
beforeAll(async () => {
  server = await startJobStore();
});
afterAll(() => server.stop());

describe("events: listeners", () => {
  test("that throw, reject or never end neither stop nor delay anything", async () => {
    await using cluster = new Cluster(server);
    const node = cluster.scheduler();
    const failures: unknown[] = [];
    for (const event of ["beforeRun", "afterRun", "nodeJoined", "leaderElected", "jobAdded"] as const) {
      node.on(event, () => {
        failures.push(event);
        throw new Error("listener");
      });
      node.on(event, () => Promise.reject(new Error("listener")));
      node.on(event, () => new Promise(() => undefined));
    }
    const ran: string[] = [];
    node.task("task", ({ id }) => ran.push(id));
    await node.start();
    await node.schedule("task", { id: "job", trigger: every(50) });
    await eventually(() => ran.length >= 3);
    expect(new Set(failures)).toContain("afterRun");
  });

  test("hear of an attempt's end only once its outcome was accepted", async () => {
    await using cluster = new Cluster(server);
    const node = cluster.scheduler();
    node.task("task", () => "kept");
    const states: unknown[] = [];
    node.on("afterRun", async ({ runId }) => states.push((await node.run(runId).get())?.state));
    await node.start();
    await node.enqueueMany("task", [{}, {}, {}]);
    await eventually(() => states.length === 3);
    expect(states).toEqual(["succeeded", "succeeded", "succeeded"]);
  });

  test("hear of jobs, nodes and leaders, and can be taken off", async () => {
    await using cluster = new Cluster(server);
    const node = cluster.scheduler();
    const [added, updated, removed] = [
      heard(node, "jobAdded"),
      heard(node, "jobUpdated"),
      heard(node, "jobRemoved"),
    ];
    const [joined, left, elected] = [
      heard(node, "nodeJoined"),
      heard(node, "nodeLeft"),
      heard(node, "leaderElected"),
    ];
    const off = (): never => {
      throw new Error("taken off");
    };
    node.on("jobAdded", off).off("jobAdded", off);
    await node.start();
    const id = node.nodeId;
    await node.schedule("task", { id: "job", trigger: every("1h") });
    await node.schedule("task", { id: "job", trigger: every("1h") });
    await node.job("job").update({ priority: 1 });
    await node.job("job").remove();
    await eventually(() => elected.length === partitions);
    await node.stop();
    await eventually(() => left.length === 1);
    expect([added, updated, removed]).toEqual([[{ jobId: "job" }], [{ jobId: "job" }], [{ jobId: "job" }]]);
    expect([joined, left]).toEqual([[{ node: id }], [{ node: id }]]);
    const terms = Array.from({ length: partitions }, (_, partition) => ({
      ...{ node: id, epoch: expect.any(Number) },
      ...(partitions > 1 && { partition }),
    }));
    expect(elected.toSorted((one, other) => (one.partition ?? 0) - (other.partition ?? 0))).toEqual(terms);
  });
});

describe("history and finished runs", () => {
  test("I13: is bounded by count, results included, for jobs and for enqueued runs", async () => {
    await using cluster = new Cluster(server);
    const node = cluster.scheduler({ retain: { runs: 3, enqueued: 4 } });
    const enqueued = idsTogether(6); // of enqueued runs each partition keeps so many
    node.task("task", ({ id }) => id);
    await node.start();
    await node.schedule("task", { id: "job", trigger: every("1h"), overlap: "allow" });
    const handles = [];
    for (let count = 0; count < 6; count += 1) {
      const handle = await node.job("job").runNow();
      await handle.result({ timeout: 3000 });
      handles.push(handle);
      await (await node.enqueue("task", { id: enqueued[count] ?? "" })).result({ timeout: 3000 });
    }
    const history = await node.job("job").history();
    expect(history.map(({ id }) => id)).toEqual(
      handles
        .slice(-3)
        .reverse()
        .map(({ id }) => id),
    );
    expect(history.map(({ result }) => result)).toEqual(history.map(({ id }) => id));
    expect((await node.finishedRuns("task")).map(({ id }) => id)).toEqual(enqueued.slice(-4).reverse());
    expect(await node.run(enqueued[0] ?? "").get()).toBeUndefined();
    const redis = server.client();
    expect(await redis.hlen(cluster.keysOf("job").results("job"))).toBe(3);
    const { prefix } = cluster.keysOf(enqueued[0] ?? "");
    expect(await redis.hlen(`${prefix}results:~task`)).toBe(4);
    expect(await redis.hlen(`${prefix}finished`)).toBe(4);
  });

  test("I13: is bounded by age", async () => {
    await using cluster = new Cluster(server);
    const node = cluster.scheduler({ retain: { age: 1000 } });
    node.task("task", () => 1);
    await node.start();
    await node.schedule("task", { id: "job", trigger: every("1h"), overlap: "allow" });
    const old = await node.job("job").runNow();
    const [first = "", second = ""] = idsTogether(2);
    const enqueued = await node.enqueue("task", { id: first });
    await Promise.all([old.result(), enqueued.result()]);
    for (const { clock } of cluster.allKeys) await server.client().set(clock, Date.now() + 2000);
    // The node's own lease is over by that clock; it comes back under another identity and goes on.
    const fresh = await node.job("job").runNow();
    await fresh.result({ timeout: 10_000 });
    await (await node.enqueue("task", { id: second })).result({ timeout: 10_000 });
    expect((await node.job("job").history()).map(({ id }) => id)).toEqual([fresh.id]);
    expect((await node.finishedRuns("task")).map(({ id }) => id)).toEqual([second]);
    expect(await enqueued.get()).toBeUndefined();
  });
});

describe("starting", () => {
  test("I8: refuses a server that may evict, unless told otherwise", async () => {
    const redis = server.client();
    await onEach(server, (one) => one.config("SET", "maxmemory-policy", "allkeys-lru"));
    try {
      const options = { ...fast, redis: server.url, namespace: uniqueNamespace("core") };
      const refused = createScheduler(options);
      await expect(refused.start()).rejects.toMatchObject({
        code: "REDIS_UNUSABLE",
        message: expect.stringContaining("allkeys-lru"),
      });
      await refused.stop();
      expect(await redis.keys(`escapement:{${options.namespace}}:*`)).toEqual([]);
      const allowed = createScheduler({ ...options, allowEviction: true });
      await allowed.start();
      await allowed.stop();
    } finally {
      await onEach(server, (one) => one.config("SET", "maxmemory-policy", "noeviction"));
    }
  });

  test("twice at once is one start; after a failed one it can be tried again", async () => {
    await using cluster = new Cluster(server);
    const node = cluster.scheduler();
    const joined = heard(node, "nodeJoined");
    await Promise.all([node.start(), node.start()]);
    expect(node.nodeId).toBeDefined();
    await node.start();
    await eventually(() => joined.length > 0);
    expect(await node.nodes()).toHaveLength(1);

    const redis = server.client();
    const namespace = uniqueNamespace("core");
    await redis.hset(`escapement:{${namespace}}:meta`, { layout: 99, partitions });
    const other = cluster.scheduler({ namespace });
    await expect(other.start()).rejects.toMatchObject({ code: "LAYOUT_MISMATCH" });
    await redis.del(`escapement:{${namespace}}:meta`);
    const ran: string[] = [];
    other.task("task", ({ id }) => ran.push(id));
    await other.start();
    await other.enqueue("task", { id: "1" });
    await eventually(() => ran.length > 0);
    expect(ran).toEqual(["1"]);
  });
});
