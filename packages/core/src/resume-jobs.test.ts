// What resuming from now, or from a date, means for each kind of job and run.
import { type JobStore, startJobStore } from "@escapement/testing";
import { every, everyRandom, once } from "@escapement/triggers";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { expectSound } from "../test/store-bench.js";
import { step, Timeline } from "../test/timeline.js";
import { backfillJob } from "./backfill.js";
import { enqueueRuns } from "./enqueue.js";
import type { JobOptions } from "./job.js";
import { pauseTarget } from "./pause.js";
import { resumeTarget } from "./resume.js";

let server: JobStore;
beforeAll(async () => {
  server = await startJobStore();
});
afterAll(() => server.stop());

const reason = { reason: "maintenance" };
const job = { job: "job" };

/** A job that was paused before fire time 0, with 0 and 1 written, until after 3. */
async function paused(options: Partial<JobOptions> = {}): Promise<Timeline> {
  const timeline = await Timeline.start(server);
  await timeline.define("job", options);
  await timeline.lead();
  await pauseTarget(timeline.bench.store, job, reason);
  await timeline.skipTo(3);
  await timeline.lead();
  await timeline.run();
  return timeline;
}

const passed = (from: number, to: number): unknown[] => [
  { reason: "paused", from, to, count: to - from + 1 },
];

describe("pause, resume: from now or a date", () => {
  for (const whenExhausted of ["keep", "remove"] as const)
    for (const written of [true, false])
      test(`S14: a one-shot whose only fire time is passed over, ${written ? "written" : "not written"}, is exhausted: ${whenExhausted}`, async () => {
        await using timeline = await Timeline.start(server);
        const { bench } = timeline;
        await timeline.define("job", { trigger: once(new Date(timeline.at(1))), whenExhausted });
        if (written) {
          await timeline.skipTo(0);
          await timeline.lead();
        }
        await pauseTarget(bench.store, job, reason);
        await timeline.lead();
        await timeline.skipTo(2);
        await timeline.lead();
        await resumeTarget(bench.store, job, { from: "now" });
        const found = await bench.job("job").get();
        expect(found?.state).toBe(whenExhausted === "keep" ? "exhausted" : undefined);
        expect(await timeline.missedOf("job")).toEqual(passed(1, 1));
        await timeline.goOnTo(3);
        expect(timeline.startsOf("job")).toEqual([]);
        await expectSound(bench);
        expect(await bench.sweep()).toEqual([]);
      });

  test("S14: a one-shot whose fire time is to come is run then, or passed over by a later date", async () => {
    await using timeline = await Timeline.start(server);
    const { bench } = timeline;
    for (const id of ["job", "other"]) await timeline.define(id, { trigger: once(new Date(timeline.at(1))) });
    for (const id of ["job", "other"]) await pauseTarget(bench.store, { job: id }, reason);
    await timeline.skipTo(0);
    await timeline.lead();
    await resumeTarget(bench.store, job, { from: "now" });
    await resumeTarget(bench.store, { job: "other" }, { from: timeline.at(2) });
    expect((await bench.job("other").get())?.state).toBe("exhausted");
    await timeline.goOnTo(2);
    expect([timeline.startsOf("job"), timeline.startsOf("other")]).toEqual([[1], []]);
  });

  test("endAt: a date behind it leaves nothing, and the job is exhausted; one at the last fire time leaves that", async () => {
    for (const [date, expected] of [
      [6, []],
      [5, [5]],
    ] as const) {
      await using timeline = await Timeline.start(server);
      const { bench } = timeline;
      await timeline.define("job", { endAt: timeline.at(5) });
      await pauseTarget(bench.store, job, reason);
      await timeline.skipTo(3);
      await resumeTarget(bench.store, job, { from: timeline.at(date) });
      expect((await bench.job("job").get())?.state).toBe(expected.length === 0 ? "exhausted" : "scheduled");
      await timeline.goOnTo(7);
      expect(timeline.startsOf("job")).toEqual(expected);
      expect((await bench.job("job").get())?.state).toBe("exhausted");
      expect(await timeline.missedOf("job")).toEqual(passed(0, expected.length === 0 ? 5 : 4));
      await expectSound(bench);
    }
  });

  test("maxRuns is not used up by what is passed over", async () => {
    await using timeline = await paused({ maxRuns: 2 });
    await resumeTarget(timeline.bench.store, job, { from: "now" });
    await timeline.goOnTo(7);
    expect(timeline.startsOf("job")).toEqual([4, 5]);
    expect((await timeline.bench.job("job").get())?.state).toBe("exhausted");
  });

  test("maxRuns: a job whose last run still runs stays about to be exhausted, and goes on if that is handed back", async () => {
    for (const outcome of ["s", "b"] as const) {
      await using timeline = await Timeline.start(server);
      const { bench, node } = timeline;
      await timeline.define("job", { maxRuns: 1, endAt: timeline.at(2) });
      await timeline.lead();
      await timeline.skipTo(0);
      const { claimed } = await node.claim();
      expect(claimed).toHaveLength(1);
      await pauseTarget(bench.store, job, reason);
      await timeline.skipTo(3);
      await timeline.lead();
      expect(await timeline.run()).toEqual([]);
      await resumeTarget(bench.store, job, { from: "now" });
      await expectSound(bench);
      expect((await bench.job("job").get())?.state).toBe("scheduled");
      expect(await timeline.missedOf("job")).toEqual(passed(1, 2));
      await node.complete(claimed, outcome);
      await timeline.goOnTo(4);
      expect(timeline.startsOf("job")).toEqual(outcome === "s" ? [] : [0]); // it is all that is left
      expect((await bench.job("job").get())?.state).toBe("exhausted");
      await expectSound(bench);
    }
  });

  test("overlap: what waited for its turn is passed over too; the running one goes on, and what comes later waits for it", async () => {
    await using timeline = await Timeline.start(server);
    const { bench, node } = timeline;
    await timeline.define("job", { overlap: "queue-all", misfire: { grace: "1h" } });
    await timeline.lead();
    await timeline.skipTo(0);
    const { claimed } = await node.claim();
    await timeline.skipTo(1);
    await timeline.lead();
    expect((await node.claim()).claimed).toEqual([]); // 1 is blocked
    expect(await bench.redis.zcard(bench.store.keys.blocked)).toBe(1);
    await pauseTarget(bench.store, job, reason);
    await timeline.skipTo(2);
    await resumeTarget(bench.store, job, { from: "now" });
    expect(await timeline.missedOf("job")).toEqual(passed(1, 2));
    await expectSound(bench);
    await timeline.skipTo(4);
    await timeline.lead();
    expect((await node.claim()).claimed).toEqual([]);
    await node.complete(claimed);
    await timeline.run();
    expect(timeline.startsOf("job")).toEqual([3, 4]);
    await expectSound(bench);
  });

  test("overlap: those that are left keep their order when the one that they waited for is passed over", async () => {
    await using timeline = await paused({ overlap: "queue-all", misfire: { grace: "1h" } });
    await resumeTarget(timeline.bench.store, job, { from: timeline.at(2) });
    await timeline.lead();
    await timeline.run();
    expect(timeline.startsOf("job")).toEqual([2, 3]);
    expect(await timeline.missedOf("job")).toEqual(passed(0, 1));
    await expectSound(timeline.bench);
  });

  test("overlap: one that waits for a run that was let go on, and is passed over before it could start, waits no more", async () => {
    await using timeline = await Timeline.start(server);
    const { bench, node } = timeline;
    await timeline.define("job", { overlap: "queue-all", misfire: { grace: "1h" } });
    await timeline.lead();
    await timeline.skipTo(0);
    const { claimed } = await node.claim();
    await timeline.skipTo(1);
    await timeline.lead();
    await timeline.skipTo(2);
    expect(await node.take()).toEqual([]); // 1 and 2 wait for the end of 0
    await pauseTarget(bench.store, job, reason);
    await node.complete(claimed);
    expect(await node.take()).toEqual([]); // 1 is let go on, and paused
    await resumeTarget(bench.store, job, { from: timeline.at(2) });
    await expectSound(bench);
    await timeline.run();
    expect(timeline.startsOf("job")).toEqual([2]);
    expect(await timeline.missedOf("job")).toEqual(passed(1, 1));
  });

  test("further attempts, runs by hand, backfills and enqueued runs are no fire times, and go on", async () => {
    for (const from of ["now", new Date("2090-01-01T00:00:00Z")] as const) {
      await using timeline = await Timeline.start(server);
      const { bench, node } = timeline;
      await timeline.define("job", { retry: { attempts: 3 } });
      await timeline.lead();
      await timeline.skipTo(0);
      const { claimed } = await node.claim();
      const byHand = await bench.runNow("job");
      await pauseTarget(bench.store, "all", reason);
      await node.complete(claimed, "F", "0");
      await timeline.skipTo(2);
      const get = (): ReturnType<ReturnType<typeof bench.job>["get"]> => bench.job("job").get();
      const options = { from: new Date(timeline.at(0)), to: new Date(timeline.at(1)) };
      const backfilled = await backfillJob(bench.store, "job", get, options);
      const [enqueued] = await enqueueRuns(bench.store, "task", [{}], 65_536);
      expect(await timeline.run()).toEqual([]);
      await resumeTarget(bench.store, "all", { from });
      await expectSound(bench);
      const runs = await timeline.run();
      expect(runs.sort()).toEqual([claimed[0]?.run, byHand, ...backfilled, enqueued].sort());
      expect(await bench.run(claimed[0]?.run ?? "").get()).toMatchObject({ state: "succeeded", attempt: 2 });
    }
  });

  test("a one-shot whose run has failed once keeps its further attempts, and is exhausted after them", async () => {
    await using timeline = await Timeline.start(server);
    const { bench, node } = timeline;
    await timeline.define("job", { trigger: once(new Date(timeline.at(0))), retry: { attempts: 2 } });
    await timeline.lead();
    await timeline.skipTo(0);
    const { claimed } = await node.claim();
    await pauseTarget(bench.store, job, reason);
    await node.complete(claimed, "F", "0");
    await timeline.skipTo(2);
    await resumeTarget(bench.store, job, { from: "now" });
    expect((await bench.job("job").get())?.state).toBe("scheduled");
    expect(await timeline.run()).toHaveLength(1);
    expect((await bench.job("job").get())?.state).toBe("exhausted");
    expect(await timeline.missedOf("job")).toEqual([]);
  });

  test("jitter: it is the fire time that counts, and not when its run would have started", async () => {
    await using timeline = await Timeline.start(server);
    const { bench } = timeline;
    await timeline.define("job", { jitter: 9000 });
    await timeline.lead();
    const scores = await bench.redis.zrange(bench.store.keys.waiting, 0, 0, "WITHSCORES");
    await pauseTarget(bench.store, job, reason);
    await timeline.skipTo(0); // 1 ms after it
    expect(Number(scores[1])).toBeGreaterThan(await bench.now());
    await resumeTarget(bench.store, job, { from: "now" });
    await timeline.goOnTo(2.95);
    expect(timeline.startsOf("job").slice(0, 1)).toEqual([1]);
    expect(await timeline.missedOf("job")).toEqual(passed(0, 0));
  });

  test("everyRandom goes on with the fire times that it would have had", async () => {
    await using timeline = await Timeline.start(server);
    const { bench } = timeline;
    const trigger = everyRandom(5000, 15_000);
    for (const id of ["job", "other"]) await timeline.define(id, { trigger });
    const before = (await bench.job("job").nextFireTimes(40)).map(Number);
    await pauseTarget(bench.store, job, reason);
    await timeline.lead();
    await timeline.skipTo(10);
    const now = await bench.now();
    await resumeTarget(bench.store, job, { from: "now" });
    const next = (await bench.job("job").get())?.nextFireTime?.getTime() ?? 0;
    expect(next).toBe(before.find((time) => time > now));
    const missed = before.filter((time) => time <= now);
    const entry = await timeline.missedOf("job");
    expect(entry).toMatchObject([{ count: missed.length, from: timeline.indexOf(missed[0] ?? 0) }]);
    await expectSound(bench);
  });

  test("S7: an interval that counts from completion goes on one interval after now, or at a date that is later", async () => {
    for (const written of [true, false])
      for (const from of ["now", 2, 8] as const) {
        await using timeline = await Timeline.start(server);
        const { bench } = timeline;
        const trigger = every(step, { after: "completion", from: new Date(timeline.at(0)) });
        await timeline.define("job", { trigger });
        const firstAt = (await bench.job("job").get())?.nextFireTime?.getTime() ?? 0;
        if (written) {
          await bench.advance(firstAt - 5000 - (await bench.now()));
          await timeline.lead();
        }
        await pauseTarget(bench.store, job, reason);
        await timeline.lead();
        await timeline.skipTo(5);
        await timeline.lead();
        const now = await bench.now();
        await resumeTarget(bench.store, job, { from: from === "now" ? from : timeline.at(from) });
        const next = (await bench.job("job").get())?.nextFireTime?.getTime();
        expect(next).toBe(from === 8 ? timeline.at(8) : now + step);
        const [one] = await timeline.missedOf("job");
        expect(one).toMatchObject({ reason: "paused", count: 1, from: timeline.indexOf(firstAt) });
        await timeline.goOnTo(9);
        expect(timeline.startsOf("job").length).toBeGreaterThan(0);
        await expectSound(bench);
        expect(await bench.sweep()).toEqual([]);
      }
  });

  test("an interval that counts from completion with endAt is exhausted by a date behind that", async () => {
    await using timeline = await Timeline.start(server);
    const { bench } = timeline;
    const trigger = every(step, { after: "completion", from: new Date(timeline.at(0)) });
    await timeline.define("job", { trigger, endAt: timeline.at(9) });
    await pauseTarget(bench.store, job, reason);
    await timeline.skipTo(3);
    await resumeTarget(bench.store, job, { from: timeline.at(10) });
    expect((await bench.job("job").get())?.state).toBe("exhausted");
    await expectSound(bench);
  });

  test("dependsOn, with a trigger: runs that wait for their parents are passed over, and what parents do later changes nothing", async () => {
    await using timeline = await Timeline.start(server);
    const { bench, node } = timeline;
    await timeline.define("parent");
    await timeline.define("job", { dependsOn: ["parent"], misfire: { grace: "1h" } });
    await timeline.lead();
    await timeline.skipTo(0);
    const { claimed } = await node.claim(); // the parent's; the child's is held
    expect(claimed.map(({ job: of }) => of)).toEqual(["parent"]);
    await pauseTarget(bench.store, job, reason);
    await timeline.skipTo(1);
    await timeline.run(); // the parent's second succeeds under the pause
    await resumeTarget(bench.store, job, { from: "now" });
    await expectSound(bench);
    await node.complete(claimed);
    await timeline.goOnTo(3);
    expect(timeline.startsOf("job")).toEqual([2, 3]);
    expect(await timeline.missedOf("job")).toEqual(passed(0, 1));
    await expectSound(bench);
  });

  test("dependsOn, with a trigger: a parent that failed under the pause and is retried later brings nothing back", async () => {
    await using timeline = await Timeline.start(server);
    const { bench, node } = timeline;
    await timeline.define("parent");
    await timeline.define("job", { dependsOn: ["parent"], misfire: { grace: "1h" } });
    await pauseTarget(bench.store, job, reason);
    await timeline.lead();
    await timeline.skipTo(0);
    const { claimed } = await node.claim();
    await node.complete(claimed, "f");
    await resumeTarget(bench.store, job, { from: "now" });
    await bench.run(claimed[0]?.run ?? "").retry();
    await timeline.run();
    await timeline.goOnTo(1);
    expect(timeline.startsOf("job")).toEqual([1]);
    expect(await timeline.missedOf("job")).toEqual(passed(0, 0));
  });

  test("dependsOn, without a trigger: what its parents have brought about is passed over, what they bring about later is not", async () => {
    await using timeline = await Timeline.start(server);
    const { bench, node } = timeline;
    await timeline.define("parent");
    await bench.define("job", { trigger: undefined as never, dependsOn: ["parent"] });
    await timeline.lead();
    await pauseTarget(bench.store, job, reason);
    await timeline.goOnTo(0);
    await timeline.skipTo(1);
    await timeline.lead();
    const { claimed } = await node.claim();
    expect(claimed.map(({ job: of }) => of)).toEqual(["parent"]);
    await resumeTarget(bench.store, job, { from: "now" });
    expect(await timeline.missedOf("job")).toEqual(passed(0, 0));
    await node.complete(claimed);
    await timeline.run();
    expect(timeline.startsOf("job")).toEqual([1]);
    await expectSound(bench);
  });

  test("S10: years of fire times are counted, not enumerated, and a date far ahead is reached", async () => {
    await using timeline = await Timeline.start(server);
    const { bench } = timeline;
    await bench.define("job", { trigger: every(100, { from: new Date(timeline.at(0)) }) });
    await bench.define("random", { trigger: everyRandom(100, 200) });
    await pauseTarget(bench.store, "all", reason);
    await timeline.lead();
    await resumeTarget(bench.store, "all", { from: new Date(timeline.at(0) + 5 * 31_557_600_000) });
    const [one] = await timeline.missedOf("job");
    expect(one?.count).toBe(5 * 315_576_000);
    const next = (await bench.job("random").get())?.nextFireTime?.getTime() ?? 0;
    expect(next).toBeGreaterThanOrEqual(timeline.at(0) + 5 * 31_557_600_000);
  });
});
