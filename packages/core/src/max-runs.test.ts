import { type JobStore, startJobStore } from "@escapement/testing";
import { cron, every } from "@escapement/triggers";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { expectSound, StoreBench } from "../test/store-bench.js";
import { compileSchedule } from "./job-trigger.js";
import { Materialiser } from "./materialise.js";
import { park } from "./scripts/index.js";

let server: JobStore;
beforeAll(async () => {
  server = await startJobStore();
});
afterAll(() => server.stop());

describe("maxRuns", () => {
  test("counts runs that started; what else was materialised is taken back, and the job is exhausted when the last has ended", async () => {
    await using bench = await new StoreBench(server).ready();
    await bench.define("job", { maxRuns: 2, overlap: "allow" });
    const now = await bench.now();
    await bench.write("job", [now - 5, now - 4, now - 3, now + 60_000]);
    const node = await bench.node("node");
    const { claimed } = await node.claim();
    expect(claimed.map(({ run }) => run)).toEqual([`job@${now - 5}`, `job@${now - 4}`]);
    await expectSound(bench);
    expect(await bench.job("job").get()).toMatchObject({ startedRuns: 2, nextFireTime: undefined });
    await node.complete(claimed);
    expect(await node.take()).toEqual([]);
    expect(await bench.job("job").get()).toMatchObject({ state: "exhausted" });
    await expectSound(bench);
  });

  test("does not count what was skipped, missed, run by hand or handed back", async () => {
    await using bench = await new StoreBench(server).ready();
    await bench.define("job", { maxRuns: 2 });
    const now = await bench.now();
    await bench.write("job", [now - 120_000, now - 2]);
    const node = await bench.node("node");
    const byHand = await bench.runNow("job");
    const handed = await node.claim({ slots: 1 });
    await node.complete(handed.claimed, "b");
    expect((await bench.job("job").get())?.startedRuns).toBe(0);
    const { claimed } = await node.claim({ slots: 1 });
    await node.complete(claimed);
    expect((await bench.job("job").get())?.startedRuns).toBe(1);
    const manual = await node.claim();
    expect(manual.claimed.map(({ run }) => run)).toEqual([byHand]);
    await bench.write("job", [now + 1]);
    await bench.advance(10);
    expect(await node.take()).toEqual([]); // skipped: the one by hand runs
    expect((await bench.job("job").get())?.startedRuns).toBe(1);
    await expectSound(bench);
  });

  test("holds for a leader that materialises later, and with the count kept when the job is defined again", async () => {
    await using bench = await new StoreBench(server).ready();
    await bench.define("job", { trigger: every(1000), maxRuns: 1 });
    const now = await bench.now();
    await bench.write("job", [now - 1]);
    const node = await bench.node("node");
    await node.complete((await node.claim()).claimed);
    await bench.define("job", { trigger: every(1000), maxRuns: 1, priority: 5 });
    expect(await bench.job("job").get()).toMatchObject({ startedRuns: 1, state: "exhausted" });
    await bench.define("job", { trigger: every(2000), maxRuns: 1 });
    await new Materialiser(bench.store, 15_000, bench.events).round(bench.epoch);
    await bench.advance(10_000);
    await node.heartbeat();
    expect(await node.take()).toEqual([]);
    expect(await bench.job("job").get()).toMatchObject({ state: "exhausted" });
    await bench.define("job", { trigger: every(2000), maxRuns: 2 });
    await new Materialiser(bench.store, 15_000, bench.events).round(bench.epoch);
    await bench.advance(20_000);
    await node.heartbeat();
    expect(await node.take()).toHaveLength(1);
  });
});

describe("startAt, endAt", () => {
  const hourly = cron("@hourly");
  const hour = 3_600_000;
  const base = Date.UTC(2030, 0, 1);

  test("both count themselves, and nothing beyond", () => {
    const bounded = compileSchedule("job", { trigger: hourly, startAt: base, endAt: base + 3 * hour }, {});
    expect(bounded.next(0)).toBe(base);
    expect(bounded.next(base + 2 * hour)).toBe(base + 3 * hour);
    expect(bounded.next(base + 3 * hour)).toBeNull();
    expect(bounded.previous(base - 1)).toBeNull();
    expect(bounded.previous(base + 100 * hour)).toBe(base + 3 * hour);
    expect(bounded.count(0, base + 100 * hour)).toEqual({ count: 4, exact: true });
  });

  test("bound what a job fires; a definition that leaves nothing is refused", async () => {
    await using bench = await new StoreBench(server).ready();
    const now = await bench.now();
    const startAt = new Date(Math.ceil(now / 1000) * 1000 + 5000);
    const trigger = every(1000, { from: 0 });
    await bench.define("job", { trigger, startAt, endAt: startAt.getTime() + 2000 });
    expect((await bench.job("job").get())?.nextFireTime).toEqual(startAt);
    const times = await bench.job("job").nextFireTimes(10);
    expect(times.map((time) => time.getTime() - startAt.getTime())).toEqual([0, 1000, 2000]);
    await expect(bench.define("none", { trigger, endAt: now - 1000 })).rejects.toMatchObject({
      path: "endAt",
    });
    await expect(bench.define("none", { trigger, startAt: 5, endAt: 4 })).rejects.toMatchObject({
      path: "endAt",
    });
    expect(await bench.job("none").get()).toBeUndefined();
  });

  test("fire times that come while as many as may have started run are missed, not passed over, should one be handed back", async () => {
    await using bench = await new StoreBench(server).ready();
    const node = await bench.node("node", 1e9);
    const now = await bench.now();
    await bench.define("job", { trigger: every("10s", { from: new Date(now) }), maxRuns: 1 });
    await bench.write("job", [now], { next: now + 10_000 });
    const { claimed } = await node.claim();
    expect(claimed).toHaveLength(1);
    await bench.advance(15_000);
    // The leader looks: there is nothing to write, and the next fire time waits.
    await bench.write("job", [now + 10_000, now + 20_000], { next: now + 30_000 });
    expect(await bench.redis.zrange(bench.store.keys.frozen, 0, -1, "WITHSCORES")).toEqual([
      "job",
      String(now + 10_000),
    ]);
    expect(await bench.sweep()).toEqual([]);
    await node.complete(claimed, "b");
    await bench.run(claimed[0]?.run ?? "").cancel();
    expect(await bench.redis.zscore(bench.store.keys.due, "job")).toBe(String(now + 10_000));
    await bench.write("job", [now + 10_000], { expected: now + 10_000, next: now + 20_000 });
    expect(await node.take()).toEqual([`job@${now + 10_000}`]);
    await expectSound(bench);
  });

  test("a run that is handed back after its job was removed and defined anew is none of the new one's", async () => {
    await using bench = await new StoreBench(server).ready();
    const node = await bench.node("node", 1e9);
    const now = await bench.now();
    await bench.define("job", { maxRuns: 1 });
    await bench.write("job", [now - 1]);
    const old = (await node.claim()).claimed;
    expect(old).toHaveLength(1);
    await bench.remove("job");
    await bench.advance(10);
    await bench.define("job", { maxRuns: 1, overlap: "allow" });
    await bench.write("job", [now + 5]);
    const { claimed } = await node.claim();
    expect(claimed.map(({ run }) => run)).toEqual([`job@${now + 5}`]);
    await node.complete(old, "b");
    expect((await bench.job("job").get())?.startedRuns).toBe(1);
  });

  test("a run by hand does not wait behind fire times that will not start any more", async () => {
    await using bench = await new StoreBench(server).ready();
    const node = await bench.node("node", 1e9);
    const now = await bench.now();
    await bench.define("job", { overlap: "queue-all", maxRuns: 2 });
    const [first, second] = await bench.write("job", [now - 3, now - 2, now - 1]);
    const byHand = await bench.runNow("job");
    const { claimed } = await node.claim();
    expect(claimed.map(({ run }) => run)).toEqual([first]);
    await node.complete(claimed);
    const started: string[] = [];
    for (let turn = 0; turn < 5; turn += 1) {
      const taken = (await node.claim()).claimed;
      started.push(...taken.map(({ run }) => run));
      await node.complete(taken);
      await expectSound(bench);
    }
    expect(started).toEqual([second, byHand]);
    expect(await bench.job("job").get()).toMatchObject({ state: "exhausted", startedRuns: 2 });
  });
});

test("jitter: starts each run later by the same as ever, before the next fire time, and is no misfire", async () => {
  await using bench = await new StoreBench(server).ready();
  const trigger = every(2000, { from: 0 });
  await bench.define("job", { trigger, jitter: "1m", overlap: "allow", misfire: { grace: 500 } });
  const leader = new Materialiser(bench.store, 20_000, bench.events);
  await leader.round(bench.epoch);
  const waiting = await bench.redis.zrange(bench.store.keys.waiting, 0, -1, "WITHSCORES");
  const delays: number[] = [];
  for (let at = 0; at < waiting.length; at += 2) {
    delays.push(Number(waiting[at + 1]) - Number(waiting[at]?.split("@")[1]));
  }
  expect(delays.length).toBeGreaterThan(5);
  expect(Math.min(...delays)).toBeGreaterThanOrEqual(0);
  expect(Math.max(...delays)).toBeLessThan(2000);
  expect(Math.max(...delays)).toBeGreaterThan(500);
  await bench.advance(30_000);
  const node = await bench.node("node");
  expect(await node.take(100)).toHaveLength(delays.length);
});

test("a job whose fire times could not be computed is not over when its run is handed back", async () => {
  await using bench = await new StoreBench(server).ready();
  await bench.define("job", { maxRuns: 2, whenExhausted: "remove" });
  const [run] = await bench.write("job", [await bench.now()]);
  const node = await bench.node("node");
  const { claimed } = await node.claim();
  const { prefix: _, ...keys } = bench.store.keys;
  const args = { ...bench.store.told, epoch: bench.epoch, job: "job", version: "1", reason: "broken" };
  expect(await park.run(bench.store.lease, { keys, args })).toBe(1);
  await node.complete(claimed, "b");
  expect(await node.take()).toEqual([run]);
  await node.complete((await node.claim({ number: node.number })).claimed);
  expect(await bench.job("job").get()).toMatchObject({ state: "parked" });
});
