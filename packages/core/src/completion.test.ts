import { type JobStore, startJobStore, uniqueNamespace } from "@escapement/testing";
import { every } from "@escapement/triggers";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { silentLogger } from "../test/silent-logger.js";
import { expectSound, StoreBench } from "../test/store-bench.js";
import { Materialiser } from "./materialise.js";
import { createScheduler } from "./scheduler.js";

let server: JobStore;
beforeAll(async () => {
  server = await startJobStore();
});
afterAll(() => server.stop());

const trigger = every(30_000, { after: "completion" });
const nextOf = async (bench: StoreBench): Promise<number | undefined> =>
  (await bench.job("job").get())?.nextFireTime?.getTime();

/** A job whose first fire time has come, and the run of it. */
async function started(options: object = {}) {
  const bench = await new StoreBench(server).ready();
  await bench.define("job", { trigger, ...options });
  const leader = new Materialiser(bench.store, 60_000, bench.events);
  await leader.round(bench.epoch);
  const first = await nextOf(bench);
  await bench.advance(30_001);
  const node = await bench.node("node", 600_000);
  const { claimed } = await node.claim();
  return { bench, leader, node, claimed, first };
}

describe("every, after completion", () => {
  test("fires first one interval after the definition, then as long after each end", async () => {
    const { bench, leader, node, claimed } = await started();
    expect(claimed).toHaveLength(1);
    expect((await bench.job("job").get())?.state).toBe("scheduled");
    await leader.round(bench.epoch);
    expect(await bench.redis.zcard(bench.store.keys.waiting)).toBe(0);
    await bench.advance(100_000);
    await node.complete(claimed);
    const ended = (await bench.run(claimed[0]?.run ?? "").get())?.finishedAt?.getTime() ?? 0;
    expect(await nextOf(bench)).toBe(ended + 30_000);
    await leader.round(bench.epoch);
    await bench.advance(30_001);
    expect(await node.take()).toEqual([`job@${ended + 30_000}`]);
    await expectSound(bench);
    await bench[Symbol.asyncDispose]();
  });

  test("has one next fire time, also when a redriven run of it ends while it is paused", async () => {
    const { bench, leader, node, claimed } = await started();
    await node.complete(claimed, "f");
    await bench.run(claimed[0]?.run ?? "").retry();
    const { claimed: again } = await node.claim();
    await bench.redis.set(bench.store.keys.pause("job:job"), "a test");
    await leader.round(bench.epoch);
    const { due, frozen } = bench.store.keys;
    const next = await bench.redis.zscore(frozen, "job");
    await node.complete(again);
    expect(await bench.redis.zscore(due, "job")).toBeNull();
    expect(await bench.redis.zscore(frozen, "job")).toBe(next);
    await bench[Symbol.asyncDispose]();
  });

  test("is exhausted once, also when its last run is redriven", async () => {
    const { bench, node, claimed } = await started({ maxRuns: 1 });
    await node.complete(claimed, "f");
    await bench.run(claimed[0]?.run ?? "").retry();
    const { claimed: again } = await node.claim();
    await node.complete(again);
    expect((await bench.job("job").get())?.state).toBe("exhausted");
    const lines = await bench.redis.xrange(bench.store.keys.events, "-", "+");
    const told = JSON.stringify(lines).match(/jobExhausted/g);
    expect(told).toHaveLength(1);
    await bench[Symbol.asyncDispose]();
  });

  test.each(["f", "t", "c"] as const)("goes on after an end of %s", async (outcome) => {
    const { bench, node, claimed } = await started();
    await node.complete(claimed, outcome);
    expect(await nextOf(bench)).toBeGreaterThan(await bench.now());
    await bench[Symbol.asyncDispose]();
  });

  test("waits for the last of several attempts", async () => {
    const { bench, node, claimed } = await started();
    await node.complete(claimed, "F", "1000");
    expect(await bench.redis.zscore(bench.store.keys.due, "job")).toBeNull();
    await bench.advance(1001);
    await node.complete((await node.claim()).claimed);
    expect(await nextOf(bench)).toBeGreaterThan(await bench.now());
    await bench[Symbol.asyncDispose]();
  });

  test.each([
    ["overlap", {}],
    ["limit", { concurrencyKey: "key", concurrencyLimit: { max: 1, whenFull: "skip" } }],
  ] as const)("goes on after what its %s skipped", async (reason, options) => {
    await using bench = await new StoreBench(server).ready();
    await bench.define("job", { trigger, ...options });
    await new Materialiser(bench.store, 60_000, bench.events).round(bench.epoch);
    const node = await bench.node("node", 600_000);
    await bench.runNow("job");
    expect(await node.take()).toHaveLength(1);
    await bench.advance(30_001);
    expect(await node.take()).toEqual([]);
    expect((await bench.job("job").history())[0]).toMatchObject({ state: "skipped", reason });
    expect(await nextOf(bench)).toBeGreaterThan(await bench.now());
  });

  test("goes on when its run is cancelled before it starts, is missed, or lost with its node", async () => {
    const waiting = await started();
    await waiting.node.complete(waiting.claimed);
    await waiting.leader.round(1);
    await waiting.bench.run(`job@${await nextOf(waiting.bench)}`).cancel();
    expect(await nextOf(waiting.bench)).toBeGreaterThan(await waiting.bench.now());
    await waiting.bench[Symbol.asyncDispose]();

    const late = await new StoreBench(server).ready();
    await late.define("job", { trigger, misfire: { catchUp: "none" } });
    await late.advance(1_000_000);
    await new Materialiser(late.store, 60_000, late.events).round(late.epoch);
    expect(await nextOf(late)).toBeGreaterThan((await late.now()) + 20_000);
    expect((await late.job("job").history())[0]).toMatchObject({ state: "missed" });
    await late[Symbol.asyncDispose]();

    const lost = await started({ delivery: "at-most-once" });
    await lost.bench.advance(700_000);
    await lost.bench.recover();
    expect(await nextOf(lost.bench)).toBeGreaterThan(await lost.bench.now());
    await lost.bench[Symbol.asyncDispose]();
  });

  test("is not set on by runs by hand, and ends when the job is given another trigger or removed", async () => {
    const { bench, node, claimed } = await started({ overlap: "allow" });
    await bench.runNow("job");
    const byHand = await node.claim();
    await node.complete(byHand.claimed);
    expect(await bench.redis.zscore(bench.store.keys.due, "job")).toBeNull();
    await bench.define("job", { trigger: every("1h") });
    const next = await nextOf(bench);
    await node.complete(claimed);
    expect(await nextOf(bench)).toBe(next);
    await bench.remove("job");
    expect((await bench.keysLeft()).filter((key) => key === "paced" || key === "due")).toEqual([]);
    await bench[Symbol.asyncDispose]();
  });

  test("on a running node never overlaps, however long its handler takes", async () => {
    const options = { redis: server.url, namespace: uniqueNamespace("completion"), logger: silentLogger };
    await using scheduler = createScheduler(options);
    scheduler.task("slow", () => new Promise((resolve) => setTimeout(resolve, 150)));
    let ended = 0;
    const enough = new Promise<void>((resolve) => {
      scheduler.on("afterRun", () => {
        ended += 1;
        if (ended === 4) resolve();
      });
    });
    await scheduler.start();
    await scheduler.schedule("slow", { id: "job", trigger: every(100, { after: "completion" }) });
    await enough;
    const runs = (await scheduler.job("job").history()).reverse();
    const pauses = runs.slice(1).map(({ scheduledAt }, index) => {
      return scheduledAt.getTime() - (runs[index]?.finishedAt?.getTime() ?? 0);
    });
    expect(pauses.length).toBeGreaterThanOrEqual(3);
    expect(new Set(pauses)).toEqual(new Set([100]));
  });
});
