import { type JobStore, startJobStore } from "@escapement/testing";
import { every } from "@escapement/triggers";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Cluster, idsTogether } from "../test/cluster.js";
import { expectSound, later, StoreBench } from "../test/store-bench.js";
import { writeJobs } from "./define.js";
import { resumeTarget } from "./resume.js";

let server: JobStore;
beforeAll(async () => {
  server = await startJobStore();
});
afterAll(() => server.stop());

const pauses = ["all", "queue:default", "task:task", "job:job", "tag:emea"];
const force = { force: true };

describe("runNow: of a paused job", () => {
  for (const name of pauses)
    test(`by ${name}: it is refused with the pause and what to do, and nothing is queued; by force it starts`, async () => {
      await using bench = await new StoreBench(server).ready();
      await bench.define("job", { tags: ["apac", "emea"] });
      const node = await bench.node("node", 1e9);
      const now = await bench.now();
      const [due] = await bench.write("job", [now - 5]);
      await bench.redis.set(bench.store.keys.pause(name), "wrong figures");
      const refused = bench.runNow("job");
      await expect(refused).rejects.toMatchObject({ code: "JOB_PAUSED" });
      await expect(refused).rejects.toThrow(
        `Job job is paused by ${name}: "wrong figures". Nothing was queued. Resume it, or run it all the same with runNow({ force: true }).`,
      );
      expect(await bench.redis.exists(bench.store.keys.requeued)).toBe(0);
      expect(await node.take()).toEqual([]);
      const run = await bench.runNow("job", force);
      expect((await bench.run(run).get())?.state).toBe("ready");
      const { claimed } = await node.claim();
      expect(claimed.map((item) => item.run)).toEqual([run]);
      await expectSound(bench);
      await node.complete(claimed);
      expect(await node.take()).toEqual([]);
      await bench.redis.del(bench.store.keys.pause(name));
      await bench.watch();
      expect(await node.take()).toEqual([due]);
      await expectSound(bench);
    });

  test("by several: each is named, also a pause with JSON of this package", async () => {
    await using bench = await new StoreBench(server).ready();
    await bench.define("job", { tags: ["emea"] });
    await bench.redis.set(bench.store.keys.pause("queue:default"), '{"reason":"repairs","by":"ann"}');
    await bench.redis.hset(bench.store.keys.pause("tag:emea"), "who", "knows");
    await expect(bench.runNow("job")).rejects.toThrow(
      'Job job is paused by queue:default: "repairs" (ann), and by tag:emea. Nothing',
    );
    await bench.redis.del(bench.store.keys.pause("queue:default"));
    await expect(bench.runNow("job")).rejects.toThrow("Job job is paused by tag:emea. Nothing");
    // Whoever reads it on a terminal is not to be told anything else than what it says.
    const said = JSON.stringify({ reason: "x\u202ey", by: "b\u001b[31m" });
    await bench.redis.set(bench.store.keys.pause("queue:default"), said);
    await expect(bench.runNow("job")).rejects.toThrow('queue:default: "x\\u202ey" (b\\u001b[31m), and');
  });

  test("a pause of a node holds: it is no reason to refuse, and by force nothing starts there but elsewhere", async () => {
    await using bench = await new StoreBench(server).ready();
    await bench.define("job", { overlap: "allow" });
    const [one, two] = [await bench.node("one", 1e9), await bench.node("two", 1e9)];
    for (const name of ["all", "node:one"]) await bench.redis.set(bench.store.keys.pause(name), "");
    const run = await bench.runNow("job", force);
    expect(await one.take()).toEqual([]);
    expect(await two.take()).toEqual([run]);
    await bench.redis.del(bench.store.keys.pause("all"));
    const plain = await bench.runNow("job");
    expect(await one.take()).toEqual([]);
    expect(await two.take()).toEqual([plain]);
  });

  test("a run that was queued before the pause waits for its end", async () => {
    await using bench = await new StoreBench(server).ready();
    await bench.define("job");
    const node = await bench.node("node", 1e9);
    const run = await bench.runNow("job");
    await bench.redis.set(bench.store.keys.pause("job:job"), "");
    expect(await node.take()).toEqual([]);
    await resumeTarget(bench.store, { job: "job" });
    expect(await node.take()).toEqual([run]);
  });

  for (const name of ["all", "job:job"])
    test(`by force, under ${name}: a further attempt waits like any other`, async () => {
      await using bench = await new StoreBench(server).ready();
      await bench.define("job", { retry: { attempts: 3 }, priority: 1000 });
      const node = await bench.node("node", 1e9);
      await bench.redis.set(bench.store.keys.pause(name), "");
      const run = await bench.runNow("job", force);
      const { claimed } = await node.claim();
      await node.complete(claimed, "F", "0");
      expect(await node.take()).toEqual([]);
      await expectSound(bench);
      await bench.redis.del(bench.store.keys.pause(name));
      await bench.watch();
      expect((await node.claim()).claimed).toMatchObject([{ run, attempt: 2 }]);
    });

  for (const detail of ["", "voter-lock"])
    test(`by force: one that is handed back unstarted${detail === "" ? "" : ", leaving a lock at voters,"} may start still`, async () => {
      await using bench = await new StoreBench(server).ready();
      await bench.define("job");
      const [one, two] = [await bench.node("one", 1e9), await bench.node("two", 1e9)];
      await bench.redis.set(bench.store.keys.pause("all"), "");
      const run = await bench.runNow("job", force);
      const { claimed } = await one.claim({ lockTtl: 0 });
      const completions = claimed.map(
        ({ token }) => ({ run, token, outcome: "b", detail, result: "" }) as const,
      );
      await one.claim({ slots: 0, completions });
      expect((await two.claim({ lockTtl: 0 })).claimed).toMatchObject([{ run, attempt: 1 }]);
    });

  test("by force: it keeps to overlap, and starts when its turn has come", async () => {
    await using bench = await new StoreBench(server).ready();
    await bench.define("job", { overlap: "queue-all" });
    const [one, two] = [await bench.node("one", 1e9), await bench.node("two", 1e9)];
    const first = await bench.runNow("job");
    const { claimed } = await one.claim();
    expect(claimed.map(({ run }) => run)).toEqual([first]);
    await bench.redis.set(bench.store.keys.pause("task:task"), "");
    const second = await bench.runNow("job", force);
    expect(await two.take()).toEqual([]);
    await expectSound(bench);
    await one.complete(claimed);
    expect(await two.take()).toEqual([second]);
    await bench.define("skips", { overlap: "skip" });
    await bench.runNow("skips", force);
    await two.take();
    await bench.advance(1);
    const skipped = await bench.runNow("skips", force);
    await two.take();
    expect(await bench.run(skipped).get()).toMatchObject({ state: "skipped", reason: "overlap" });
  });

  test("by force: it keeps to limits and rates", async () => {
    await using bench = await new StoreBench(server).ready();
    const key = { concurrencyKey: "key", rateLimit: { max: 2, per: 60_000 } };
    await bench.define("job", { overlap: "allow", ...key, concurrencyLimit: 1 });
    const node = await bench.node("node", 1e9);
    await bench.redis.set(bench.store.keys.pause("queue:default"), "");
    const limits = [{ scope: "task:task", max: 1, how: "w" }] as const;
    const runs: string[] = [];
    for (let count = 0; count < 3; count += 1) {
      runs.push(await bench.runNow("job", force));
      await bench.advance(1);
    }
    const started: string[] = [];
    for (const wait of [0, 0, 0, 60_000]) {
      await bench.advance(wait);
      const { claimed } = await node.claim({ limits });
      started.push(claimed.map(({ run }) => run).join());
      expect((await node.claim({ limits })).claimed).toEqual([]);
      await expectSound(bench);
      await node.complete(claimed);
    }
    expect(started).toEqual([runs[0], runs[1], "", runs[2]]);
  });

  test("by force: it goes before what waits in its queue, however much of it there is and whatever its priority", async () => {
    await using bench = await new StoreBench(server).ready();
    await bench.define("many", { overlap: "allow", priority: 1000 });
    await bench.define("job", { priority: -1000 });
    const node = await bench.node("node", 1e9);
    const now = await bench.now();
    await bench.write(
      "many",
      Array.from({ length: 600 }, (_, index) => now - 700 + index),
    );
    await node.claim({ slots: 1 });
    await bench.redis.set(bench.store.keys.pause("queue:default"), "");
    const run = await bench.runNow("job", force);
    expect(await node.take(1)).toEqual([run]);
    expect(await node.take(1)).toEqual([]);
    await bench.redis.del(bench.store.keys.pause("queue:default"));
    const second = await bench.runNow("job", force);
    expect((await node.take(2))[0]).not.toBe(second); // it is skipped: the first one runs
    expect(await bench.run(second).get()).toMatchObject({ state: "skipped" });
  });

  test("by force: before it starts it can be cancelled, moved with its job, and goes with it; the sweeper finds nothing wrong", async () => {
    await using bench = await new StoreBench(server).ready();
    await bench.define("job", { overlap: "allow" });
    const node = await bench.node("node", 1e9);
    const paused = { queue: "second" };
    for (const name of ["queue:default", "queue:second", "job:job"])
      await bench.redis.set(bench.store.keys.pause(name), "");
    const [one, two] = [await bench.runNow("job", force), await bench.runNow("job", force)];
    expect(await bench.run(one).cancel()).toBe(true);
    await bench.define("job", { overlap: "allow", ...paused, priority: 7 });
    expect(await bench.sweep()).toEqual([]);
    await expectSound(bench);
    expect(await node.take(10, ["default@task"])).toEqual([]);
    expect(await node.take(10, ["default@task", "second@task"])).toEqual([two]);
    await bench.runNow("job", force);
    await bench.remove("job");
    await expectSound(bench);
    expect(await node.take(10, ["default@task", "second@task"])).toEqual([]);
    expect(await bench.redis.exists(bench.store.keys.ready, bench.store.keys.requeued)).toBe(0);
  });

  test("by force: a run that fell out of its place is put back by the sweeper, and starts still", async () => {
    await using bench = await new StoreBench(server).ready();
    await bench.define("job");
    const node = await bench.node("node", 1e9);
    await bench.redis.set(bench.store.keys.pause("all"), "");
    const run = await bench.runNow("job", force);
    await bench.redis.del(bench.store.keys.ready, bench.store.keys.readyOf("default", "task"));
    expect(await bench.sweep()).toEqual([run, "in no place"]);
    expect(await node.take()).toEqual([run]);
  });

  test("a record by hand with a priority beyond all others is not taken for one by force", async () => {
    await using bench = await new StoreBench(server).ready();
    await bench.define("job", { priority: 777 });
    const { keys } = bench.store;
    const record = (await bench.redis.hget(keys.jobs, "job")) ?? "";
    await bench.redis.hset(keys.jobs, "job", record.replace(" 777 ", " 99999 "));
    const node = await bench.node("node", 1e9);
    const run = await bench.runNow("job");
    await bench.redis.set(keys.pause("all"), "");
    expect(await node.take()).toEqual([]);
    await expectSound(bench);
    await bench.redis.del(keys.pause("all"));
    expect(await node.take()).toEqual([run]);
  });

  test("a backfill of it is queued and waits", async () => {
    await using bench = await new StoreBench(server).ready();
    await bench.define("job", { trigger: every("1s", { from: 0 }) });
    const node = await bench.node("node", 1e9);
    await bench.redis.set(bench.store.keys.pause("job:job"), "");
    const runs = await bench.job("job").backfill({ from: 1000, to: 1000 });
    expect(await node.take()).toEqual([]);
    await resumeTarget(bench.store, { job: "job" });
    expect(await node.take()).toEqual(runs.map(({ id }) => id));
  });

  test("in a group: those that are paused have failed, and by force all run", async () => {
    await using cluster = new Cluster(server);
    const [scheduler, other] = [cluster.scheduler({ pollEvery: "60s" }), cluster.scheduler()];
    scheduler.task("task", () => "done");
    await scheduler.start();
    for (const id of ["a", "b"]) await other.schedule("task", { id, trigger: later, tags: ["emea"] });
    await other.pause({ job: "b" }, { reason: "repairs" });
    const { done, failed, runs } = await other.group({ tag: "emea" }).runNow();
    expect([done, runs.length]).toEqual([["a"], 1]);
    expect(failed).toMatchObject([{ id: "b", error: { code: "JOB_PAUSED" } }]);
    await other.pause("all", { reason: "repairs" });
    const all = await other.group({ tag: "emea" }).runNow(force);
    expect(all.done.toSorted()).toEqual(["a", "b"]);
    for (const id of all.runs) expect(await other.run(id).result({ timeout: 5000 })).toBe("done");
    for (const options of [{ force: "yes" }, { forced: true }, 5])
      await expect(other.group({ tag: "emea" }).runNow(options as never)).rejects.toMatchObject({
        code: "INVALID_OPTION",
      });
  });

  for (const name of ["all", "queue:default", "task:task", "job:busy"])
    test(`by force, under ${name}: idle nodes that nobody polls start it at once, also behind others that wait`, async () => {
      await using cluster = new Cluster(server);
      const nodes = [cluster.scheduler({ pollEvery: "60s" }), cluster.scheduler({ pollEvery: "60s" })];
      const client = cluster.scheduler();
      const task = client.task("task", () => "done");
      for (const node of nodes) {
        node.task("task", () => "done");
        await node.start();
      }
      await client.schedule("task", { id: "busy", trigger: later });
      const redis = server.client();
      await redis.set(`escapement:{${cluster.namespace}}:pause:${name}`, "wait");
      redis.disconnect();
      // Where the pause was set: elsewhere a node may claim it first, and hand it back.
      const [id = ""] = idsTogether(1);
      const waiting = name === "job:busy" ? undefined : await client.enqueue(task, { id });
      const before = await waiting?.get();
      expect(before?.state).toBe(waiting && "ready");
      const run = await client.job("busy").runNow(force);
      expect(await run.result({ timeout: 5000 })).toBe("done");
      expect((await waiting?.get())?.state).toBe(waiting && "ready");
      await expect(client.job("busy").runNow()).rejects.toMatchObject({ code: "JOB_PAUSED" });
    });

  test("one that is defined, paused and forced in any order never starts twice", async () => {
    await using bench = await new StoreBench(server).ready();
    await writeJobs(
      bench.store,
      Array.from({ length: 30 }, (_, index) => ({
        task: "task",
        options: { id: `job-${index}`, trigger: later, overlap: "allow" },
      })),
      65_536,
    );
    await bench.redis.set(bench.store.keys.pause("all"), "");
    const wanted: string[] = [];
    for (let index = 0; index < 30; index += 1) wanted.push(await bench.runNow(`job-${index}`, force));
    const nodes = [await bench.node("one", 1e9), await bench.node("two", 1e9)];
    const taken: string[] = [];
    for (let turn = 0; turn < 12; turn += 1) taken.push(...((await nodes[turn % 2]?.take(3)) ?? []));
    expect(taken.toSorted()).toEqual(wanted.toSorted());
    await expectSound(bench);
  });
});
