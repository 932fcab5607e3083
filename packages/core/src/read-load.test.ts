import { eventually, type JobStore, startJobStore } from "@escapement/testing";
import { every } from "@escapement/triggers";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Cluster, gate } from "../test/cluster.js";

let server: JobStore;
beforeAll(async () => {
  server = await startJobStore();
});
afterAll(() => server.stop());

test("the load counts what waits, is due, is held back and runs, and which runs those are", async () => {
  await using cluster = new Cluster(server);
  const client = cluster.scheduler();
  const node = cluster.scheduler({ concurrency: 2 });
  const { opened, open } = gate();
  node.task("slow", () => opened);
  await node.start();
  const job = await client.schedule("slow", { id: "hourly", trigger: every("1h"), overlap: "queue-all" });
  const running = await client.job(job.id).runNow();
  await client.job(job.id).runNow();
  await eventually(async () => (await client.load()).held === 1);
  const other = await client.enqueue("slow");
  await eventually(async () => (await client.load()).active === 2);
  for (const priority of [0, 0, 7]) await client.enqueue("slow", { priority });
  await client.enqueue("slow", { delay: "1h" });
  await client.enqueue("nobody");
  await eventually(async () => (await client.load()).due === 4);
  expect(await client.load()).toMatchObject({
    jobs: 1,
    waiting: 1,
    due: 4,
    held: 1,
    active: 2,
    paused: 0,
    deadLetters: 0,
  });
  await eventually(async () => {
    const { lag } = await client.load();
    return lag > 50 && lag < 60_000;
  });
  const about = { node: node.nodeId, attempt: 1, startedAt: expect.any(Date) };
  expect(await client.activeRuns()).toEqual([
    { id: running.id, jobId: "hourly", ...about },
    { id: other.id, jobId: undefined, ...about },
  ]);
  expect(await client.activeRuns(1)).toHaveLength(1);
  await client.pause("all", { reason: "tests" });
  expect((await client.load()).lag).toBe(0);
  open();
  await eventually(async () => (await client.activeRuns()).length === 0);
});
