import { type JobStore, startJobStore } from "@escapement/testing";
import { every } from "@escapement/triggers";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Cluster, heard } from "../test/cluster.js";
import { putInLane } from "../test/lanes.js";
import { expectSound, StoreBench } from "../test/store-bench.js";
import { enqueueRuns } from "./enqueue.js";

let server: JobStore;
beforeAll(async () => {
  server = await startJobStore();
});
afterAll(() => server.stop());

const heldBy = ({ redis, store }: StoreBench, node: string): Promise<string[]> =>
  redis.hkeys(store.keys.active(node));

describe("states: S15: the sweeper", () => {
  test("finds nothing where all is well, whatever waits, runs, is held back or has ended", async () => {
    await using bench = await new StoreBench(server).ready();
    for (const id of ["queued", "paused", "blocked", "limited", "every"]) {
      await bench.define(id, {
        overlap: "queue-all",
        ...(id === "limited" && { concurrencyKey: "key" }),
        ...(id === "every" && { trigger: every("1h", { after: "completion" }) }),
        retry: { attempts: 2 },
      });
    }
    const now = await bench.now();
    await bench.redis.set(bench.store.keys.pause("job:paused"), "");
    const node = await bench.node("node", 1e9);
    for (const id of ["queued", "paused", "blocked", "limited"])
      await bench.write(id, [now - 2, now - 1, now + 60_000]);
    await enqueueRuns(
      bench.store,
      "task",
      [{}, { delay: 60_000 }, { concurrencyKey: "key" }, { concurrencyKey: "key" }],
      1000,
    );
    const { claimed } = await node.claim({ slots: 4 });
    await node.complete(claimed.slice(0, 1), "F", "1000");
    await node.complete(claimed.slice(1, 2), "f");
    await bench.runNow("blocked");
    await node.claim({ slots: 1 });
    await expectSound(bench);
    expect(await bench.sweep()).toEqual([]);
    expect(await bench.redis.exists(bench.store.keys.mended)).toBe(0);
  });

  const damages: [
    what: string,
    by: (bench: StoreBench, runs: string[]) => Promise<unknown>,
    found: string,
  ][] = [
    [
      "a ready run that left its lane",
      ({ redis, store }, [run]) => redis.zrem(store.keys.readyOf("default", "task"), run ?? ""),
      "in no place",
    ],
    [
      "a whole lane that was deleted",
      ({ redis, store }) => redis.del(store.keys.readyOf("default", "task"), store.keys.ready),
      "in no place",
    ],
    ["waiting, deleted", ({ redis, store }) => redis.del(store.keys.waiting), "in no place"],
    [
      "a run that waits twice",
      ({ redis, store }, [run]) => redis.zadd(store.keys.waiting, 9e12, run ?? ""),
      "in two places",
    ],
    [
      "a run blocked by nothing",
      async ({ redis, store }, [first, second]) => {
        for (const run of [first, second]) {
          await redis.zrem(store.keys.readyOf("default", "task"), run ?? "");
          await redis.zadd(store.keys.blocked, 0, run ?? "");
        }
      },
      "waiting for nothing",
    ],
    [
      "a run held back by nothing",
      async ({ redis, store }, [run]) => {
        await redis.zrem(store.keys.readyOf("default", "task"), run ?? "");
        await redis.zadd(store.keys.paused, 0, run ?? "");
      },
      "held back by nothing",
    ],
    [
      "a lane that is not listed",
      ({ redis, store }) => redis.zrem(store.keys.ready, "default@task"),
      "in no place",
    ],
    ["a run in two lanes", (bench, [run]) => putInLane(bench, "other@task", run), "in two places"],
    [
      "a run in a lane that is not its record's",
      async (bench, [run]) => {
        await bench.redis.zrem(bench.store.keys.readyOf("default", "task"), run ?? "");
        await putInLane(bench, "other@task", run);
      },
      "in another lane",
    ],
    [
      "a run that waits, is in its lane, and in another one",
      async (bench, [run]) => {
        await bench.redis.zadd(bench.store.keys.waiting, 9e12, run ?? "");
        await putInLane(bench, "other@task", run);
      },
      "in two places",
    ],
    ["what is no run, in a lane", (bench) => putInLane(bench, "default@task", "gone"), "no run in a lane"],
    [
      "a fire time that nobody wrote, in a lane",
      (bench) => putInLane(bench, "default@task", "job@1000000000000"),
      "no run in a lane",
    ],
    [
      "a run of no job, in a lane",
      (bench) => putInLane(bench, "other@task", "nobody@1000000000000-abcdefgh"),
      "no run in a lane",
    ],
    [
      "a run that a node holds, in its lane",
      async (bench) => putInLane(bench, "default@task", (await heldBy(bench, "other"))[0]),
      "in two places",
    ],
    [
      "a run that a node holds, in another lane",
      async (bench) => putInLane(bench, "other@task", (await heldBy(bench, "other"))[0]),
      "in two places",
    ],
    [
      "a run that a node holds, listed as queued",
      async (bench) =>
        bench.redis.zadd(bench.store.keys.requeued, 0, (await heldBy(bench, "other"))[0] ?? ""),
      "queued and running",
    ],
    [
      "a job held by a run that is nowhere",
      ({ redis, store }) => redis.hset(store.keys.running, "job", "job@1 1"),
      "running nowhere",
    ],
    [
      "attempts of a run that is gone",
      ({ redis, store }) => redis.hset(store.keys.attempts, "gone", "2 0\n"),
      "attempts of no run",
    ],
    [
      "progress of a run that is gone",
      ({ redis, store }) => redis.hset(store.keys.progress, "gone", "{}"),
      "progress of no run",
    ],
    [
      "S16: a place that nobody holds",
      async ({ redis, store }) => {
        await redis.hset(store.keys.holds, "gone", "task:task");
        await redis.sadd(store.keys.held("task:task"), "gone");
      },
      "place of no run",
    ],
    [
      "a cursor that was lost",
      ({ redis, store }) => redis.zrem(store.keys.due, "job"),
      "job without a next fire time",
    ],
    [
      "a node of which the lease was deleted",
      ({ redis, store }) => redis.zrem(store.keys.nodes, "other"),
      "node without a lease",
    ],
  ];
  test("finds one node without a lease among more than a script can hand over at once", async () => {
    await using bench = await new StoreBench(server).ready();
    const { nodes, nodeInfo } = bench.store.keys;
    const ids = Array.from({ length: 9000 }, (_, index) => `node-${index}`);
    await bench.redis.hset(nodeInfo, ...ids.flatMap((id) => [id, "{}"]), "gone", "{}");
    await bench.redis.zadd(nodes, ...ids.flatMap((id) => [9e15, id]));
    expect(await bench.sweep()).toEqual(["gone", "node without a lease"]);
  });

  test("counts what a node without a lease holds as its own until it is taken over: none of it is queued again, or counts as ended", async () => {
    await using bench = await new StoreBench(server).ready();
    await bench.define("job", { concurrencyKey: "key" });
    const other = await bench.node("other", 1e9);
    const taken = await bench.runNow("job");
    const [enqueued = ""] = await enqueueRuns(bench.store, "task", [{}], 1000);
    expect((await other.take()).sort()).toEqual([enqueued, taken].sort());
    await bench.redis.zrem(bench.store.keys.nodes, "other");
    expect(await bench.sweep()).toEqual(["other", "node without a lease"]);
    const node = await bench.node("node", 1e9);
    expect(await node.take()).toEqual([]);
    expect(await bench.redis.hkeys(bench.store.keys.running)).toEqual(["job"]);
    expect(await bench.redis.hkeys(bench.store.keys.holds)).toContain(taken);
    await bench.recover();
    const { claimed } = await node.claim();
    expect(claimed.map(({ run, attempt }) => [run, attempt]).sort()).toEqual(
      [
        [enqueued, 2],
        [taken, 2],
      ].sort(),
    );
  });

  for (const [what, damage, found] of damages) {
    test(`mends ${what}, counts and tells it; after it all is sound, and everything runs`, async () => {
      await using bench = await new StoreBench(server).ready();
      await bench.define("job", { overlap: "allow", trigger: every("3h"), misfire: { grace: "1h" } });
      const now = await bench.now();
      const node = await bench.node("node", 1e9);
      const other = await bench.node("other", 1e9);
      const taken = await bench.runNow("job");
      expect(await other.take()).toEqual([taken]);
      const runs = await bench.write("job", [now - 2, now - 1, now + 60_000]);
      const [enqueued = ""] = await enqueueRuns(bench.store, "task", [{}], 1000);
      await node.claim({ slots: 0 });
      await node.claim({ slots: 1, lanes: ["default@none"] }); // what is due becomes ready
      await damage(bench, runs);
      const mended = await bench.sweep();
      expect(mended.filter((_, at) => at % 2 === 1)).toContain(found);
      expect(Number(await bench.redis.hget(bench.store.keys.mended, found))).toBeGreaterThan(0);
      await bench.recover();
      await expectSound(bench);
      expect(await bench.sweep()).toEqual([]);
      expect(await bench.redis.zscore(bench.store.keys.due, "job")).not.toBeNull();
      await bench.advance(61_000);
      await node.join();
      const started: string[] = [];
      for (let turn = 0; turn < 4; turn += 1) {
        const { claimed } = await node.claim();
        started.push(...claimed.map(({ run }) => run));
        await node.complete(claimed);
      }
      for (const run of [...runs, enqueued]) expect(started).toContain(run);
    });
  }

  test("a job that was put aside goes on, though nobody knows any more by which pause", async () => {
    await using bench = await new StoreBench(server).ready();
    const { keys } = bench.store;
    await bench.define("job", { trigger: every("1h") });
    await bench.redis.set(keys.pause("job:job"), "");
    await bench.write("job", []);
    const cursor = await bench.redis.zscore(keys.frozen, "job");
    expect(cursor).not.toBeNull();
    await bench.redis.del(keys.pauses);
    // Paused still: its end will be noticed again.
    expect(await bench.sweep()).toEqual([]);
    expect(await bench.redis.hkeys(keys.pauses)).toEqual(["job:job"]);
    await bench.redis.del(keys.pauses, keys.pause("job:job"));
    expect(await bench.sweep()).toEqual(["job", "put aside by nothing"]);
    expect(await bench.redis.zscore(keys.due, "job")).toBe(cursor);
  });

  test("S16: a leaked place of a concurrency key is free again for the run that waits for it", async () => {
    await using bench = await new StoreBench(server).ready();
    const [run = ""] = await enqueueRuns(bench.store, "task", [{ concurrencyKey: "key" }], 1000);
    await bench.redis.sadd(bench.store.keys.held("key:key"), "gone");
    const node = await bench.node("node", 1e9);
    expect(await node.take()).toEqual([]);
    expect(await bench.sweep()).toContain("place of no run");
    expect(await node.take()).toEqual([run]);
  });

  test("runs on the leader: a run that somebody deleted from its lane is started all the same", async () => {
    await using cluster = new Cluster(server);
    const one = cluster.scheduler({ sweepEvery: 100 });
    const two = cluster.scheduler({ sweepEvery: 100 });
    const mends = [heard(one, "mended"), heard(two, "mended")];
    const task = one.task("task", () => "done");
    await one.start();
    await two.start();
    const redis = server.client();
    await one.pause({ task: "task" }, { reason: "so that it stays" });
    const run = await one.enqueue(task);
    expect(await redis.del(cluster.keysOf(run.id).readyOf("default", "task"))).toBe(1);
    await expect.poll(() => mends.flat().map(({ what }) => what), { timeout: 5000 }).toContain("in no place");
    await one.resume({ task: "task" });
    expect(await run.result({ timeout: 5000 })).toBe("done");
    const finding = (await two.doctor()).find(({ check }) => check === "sweeper");
    expect(finding).toMatchObject({ level: "warning", message: expect.stringContaining("in no place: 1") });
    redis.disconnect();
  });
});
