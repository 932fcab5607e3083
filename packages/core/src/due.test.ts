import { type JobStore, startJobStore } from "@escapement/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { expectSound, StoreBench } from "../test/store-bench.js";
import { enqueueRuns } from "./enqueue.js";
import { runIdOf } from "./run-id.js";

// Runs whose time has come, many of them in the same instant.

let server: JobStore;
beforeAll(async () => {
  server = await startJobStore();
});
afterAll(() => server.stop());

const jobs = Array.from({ length: 40 }, (_, n) => `job-${n + 10}`);

describe("what is due", () => {
  test("goes by when it was to start, whether its id says so or not", async () => {
    await using bench = await new StoreBench(server).ready();
    const now = await bench.now();
    await bench.define("job", { overlap: "allow" });
    const ids = await enqueueRuns(
      bench.store,
      "task",
      [40, 10, 30].map((ms) => ({ at: now + 1000 + ms })),
      65_536,
    );
    await bench.write("job", [now + 1020, now + 1035]);
    await bench.advance(2000);
    const node = await bench.node("node");
    const [fourth, first, third] = ids;
    const [second, other] = [runIdOf("job", now + 1020), runIdOf("job", now + 1035)];
    expect(await node.take()).toEqual([first, second, third, other, fourth]);
    expect(await bench.redis.zcard(bench.store.keys.waiting)).toBe(0);
    await expectSound(bench);
  });

  test("of jobs that skip overlaps is told apart by when it began, however many began at once", async () => {
    await using bench = await new StoreBench(server).ready();
    const at = (await bench.now()) - 1;
    for (const id of jobs) {
      await bench.define(id, { overlap: "skip" });
      await bench.write(id, [at]);
    }
    const node = await bench.node("node");
    const { claimed } = await node.claim({ slots: 100 });
    expect(claimed).toHaveLength(jobs.length);
    // Looked through from the first one on, it would cost each of them a look at all others.
    expect(await bench.redis.call("OBJECT", "ENCODING", bench.store.keys.running)).toBe("hashtable");
    const [firstJob = "", secondJob = ""] = jobs;
    const first = await bench.job(firstJob).get();
    expect(first?.running).toBe(runIdOf(firstJob, at));
    const later = (await bench.now()) + 1;
    await bench.write(firstJob, [later]);
    await bench.write(secondJob, [later]);
    await bench.advance(10);
    const second = claimed.filter(({ job }) => job === secondJob);
    expect(await node.complete(second)).toEqual([true]);
    expect(await node.take()).toEqual([runIdOf(secondJob, later)]);
    expect((await bench.run(runIdOf(firstJob, later)).get())?.state).toBe("skipped");
    await expectSound(bench);
  });
});
