import { type JobStore, startJobStore } from "@escapement/testing";
import { every } from "@escapement/triggers";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { expectSound, StoreBench } from "../test/store-bench.js";
import type { RunHandle } from "./handles.js";
import type { JobOptions, Overlap } from "./job.js";

let server: JobStore;
beforeAll(async () => {
  server = await startJobStore();
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

  /** Three past fire times of a job, backfilled. */
  const backfilled = async (
    bench: StoreBench,
    overlap: Overlap | undefined,
    options: Partial<JobOptions> = {},
  ): Promise<readonly RunHandle[]> => {
    const hour = 3_600_000;
    const base = Math.floor((await bench.now()) / hour) * hour;
    await bench.define("job", { trigger: every(hour, { from: 0 }), ...options });
    const range = { from: base - 3 * hour, to: base - hour };
    return bench.job("job").backfill(overlap === undefined ? range : { ...range, overlap });
  };
  const states = (handles: readonly RunHandle[]): Promise<(string | undefined)[]> =>
    Promise.all(handles.map(async (handle) => (await handle.get())?.state));

  const outcomes: readonly (readonly [Overlap, Overlap, readonly string[]])[] = [
    ["skip", "allow", ["active", "active", "active"]],
    ["allow", "queue-all", ["active", "ready", "ready"]],
    ["allow", "queue-one", ["active", "ready", "skipped"]],
    ["queue-all", "replace", ["active", "active", "active"]],
    ["allow", "skip", ["active", "ready", "ready"]],
  ];
  test.each(outcomes)(
    "of a job with overlap %s, under %s: the runs are %j, and the job's own rule stays",
    async (own, overlap, expected) => {
      await using bench = await new StoreBench(server).ready();
      const handles = await backfilled(bench, overlap, { overlap: own });
      const node = await bench.node("node");
      await node.claim();
      expect((await states(handles)).map((state) => (state === "waiting" ? "ready" : state))).toEqual(
        expected,
      );
      expect((await bench.job("job").get())?.overlap).toBe(own);
      await expectSound(bench);
    },
  );

  test("a fire time of the job's own comes under its own overlap, beside a backfill that allows all", async () => {
    await using bench = await new StoreBench(server).ready();
    await backfilled(bench, "allow", { overlap: "skip" });
    const node = await bench.node("node", 1e9);
    expect(await node.take()).toHaveLength(3);
    const now = await bench.now();
    const [first, second = ""] = await bench.write("job", [now - 2, now - 1]);
    expect((await node.claim()).claimed.map(({ run }) => run)).toEqual([first]);
    await bench.runNow("job");
    expect(await node.take()).toEqual([]);
    expect(await states([bench.run(second)])).not.toEqual(["active"]);
    await expectSound(bench);
  });

  test.each(["keep", "remove"] as const)(
    "a job is exhausted only when a backfill that runs beside its last run has ended, too: %s",
    async (whenExhausted) => {
      const what = async (): Promise<string | undefined> => (await bench.job("job").get())?.state;
      await using bench = await new StoreBench(server).ready();
      await backfilled(bench, "allow", { overlap: "skip", maxRuns: 1, whenExhausted });
      const node = await bench.node("node", 1e9);
      const beside = (await node.claim()).claimed;
      expect(beside).toHaveLength(3);
      await bench.write("job", [(await bench.now()) - 1]);
      const last = (await node.claim()).claimed;
      expect(last).toHaveLength(1);
      await node.complete(last);
      expect(await what()).toBe("scheduled");
      await node.complete(beside.slice(1));
      expect(await what()).toBe("scheduled");
      await node.complete(beside.slice(0, 1));
      const kept = whenExhausted === "keep";
      expect(await what()).toBe(kept ? "exhausted" : undefined);
      expect(await bench.redis.hgetall(bench.store.keys.exhaustion)).toEqual(kept ? { job: "done" } : {});
      await expectSound(bench);
    },
  );

  test.each(["none", "", null, 5, "toString", {}])(
    "refuses the overlap %s, and queues nothing",
    async (overlap) => {
      await using bench = await new StoreBench(server).ready();
      await expect(backfilled(bench, overlap as Overlap)).rejects.toMatchObject({ path: "overlap" });
      expect(await bench.redis.exists(bench.store.keys.requeued)).toBe(0);
    },
  );
});
