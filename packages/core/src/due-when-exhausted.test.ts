import { type JobStore, startJobStore } from "@escapement/testing";
import { every } from "@escapement/triggers";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { expectExhausted } from "../test/exhaustion.js";
import { expectSound, StoreBench } from "../test/store-bench.js";
import { told } from "../test/told.js";
import type { JobOptions } from "./job.js";
import type { Run } from "./run.js";

let server: JobStore;
beforeAll(async () => {
  server = await startJobStore();
});
afterAll(() => server.stop());

async function missed(bench: StoreBench): Promise<Run[]> {
  return (await bench.job("job").history()).filter(({ state }) => state === "missed");
}

/** A job of two runs, which end while fire times of before and after are written. Answers the time at which they were given out. */
async function twoOf(
  bench: StoreBench,
  times: (now: number) => number[],
  options: Partial<JobOptions> = {},
): Promise<number> {
  const trigger = every("1h");
  await bench.define("job", { trigger, maxRuns: 2, overlap: "allow", ...options });
  const now = await bench.now();
  await bench.write("job", [now - 9, now - 8, ...times(now)], { next: now + 600_000 });
  const node = await bench.node("node", 1e9);
  const { claimed } = await node.claim();
  expect(claimed.map(({ run }) => run)).toEqual([`job@${now - 9}`, `job@${now - 8}`]);
  await node.complete(claimed);
  return now;
}

describe("maxRuns: of fire times that were due when the job is exhausted", () => {
  test("those that had not started are missed together, and what was to come is not", async () => {
    await using bench = await new StoreBench(server).ready();
    const now = await twoOf(bench, (at) => [at - 3, at - 2, at - 1, at + 60_000]);
    await expectExhausted(bench);
    expect(await missed(bench)).toMatchObject([
      { reason: "exhausted", count: 3, scheduledAt: new Date(now - 3) },
    ]);
    const [text = ""] = await bench.redis.lrange(bench.store.keys.history("job"), -1, -1);
    expect(JSON.parse(text.slice(text.indexOf("{")))).toEqual({
      reason: "exhausted",
      count: 3,
      to: now - 1,
    });
    const heard = (await told(bench)).filter(({ type }) => type === "missed" || type === "jobExhausted");
    expect(heard).toMatchObject([
      { type: "missed", runId: `job@${now - 3}`, jobId: "job", reason: "exhausted", count: 3 },
      { type: "jobExhausted", jobId: "job" },
    ]);
  });

  test("nothing is recorded where all have started", async () => {
    await using bench = await new StoreBench(server).ready();
    await twoOf(bench, (at) => [at + 60_000]);
    await expectExhausted(bench);
    expect(await missed(bench)).toEqual([]);
  });

  test("the one that comes next and was not written counts; there may be more of those", async () => {
    await using bench = await new StoreBench(server).ready();
    await bench.define("job", { trigger: every("1h"), maxRuns: 1 });
    const now = await bench.now();
    await bench.write("job", [now - 9, now + 10], { next: now + 1010 });
    const node = await bench.node("node", 1e9);
    const { claimed } = await node.claim();
    await bench.advance(5000);
    await bench.write("job", [], { expected: now + 1010 }); // the leader's look: it is put aside
    await node.complete(claimed);
    await expectExhausted(bench);
    expect(await missed(bench)).toMatchObject([
      { reason: "exhausted", count: 2, scheduledAt: new Date(now + 10) },
    ]);
    const [text = ""] = await bench.redis.lrange(bench.store.keys.history("job"), -1, -1);
    expect(text).toContain(`{"reason":"exhausted","count":2,"to":${now + 1010},"exact":false}`);
  });

  test("all are in one entry, however many there are", async () => {
    await using bench = await new StoreBench(server).ready();
    const many = (at: number): number[] => Array.from({ length: 1500 }, (_, index) => at + 1 + index);
    await bench.define("job", { trigger: every("1h"), maxRuns: 1, overlap: "queue-all" });
    const now = await bench.now();
    await bench.write("job", [now - 1, ...many(now)], { next: now + 600_000 });
    const node = await bench.node("node", 1e9);
    const { claimed } = await node.claim();
    await bench.advance(5000);
    await node.complete(claimed);
    await expectExhausted(bench);
    expect(await missed(bench)).toMatchObject([
      { reason: "exhausted", count: 1500, scheduledAt: new Date(now + 1) },
    ]);
  });

  test("the node in whose claim it was exhausted hears of it", async () => {
    await using bench = await new StoreBench(server).ready();
    await bench.define("job", { trigger: every("1h"), maxRuns: 1, overlap: "queue-all" });
    const now = await bench.now();
    await bench.write("job", [now - 9, now - 8], { next: now + 600_000 });
    const node = await bench.node("node", 1e9);
    const [run] = (await node.claim()).claimed;
    const { passed } = await node.claim({
      completions: [{ run: run?.run ?? "", token: run?.token ?? "", outcome: "s", detail: "", result: "" }],
    });
    expect(passed).toEqual([
      { run: `job@${now - 8}`, state: "missed", reason: "exhausted" },
      { run: "job", state: "jobExhausted", reason: "" },
    ]);
  });

  test("the entry stays of a job that is removed then", async () => {
    await using bench = await new StoreBench(server).ready();
    await twoOf(bench, (at) => [at - 2, at - 1, at + 60_000], { whenExhausted: "remove" });
    expect(await bench.job("job").get()).toBeUndefined();
    expect(await missed(bench)).toMatchObject([{ reason: "exhausted", count: 2 }]);
    await expectSound(bench);
  });

  test("of a former trigger those that were not written are missed with the change, for the same reason", async () => {
    await using bench = await new StoreBench(server).ready();
    const first = (await bench.now()) + 1000;
    await bench.define("job", { trigger: every(1000, { from: new Date(first) }), maxRuns: 1 });
    await bench.write("job", [first - 1001], { next: first });
    const node = await bench.node("node", 1e9);
    const { claimed } = await node.claim();
    await bench.advance(4500);
    await bench.define("job", { trigger: every("1h"), maxRuns: 1 });
    expect(await missed(bench)).toMatchObject([
      { reason: "exhausted", count: 4, scheduledAt: new Date(first) },
    ]);
    await node.complete(claimed);
    expect(await missed(bench)).toHaveLength(1);
    await expectSound(bench);
  });
});
