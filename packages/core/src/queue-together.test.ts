import { type JobStore, startJobStore } from "@escapement/testing";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { StoreBench } from "../test/store-bench.js";
import { client } from "../test/told.js";
import { enqueueRuns } from "./enqueue.js";
import { type NewRun, runBatches } from "./queue-together.js";

let server: JobStore;
beforeAll(async () => {
  server = await startJobStore();
});
afterAll(() => server.stop());

/** How many scripts Redis has been asked to run. */
async function calls({ redis }: StoreBench): Promise<number> {
  const found = /cmdstat_evalsha:calls=(\d+)/.exec(await redis.info("commandstats"));
  return Number(found?.[1] ?? 0);
}

async function callsOf(bench: StoreBench, work: () => Promise<unknown>): Promise<number> {
  await enqueueRuns(bench.store, "other", [{}], 1000); // the script is known, and so is the time
  const before = await calls(bench);
  await work();
  return (await calls(bench)) - before;
}

const counted = (from: number, count: number): number[] => Array.from({ length: count }, (_, n) => from + n);

describe("runs that are enqueued at the same time", () => {
  test("go in one call, up to 500 of them, and start in the order in which they were enqueued", async () => {
    await using bench = await new StoreBench(server).ready();
    await using scheduler = client(bench);
    await scheduler.enqueue("other");
    const before = await calls(bench);
    const handles = await Promise.all(
      counted(0, 1200).map((n) => scheduler.enqueue("task", { input: { n } })),
    );
    expect((await calls(bench)) - before).toBe(3);
    const node = await bench.node("node");
    const { claimed } = await node.claim({ slots: 1000 });
    expect(claimed.map(({ run }) => run)).toEqual(handles.slice(0, 1000).map(({ id }) => id));
    expect(claimed.map(({ body }) => body?.input)).toEqual(counted(0, 1000).map((n) => ({ n })));
  });

  test("are queued with what each was told", async () => {
    await using bench = await new StoreBench(server).ready();
    await using scheduler = client(bench);
    const at = new Date("2090-01-01T00:00:00Z");
    const [plain, named, late, urgent, other] = await Promise.all([
      scheduler.enqueue("task", { input: "a b\nc" }),
      scheduler.enqueue("task", { id: "named", timeout: 5000, retry: { attempts: 2 } }),
      scheduler.enqueue("task", { at }),
      scheduler.enqueue("task", { priority: 5, queue: "mail" }),
      scheduler.enqueue("another", {}),
    ]);
    expect(named?.id).toBe("named");
    expect(await late?.get()).toMatchObject({ state: "scheduled", scheduledAt: at });
    expect(await other?.get()).toMatchObject({ state: "ready", task: "another" });
    const node = await bench.node("node");
    const { claimed } = await node.claim({ lanes: ["default@task", "mail@task"] });
    expect(claimed.find(({ run }) => run === "named")?.body).toMatchObject({
      timeout: 5000,
      retry: { attempts: 2 },
    });
    expect(claimed.map(({ run }) => run)).toEqual([urgent?.id, plain?.id, "named"]);
    expect(claimed[1]?.body).toMatchObject({ input: "a b\nc" });
  });

  test("under one id are queued once: the first counts", async () => {
    await using bench = await new StoreBench(server).ready();
    await using scheduler = client(bench);
    const handles = await Promise.all(
      [1, 2, 3].map((n) => scheduler.enqueue("task", { id: "same", input: n })),
    );
    expect(handles.map(({ id }) => id)).toEqual(["same", "same", "same"]);
    const { claimed } = await (await bench.node("node")).claim();
    expect(claimed.map(({ run, body }) => [run, body?.input])).toEqual([["same", 1]]);
  });

  test("as lists stay whole: none is spread over two calls", async () => {
    await using bench = await new StoreBench(server).ready();
    const list = (): Promise<string[]> => enqueueRuns(bench.store, "task", Array(300).fill({}), 1000);
    expect(await callsOf(bench, () => Promise.all([list(), list(), list()]))).toBe(3);
    const small = (): Promise<string[]> => enqueueRuns(bench.store, "task", Array(100).fill({}), 1000);
    expect(await callsOf(bench, () => Promise.all([small(), small(), small()]))).toBe(1);
  });

  test("are queued though the caller's tests have timers of their own in place", async () => {
    await using bench = await new StoreBench(server).ready();
    await using scheduler = client(bench);
    await scheduler.enqueue("other"); // connected
    vi.useFakeTimers({ toFake: ["setImmediate", "setTimeout"] });
    try {
      expect((await scheduler.enqueue("task", { id: "mine" })).id).toBe("mine");
    } finally {
      vi.useRealTimers();
    }
  });

  test("are written if the scheduler is told to stop in the same turn; what is enqueued later is refused at once", async () => {
    await using bench = await new StoreBench(server).ready();
    const scheduler = client(bench);
    await scheduler.enqueue("other");
    const enqueued = scheduler.enqueue("task", { id: "mine" });
    const both = scheduler.enqueueMany("task", [{ id: "one" }, { id: "two" }]);
    await scheduler.stop();
    expect((await enqueued).id).toBe("mine");
    expect((await both).map(({ id }) => id)).toEqual(["one", "two"]);
    expect(await bench.redis.hkeys(bench.store.keys.runs)).toEqual(
      expect.arrayContaining(["mine", "one", "two"]),
    );
  });

  test("fail together in a store that is full, and leave nothing", async () => {
    await using bench = await new StoreBench(server).ready();
    await using scheduler = client(bench);
    await scheduler.enqueue("other");
    await bench.redis.config("SET", "maxmemory", "1");
    try {
      const all = await Promise.allSettled(
        [1, 2, 3].map((n) => scheduler.enqueue("task", { id: `run-${n}` })),
      );
      for (const one of all)
        expect(one).toMatchObject({ status: "rejected", reason: { code: "REDIS_FULL" } });
    } finally {
      await bench.redis.config("SET", "maxmemory", "0");
    }
    expect(await bench.redis.hkeys(bench.store.keys.runs)).toHaveLength(1);
    expect((await scheduler.enqueue("task", { id: "run-1" })).id).toBe("run-1");
  });
});

describe("batches", () => {
  const runs = (bodies: readonly number[]): NewRun[] =>
    bodies.map((size, n) => ({
      ...{ id: `${n}`, record: "x".repeat(size) },
      ...{ lane: "q@t", priority: 0, notBefore: undefined },
    }));
  const sizes = (bodies: readonly number[]): number[] => runBatches(runs(bodies)).map(({ length }) => length);

  test("have at most 500 runs, and a mebibyte of records unless one alone has more", () => {
    expect(sizes([])).toEqual([]);
    expect(sizes(Array(1001).fill(10))).toEqual([500, 500, 1]);
    expect(sizes([600_000, 600_000, 400_000])).toEqual([1, 2]);
    expect(sizes([10, 2_000_000, 10, 10])).toEqual([1, 1, 2]);
  });
});
