import { createKeys, partitionOf } from "@escapement/redis/internal";
import { eventually, type JobStore, startJobStore } from "@escapement/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Cluster } from "../../test/cluster.js";
import { movePartitions } from "../index.js";

let server: JobStore;
beforeAll(async () => {
  server = await startJobStore();
});
afterAll(() => server.stop());

const jobs = Array.from({ length: 6 }, (_, index) => `job-${index}`);

describe("jobs that depend on each other, in a namespace that is moved", () => {
  const define = async (cluster: Cluster, partitions: number): Promise<void> => {
    const client = cluster.scheduler({ partitions });
    const declared = jobs.map((id, index) => ({
      ...{ id, task: "task", dependsOn: index === 0 ? [] : [jobs[index - 1] as string] },
    }));
    await client.apply(declared);
    await client.stop();
  };
  const edgesOf = async (cluster: Cluster, partitions: number): Promise<string[][]> =>
    Promise.all(
      Array.from({ length: partitions }, (_, at) =>
        server.client().zrange(createKeys(cluster.namespace, at).edges, 0, -1),
      ),
    );

  test("stay tied, as if they had been defined there", { timeout: 60_000 }, async () => {
    await using moved = new Cluster(server);
    await define(moved, 8);
    let from = 8;
    for (const to of [3, 1, 8, 2]) {
      await movePartitions({ redis: server.url, namespace: moved.namespace }, { to });
      await using fresh = new Cluster(server);
      await define(fresh, to);
      expect(await edgesOf(moved, Math.max(from, to))).toEqual([
        ...(await edgesOf(fresh, to)),
        ...Array.from({ length: Math.max(from - to, 0) }, () => []),
      ]);
      from = to;
    }
    const node = moved.scheduler({ partitions: 2 });
    const done: string[] = [];
    node.task("task", ({ jobId }) => void done.push(jobId ?? ""));
    await node.start();
    expect(new Set(jobs.map((id) => partitionOf(id, 2))).size).toBe(2);
    await node.schedule("task", {
      id: "job-0",
      trigger: { type: "once", at: [Date.now() + 500] },
    });
    await eventually(() => done.length === jobs.length, { within: 20_000 });
    expect(done).toEqual(jobs);
  });
});
