import { type RedisServer, startRedis } from "@escapement/testing";
import { every } from "@escapement/triggers";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { expectSound, StoreBench } from "../test/store-bench.js";

let server: RedisServer;
beforeAll(async () => {
  server = await startRedis();
});
afterAll(() => server.stop());

describe("backfill", () => {
  test("runs the fire times of the past one after the other, each with its own time, and leaves the schedule alone", async () => {
    await using bench = await new StoreBench(server).ready();
    const hour = 3_600_000;
    const base = Math.floor((await bench.now()) / hour) * hour;
    await bench.define("job", { trigger: every(hour, { from: 0 }) });
    const next = (await bench.job("job").get())?.nextFireTime;
    const handles = await bench.job("job").backfill({ from: base - 3 * hour, to: base - hour });
    expect(handles).toHaveLength(3);
    const node = await bench.node("node");
    const times: number[] = [];
    for (let round = 0; round < 3; round += 1) {
      const { claimed } = await node.claim();
      expect(claimed).toHaveLength(1);
      times.push(...claimed.map(({ scheduledAt }) => scheduledAt));
      await expectSound(bench);
      await node.complete(claimed);
    }
    expect(times).toEqual([base - 3 * hour, base - 2 * hour, base - hour]);
    expect(await node.take()).toEqual([]);
    for (const handle of handles) expect(await handle.get()).toMatchObject({ state: "succeeded" });
    expect((await bench.job("job").get())?.nextFireTime).toEqual(next);
  });

  test("refuses more than max, what is no time, and a job that there is not; and queues nothing then", async () => {
    await using bench = await new StoreBench(server).ready();
    await bench.define("job", { trigger: every(1000, { from: 0 }) });
    const from = (await bench.now()) - 200_000;
    await expect(bench.job("job").backfill({ from })).rejects.toMatchObject({ path: "max" });
    await expect(bench.job("job").backfill({ from: "yesterday" })).rejects.toMatchObject({ path: "from" });
    await expect(bench.job("none").backfill({ from })).rejects.toMatchObject({ code: "JOB_NOT_FOUND" });
    expect(await bench.job("job").backfill({ from: from + 1, to: from })).toEqual([]);
    const node = await bench.node("node");
    expect(await node.take()).toEqual([]);
  });
});
