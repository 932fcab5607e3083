// What a job goes on with when a pause of it ends and nobody says what.
import { type JobStore, startJobStore } from "@escapement/testing";
import { every, once } from "@escapement/triggers";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Cluster, heard } from "../test/cluster.js";
import { expectSound } from "../test/store-bench.js";
import { Timeline } from "../test/timeline.js";
import { type PauseTarget, pauseName, pauseTarget } from "./pause.js";
import { resumeTarget } from "./resume.js";
import { resume } from "./scripts/index.js";

let server: JobStore;
beforeAll(async () => {
  server = await startJobStore();
});
afterAll(() => server.stop());

const reason = { reason: "maintenance" };
const targets: readonly PauseTarget[] = [
  { job: "now" },
  { tag: "tag" },
  { queue: "default" },
  { task: "task" },
  "all",
];

/**
 * A job that goes on from now, and another one that does not. Paused before fire time 0, until after 3; `frozen`: and a leader has been there, and
 * their grace is one in which anything starts.
 */
async function paused(target: PauseTarget, written: boolean, frozen = true): Promise<Timeline> {
  const timeline = await Timeline.start(server);
  const { bench } = timeline;
  const [tags, grace] = [["tag"], frozen ? "1h" : "5s"];
  await timeline.define("now", { tags, misfire: { catchUp: "none", grace }, resumeFrom: "now" });
  await timeline.define("missed", { tags, misfire: { catchUp: "all", grace } });
  if (written) await timeline.lead();
  if (frozen) await bench.redis.set(bench.store.keys.pause(pauseName(target)), "by hand");
  else await pauseTarget(bench.store, target, reason);
  if (frozen) await timeline.lead();
  await timeline.skipTo(0);
  await timeline.run();
  if (frozen) await timeline.lead();
  await timeline.skipTo(3);
  return timeline;
}

const passed = [{ reason: "paused", from: 0, to: 3, count: 4 }];

async function expectPassed(timeline: Timeline): Promise<void> {
  await timeline.goOnTo(5);
  expect(timeline.startsOf("now")).toEqual([4, 5]);
  expect(await timeline.missedOf("now")).toEqual(passed);
  // One that came due a moment ago may start before those that were held back.
  expect(timeline.startsOf("missed").sort()).toEqual([0, 1, 2, 3, 4, 5]);
  expect(await timeline.missedOf("missed")).toEqual([]);
  await expectSound(timeline.bench);
  expect(await timeline.bench.redis.hlen(timeline.bench.store.keys.pauses)).toBe(0);
  expect(await timeline.bench.sweep()).toEqual([]);
}

describe("resumeFrom", () => {
  for (const target of targets)
    for (const written of [true, false])
      for (const first of ["the leader's look", "a claim", "the leader's writing", "a sweep"] as const)
        test(`a key of ${pauseName(target)} is deleted by hand, and ${first} comes first: what came due is not run${written ? ", though it was written" : ""}`, async () => {
          await using timeline = await paused(target, written, first !== "the leader's writing");
          const { bench } = timeline;
          await bench.redis.del(bench.store.keys.pause(pauseName(target)));
          if (first === "a claim") await timeline.run();
          if (first === "the leader's writing") await timeline.lead();
          if (first === "a sweep") expect(await bench.sweep()).toEqual([]);
          await timeline.run();
          await timeline.lead();
          await timeline.run();
          expect(timeline.startsOf("now")).toEqual([]);
          await expectSound(bench);
          await bench.watch();
          await expectPassed(timeline);
        });

  for (const target of targets) {
    test(`a resume of ${pauseName(target)} that says nothing else lets each job go on as it says`, async () => {
      await using timeline = await paused(target, true);
      expect(await resumeTarget(timeline.bench.store, target)).toBe(true);
      await expectPassed(timeline);
    });

    test(`a resume of ${pauseName(target)} that says otherwise decides`, async () => {
      await using timeline = await paused(target, true);
      const { bench } = timeline;
      expect(await resumeTarget(bench.store, target, { from: "missed" })).toBe(true);
      await timeline.goOnTo(5);
      expect(timeline.startsOf("now")).toEqual([0, 1, 2, 3, 4, 5]);
      expect(await timeline.missedOf("now")).toEqual([]);
      await expectSound(bench);
    });
  }

  test("a resume that says missed decides also while it goes on in steps, and a leader looks in between", async () => {
    await using timeline = await Timeline.start(server);
    const { bench } = timeline;
    const ids = ["a", "b", "c"];
    for (const id of ids)
      await timeline.define(id, { tags: ["tag"], misfire: { catchUp: "all" }, resumeFrom: "now" });
    await timeline.lead();
    await pauseTarget(bench.store, { tag: "tag" }, reason);
    await timeline.skipTo(3);
    await timeline.run();
    await timeline.lead();
    const { prefix: _, ...keys } = bench.store.keys;
    const args = {
      ...bench.store.told,
      ...bench.store.founding,
      name: "tag:tag",
      said: '{"from":"missed"}',
      batch: 1,
      again: 0,
    };
    expect((await resume.run(bench.store.commands, { keys, args })).slice(1)).toEqual([1, 1]);
    await timeline.run();
    await timeline.lead();
    await bench.watch();
    await timeline.goOnTo(4);
    for (const id of ids) expect(timeline.startsOf(id)).toEqual([0, 1, 2, 3, 4]);
  });

  test("a resume that comes too late, after the key was deleted, leaves it to the leader", async () => {
    await using timeline = await paused("all", true);
    const { bench } = timeline;
    await bench.redis.del(bench.store.keys.pause("all"));
    expect(await resumeTarget(bench.store, "all", { from: "missed" })).toBe(false);
    await timeline.run();
    expect(timeline.startsOf("now")).toEqual([]);
    await bench.watch();
    await expectPassed(timeline);
  });

  for (const how of ["resumed", "deleted by hand"] as const)
    test(`a pause of a job that goes on with what it missed is ${how}, where there are others: it does so`, async () => {
      await using timeline = await Timeline.start(server);
      const { bench } = timeline;
      await timeline.define("other", { resumeFrom: "now" });
      await timeline.define("job", { misfire: { catchUp: "all" } });
      await pauseTarget(bench.store, { job: "job" }, reason);
      await timeline.skipTo(3);
      await timeline.lead();
      if (how === "resumed") expect(await resumeTarget(bench.store, { job: "job" })).toBe(true);
      else await bench.redis.del(bench.store.keys.pause("job:job"));
      await bench.watch();
      await timeline.goOnTo(4);
      expect(timeline.startsOf("job")).toEqual([0, 1, 2, 3, 4]);
    });

  test("jobs that the pause did not name are left alone, though they go on from now as well", async () => {
    await using timeline = await Timeline.start(server);
    const { bench } = timeline;
    const misfire = { catchUp: "all" } as const;
    await timeline.define("job", { tags: ["tag"], resumeFrom: "now", misfire });
    await timeline.define("other", { tags: ["tag-2"], resumeFrom: "now", misfire });
    await pauseTarget(bench.store, { tag: "tag" }, reason);
    await timeline.skipTo(3);
    await bench.redis.del(bench.store.keys.pause("tag:tag"));
    await bench.watch();
    await timeline.goOnTo(4);
    expect([timeline.startsOf("job"), timeline.startsOf("other")]).toEqual([[4], [0, 1, 2, 3, 4]]);
  });

  test("the leader dies half-way through passing over: nothing of it starts, and the next one does it", async () => {
    await using timeline = await Timeline.start(server);
    const { bench } = timeline;
    const ids = Array.from({ length: 700 }, (_, index) => `job-${index}`); // some pages
    for (const id of ids) await timeline.define(id, { resumeFrom: "now", misfire: { catchUp: "all" } });
    await pauseTarget(bench.store, "all", reason);
    await timeline.lead();
    await timeline.skipTo(3);
    await bench.redis.del(bench.store.keys.pause("all"));
    const dying = timeline.watcher();
    expect([await dying.look(), await dying.look()]).toEqual([true, true]); // the end, and a page
    await timeline.lead();
    await timeline.run();
    expect(timeline.started.size).toBe(0);
    await bench.redis.set(bench.store.keys.epoch, 2);
    await expect(dying.look()).rejects.toMatchObject({ code: "STALE_EPOCH" });
    bench.epoch = 2;
    await bench.watch();
    await timeline.goOnTo(4);
    for (const id of ids) {
      expect(timeline.startsOf(id), id).toEqual([4]);
      expect(await timeline.missedOf(id), id).toEqual(passed);
    }
  });

  test("paused anew while the leader passes over: it stays paused", async () => {
    await using timeline = await paused({ tag: "tag" }, true);
    const { bench } = timeline;
    const key = bench.store.keys.pause("tag:tag");
    await bench.redis.del(key);
    const watcher = timeline.watcher();
    expect(await watcher.look()).toBe(true);
    await bench.redis.set(key, "once more");
    while (await watcher.look());
    await timeline.goOnTo(5);
    expect(timeline.started.size).toBe(0);
    expect(await timeline.missedOf("now")).toEqual([]);
    await bench.redis.del(key);
    await bench.watch();
    await timeline.goOnTo(7);
    expect(timeline.startsOf("now")).toEqual([6, 7]);
  });

  test("paused anew by hand while what a resume let go on is still on its way: its end is one more to pass over", async () => {
    await using timeline = await paused({ tag: "tag" }, true);
    const { bench } = timeline;
    const key = bench.store.keys.pause("tag:tag");
    // A resume that has deleted the key, and died.
    await bench.redis.del(key);
    const noticed = (await bench.redis.hget(bench.store.keys.pauses, "tag:tag")) ?? "";
    await bench.redis.hset(bench.store.keys.pauses, "tag:tag", `${noticed} {"from":"now"}`);
    await bench.redis.set(key, "once more");
    await bench.watch();
    await bench.redis.del(key);
    await timeline.run();
    await timeline.lead();
    expect(timeline.startsOf("now")).toEqual([]);
    await bench.watch();
    await expectPassed(timeline);
  });

  test("of a job that another pause still holds: passed over by the end of the first, it stays paused by the other", async () => {
    await using timeline = await paused({ tag: "tag" }, true);
    const { bench } = timeline;
    await pauseTarget(bench.store, { job: "now" }, reason);
    await bench.redis.del(bench.store.keys.pause("tag:tag"));
    await bench.watch();
    await timeline.goOnTo(5);
    expect(timeline.startsOf("now")).toEqual([]);
    expect(await timeline.missedOf("now")).toEqual(passed);
  });

  test("a run by hand starts as soon as the key is gone, and the leader need not have looked", async () => {
    await using timeline = await paused({ job: "now" }, true);
    const { bench } = timeline;
    await bench.redis.del(bench.store.keys.pause("job:now"));
    const run = await bench.runNow("now");
    expect(await timeline.run()).toContain(run);
    expect(timeline.startsOf("now")).toEqual([run]);
  });

  test("a one-shot that goes on from now is exhausted when its pause expires behind its only fire time", async () => {
    await using timeline = await Timeline.start(server);
    const { bench } = timeline;
    await timeline.define("job", { trigger: once(new Date(timeline.at(1))), resumeFrom: "now" });
    await pauseTarget(bench.store, "all", reason);
    await timeline.skipTo(2);
    await timeline.lead();
    await bench.redis.del(bench.store.keys.pause("all"));
    await bench.watch();
    expect((await bench.job("job").get())?.state).toBe("exhausted");
    expect(await bench.redis.exists(bench.store.keys.frozen, bench.store.keys.due)).toBe(0);
  });

  test("is read, changed, left alone by other changes, and taken back; the index follows, also when the job is removed", async () => {
    await using timeline = await Timeline.start(server);
    const { bench } = timeline;
    const index = (): Promise<string[]> => bench.redis.smembers(bench.store.keys.resumeNow);
    const said = async (): Promise<unknown> => (await bench.job("job").get())?.resumeFrom;
    await timeline.define("job");
    expect([await said(), await index()]).toEqual(["missed", []]);
    await bench.job("job").update({ resumeFrom: "now" });
    expect([await said(), await index()]).toEqual(["now", ["job"]]);
    await bench.job("job").update({ priority: 3 });
    expect([await said(), await index()]).toEqual(["now", ["job"]]);
    await bench.redis.del(bench.store.keys.resumeNow);
    expect(await bench.sweep()).toEqual(["job", "not known to go on from now"]);
    expect(await index()).toEqual(["job"]);
    await bench.job("job").update({ resumeFrom: "missed" });
    expect([await said(), await index()]).toEqual(["missed", []]);
    await bench.job("job").update({ resumeFrom: "now" });
    await bench.remove("job");
    expect(await index()).toEqual([]);
    await expect(timeline.define("job", { resumeFrom: "then" as never })).rejects.toMatchObject({
      path: "resumeFrom",
    });
    await timeline.define("job", {
      trigger: once(new Date(timeline.at(0))),
      resumeFrom: "now",
      whenExhausted: "remove",
    });
    await timeline.goOnTo(0);
    expect(await index()).toEqual([]);
  });

  test("jobs that go on with what they missed are asked for nothing more: neither a claim nor the leader's look", async () => {
    await using timeline = await Timeline.start(server);
    const { bench } = timeline;
    await timeline.define("job", { tags: ["tag"], misfire: { catchUp: "all" } });
    await pauseTarget(bench.store, "all", reason);
    await timeline.lead();
    await timeline.skipTo(2);
    await bench.redis.del(bench.store.keys.pause("all"));
    const watcher = timeline.watcher();
    expect(await watcher.look()).toBe(false); // one call, and they go on
    await timeline.lead();
    await timeline.run();
    expect(timeline.startsOf("job")).toEqual([0, 1, 2]);
  });
});

test("resumeFrom: in a running cluster: a pause expires, and what came due under it is not run", async () => {
  await using cluster = new Cluster(server);
  const schedulers = [cluster.scheduler(), cluster.scheduler()] as const;
  const starts = schedulers.map((scheduler) => heard(scheduler, "beforeRun"));
  for (const scheduler of schedulers) {
    scheduler.task("task", () => undefined);
    await scheduler.start();
  }
  const [one] = schedulers;
  const shared = { misfire: { catchUp: "all" }, overlap: "allow", tags: ["tag"] } as const;
  await one.schedule("task", { id: "now", trigger: every("100ms"), resumeFrom: "now", ...shared });
  await one.schedule("task", { id: "missed", trigger: every("100ms"), ...shared });
  await expect.poll(() => starts.flat().length, { timeout: 5000 }).toBeGreaterThan(4);
  await one.pause({ tag: "tag" }, { reason: "maintenance", for: "1s" });
  const timesOf = (id: string): number[] =>
    starts.flat().flatMap(({ jobId, scheduledAt }) => (jobId === id ? [scheduledAt.getTime()] : []));
  const missedOf = async (id: string): Promise<{ reason: string | undefined; count: number }[]> =>
    (await one.job(id).history()).filter(({ state }) => state === "missed");
  await expect.poll(async () => (await missedOf("now")).length, { timeout: 8000 }).toBe(1);
  const [before] = [timesOf("now").length];
  await expect.poll(() => timesOf("now").length, { timeout: 5000 }).toBeGreaterThan(before + 3);
  await one.pause("all", { reason: "so that it stands still" });
  const [entry] = await missedOf("now");
  expect(entry?.reason).toBe("paused");
  const spanOf = (id: string): number => {
    const times = [...new Set(timesOf(id))];
    expect(times.length).toBe(timesOf(id).length);
    return (Math.max(...times) - Math.min(...times)) / 100 + 1 - times.length;
  };
  await expect.poll(() => [spanOf("now"), spanOf("missed")]).toEqual([entry?.count, 0]);
  expect(await missedOf("missed")).toEqual([]);
});
