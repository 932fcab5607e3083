import { createKeys } from "@escapement/redis/internal";
import { type JobStore, startJobStore } from "@escapement/testing";
import { every, once } from "@escapement/triggers";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Cluster } from "../test/cluster.js";
import type { Scheduler } from "./index.js";

let server: JobStore;
beforeAll(async () => {
  server = await startJobStore();
});
afterAll(() => server.stop());

/** All keys but the time that a partition has seen, which is none that anybody is misled by. */
const keysOf = async (cluster: Cluster): Promise<string[]> =>
  (await server.client().keys(`escapement:{${cluster.namespace}*`))
    .filter((key) => !key.endsWith(":clock"))
    .sort();

describe("the number of partitions", () => {
  const writes: [string, (scheduler: Scheduler) => Promise<unknown>][] = [
    ["schedule", (scheduler) => scheduler.schedule("task", { id: "job", trigger: every("1h") })],
    ["apply", (scheduler) => scheduler.apply([{ task: "task", id: "job", trigger: every("1h") }])],
    ["enqueue", (scheduler) => scheduler.enqueue("task", { id: "run" })],
    ["enqueueMany", (scheduler) => scheduler.enqueueMany("task", [{ id: "a" }, { id: "b" }])],
    ["pause", (scheduler) => scheduler.pause("all", { reason: "so" })],
    ["start", (scheduler) => scheduler.start()],
  ];

  test.each(writes)("is settled by whoever first writes: %s", async (_, write) => {
    await using cluster = new Cluster(server);
    await write(cluster.scheduler({ partitions: 4 }));
    expect(await server.client().hget(createKeys(cluster.namespace).meta, "partitions")).toBe("4");
    const job = { id: "other", trigger: every("1h") };
    for (const partitions of [1, 3, 8])
      await expect(cluster.scheduler({ partitions }).schedule("task", job)).rejects.toMatchObject({
        code: "PARTITION_MISMATCH",
        message: expect.stringContaining("4 partitions"),
      });
  });

  test.each(writes)(
    "keeps a process that is set to another one from writing anything: %s",
    async (_, write) => {
      await using cluster = new Cluster(server);
      await cluster.scheduler({ partitions: 4 }).enqueue("task", { id: "first" });
      const before = await keysOf(cluster);
      for (const partitions of [1, 8])
        await expect(write(cluster.scheduler({ partitions }))).rejects.toMatchObject({
          code: "PARTITION_MISMATCH",
        });
      expect(await keysOf(cluster)).toEqual(before);
    },
  );

  const past = { id: "job", trigger: once(new Date(0)) };
  const refused: [string, (scheduler: Scheduler) => Promise<unknown>][] = [
    ["schedule", (scheduler) => scheduler.schedule("task", past)],
    ["apply", (scheduler) => scheduler.apply([{ task: "task", ...past }])],
    ["pause", (scheduler) => scheduler.pause("all", { reason: "" })],
    ["pause that is over", (scheduler) => scheduler.pause("all", { reason: "so", until: 1 })],
    ["resume", (scheduler) => scheduler.resume("all", { from: "then" as "now" })],
  ];

  test.each(refused)("is not settled by a call that is refused: %s", async (_, call) => {
    await using cluster = new Cluster(server);
    await expect(call(cluster.scheduler({ partitions: 4 }))).rejects.toThrow();
    expect(await keysOf(cluster)).toEqual([]);
  });

  test("is one, though two processes found a namespace at once", async () => {
    await using cluster = new Cluster(server);
    const clients = [2, 8, 2, 8, 2, 8].map((partitions) => cluster.scheduler({ partitions }));
    const ends = await Promise.allSettled(clients.map((client) => client.enqueue("task")));
    const settled = Number(await server.client().hget(createKeys(cluster.namespace).meta, "partitions"));
    expect(ends.map(({ status }) => status)).toEqual(
      [2, 8, 2, 8, 2, 8].map((partitions) => (partitions === settled ? "fulfilled" : "rejected")),
    );
  });

  test.each([0, -1, 1.5, 257, Number.NaN, "8", null])("is none of %s", (partitions) => {
    const cluster = new Cluster(server);
    expect(() => cluster.scheduler({ partitions: partitions as number })).toThrow(/partitions/);
  });

  test("may be said by the environment", async () => {
    await using cluster = new Cluster(server);
    const before = process.env["ESCAPEMENT_PARTITIONS"];
    try {
      process.env["ESCAPEMENT_PARTITIONS"] = "3";
      await cluster.scheduler().enqueue("task");
      expect(await server.client().hget(createKeys(cluster.namespace).meta, "partitions")).toBe("3");
      process.env["ESCAPEMENT_PARTITIONS"] = "many";
      expect(() => cluster.scheduler()).toThrow(/ESCAPEMENT_PARTITIONS/);
    } finally {
      if (before === undefined) delete process.env["ESCAPEMENT_PARTITIONS"];
      else process.env["ESCAPEMENT_PARTITIONS"] = before;
    }
  });
});
