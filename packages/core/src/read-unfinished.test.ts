import { eventually, type JobStore, startJobStore } from "@escapement/testing";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Cluster } from "../test/cluster.js";

let server: JobStore;
beforeAll(async () => {
  server = await startJobStore();
});
afterAll(() => server.stop());

test("the unfinished runs of a node are those that it holds, and no others", async () => {
  await using cluster = new Cluster(server);
  const node = cluster.scheduler({ concurrency: 2 });
  node.task("slow", (run) => new Promise((resolve) => run.signal.addEventListener("abort", resolve)));
  await node.start();
  await node.enqueueMany("slow", [{}, {}, {}]);
  const held = await eventually(async () => {
    const runs = await node.unfinishedRuns({ node: node.nodeId ?? "" });
    return runs.length === 2 ? runs : null;
  });
  expect(held?.map((run) => [run.task, run.state, run.node])).toEqual(
    Array.from({ length: 2 }, () => ["slow", "active", node.nodeId]),
  );
  expect(await node.unfinishedRuns({ node: node.nodeId ?? "" }, 1)).toHaveLength(1);
  expect(await node.unfinishedRuns({ node: "elsewhere" })).toEqual([]);
  await node.stop({ timeout: 0 });
});
