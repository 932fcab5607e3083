import { type JobStore, onEach, startJobStore } from "@escapement/testing";
import { every } from "@escapement/triggers";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Cluster } from "../test/cluster.js";
import { PartlyWrittenError } from "./errors.js";

let server: JobStore;
beforeAll(async () => {
  server = await startJobStore();
});
afterAll(() => server.stop());

/** Gives the store room for `bytes` more, each of its servers an equal share, and takes it for whole again. */
async function withRoom(bytes: number, use: () => Promise<unknown>): Promise<unknown> {
  await onEach(server, async (redis) => {
    const used = Number(/^used_memory:(\d+)/m.exec(await redis.info("memory"))?.[1]);
    await redis.config("SET", "maxmemory", used + Math.floor(bytes / server.servers.length));
  });
  try {
    return await use().catch((error: unknown) => error);
  } finally {
    await onEach(server, (redis) => redis.config("SET", "maxmemory", "0"));
  }
}

/** How many jobs, or runs, are stored in all partitions. */
async function countOf(cluster: Cluster, of: "jobs" | "runs"): Promise<number> {
  const redis = server.client();
  const counts = await Promise.all(cluster.allKeys.map((keys) => redis.hlen(keys[of])));
  return counts.reduce((sum, count) => sum + count, 0);
}

test("I9: of many runs for which there is no room, it is said how many are queued, and the same call does the rest", async () => {
  await using cluster = new Cluster(server);
  const client = cluster.scheduler({ deadline: 1500 });
  const input = (number: number): object => ({ number, text: "x".repeat(10_000) });
  const runs = Array.from({ length: 1200 }, (_, number) => ({ input: input(number), delay: "1h" }));
  await client.enqueue("task", { delay: "1h" });
  const error = (await withRoom(8_000_000, () => client.enqueueMany("task", runs))) as PartlyWrittenError;
  expect(error).toBeInstanceOf(PartlyWrittenError);
  expect(error).toMatchObject({ code: "PARTLY_WRITTEN", cause: { code: "REDIS_FULL" } });
  const { written } = error;
  expect(written).toBeGreaterThan(0);
  expect(error.message).toMatch(/^\d+ of 1200 runs are written, and then: .*maxmemory/s);
  expect(error.message).toMatch(new RegExp(`^${written} of`));
  expect(await countOf(cluster, "runs")).toBe(written + 1);
  const again = runs.map((run, index) => ({ ...run, id: error.ids[index] ?? "" }));
  const handles = await client.enqueueMany("task", again);
  expect(handles.map(({ id }) => id)).toEqual(error.ids);
  const stored = await Promise.all(cluster.allKeys.map(({ runs }) => server.client().hvals(runs)));
  const numbers = stored.flat().flatMap((record) => /"number":(\d+)/.exec(record)?.[1] ?? []);
  expect([numbers.length, new Set(numbers).size]).toEqual([1200, 1200]);
});

test("I9: where there is no room for the first, nothing is written, and that is what is said", async () => {
  await using cluster = new Cluster(server);
  const client = cluster.scheduler({ deadline: 1500 });
  await client.enqueue("task", { delay: "1h" });
  const runs = Array.from({ length: 1200 }, () => ({ delay: "1h" }));
  expect(await withRoom(-1_000_000, () => client.enqueueMany("task", runs))).toMatchObject({
    code: "REDIS_FULL",
  });
  expect(await countOf(cluster, "runs")).toBe(1);
});

test("I9: the same of jobs", async () => {
  await using cluster = new Cluster(server);
  const client = cluster.scheduler({ deadline: 1500 });
  const jobs = Array.from({ length: 1000 }, (_, index) => ({
    task: "task",
    id: `job-${index}`,
    trigger: every("1h"),
    input: "x".repeat(10_000),
  }));
  const error = (await withRoom(4_000_000, () => client.apply(jobs))) as PartlyWrittenError;
  expect(error).toMatchObject({ code: "PARTLY_WRITTEN", cause: { code: "REDIS_FULL" } });
  expect(error.written).toBe(await countOf(cluster, "jobs"));
  const { added, unchanged } = await client.apply(jobs);
  expect([added.length, unchanged.length]).toEqual([1000 - error.written, error.written]);
});
