import { type JobStore, startJobStore } from "@escapement/testing";
import { afterAll, beforeAll, expect, test } from "vitest";
import { StoreBench } from "../test/store-bench.js";
import { client } from "../test/told.js";

let server: JobStore;
beforeAll(async () => {
  server = await startJobStore();
});
afterAll(() => server.stop());

const at = Date.UTC(2090, 2, 1, 9);

test.each([new Date(at), at, "2090-03-01T09:00:00Z", "2090-03-01T10:00:00+01:00"])(
  "enqueue: at %s is when a run is due, whichever way it is written",
  async (written) => {
    await using bench = await new StoreBench(server).ready();
    const scheduler = client(bench);
    const run = await scheduler.enqueue("task", { at: written });
    expect(await run.get()).toMatchObject({ state: "scheduled", scheduledAt: new Date(at) });
    await scheduler.stop();
  },
);

test.each([3_600_000, "1h", "PT60M"])("enqueue: a delay of %s counts from Redis' time", async (delay) => {
  await using bench = await new StoreBench(server).ready();
  const scheduler = client(bench);
  const before = await bench.now();
  const due = (await (await scheduler.enqueue("task", { delay })).get())?.scheduledAt.getTime() ?? 0;
  expect(due).toBeGreaterThanOrEqual(before + 3_600_000);
  expect(due).toBeLessThanOrEqual((await bench.now()) + 3_600_000);
  await scheduler.stop();
});

test("enqueue: a delay may be as long as a century, unlike other durations", async () => {
  await using bench = await new StoreBench(server).ready();
  const scheduler = client(bench);
  const run = await scheduler.enqueue("task", { delay: 3_155_760_000_000 });
  expect((await run.get())?.scheduledAt.getTime()).toBeGreaterThan(Date.UTC(2120, 0, 1));
  await scheduler.stop();
});
