import { type JobStore, startJobStore, uniqueNamespace } from "@escapement/testing";
import { once } from "@escapement/triggers";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { silentLogger } from "../test/silent-logger.js";
import { type BenchNode, expectSound, StoreBench } from "../test/store-bench.js";
import type { Claimed } from "./claim.js";
import { takeDeadLetters } from "./dead-letters.js";
import { enqueueRuns } from "./enqueue.js";
import type { ScopedLimit } from "./limit.js";
import { createScheduler } from "./scheduler.js";

let server: JobStore;
beforeAll(async () => {
  server = await startJobStore();
});
afterAll(() => server.stop());

const three: readonly ScopedLimit[] = [{ scope: "task:task", max: 3, how: "w" }];
const enqueue = (bench: StoreBench, count: number, options: object = {}): Promise<string[]> =>
  enqueueRuns(
    bench.store,
    "task",
    Array.from({ length: count }, () => options),
    1000,
  );

describe("limit", () => {
  test.each(["task:task", "queue:default", "all"])(
    "of %s: never more at once in the cluster, and all run in the end",
    async (scope) => {
      await using bench = await new StoreBench(server).ready();
      const limits: readonly ScopedLimit[] = [{ scope, max: 3, how: "w" }];
      const runs = await enqueue(bench, 20);
      const nodes = [await bench.node("one"), await bench.node("two")] as const;
      const done: string[] = [];
      while (done.length < runs.length) {
        const claims = [await nodes[0].claim({ limits, slots: 2 }), await nodes[1].claim({ limits })];
        const held = claims.flatMap(({ claimed }) => claimed);
        expect(held).toHaveLength(Math.min(3, runs.length - done.length));
        await expectSound(bench);
        for (const [index, { claimed }] of claims.entries()) await nodes[index as 0 | 1].complete(claimed);
        done.push(...held.map(({ run }) => run));
      }
      expect(done.sort()).toEqual([...runs].sort());
      expect((await bench.keysLeft()).filter((key) => key.startsWith("held") || key === "holds")).toEqual([]);
    },
  );

  test("a dead node's places are free once its runs are taken over", async () => {
    await using bench = await new StoreBench(server).ready();
    await enqueue(bench, 6);
    const dying = await bench.node("dying", 1000);
    const other = await bench.node("other");
    expect((await dying.claim({ limits: three })).claimed).toHaveLength(3);
    expect((await other.claim({ limits: three })).claimed).toEqual([]);
    await bench.advance(2000);
    await bench.recover();
    await expectSound(bench);
    expect((await other.claim({ limits: three })).claimed).toHaveLength(3);
    await expectSound(bench);
  });

  test("a place is free again after each way in which a run can end or be handed back", async () => {
    await using bench = await new StoreBench(server).ready();
    const node = await bench.node("node");
    const one: readonly ScopedLimit[] = [{ scope: "all", max: 1, how: "w" }];
    for (const outcome of ["s", "f", "t", "c", "F", "T", "b", "x", "l"] as const) {
      await enqueue(bench, 1);
      const { claimed } = await node.claim({ limits: one });
      expect(claimed, outcome).toHaveLength(1);
      await node.complete(claimed, outcome, outcome === "F" || outcome === "T" ? "0" : "");
      await expectSound(bench);
      expect(await bench.redis.exists(bench.store.keys.holds)).toBe(0);
    }
  });

  test("whenFull skip: what finds no place is recorded as skipped, and is no dead letter", async () => {
    await using bench = await new StoreBench(server).ready();
    const limits: readonly ScopedLimit[] = [{ scope: "task:task", max: 1, how: "s" }];
    await bench.define("job", { overlap: "allow" });
    const now = await bench.now();
    const [first = "", second = ""] = await bench.write("job", [now - 2, now - 1]);
    const [queued = ""] = await enqueue(bench, 1);
    const node = await bench.node("node");
    const { claimed, passed } = await node.claim({ limits });
    expect(claimed.map(({ run }) => run)).toEqual([first]);
    expect(passed.map(({ run, reason }) => [run, reason])).toEqual([
      [second, "limit"],
      [queued, "limit"],
    ]);
    for (const run of [second, queued]) {
      expect(await bench.run(run).get()).toMatchObject({ state: "skipped", reason: "limit" });
    }
    expect(await takeDeadLetters(bench.store, {}, true)).toEqual([]);
    await expectSound(bench);
  });

  test("S17: one that is full does not hold up other tasks, queues and keys", async () => {
    await using bench = await new StoreBench(server).ready();
    await enqueue(bench, 700, { priority: 5, concurrencyKey: "busy" });
    const [free] = await enqueue(bench, 1);
    const node = await bench.node("node");
    const taken: string[] = [];
    for (let round = 0; round < 4 && !taken.includes(free ?? ""); round += 1)
      taken.push(...(await node.take(5)));
    expect(taken).toContain(free);
    expect(taken).toHaveLength(2);
    await expectSound(bench);

    const tasks = await new StoreBench(server).ready();
    await enqueue(tasks, 50);
    const [other] = await enqueueRuns(tasks.store, "other", [{}], 1000);
    const both = await tasks.node("both");
    const lanes = ["default@task", "default@other"];
    const limits: readonly ScopedLimit[] = [{ scope: "task:task", max: 1, how: "w" }];
    const { claimed } = await both.claim({ lanes, limits });
    expect(claimed.map(({ run }) => run)).toContain(other);
    expect(claimed).toHaveLength(2);
    await tasks[Symbol.asyncDispose]();
  });

  test("S11: 200 one-time jobs under a limit that waits all run, none of them lost when a node dies", async () => {
    await using bench = await new StoreBench(server).ready();
    const now = await bench.now();
    for (let job = 0; job < 200; job += 1) {
      await bench.define(`job-${job}`, { trigger: once(now + 600_000) });
      await bench.write(`job-${job}`, [now - 1]);
    }
    const nodes: BenchNode[] = [
      await bench.node("a", 60_000),
      await bench.node("b", 600_000),
      await bench.node("c", 600_000),
    ];
    await bench.advance(30);
    const ended = new Set<string>();
    let dead = 0;
    while (ended.size < 200) {
      const held: [BenchNode, readonly Claimed[]][] = [];
      for (const node of nodes) held.push([node, (await node.claim({ limits: three, slots: 2 })).claimed]);
      const all = held.flatMap(([, claimed]) => claimed);
      expect(all).toHaveLength(Math.min(3, 200 - ended.size));
      if (ended.size > 60 && dead === 0) {
        // The first one dies with what it holds; three minutes pass, far beyond the default grace.
        nodes.shift();
        dead = held[0]?.[1].length ?? 0;
        held.shift();
        await bench.advance(180_000);
        await bench.recover();
      }
      for (const [node, claimed] of held) {
        await node.complete(claimed);
        for (const { run } of claimed) ended.add(run);
      }
    }
    expect(dead).toBeGreaterThan(0);
    await expectSound(bench);
  });
});

test("limit: running nodes keep to a task's limit together, and waste no time between runs", async () => {
  const options = {
    redis: server.url,
    namespace: uniqueNamespace("limit"),
    logger: silentLogger,
    pollEvery: "60s",
  };
  await using one = createScheduler(options);
  await using two = createScheduler(options);
  let [now, most] = [0, 0];
  for (const scheduler of [one, two]) {
    scheduler.task("limited", { limit: 2 }, async () => {
      now += 1;
      most = Math.max(most, now);
      await new Promise((resolve) => setTimeout(resolve, 5));
      now -= 1;
    });
    await scheduler.start();
  }
  const handles = await one.enqueueMany(
    "limited",
    Array.from({ length: 60 }, () => ({})),
  );
  // Were nodes not woken by what has ended, each would wait for the slow poll.
  await Promise.all(handles.map((handle) => handle.result({ timeout: 20_000 })));
  expect(most).toBe(2);
});

describe("concurrencyKey", () => {
  test("limits runs of whichever jobs and tasks together, and lets them go on in their order", async () => {
    await using bench = await new StoreBench(server).ready();
    const key = { concurrencyKey: "customer-7", concurrencyLimit: 2 };
    await bench.define("job", { ...key, overlap: "allow" });
    const now = await bench.now();
    const fires = await bench.write("job", [now - 3, now - 2, now - 1]);
    const queued = await enqueue(bench, 2, key);
    const node = await bench.node("node");
    const order: string[] = [];
    while (order.length < 5) {
      const { claimed } = await node.claim();
      expect(claimed.length).toBe(Math.min(2, 5 - order.length));
      await expectSound(bench);
      order.push(...claimed.map(({ run }) => run));
      await node.complete(claimed);
      await expectSound(bench);
    }
    expect(order).toEqual([...fires, ...queued]);
  });

  test("what waits for a key can be cancelled, taken back and removed", async () => {
    await using bench = await new StoreBench(server).ready();
    const key = { concurrencyKey: "k" };
    for (const job of ["a", "b", "c"]) await bench.define(job, key);
    const now = await bench.now();
    await bench.write("a", [now - 3]);
    const [b = ""] = await bench.write("b", [now - 2]);
    await bench.write("c", [now - 1]);
    const node = await bench.node("node");
    const { claimed } = await node.claim();
    expect(await bench.run(b).get()).toMatchObject({ state: "ready" });
    expect(await bench.run(b).cancel()).toBe(true);
    await bench.remove("c");
    await expectSound(bench);
    await node.complete(claimed);
    expect(await node.take()).toEqual([]);
    expect((await bench.keysLeft()).filter((name) => /^(full|held|holds|limited)/.test(name))).toEqual([]);
  });

  test("none waits for ever: not when a limit is raised, nor when the one let go on does not start", async () => {
    await using bench = await new StoreBench(server).ready();
    const node = await bench.node("node");
    for (const job of ["a", "b", "c", "d"]) await bench.define(job, { concurrencyKey: "k" });
    const now = await bench.now();
    for (const job of ["a", "b", "c", "d"]) await bench.write(job, [now - 1]);
    const { claimed } = await node.claim();
    expect(claimed).toHaveLength(1);
    expect(await node.take()).toEqual([]);
    for (const job of ["b", "c", "d"]) await bench.define(job, { concurrencyKey: "k", concurrencyLimit: 2 });
    expect(await node.take()).toHaveLength(1);
    // The next one is let go on by this end, and is gone before it is claimed.
    await node.complete(claimed);
    const ready = await bench.redis.zrange(bench.store.keys.readyOf("default", "task"), 0, -1);
    await bench.remove(ready[0]?.split("@")[0] ?? "");
    expect(await node.take()).toHaveLength(1);
    await expectSound(bench);
  });

  test("skip: one that finds its key full is recorded as skipped", async () => {
    await using bench = await new StoreBench(server).ready();
    const options = { concurrencyKey: "k", concurrencyLimit: { max: 1, whenFull: "skip" } };
    const [first, second = ""] = await enqueue(bench, 2, options);
    const node = await bench.node("node");
    expect(await node.take()).toEqual([first]);
    expect(await bench.run(second).get()).toMatchObject({ state: "skipped", reason: "limit" });
    await expectSound(bench);
  });
});
