import { eventually, type JobStore, startJobStore, uniqueNamespace } from "@escapement/testing";
import { every, once } from "@escapement/triggers";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Cluster, heard, startsOf } from "../test/cluster.js";
import { expectSound, StoreBench } from "../test/store-bench.js";
import { createScheduler } from "./index.js";
import { type PauseTarget, pauseTarget } from "./pause.js";
import { listPauses } from "./read-pauses.js";
import { resumeTarget } from "./resume.js";
import { resume } from "./scripts/index.js";

let server: JobStore;
beforeAll(async () => {
  server = await startJobStore();
});
afterAll(() => server.stop());

const reason = { reason: "maintenance" };
const targets: [string, PauseTarget][] = [
  ["all", "all"],
  ["job", { job: "job" }],
  ["tag", { tag: "emea" }],
  ["queue", { queue: "default" }],
  ["task", { task: "task" }],
  ["node", { node: "node" }],
];

describe("pause, resume", () => {
  for (const [name, target] of targets) {
    test(`of ${name}: nothing starts, what runs goes on, and after it everything that was due starts`, async () => {
      await using bench = await new StoreBench(server).ready();
      await bench.define("job", { tags: ["emea"], overlap: "allow" });
      const now = await bench.now();
      const [first] = await bench.write("job", [now - 30, now - 20]);
      const node = await bench.node("node", 1e9);
      const running = (await node.claim({ slots: 1 })).claimed;
      expect(running.map(({ run }) => run)).toEqual([first]);
      const key = bench.store.keys.pause(name === "all" ? name : Object.entries(target).flat().join(":"));
      await bench.runNow("job");
      await bench.redis.set(key, "by an operator");
      expect(await node.take()).toEqual([]);
      await expectSound(bench);
      expect(await node.complete(running)).toEqual([true]);
      expect(await node.take()).toEqual([]);
      await bench.redis.del(key);
      await bench.watch();
      const started = await node.take();
      expect(started).toHaveLength(2);
      expect(started[0]).toBe(`job@${now - 20}`);
      await expectSound(bench);
      expect(await bench.redis.hlen(bench.store.keys.pauses)).toBe(0);
    });
  }

  test("other jobs, tags, queues, tasks and nodes are untouched", async () => {
    await using bench = await new StoreBench(server).ready();
    await bench.define("job", { tags: ["emea"] });
    await bench.define("other", { tags: ["apac"] });
    const node = await bench.node("node", 1e9);
    for (const key of ["job:job", "tag:emea", "queue:mail", "task:other", "node:else", "job:othe", "tag:apa"])
      await bench.redis.set(bench.store.keys.pause(key), "");
    const now = await bench.now();
    await bench.write("job", [now - 1]);
    const [run] = await bench.write("other", [now - 1]);
    expect(await node.take()).toEqual([run]);
  });

  test("a pause of any type and without any reason holds", async () => {
    await using bench = await new StoreBench(server).ready();
    await bench.define("job");
    const node = await bench.node("node", 1e9);
    await bench.runNow("job");
    await bench.redis.hset(bench.store.keys.pause("job:job"), "who", "knows");
    expect(await node.take()).toEqual([]);
  });

  test("S14: a one-shot job survives a pause, and keeps its fire time", async () => {
    await using bench = await new StoreBench(server).ready();
    const now = await bench.now();
    await bench.define("job", { trigger: once(new Date(now + 60_000)) });
    const node = await bench.node("node", 1e9);
    const at = now + 60_000;
    await pauseTarget(bench.store, { job: "job" }, reason);
    await bench.materialise({ job: "job", version: 1, expected: at, next: "", times: [at] });
    expect(await bench.redis.zscore(bench.store.keys.frozen, "job")).toBe(String(at));
    await bench.advance(3_600_000);
    expect(await node.take()).toEqual([]);
    expect(await resumeTarget(bench.store, { job: "job" })).toBe(true);
    expect(await bench.redis.zscore(bench.store.keys.due, "job")).toBe(String(at));
    await bench.materialise({ job: "job", version: 1, expected: at, next: "", times: [at] });
    const { claimed } = await node.claim();
    expect(claimed.map(({ scheduledAt }) => scheduledAt)).toEqual([at]);
    await node.complete(claimed);
    expect(await bench.job("job").get()).toMatchObject({ state: "exhausted" });
    await expectSound(bench);
  });

  test("S13: pausing and resuming writes neither the job's record nor its version", async () => {
    await using bench = await new StoreBench(server).ready();
    await bench.define("job", { trigger: every("1s") });
    const { keys } = bench.store;
    const before = [await bench.redis.hget(keys.jobs, "job"), await bench.redis.hget(keys.state, "job")];
    const cursor = await bench.redis.zscore(keys.due, "job");
    await pauseTarget(bench.store, { job: "job" }, reason);
    await bench.write("job", [Number(cursor)]);
    await resumeTarget(bench.store, { job: "job" });
    expect([await bench.redis.hget(keys.jobs, "job"), await bench.redis.hget(keys.state, "job")]).toEqual(
      before,
    );
    expect(await bench.redis.zscore(keys.due, "job")).toBe(cursor);
  });

  test("S12: what is paused and overdue is in no index that is polled", async () => {
    await using bench = await new StoreBench(server).ready();
    const { keys } = bench.store;
    for (const id of ["a", "b", "c"]) await bench.define(id, { tags: ["emea"] });
    await bench.runNow("c");
    await bench.redis.set(keys.pause("tag:emea"), "");
    const node = await bench.node("node", 1e9);
    const now = await bench.now();
    for (const id of ["a", "b"]) await bench.write(id, [now - 2]);
    await node.take();
    expect(await bench.redis.zrange(keys.due, 0, -1)).not.toContain("a");
    const { nextDue, more } = await node.claim();
    expect([nextDue, more]).toEqual([undefined, false]);
    expect(await bench.redis.exists(keys.waiting, keys.ready)).toBe(0);
  });

  test("what was missed meanwhile is settled once: runs from before the pause with those that were never written", async () => {
    await using bench = await new StoreBench(server).ready();
    const now = await bench.now();
    await bench.define("job", { trigger: every("1s", { from: new Date(now) }) });
    const node = await bench.node("node", 1e9);
    await bench.write("job", [now + 1000, now + 2000], { next: now + 3000 });
    await pauseTarget(bench.store, "all", reason);
    await bench.advance(600_000);
    expect(await node.take()).toEqual([]);
    await bench.write("job", [], { next: now + 3000 }); // the leader's look: frozen
    await resumeTarget(bench.store, "all");
    // Before the leader has caught up nothing starts: what lies behind the cursor is part of the same outage.
    expect(await node.take()).toEqual([]);
    await expectSound(bench);
    const latest = now + 600_000;
    await bench.write("job", [latest], {
      expected: now + 3000,
      ...{ next: latest + 1000, missed: 597, missedFrom: now + 3000, missedTo: latest - 1000 },
    });
    expect(await node.take()).toEqual([`job@${latest}`]);
    const missed = (await bench.job("job").history()).filter(({ state }) => state === "missed");
    expect(missed.reduce((sum, { count }) => sum + count, 0)).toBe(599);
    await expectSound(bench);
  });

  test("once the first fire time that waits is later than its grace, those after it wait for the leader too", async () => {
    await using bench = await new StoreBench(server).ready();
    const now = await bench.now();
    const trigger = every("10s", { from: new Date(now) });
    await bench.define("job", { trigger, misfire: { grace: "15s" }, overlap: "allow" });
    const [first = "", second = ""] = await bench.write("job", [now, now + 10_000], { next: now + 20_000 });
    await bench.advance(21_000); // and no leader has come by
    const node = await bench.node("node", 1e9);
    expect(await node.take()).toEqual([]);
    const last = now + 20_000;
    await bench.write("job", [last], { expected: last, next: now + 30_000 });
    expect(await node.take()).toEqual([`job@${last}`]);
    for (const run of [first, second]) expect((await bench.run(run).get())?.state ?? "missed").toBe("missed");
    await expectSound(bench);
  });

  test("two pauses on one job add up: it goes on when none is left", async () => {
    await using bench = await new StoreBench(server).ready();
    await bench.define("job", { tags: ["emea"] });
    const node = await bench.node("node", 1e9);
    const run = await bench.runNow("job");
    await pauseTarget(bench.store, { job: "job" }, reason);
    await pauseTarget(bench.store, { tag: "emea" }, reason);
    expect(await node.take()).toEqual([]);
    await resumeTarget(bench.store, { job: "job" });
    expect(await node.take()).toEqual([]);
    await resumeTarget(bench.store, { tag: "emea" });
    expect(await node.take()).toEqual([run]);
  });

  test("what is paused anew while a pause of many is ended stays paused", async () => {
    await using bench = await new StoreBench(server).ready();
    const node = await bench.node("node", 1e9);
    const { prefix: _, ...keys } = bench.store.keys;
    for (const id of ["a", "b", "c"]) {
      await bench.define(id, { tags: ["emea"] });
      await bench.runNow(id);
    }
    await pauseTarget(bench.store, { tag: "emea" }, reason);
    expect(await node.take()).toEqual([]);
    const step = (again: number): Promise<[string, number, number]> =>
      resume.run(bench.store.commands, {
        keys,
        args: { ...bench.store.told, ...bench.store.founding, name: "tag:emea", said: "{}", batch: 1, again },
      });
    expect((await step(0)).slice(1)).toEqual([1, 1]);
    await pauseTarget(bench.store, { tag: "emea" }, reason);
    expect((await step(1)).slice(1)).toEqual([0, 0]);
    expect(await bench.redis.exists(bench.store.keys.pause("tag:emea"))).toBe(1);
    expect(await node.take()).toEqual([]);
    await resumeTarget(bench.store, { tag: "emea" });
    expect(await node.take()).toHaveLength(3);
  });

  test("an update that takes the paused tag away lets the job go on", async () => {
    await using bench = await new StoreBench(server).ready();
    await bench.define("job", { tags: ["emea"] });
    const node = await bench.node("node", 1e9);
    const run = await bench.runNow("job");
    await pauseTarget(bench.store, { tag: "emea" }, reason);
    expect(await node.take()).toEqual([]);
    await bench.job("job").update({ tags: [] });
    expect(await node.take()).toEqual([run]);
    await expectSound(bench);
  });

  test("retries wait too, and runs that wait for their turn keep their order", async () => {
    await using bench = await new StoreBench(server).ready();
    await bench.define("job", { overlap: "queue-all", retry: { attempts: 3 } });
    const node = await bench.node("node", 1e9);
    const now = await bench.now();
    const [a, b, c] = await bench.write("job", [now - 3, now - 2, now - 1]);
    const { claimed } = await node.claim();
    expect(claimed.map(({ run }) => run)).toEqual([a]);
    await pauseTarget(bench.store, { job: "job" }, reason);
    await node.complete(claimed, "F", "0");
    expect(await node.take()).toEqual([]);
    await expectSound(bench);
    await resumeTarget(bench.store, { job: "job" });
    const order: string[] = [];
    for (let turn = 0; turn < 3; turn += 1) {
      const taken = (await node.claim()).claimed;
      order.push(...taken.map(({ run, attempt }) => `${run}#${attempt}`));
      await node.complete(taken);
    }
    expect(order).toEqual([`${a}#2`, `${b}#1`, `${c}#1`]);
  });

  test("what comes between a key's end and the leader's look does not overtake what was held back", async () => {
    await using bench = await new StoreBench(server).ready();
    await bench.define("job", { overlap: "queue-all" });
    const node = await bench.node("node", 1e9);
    const now = await bench.now();
    const runs = await bench.write("job", [now - 30, now - 20, now + 300, now + 310]);
    const key = bench.store.keys.pause("job:job");
    await bench.redis.set(key, "by an operator");
    expect(await node.take()).toEqual([]);
    await bench.redis.del(key);
    await eventually(async () => (await bench.now()) > now + 310);
    const order: string[] = [];
    for (let claims = 0; claims < 5; claims += 1) {
      const taken = (await node.claim()).claimed;
      order.push(...taken.map(({ run }) => run));
      await node.complete(taken);
    }
    expect(order).toEqual(runs);
    await expectSound(bench);
  });

  test("a paused job can be cancelled, redefined and removed", async () => {
    await using bench = await new StoreBench(server).ready();
    await bench.define("job", { overlap: "allow" });
    const node = await bench.node("node", 1e9);
    const [one] = [await bench.runNow("job"), await bench.runNow("job")];
    await pauseTarget(bench.store, { job: "job" }, reason);
    expect(await node.take()).toEqual([]);
    expect(await bench.run(one).cancel()).toBe(true);
    expect(await bench.run(one).get()).toMatchObject({ state: "cancelled" });
    await expectSound(bench);
    expect(await bench.remove("job")).toBe(true);
    await expectSound(bench);
    expect(await bench.redis.zcard(bench.store.keys.paused)).toBe(0);
    expect(await resumeTarget(bench.store, { job: "job" })).toBe(true);
  });

  test("a drained node that starts over under a new identity is drained still; one that leaves takes its pause along", async () => {
    await using bench = await new StoreBench(server).ready();
    await bench.define("job");
    const node = await bench.node("node", 1e9);
    await bench.redis.set(bench.store.keys.pause("node:node"), "a new machine", "PXAT", 4e12);
    await bench.runNow("job");
    expect(await node.take()).toEqual([]);
    const again = await bench.node("again", 1e9);
    await again.join(0, ["node"]);
    expect(await again.take()).toEqual([]);
    expect(await bench.redis.exists(bench.store.keys.pause("node:node"))).toBe(0);
    expect(await bench.redis.pexpiretime(bench.store.keys.pause("node:again"))).toBe(4e12);
    expect(await listPauses(bench.store)).toMatchObject([{ target: "node:again", reason: "a new machine" }]);
    await again.leave();
    expect(await listPauses(bench.store)).toEqual([]);
    expect(await bench.redis.keys(`${bench.store.keys.prefix}pause:*`)).toEqual([]);
  });

  test("an enqueued run waits for its queue and task", async () => {
    await using cluster = new Cluster(server);
    const scheduler = cluster.scheduler();
    const task = scheduler.task("task", () => "done");
    await scheduler.pause({ task: "task" }, reason);
    await scheduler.start();
    const run = await scheduler.enqueue(task);
    await expect(run.result({ timeout: 300 })).rejects.toMatchObject({ code: "RESULT_TIMEOUT" });
    await scheduler.resume({ task: "task" });
    expect(await run.result({ timeout: 3000 })).toBe("done");
  });
});

describe("pause, resume: a running cluster", () => {
  for (const how of ["deleted by hand", "expired"] as const) {
    test(`a pause that is ${how} is noticed, and what was due starts`, async () => {
      await using cluster = new Cluster(server);
      const [one, two] = [cluster.scheduler({ pollEvery: "60s" }), cluster.scheduler({ pollEvery: "60s" })];
      const starts = [heard(one, "beforeRun"), heard(two, "beforeRun")];
      for (const scheduler of [one, two]) {
        scheduler.task("task", () => undefined);
        await scheduler.start();
      }
      await one.schedule("task", { id: "job", trigger: every("100ms") });
      await expect.poll(() => starts.flat().length, { timeout: 5000 }).toBeGreaterThan(3);
      const redis = server.client();
      const key = `escapement:{${cluster.namespace}}:pause:job:job`;
      await redis.set(key, "by hand", "PX", how === "expired" ? 700 : 60_000);
      const [time] = await redis.time();
      await expect
        .poll(() => redis.hexists(`escapement:{${cluster.namespace}}:pauses`, "job:job"), { timeout: 5000 })
        .toBe(1);
      if (how !== "expired") await redis.del(key);
      const before = starts.flat().length;
      await expect.poll(() => starts.flat().length, { timeout: 5000 }).toBeGreaterThan(before + 3);
      expect(new Set(startsOf(starts.flat())).size).toBe(starts.flat().length);
      expect(Number(time)).toBeGreaterThan(0);
      redis.disconnect();
    });
  }

  for (const name of ["all", "queue:default", "task:task", "node"]) {
    test(`${name}: nobody tells of its end, and what waited starts within a second or so all the same`, async () => {
      await using cluster = new Cluster(server);
      const scheduler = cluster.scheduler({ pollEvery: "60s" });
      const task = scheduler.task("task", () => "done");
      await scheduler.start();
      const redis = server.client();
      const key = `escapement:{${cluster.namespace}}:pause:${name === "node" ? `node:${scheduler.nodeId}` : name}`;
      await redis.set(key, "for a moment", "PX", 1000);
      const run = await scheduler.enqueue(task);
      await expect.poll(async () => (await run.get())?.state).toBe("ready"); // perhaps once it has been handed back
      expect(await run.result({ timeout: 5000 })).toBe("done");
      redis.disconnect();
    });
  }

  test("bad targets and options are refused with a path, and nothing is paused", async () => {
    const scheduler = createScheduler({ redis: server.url, namespace: uniqueNamespace("pause") });
    const bad: [unknown, unknown, string][] = [
      ["everything", reason, "target"],
      [{}, reason, "target"],
      [{ job: "a", tag: "b" }, reason, "target"],
      [{ job: "no spaces" }, reason, "target.job"],
      [{ jobs: "a" }, reason, "target.jobs"],
      ["all", {}, "reason"],
      ["all", { reason: "" }, "reason"],
      ["all", { reason: "x".repeat(501) }, "reason"],
      ["all", { ...reason, for: -1 }, "for"],
      ["all", { ...reason, until: "yesterday" }, "until"],
      ["all", { ...reason, until: 1 }, "until"],
      ["all", { ...reason, for: 5, until: new Date() }, "until"],
      ["all", { ...reason, by: 5 }, "by"],
      ["all", { ...reason, why: "?" }, "options.why"],
    ];
    for (const [target, options, path] of bad)
      await expect(
        scheduler.pause(target as PauseTarget, options as { reason: string }),
        JSON.stringify([target, options]),
      ).rejects.toMatchObject({ path });
    const redis = server.client();
    expect(await redis.keys(`escapement:{${scheduler.namespace}}:pause*`)).toEqual([]);
    redis.disconnect();
    await scheduler.stop();
  });
});
