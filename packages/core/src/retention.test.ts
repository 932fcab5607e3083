import { type JobStore, startJobStore } from "@escapement/testing";
import { every } from "@escapement/triggers";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Cluster } from "../test/cluster.js";
import { type BenchNode, expectSound, StoreBench } from "../test/store-bench.js";
import type { Completion } from "./claim.js";
import { enqueueRuns } from "./enqueue.js";
import { readEnqueuedHistory } from "./read-history.js";

let server: JobStore;
beforeAll(async () => {
  server = await startJobStore();
});
afterAll(() => server.stop());

type Kept = ConstructorParameters<typeof StoreBench>[1];

async function bed(settings: Kept = {}): Promise<{ bench: StoreBench; node: BenchNode }> {
  const bench = await new StoreBench(server, settings).ready();
  return { bench, node: await bench.node("node", 100_000_000) };
}
/** Runs the job once for each outcome; answers the runs. */
async function ends(
  { bench, node }: { bench: StoreBench; node: BenchNode },
  outcomes: string,
  result = "",
): Promise<string[]> {
  const runs: string[] = [];
  for (const outcome of outcomes) {
    runs.push(await bench.runNow("job"));
    const { claimed } = await node.claim();
    expect(await node.complete(claimed, outcome as Completion["outcome"], result)).toEqual([true]);
    await bench.advance(1);
  }
  return runs;
}
const letters: Readonly<Record<string, string>> = {
  succeeded: "s",
  failed: "f",
  "timed-out": "t",
  cancelled: "c",
};
/** The states of what is kept, oldest first. */
async function states(bench: StoreBench): Promise<string> {
  const history = await bench.job("job").history();
  return history
    .map(({ state }) => letters[state] ?? state)
    .reverse()
    .join("");
}

describe("retain: counts, for runs that failed and the others", () => {
  test("keeps so many of each, and has them in the order in which they ended", async () => {
    const it = await bed();
    await it.bench.define("job", { overlap: "allow", retain: { runs: 3, failed: 2 } });
    const runs = await ends(it, "fsstscsfs");
    expect(await states(it.bench)).toBe("scsfs");
    const history = await it.bench.job("job").history({ limit: 3 });
    expect(history.map(({ id }) => id)).toEqual(runs.slice(-3).reverse());
    expect((await it.bench.run(runs[7] ?? "").get())?.state).toBe("failed");
    expect(await it.bench.run(runs[3] ?? "").get()).toBeUndefined();
    expect(await it.bench.redis.llen(it.bench.store.keys.failures("job"))).toBe(2);
    expect(await it.bench.redis.llen(it.bench.store.keys.history("job"))).toBe(3);
    await expectSound(it.bench);
    await it.bench[Symbol.asyncDispose]();
  });

  test("keeps lost ones apart too, and what never ran among the others", async () => {
    const it = await bed();
    await it.bench.define("job", { delivery: "at-most-once", retain: { failed: 1 } });
    const now = await it.bench.now();
    await it.bench.write("job", [now], { missed: 3, missedFrom: now - 3, missedTo: now - 1 });
    const other = await it.bench.node("other", 1000);
    expect(await other.take()).toHaveLength(1);
    await it.bench.advance(1001);
    await it.bench.recover();
    const { failures, history } = it.bench.store.keys;
    expect(await it.bench.redis.lrange(failures("job"), 0, -1)).toEqual([expect.stringContaining(" l 1 ")]);
    expect(await it.bench.redis.lrange(history("job"), 0, -1)).toEqual([expect.stringContaining(" m 0 ")]);
    await it.bench[Symbol.asyncDispose]();
  });

  test("without `failed` counts all alike, and `failed` of the settings holds for jobs that say nothing of it", async () => {
    const it = await bed({ runs: 4 });
    await it.bench.define("job", { overlap: "allow", retain: { runs: 3 } });
    await ends(it, "sfsf");
    expect(await states(it.bench)).toBe("fsf");
    await it.bench[Symbol.asyncDispose]();

    const other = await bed({ runs: 2, failed: 1 });
    await other.bench.define("job", { overlap: "allow", retain: { runs: 3 } });
    await ends(other, "sfsfss");
    expect(await states(other.bench)).toBe("sfss");
    await other.bench[Symbol.asyncDispose]();
  });

  test("is the job's own wherever its runs run; what it leaves open is as the node that records has it", async () => {
    await using cluster = new Cluster(server);
    const client = cluster.scheduler({ retain: { runs: 50, failed: 50 } });
    const node = cluster.scheduler({ retain: { runs: 1, failed: 2 } });
    let count = 0;
    node.task("task", () => {
      count += 1;
      if (count % 2 === 0) throw new Error("even");
      return count;
    });
    await node.start();
    await client.schedule("task", { id: "job", trigger: every("1h"), overlap: "allow", retain: { runs: 3 } });
    for (let run = 0; run < 10; run += 1) {
      const result = (await client.job("job").runNow()).result({ timeout: 5000 });
      await result.catch(() => undefined);
    }
    const history = await client.job("job").history();
    expect(history.map(({ result, state }) => result ?? state)).toEqual(["failed", 9, "failed", 7, 5]);
  });
});

describe("retain: a changed option", () => {
  test("loses nothing that is within bounds, whichever way `failed` is changed", async () => {
    const it = await bed();
    await it.bench.define("job", { overlap: "allow" });
    await ends(it, "fs");
    await it.bench.define("job", { overlap: "allow", retain: { failed: 5 } });
    await ends(it, "sff");
    await it.bench.define("job", { overlap: "allow" });
    await ends(it, "sf");
    await it.bench.define("job", { overlap: "allow", retain: { failed: 3 } });
    await ends(it, "sf");
    expect(await states(it.bench)).toBe("fssffsfsf");
    await ends(it, "f");
    expect(await states(it.bench)).toBe("fssfsfsff");
    for (const key of ["history", "failures"] as const) {
      expect(await it.bench.redis.pttl(it.bench.store.keys[key]("job"))).toBeGreaterThan(3_500_000);
    }
    await it.bench[Symbol.asyncDispose]();
  });

  test("is kept to at once by those who read, and by the store when the next run has ended", async () => {
    const it = await bed();
    await it.bench.define("job", { overlap: "allow", retain: { runs: 9, failed: 9 } });
    const runs = await ends(it, "ssssffff", "1");
    await it.bench.define("job", { overlap: "allow", retain: { runs: 2, failed: 1 } });
    expect(await states(it.bench)).toBe("ssf");
    expect(await it.bench.run(runs[1] ?? "").get()).toBeUndefined();
    await ends(it, "sf", "1");
    expect(await it.bench.redis.llen(it.bench.store.keys.failures("job"))).toBe(1);
    expect(await it.bench.redis.hlen(it.bench.store.keys.results("job"))).toBe(3);
    await it.bench[Symbol.asyncDispose]();
  });

  test("of `age` holds for what is there, longer or shorter", async () => {
    const it = await bed();
    const { history, failures, results } = it.bench.store.keys;
    const lists = [history("job"), failures("job"), results("job")];
    const times = () => Promise.all(lists.map((list) => it.bench.redis.pttl(list)));
    await it.bench.define("job", { overlap: "allow", retain: { failed: 1 } });
    await ends(it, "sf", "1");
    for (const hours of [48, 0.5]) {
      await it.bench.define("job", { overlap: "allow", retain: { failed: 1, age: hours * 3_600_000 } });
      for (const time of await times()) {
        expect(time).toBeGreaterThan(hours * 3_600_000 - 60_000);
        expect(time).toBeLessThanOrEqual(hours * 3_600_000);
      }
    }
    await it.bench[Symbol.asyncDispose]();
  });

  test("and a removed job leave no rule behind, and nothing without an end", async () => {
    const it = await bed();
    const { redis, store } = it.bench;
    const retain = { runs: 2, failed: 2, age: "1h", results: "1m" };
    await it.bench.define("job", { overlap: "allow", retain });
    expect(await redis.hgetall(store.keys.retention)).toEqual({ job: "2:2:3600000:60000" });
    await it.bench.define("job", { overlap: "allow" });
    expect(await redis.exists(store.keys.retention)).toBe(0);
    await it.bench.define("job", { overlap: "allow", retain });
    await ends(it, "sf", "1");
    await it.bench.define("job", { overlap: "allow", retain: { failed: 1 } });
    await ends(it, "s", "1");
    await it.bench.remove("job");
    expect(await redis.exists(store.keys.retention)).toBe(0);
    const left = (await it.bench.keysLeft()).filter((key) => /^(history|failures|results?):/.test(key));
    expect(left).toHaveLength(5);
    for (const key of left) expect(await redis.pttl(`${store.keys.prefix}${key}`), key).toBeGreaterThan(0);
    expect(await states(it.bench)).toBe("sfs");
    await it.bench[Symbol.asyncDispose]();
  });
});

describe("retain: age", () => {
  test("of a job: what is older is not shown any more, and goes when the next run of its kind has ended", async () => {
    const it = await bed();
    await it.bench.define("job", { overlap: "allow", retain: { failed: 5, age: "1m" } });
    const [, old] = await ends(it, "sf");
    await it.bench.advance(60_001);
    const [fresh] = await ends(it, "s");
    expect((await it.bench.job("job").history()).map(({ id }) => id)).toEqual([fresh]);
    expect(await it.bench.run(old ?? "").get()).toBeUndefined();
    await ends(it, "f");
    expect(await it.bench.redis.llen(it.bench.store.keys.failures("job"))).toBe(1);
    await it.bench[Symbol.asyncDispose]();
  });
});

describe("retain: of enqueued runs, by the settings", () => {
  async function run(
    { bench, node }: { bench: StoreBench; node: BenchNode },
    id: string,
    outcome: Completion["outcome"],
    result = "",
  ): Promise<void> {
    const { store } = bench;
    await enqueueRuns(store, "task", [{ id }], 1000);
    await node.complete((await node.claim()).claimed, outcome, result);
    await bench.advance(1);
  }
  const kept = async ({ bench }: { bench: StoreBench }): Promise<string[]> => {
    return (await readEnqueuedHistory(bench.store, "task", 100)).map(({ id, result }) => `${id} ${result}`);
  };

  test("keeps those that failed apart, with their results; one that is taken up again stands once", async () => {
    const it = await bed({ enqueued: 2, failed: 2 });
    for (const [index, outcome] of ([..."fsfsfss"] as Completion["outcome"][]).entries())
      await run(it, `run-${index}`, outcome, String(index));
    expect(await kept(it)).toEqual(["run-6 6", "run-5 5", "run-4 4", "run-2 2"]);
    expect(await it.bench.redis.hlen(it.bench.store.keys.finished)).toBe(4);
    expect(await it.bench.redis.hlen(it.bench.store.keys.results("~task"))).toBe(4);

    await it.bench.run("run-4").retry();
    expect(await kept(it)).toEqual(["run-6 6", "run-5 5", "run-2 2"]);
    await it.node.complete((await it.node.claim()).claimed);
    expect(await kept(it)).toEqual(["run-4 undefined", "run-6 6", "run-2 2"]);
    await it.bench[Symbol.asyncDispose]();
  });

  test("drops by age what was kept apart, also when runs are not kept apart any more", async () => {
    const it = await bed({ enqueued: 10, failed: 10, age: 60_000 });
    await run(it, "old", "f", "1");
    await it.bench.advance(60_001);
    await run(it, "fresh", "s");
    expect(await it.bench.redis.hkeys(it.bench.store.keys.finished)).toEqual(["fresh"]);
    await run(it, "second", "f", "1");
    await run(it, "third", "s", "1");
    await it.bench.advance(60_001);
    Object.assign(it.bench.store, { retention: { runs: 10, enqueued: 10, age: 60_000 } });
    await run(it, "last", "s");
    expect(await it.bench.redis.hkeys(it.bench.store.keys.finished)).toEqual(["last"]);
    expect(await it.bench.redis.exists(it.bench.store.keys.failures("~task"))).toBe(0);
    await it.bench[Symbol.asyncDispose]();
  });
});
