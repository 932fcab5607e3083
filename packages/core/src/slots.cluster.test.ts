import { createKeys, partitionOf } from "@escapement/redis/internal";
import { type Cluster, eventually, redisWay, startCluster, uniqueNamespace } from "@escapement/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { silentLogger } from "../test/silent-logger.js";
import { createScheduler } from "./index.js";

const partitions = 8;

describe.skipIf(redisWay() !== "process")("slots of a process of whose masters one does not answer", () => {
  let cluster: Cluster;
  beforeAll(async () => {
    // The others serve their slots all the time.
    cluster = await startCluster({ nodeTimeout: 60_000 });
  });
  afterAll(() => cluster?.stop());

  test.each([1, 4])("are there for the other partitions: %i of them", async (concurrency) => {
    const namespace = uniqueNamespace("slots");
    const node = createScheduler({
      redis: `redis+cluster://${cluster.nodes.map(({ port }) => `127.0.0.1:${port}`)}`,
      ...{ namespace, partitions, concurrency, pollEvery: 200, logger: silentLogger },
    });
    const lateness = new Map<string, number>();
    node.task("task", () => undefined);
    node.on("beforeRun", ({ runId, lateness: ms }) => void lateness.set(runId, ms));
    const all = Array.from({ length: partitions }, (_, partition) => partition);
    const masters = await Promise.all(
      all.map((partition) => cluster.masterOf(createKeys(namespace, partition).clock)),
    );
    const victim = masters.find((master) => master !== masters[0]);
    const ids = Array.from({ length: 200 }, (_, at) => `run-${at}`).filter(
      (id) => masters[partitionOf(id, partitions)] !== victim,
    );
    await node.start();
    // Due one after the other, from soon on.
    await node.enqueueMany(
      "task",
      ids.slice(0, 60).map((id, at) => ({ id, delay: 500 + at * 25 })),
    );
    await victim?.freeze();
    try {
      await eventually(() => lateness.size === 60, { within: 15_000 });
    } finally {
      await victim?.thaw();
    }
    expect(Math.max(...lateness.values())).toBeLessThan(2500);
    await node.stop({ timeout: 100 });
  });
});
