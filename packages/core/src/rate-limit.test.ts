import { type JobStore, startJobStore, uniqueNamespace } from "@escapement/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { silentLogger } from "../test/silent-logger.js";
import { expectSound, StoreBench } from "../test/store-bench.js";
import { enqueueRuns } from "./enqueue.js";
import { createScheduler } from "./scheduler.js";

let server: JobStore;
beforeAll(async () => {
  server = await startJobStore();
});
afterAll(() => server.stop());

const enqueue = (bench: StoreBench, count: number, options: object = {}): Promise<string[]> =>
  enqueueRuns(
    bench.store,
    "task",
    Array.from({ length: count }, () => options),
    1000,
  );

describe("rateLimit", () => {
  test.each(["task:task", "queue:default"])(
    "of %s: no more start within any period, on whichever nodes, and a node is told when the next may",
    async (scope) => {
      await using bench = await new StoreBench(server).ready();
      const rates = [{ scope, max: 3, per: 10_000 }];
      await enqueue(bench, 7);
      const [one, two] = [await bench.node("one"), await bench.node("two")];
      const first = await one.claim({ rates, slots: 2 });
      const second = await two.claim({ rates });
      expect([first.claimed.length, second.claimed.length]).toEqual([2, 1]);
      await one.complete(first.claimed);
      const none = await one.claim({ rates });
      expect(none.claimed).toEqual([]);
      const start = first.claimed[0]?.claimedAt ?? 0;
      expect(none.nextDue).toBe(start + 10_000);
      expect(none.more).toBe(false);
      await bench.advance(10_100);
      expect((await two.claim({ rates })).claimed).toHaveLength(3);
      await bench.advance(5000);
      expect((await two.claim({ rates })).claimed).toEqual([]);
      await bench.advance(5100);
      expect((await two.claim({ rates })).claimed).toHaveLength(1);
      await expectSound(bench);
    },
  );

  test("is remembered for longer than it counts: Redis' own clock may be ahead of that of scripts by a millisecond", async () => {
    await using bench = await new StoreBench(server).ready();
    await enqueue(bench, 1);
    const node = await bench.node("node");
    const { claimed } = await node.claim({ rates: [{ scope: "task:task", max: 1, per: 10_000 }] });
    const end = await bench.redis.call("PEXPIRETIME", `${bench.store.keys.prefix}rate:task:task`);
    expect(Number(end) - Number(claimed[0]?.claimedAt)).toBeGreaterThan(10_500);
  });

  test("of a key: what is too much waits for its time, out of the way of others", async () => {
    await using bench = await new StoreBench(server).ready();
    const options = { concurrencyKey: "api", rateLimit: { max: 2, per: "10s" } };
    const runs = await enqueue(bench, 5, options);
    const [free] = await enqueue(bench, 1);
    const node = await bench.node("node");
    expect(await node.take()).toEqual([runs[0], runs[1], free]);
    expect(await bench.run(runs[4] ?? "").get()).toMatchObject({ state: "scheduled" });
    await expectSound(bench);
    await bench.advance(10_100);
    expect(await node.take()).toHaveLength(2);
    await bench.advance(10_100);
    expect(await node.take()).toHaveLength(1);
    await expectSound(bench);
  });

  test("running nodes keep to it together", async () => {
    const options = {
      redis: server.url,
      namespace: uniqueNamespace("rate"),
      logger: silentLogger,
      pollEvery: "60s",
    };
    await using one = createScheduler(options);
    await using two = createScheduler(options);
    const starts: number[] = [];
    for (const scheduler of [one, two]) {
      scheduler.task("rated", { rateLimit: { max: 4, per: 200 } }, (run) => void starts.push(run.attempt));
      await scheduler.start();
    }
    const handles = await one.enqueueMany(
      "rated",
      Array.from({ length: 14 }, () => ({})),
    );
    await Promise.all(handles.map((handle) => handle.result({ timeout: 20_000 })));
    const begun = await Promise.all(
      handles.map(async (handle) => (await handle.get())?.startedAt?.getTime() ?? 0),
    );
    begun.sort((a, b) => a - b);
    // By the store's clock, whose times these are.
    for (let at = 4; at < begun.length; at += 1) {
      expect((begun[at] ?? 0) - (begun[at - 4] ?? 0)).toBeGreaterThanOrEqual(200);
    }
    expect(starts).toHaveLength(14);
  });
});
