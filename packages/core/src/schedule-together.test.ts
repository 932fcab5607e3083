import { type JobStore, startJobStore, startRedis } from "@escapement/testing";
import { cron, every } from "@escapement/triggers";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { StoreBench } from "../test/store-bench.js";
import { client } from "../test/told.js";
import type { Item } from "./check-jobs.js";
import { jobBatches } from "./define.js";

let server: JobStore;
beforeAll(async () => {
  server = await startJobStore();
});
afterAll(() => server.stop());

/** How often Redis has been asked for a command, by clients or scripts. */
async function calls({ redis }: StoreBench, command: string): Promise<number> {
  const found = new RegExp(`cmdstat_${command}:calls=(\\d+)`).exec(await redis.info("commandstats"));
  return Number(found?.[1] ?? 0);
}

/** How many more of each command there are for some work. */
async function callsOf(
  bench: StoreBench,
  commands: readonly string[],
  work: () => Promise<unknown>,
): Promise<number[]> {
  const count = (): Promise<number[]> => Promise.all(commands.map((command) => calls(bench, command)));
  const before = await count();
  await work();
  return (await count()).map((calls, index) => calls - (before[index] ?? 0));
}

const trigger = cron("0 9 * * *");
const ids = (count: number): string[] => Array.from({ length: count }, (_, n) => `job-${n}`);

describe("jobs that are scheduled at the same time", () => {
  test("are written in one call, and read back in one, up to 100 of them", async () => {
    await using bench = await new StoreBench(server).ready();
    await using scheduler = client(bench);
    await scheduler.schedule("task", { id: "other", trigger });
    const work = async (): Promise<void> => {
      const jobs = await Promise.all(
        ids(50).map((id, n) => scheduler.schedule("task", { id, trigger, input: { n } })),
      );
      expect(jobs.map(({ id, input, version }) => [id, input, version])).toEqual(
        ids(50).map((id, n) => [id, { n }, 1]),
      );
    };
    expect(await callsOf(bench, ["evalsha", "evalsha_ro"], work)).toEqual([1, 1]);
    const more = (): Promise<unknown> =>
      Promise.all(ids(250).map((id) => scheduler.schedule("task", { id, trigger, priority: 1 })));
    expect(await callsOf(bench, ["evalsha", "evalsha_ro"], more)).toEqual([3, 3]);
  });

  test("that differ from what is stored are written with a few commands, not some each", async () => {
    await using bench = await new StoreBench(server).ready();
    await using scheduler = client(bench);
    const all = (hour: number): Promise<unknown> =>
      Promise.all(
        ids(100).map((id) =>
          scheduler.schedule("task", { id, trigger: cron(`0 ${hour} * * *`), tags: ["tag"] }),
        ),
      );
    const commands = ["hset", "zadd", "hmget"];
    await scheduler.schedule("task", { id: "other", trigger });
    expect(await callsOf(bench, commands, () => all(9))).toEqual([2, 1, 7]);
    expect(await callsOf(bench, commands, () => all(10))).toEqual([2, 1, 7]);
    expect(await callsOf(bench, commands, () => all(10))).toEqual([0, 0, 4]);
  });

  test("fail each for itself: what is wrong with one is no matter of the others", async () => {
    await using bench = await new StoreBench(server).ready();
    await using scheduler = client(bench);
    await scheduler.schedule("task", { id: "there", trigger });
    const added: string[] = [];
    scheduler.on("jobAdded", ({ jobId }) => added.push(jobId));
    const settled = await Promise.allSettled([
      scheduler.schedule("task", { id: "one", trigger }),
      scheduler.schedule("task", { id: "there", trigger, onConflict: "error" }),
      scheduler.schedule("task", { id: "past", trigger, endAt: "2020-01-01T00:00:00Z" }),
      scheduler.schedule("task", { id: "follows", dependsOn: ["nobody"] }),
      scheduler.schedule("task", { id: "wrong name!", trigger }),
      scheduler.schedule("task", { id: "two", trigger }),
    ]);
    expect(settled).toMatchObject([
      { value: { id: "one", version: 1 } },
      { reason: { code: "JOB_EXISTS" } },
      { reason: { code: "INVALID_OPTION", path: "endAt" } },
      { reason: { code: "JOB_NOT_FOUND", path: "dependsOn[0]" } },
      { reason: { code: "INVALID_NAME" } },
      { value: { id: "two", version: 1 } },
    ]);
    expect((await bench.redis.hkeys(bench.store.keys.jobs)).sort()).toEqual(["one", "there", "two"]);
    expect(added).toEqual(["one", "two"]);
  });

  test("for one id follow each other in the order of the calls, also where an earlier one has more to look up", async () => {
    await using bench = await new StoreBench(server).ready();
    await using scheduler = client(bench);
    await scheduler.schedule("task", { id: "parent", trigger });
    const jobs = await Promise.all([
      scheduler.schedule("task", { id: "job", trigger, dependsOn: ["parent"], priority: 0 }),
      ...Array.from({ length: 30 }, (_, n) =>
        scheduler.schedule("task", { id: "job", trigger, priority: n + 1 }),
      ),
    ]);
    expect(jobs.map(({ priority, version }) => [priority, version])).toEqual(
      Array.from({ length: 31 }, (_, n) => [n, n + 1]),
    );
    expect(await scheduler.job("job").get()).toMatchObject({ priority: 30, version: 31, dependsOn: [] });
  });

  test("for one id do not fail with an earlier one that fails", async () => {
    await using bench = await new StoreBench(server).ready();
    await using scheduler = client(bench);
    const past = { id: "job", trigger, endAt: "2020-01-01T00:00:00Z" };
    const settled = await Promise.allSettled([
      scheduler.schedule("task", past),
      scheduler.schedule("task", { id: "job", trigger }),
    ]);
    expect(settled).toMatchObject([{ reason: { path: "endAt" } }, { value: { id: "job" } }]);
  });

  test("are defined though the caller's tests have timers of their own in place", async () => {
    await using bench = await new StoreBench(server).ready();
    await using scheduler = client(bench);
    await scheduler.schedule("task", { id: "other", trigger }); // connected
    vi.useFakeTimers({ toFake: ["setImmediate", "setTimeout"] });
    try {
      expect((await scheduler.schedule("task", { id: "mine", trigger })).id).toBe("mine");
    } finally {
      vi.useRealTimers();
    }
  });

  test("are written if the scheduler is told to stop in the same turn", async () => {
    await using bench = await new StoreBench(server).ready();
    const scheduler = client(bench);
    await scheduler.schedule("task", { id: "other", trigger });
    const mine = scheduler.schedule("task", { id: "mine", trigger: every("1h") });
    await scheduler.stop();
    expect(await mine).toMatchObject({ id: "mine", version: 1 });
    await expect(scheduler.schedule("task", { id: "late", trigger })).rejects.toMatchObject({
      code: "SCHEDULER_STOPPED",
    });
  });

  test("fail together in a store that is full, and leave nothing", async () => {
    await using bench = await new StoreBench(server).ready();
    await using scheduler = client(bench, { deadline: 1000 });
    await scheduler.schedule("task", { id: "other", trigger });
    await bench.redis.config("SET", "maxmemory", "1");
    try {
      const all = await Promise.allSettled(ids(3).map((id) => scheduler.schedule("task", { id, trigger })));
      for (const one of all)
        expect(one).toMatchObject({ status: "rejected", reason: { code: "REDIS_FULL" } });
    } finally {
      await bench.redis.config("SET", "maxmemory", "0");
    }
    expect(await bench.redis.hkeys(bench.store.keys.jobs)).toEqual(["other"]);
    expect((await scheduler.schedule("task", { id: "job-1", trigger })).version).toBe(1);
  });

  test("for one id end in time though Redis stands still: nobody waits longer for an earlier one than for Redis", async () => {
    await using own = await startRedis();
    await using bench = await new StoreBench(own).ready();
    await using scheduler = client(bench, { deadline: 500 });
    await scheduler.schedule("task", { id: "other", trigger });
    await own.freeze();
    const same = Array.from({ length: 4 }, () => scheduler.schedule("task", { id: "job", trigger }));
    const reasons = (await Promise.allSettled(same)).map((one) => "reason" in one && one.reason);
    await own.thaw();
    for (const reason of reasons) expect(reason).toMatchObject({ code: "REDIS_TIMEOUT" });
    expect(reasons[1]).toMatchObject({ message: expect.stringContaining("Nothing was written by this one") });
    expect(await bench.redis.hkeys(bench.store.keys.jobs)).toEqual(["other"]);
  });
});

test("batches have at most 100 jobs, and a mebibyte of records unless one alone has more", () => {
  const sizes = (bodies: readonly number[]): number[] =>
    jobBatches(bodies, (size) => ({ text: "x".repeat(size) }) as Item).map(({ length }) => length);
  expect(sizes([])).toEqual([]);
  expect(sizes(Array(201).fill(10))).toEqual([100, 100, 1]);
  expect(sizes([600_000, 600_000, 400_000])).toEqual([1, 2]);
  expect(sizes([10, 2_000_000, 10, 10])).toEqual([1, 1, 2]);
});
