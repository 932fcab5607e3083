import { type JobStore, startJobStore } from "@escapement/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type BenchNode, expectSound, StoreBench } from "../test/store-bench.js";
import { told } from "../test/told.js";
import type { Claimed } from "./claim.js";
import { type EnqueueOptions, enqueueRuns } from "./enqueue.js";
import type { JobOptions } from "./job.js";
import { reconcileHeld } from "./reconcile.js";

let server: JobStore;
beforeAll(async () => {
  server = await startJobStore();
});
afterAll(() => server.stop());

const enqueue = (bench: StoreBench, all: readonly EnqueueOptions[]): Promise<string[]> =>
  enqueueRuns(bench.store, "task", all, 65_536);

const handBack = async (node: BenchNode, claimed: readonly Claimed[]): Promise<void> => {
  const completions = claimed.map(({ run, token }) => ({ run, token, outcome: "b" as const }));
  await node.claim({ slots: 0, completions: completions.map((one) => ({ ...one, detail: "", result: "" })) });
};

describe("runs beyond a node's free slots", () => {
  test("are given out as long as nothing depends on when they begin", async () => {
    await using bench = await new StoreBench(server).ready();
    const runs = await enqueue(bench, Array(6).fill({}));
    const node = await bench.node("node");
    const { claimed } = await node.claim({ slots: 1, ahead: 3 });
    expect(claimed.map(({ run }) => run)).toEqual(runs.slice(0, 4));
    expect((await node.claim({ slots: 0, ahead: 1 })).claimed).toHaveLength(1);
    await expectSound(bench);
  });

  test.each<[string, Partial<JobOptions>, number]>([
    ["runs of which others are skipped while they run", { overlap: "skip" }, 0],
    ["runs that others wait for", { overlap: "queue-all" }, 0],
    ["runs that others cut short", { overlap: "replace" }, 0],
    ["runs that cut others short", { overlap: "cancel-running" }, 0],
    ["runs of a key with places", { overlap: "allow", concurrencyKey: "key" }, 0],
    ["runs that are counted", { overlap: "allow", maxRuns: 5 }, 0],
    ["runs that may run side by side", { overlap: "allow" }, 1],
  ])("are none of %s, nor what stands behind these", async (_, options, ahead) => {
    await using bench = await new StoreBench(server).ready();
    const node = await bench.node("node");
    const now = await bench.now();
    await bench.define("job", options);
    const [first] = await enqueue(bench, [{ at: now - 500 }]);
    const [run] = await bench.write("job", [now - 300]);
    const [last] = await enqueue(bench, [{ at: now - 100 }]);
    const claimed = async (slots: number, ahead: number): Promise<string[]> =>
      (await node.claim({ slots, ahead })).claimed.map(({ run }) => run);
    expect(await claimed(1, 5)).toEqual(ahead === 0 ? [first] : [first, run, last]);
    expect(await claimed(0, 5)).toEqual([]);
    expect(await claimed(2, 0)).toEqual(ahead === 0 ? [run, last] : []);
    await expectSound(bench);
  });

  test("are none of a run by hand: it says by itself what it does to others", async () => {
    await using bench = await new StoreBench(server).ready();
    const node = await bench.node("node");
    await bench.define("job", { overlap: "allow" });
    const run = await bench.runNow("job");
    expect((await node.claim({ slots: 0, ahead: 5 })).claimed).toEqual([]);
    expect(await node.take(1)).toEqual([run]);
  });

  test("leave the slots that are free what is theirs, whatever has rules of its own", async () => {
    await using bench = await new StoreBench(server).ready();
    const node = await bench.node("node");
    const runs = await enqueue(bench, Array(4).fill({ concurrencyKey: "key", concurrencyLimit: 10 }));
    const { claimed } = await node.claim({ slots: 2, ahead: 2 });
    expect(claimed.map(({ run }) => run)).toEqual(runs.slice(0, 2));
  });
});

describe("a run that is handed back", () => {
  test("stands where it stood, before what came after it", async () => {
    await using bench = await new StoreBench(server).ready();
    const node = await bench.node("node");
    const now = await bench.now();
    const [first, urgent, ...others] = await enqueue(bench, [
      { at: now - 5000 },
      { at: now - 10, priority: 3 },
      { at: now - 4000 },
      { at: now - 3000 },
    ]);
    const { claimed } = await node.claim({ slots: 2 });
    expect(claimed.map(({ run }) => run)).toEqual([urgent, first]);
    await handBack(node, claimed);
    expect(await node.take(4)).toEqual([urgent, first, ...others]);
    await expectSound(bench);
  });

  test("has used up no start of a rate: of its key's, its task's and its queue's", async () => {
    await using bench = await new StoreBench(server).ready();
    const node = await bench.node("node");
    const per = 3_600_000;
    const rates = ["task:task", "queue:default"].map((scope) => ({ scope, max: 2, per }));
    const own = { concurrencyKey: "key", concurrencyLimit: 10, rateLimit: { max: 2, per } };
    const runs = await enqueue(bench, Array(4).fill(own));
    for (let round = 0; round < 3; round += 1) {
      const { claimed } = await node.claim({ rates });
      expect(claimed.map(({ run }) => run)).toEqual(runs.slice(0, 2));
      const back = claimed.map(({ run, token }) => ({
        ...{ run, token, detail: "", result: "" },
        outcome: "b" as const,
      }));
      await node.claim({ slots: 0, completions: back, rates });
    }
    expect((await node.claim({ rates })).claimed).toHaveLength(2);
    expect((await node.claim({ rates })).claimed).toEqual([]);
  });
});

test("jobs with more tags than one call takes are claimed, and their pauses hold", async () => {
  await using bench = await new StoreBench(server).ready();
  const node = await bench.node("node");
  const now = await bench.now();
  const count = 420;
  for (let job = 0; job < count; job += 1) {
    const tags = Array.from({ length: 20 }, (_, tag) => `tag-${job}.${tag}`);
    await bench.define(`job-${job}`, { overlap: "allow", tags });
    await bench.write(`job-${job}`, [now - 1000 + job]);
  }
  await bench.redis.set(bench.store.keys.pause("tag:tag-400.19"), "by hand");
  const { claimed } = await node.claim({ slots: 450 });
  expect(claimed).toHaveLength(count - 1);
  expect(claimed.map(({ job }) => job)).not.toContain("job-400");
});

test("an answer has a bounded size, and says that there is more", async () => {
  await using bench = await new StoreBench(server).ready();
  const node = await bench.node("node");
  const input = "x".repeat(60_000);
  const runs = await enqueue(bench, Array(200).fill({ input }));
  const seen: string[] = [];
  for (let more = true; more; ) {
    const answer = await node.claim({ slots: 500 });
    expect(answer.claimed.length).toBeLessThan(80);
    seen.push(...answer.claimed.map(({ run }) => run));
    more = answer.more;
  }
  expect(seen).toEqual(runs);
});

describe("what somebody else has written", () => {
  test("into the count of tokens does not keep anything from starting", async () => {
    await using bench = await new StoreBench(server).ready();
    const node = await bench.node("node");
    await enqueue(bench, [{}, { concurrencyKey: "key" }]);
    await bench.redis.set(bench.store.keys.fence, "nonsense");
    const [first] = (await node.claim({ slots: 1 })).claimed;
    await bench.redis.set(bench.store.keys.fence, "nonsense");
    const [second] = (await node.claim({ slots: 1 })).claimed;
    expect(BigInt(second?.token ?? 0)).toBeGreaterThanOrEqual(BigInt(first?.token ?? 1));
  });

  test("into what a node holds does not keep what it really held from being taken over", async () => {
    await using bench = await new StoreBench(server).ready();
    const { redis, store } = bench;
    const [dead, other] = [await bench.node("dead", 1000), await bench.node("other", 3_600_000)];
    const [run] = await enqueue(bench, [{}]);
    await dead.claim();
    await redis.hset(store.keys.active("dead"), "x", "nonsense");
    await redis.hset(store.keys.active("other"), "y", "nonsense");
    await bench.advance(2000);
    await bench.recover();
    expect(await redis.exists(store.keys.active("dead"))).toBe(0);
    await reconcileHeld(store, "other", other.number, [], bench.events);
    expect(await redis.exists(store.keys.active("other"))).toBe(0);
    expect(await other.take()).toEqual([run]);
    const mended = (await told(bench)).filter(({ type }) => type === "mended");
    expect(mended).toMatchObject([{ subject: "x" }, { subject: "y" }]);
  });
});
