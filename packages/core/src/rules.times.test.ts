// Rules about when a job's runs start and how many of them, by the name of their row.
import { eventually, type JobStore, startJobStore } from "@escapement/testing";
import { cron, every } from "@escapement/triggers";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Cluster } from "../test/cluster.js";
import { StoreBench } from "../test/store-bench.js";
import { team } from "../test/team.js";
import { Materialiser } from "./materialise.js";

let server: JobStore;
beforeAll(async () => {
  server = await startJobStore();
});
afterAll(() => server.stop());

test("startAt, endAt: fire times at these very instants run, on whichever node, and none outside", async () => {
  await using cluster = new Cluster(server);
  const { client } = await team(cluster, () => undefined);
  const trigger = every(100, { from: 0 });
  const startAt = Math.ceil(Date.now() / 100) * 100 + 500;
  await client.schedule("task", { id: "job", trigger, startAt, endAt: startAt + 500, overlap: "allow" });
  await eventually(async () => (await client.job("job").get())?.state === "exhausted");
  const runs = (await client.job("job").history()).map(({ scheduledAt, state }) => [
    Number(scheduledAt),
    state,
  ]);
  expect(runs.sort()).toEqual([0, 100, 200, 300, 400, 500].map((ms) => [startAt + ms, "succeeded"]));
});

test("maxRuns: further attempts, runs by hand and what was skipped do not count", async () => {
  await using cluster = new Cluster(server);
  const attempts: string[] = [];
  const { client } = await team(cluster, async ({ id, attempt }) => {
    attempts.push(`${id}#${attempt}`);
    await new Promise((resolve) => setTimeout(resolve, 60));
    if (attempt === 1) throw new Error("not at first");
  });
  const job = client.job("job");
  const retry = { attempts: 2, backoff: 0 };
  await client.schedule("task", { id: "job", trigger: cron("@yearly"), maxRuns: 3, retry });
  await (await job.runNow()).result({ timeout: 5000 });
  await job.update({ trigger: every(50) });
  await eventually(async () => (await job.get())?.state === "exhausted", { within: 10_000 });
  const states = (await job.history()).map(({ state }) => state);
  expect(states.filter((state) => state === "succeeded")).toHaveLength(4);
  expect(states).toContain("skipped");
  expect(attempts).toHaveLength(8);
  expect((await job.get())?.startedRuns).toBe(3);
});

/** What the store's clock is set to. */
const from = Date.UTC(2090, 0, 1);

describe("jitter", () => {
  /** How much later than their fire times a leader of its own writes a job's runs, for ten minutes. */
  async function delays(id: string): Promise<Map<number, number>> {
    await using bench = await new StoreBench(server).ready();
    await bench.redis.set(bench.store.keys.clock, from);
    await bench.define(id, { trigger: cron("* * * * *"), jitter: "2m" });
    await new Materialiser(bench.store, 600_000, bench.events).round(bench.epoch);
    const waiting = await bench.redis.zrange(bench.store.keys.waiting, 0, -1);
    const pairs = waiting.map(async (run) => {
      const fireTime = Number(run.split("@")[1]);
      return [fireTime, Number(await bench.redis.zscore(bench.store.keys.waiting, run)) - fireTime] as const;
    });
    return new Map(await Promise.all(pairs));
  }

  test("is the same for a job's fire time, whoever leads, another for another's, and never reaches the next", async () => {
    const one = await delays("job");
    expect(await delays("job")).toEqual(one);
    expect(await delays("another")).not.toEqual(one);
    expect(one.size).toBeGreaterThanOrEqual(10);
    expect(new Set(one.values()).size).toBeGreaterThan(5);
    for (const delay of one.values()) expect(delay).toBeLessThan(60_000);
  });
});

describe("misfire", () => {
  const minute = 60_000;

  test.each([
    ["latest", [10]],
    ["earliest", [1]],
    ["none", []],
    ["all", [8, 9, 10]],
  ] as const)("catchUp %s: of ten minutes without a node", async (catchUp, ran) => {
    await using cluster = new Cluster(server);
    const client = cluster.scheduler();
    const redis = server.client();
    const { clock } = cluster.keysOf("job");
    await redis.set(clock, from);
    const misfire = { grace: "10s", catchUp, ...(catchUp === "all" && { max: 3 }) } as const;
    const options = {
      trigger: every("1m", { from }),
      startAt: from + 1,
      overlap: "queue-all",
      misfire,
    } as const;
    await client.schedule("task", { id: "job", ...options });
    await redis.set(clock, from + 10 * minute + 15_000);
    const started: number[] = [];
    await team(cluster, (run) => started.push((Number(run.scheduledAt) - from) / minute));
    await eventually(async () => {
      const entries = await client.job("job").history();
      expect(entries.reduce((sum, { count = 1 }) => sum + count, 0)).toBe(10);
    });
    expect(started).toEqual(ran);
    const missed = (await client.job("job").history()).filter(({ state }) => state === "missed");
    expect(missed.reduce((sum, { count = 1 }) => sum + count, 0)).toBe(10 - ran.length);
    expect(missed.length).toBeLessThanOrEqual(2);
    redis.disconnect();
  });

  test("grace: what is late by less than that starts as usual, all of it", async () => {
    await using cluster = new Cluster(server);
    const client = cluster.scheduler();
    const redis = server.client();
    const { clock } = cluster.keysOf("job");
    await redis.set(clock, from);
    const options = { trigger: every("1m", { from }), startAt: from + 1, overlap: "queue-all" } as const;
    await client.schedule("task", { id: "job", ...options, misfire: { grace: "10m", catchUp: "none" } });
    await redis.set(clock, from + 10 * minute + 15_000);
    const started: number[] = [];
    await team(cluster, (run) => started.push((Number(run.scheduledAt) - from) / minute));
    await eventually(() => started.length >= 10);
    expect(started).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    redis.disconnect();
  });
});
