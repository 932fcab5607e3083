import { eventually, type JobStore, startJobStore } from "@escapement/testing";
import { every } from "@escapement/triggers";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Cluster } from "../test/cluster.js";
import { type BenchNode, StoreBench } from "../test/store-bench.js";
import type { Completion } from "./claim.js";
import type { RetainOptions } from "./retention.js";

let server: JobStore;
beforeAll(async () => {
  server = await startJobStore();
});
afterAll(() => server.stop());

interface Bed {
  readonly bench: StoreBench;
  readonly node: BenchNode;
}

async function bed(
  retain: RetainOptions | undefined,
  settings: ConstructorParameters<typeof StoreBench>[1] = {},
): Promise<Bed> {
  const bench = await new StoreBench(server, settings).ready();
  await define(bench, retain);
  return { bench, node: await bench.node("node", 100_000_000) };
}
const define = (bench: StoreBench, retain: RetainOptions | undefined): Promise<void> =>
  bench.define("job", { overlap: "allow", ...(retain && { retain }) });

async function end(
  { bench, node }: Bed,
  result: string,
  outcome: Completion["outcome"] = "s",
): Promise<string> {
  const run = await bench.runNow("job");
  await again({ bench, node }, result, outcome);
  return run;
}
/** Ends the one run that is ready. */
async function again(
  { bench, node }: Bed,
  result: string,
  outcome: Completion["outcome"] = "s",
): Promise<void> {
  expect(await node.complete((await node.claim()).claimed, outcome, result)).toEqual([true]);
  await bench.advance(1);
}
const resultsOf = async (bench: StoreBench): Promise<unknown[]> =>
  (await bench.job("job").history()).map(({ result }) => result);
const keysOfResults = async (bench: StoreBench): Promise<string[]> =>
  (await bench.keysLeft()).filter((key) => /^results?:/.test(key));

describe("retain: results", () => {
  test("ends a result by Redis' own clock, while its run stays", async () => {
    const it = await bed({ results: 400 });
    const run = await end(it, '"kept"');
    expect((await it.bench.run(run).get())?.result).toBe("kept");
    expect(await resultsOf(it.bench)).toEqual(["kept"]);
    expect(await keysOfResults(it.bench)).toEqual([`result:${run}`]);
    expect(await it.bench.redis.pttl(it.bench.store.keys.result(run))).toBeLessThanOrEqual(400);
    await eventually(async () => expect((await it.bench.run(run).get())?.result).toBeUndefined());
    expect(await keysOfResults(it.bench)).toEqual([]);
    expect((await it.bench.run(run).get())?.state).toBe("succeeded");
    await it.bench[Symbol.asyncDispose]();
  });

  test("is no longer than the run is kept", async () => {
    const it = await bed({ runs: 2, age: "1m", results: "1h" });
    const runs = [await end(it, "1"), await end(it, "2")];
    const { result } = it.bench.store.keys;
    for (const run of runs) expect(await it.bench.redis.pttl(result(run))).toBeLessThanOrEqual(60_000);
    await end(it, "3");
    expect(await it.bench.redis.exists(...runs.map(result))).toBe(1);
    expect(await resultsOf(it.bench)).toEqual([3, 2]);
    await it.bench[Symbol.asyncDispose]();
  });

  test.each([0, "0"])("of %j keeps none at all", async (results) => {
    const it = await bed({ results });
    const run = await end(it, "1");
    await end(it, "2", "f");
    expect(await keysOfResults(it.bench)).toEqual([]);
    expect(await it.bench.run(run).result()).toBeUndefined();
    await it.bench[Symbol.asyncDispose]();
  });

  test("that is changed leaves what is there readable", async () => {
    const it = await bed(undefined);
    await end(it, "1");
    await define(it.bench, { results: "1h" });
    await end(it, "2");
    await define(it.bench, { results: 0 });
    await end(it, "3");
    await define(it.bench, undefined);
    await end(it, "4");
    expect(await resultsOf(it.bench)).toEqual([4, undefined, 2, 1]);
    await it.bench[Symbol.asyncDispose]();
  });

  test("of the settings holds for jobs that say nothing of it, and for enqueued runs", async () => {
    await using cluster = new Cluster(server);
    const node = cluster.scheduler({ retain: { results: "1m" } });
    node.task("task", () => "answer");
    await node.start();
    await node.schedule("task", { id: "job", trigger: every("1h") });
    await node.schedule("task", { id: "none", trigger: every("1h"), retain: { results: 0 } });
    const run = await node.job("job").runNow();
    expect(await run.result({ timeout: 5000 })).toBe("answer");
    const enqueued = await node.enqueue("task");
    expect(await enqueued.result({ timeout: 5000 })).toBe("answer");
    expect(await (await node.job("none").runNow()).result({ timeout: 5000 })).toBeUndefined();
    expect((await node.finishedRuns("task"))[0]?.result).toBe("answer");
    const keys = await server.client().keys(`escapement:{${cluster.namespace}*}:result*`);
    expect(keys.map((key) => key.slice(key.indexOf("}:") + 2)).sort()).toEqual(
      [`result:${run.id}`, `result:${enqueued.id}`].sort(),
    );
    for (const key of keys) expect(await server.client().pttl(key)).toBeGreaterThan(30_000);
  });
});

describe("retain: the result of a run that was taken out of the dead letters", () => {
  test.each([undefined, { results: "1h" }, { failed: 2 }] as const)(
    "is that of its last end, and stays when the entry of the one before goes: %j",
    async (retain) => {
      const it = await bed({ ...retain, runs: 2 });
      const run = await end(it, '"first"', "f");
      await it.bench.run(run).retry();
      await again(it, '"second"');
      expect((await it.bench.run(run).get())?.result).toBe("second");
      expect(await resultsOf(it.bench)).toEqual(["second", "first"]);
      await end(it, '"other"', "f");
      if (retain !== undefined && "failed" in retain) await end(it, '"other"', "f");
      expect(await it.bench.run(run).result()).toBe("second");
      expect((await resultsOf(it.bench)).includes("first")).toBe(false);
      await it.bench[Symbol.asyncDispose]();
    },
  );

  test("is none if it ended without one", async () => {
    const it = await bed(undefined);
    const run = await end(it, '"first"', "f");
    await it.bench.run(run).retry();
    await again(it, "");
    expect((await it.bench.run(run).get())?.result).toBeUndefined();
    await it.bench[Symbol.asyncDispose]();
  });
});

describe("what is not used costs nothing:", () => {
  /** What the usual claim asks at once. */
  const usual =
    "exists cancelled:node holds limited progress exhaustion failing paced retention blocked edges paused";

  /** What a run's end asks of the keys that only `retain` has, and of the one that is looked for with them. */
  async function askedBy(it: Bed): Promise<string[]> {
    const redis = (await server.masterOf(it.bench.store.keys.prefix)).client();
    const monitor = await redis.monitor();
    const asked: string[] = [];
    let marked = false;
    const { prefix } = it.bench.store.keys;
    monitor.on("monitor", (_time: string, args: string[]) => {
      if (args.includes("mark")) marked = true;
      const [name = "", ...keys] = args;
      if (/^eval/i.test(name)) return;
      if (
        keys.some(
          (key) =>
            key.startsWith(prefix) && /^(paced|retention|failures:|result:)/.test(key.slice(prefix.length)),
        )
      )
        asked.push([name.toLowerCase(), ...keys.map((key) => key.replace(prefix, ""))].join(" "));
    });
    await end(it, "1");
    await redis.echo("mark");
    await eventually(() => expect(marked).toBe(true));
    monitor.disconnect();
    return asked;
  }

  test("a plain run's end looks for it in a call that is made anyway", async () => {
    const it = await bed(undefined, { runs: 2 });
    for (const result of ["1", "2", "3"]) await end(it, result);
    expect(await askedBy(it)).toEqual([usual]);
    await it.bench[Symbol.asyncDispose]();
  });

  test("and where it is used, it takes a few calls more, and no record is read", async () => {
    const it = await bed({ runs: 2 });
    for (const result of ["1", "2", "3"]) await end(it, result);
    expect(await askedBy(it)).toEqual([
      ...[usual, "hmget paced job", "hmget retention job"],
      ...["exists paced retention", "exists paced", "hget retention job"],
    ]);
    await it.bench[Symbol.asyncDispose]();
  });
});

describe("retain: the option", () => {
  test("is the same again when read, given back, and changed with something else", async () => {
    await using cluster = new Cluster(server);
    const client = cluster.scheduler();
    const retain = { runs: 7, failed: 9, age: "12h", results: "0" };
    const stored = { runs: 7, failed: 9, age: 43_200_000, results: 0 };
    const options = { id: "job", trigger: every("1h"), retain };
    expect((await client.schedule("task", options)).retain).toStrictEqual(stored);
    expect((await client.job("job").update({ priority: 1 })).retain).toStrictEqual(stored);
    expect(await client.schedule("task", { ...options, priority: 1, retain: stored })).toMatchObject({
      version: 2,
    });
    expect((await client.job("job").update({ retain: { failed: 2 } })).retain).toStrictEqual({ failed: 2 });
    expect((await client.job("job").update({ retain: {} })).retain).toBeUndefined();
    expect(await client.schedule("task", { id: "job", trigger: options.trigger, priority: 1 })).toMatchObject(
      { version: 4 },
    );
  });
});

test("a run is found among thousands, in whichever list", async () => {
  const it = await bed({ runs: 3000, failed: 3000 });
  const { redis, store } = it.bench;
  const now = await it.bench.now();
  const entries = (state: string): string[] =>
    Array.from({ length: 1500 }, (_, at) => `${1_000_000_000_000 + at}-${state} 1 ${now} ${state} 1 1 node `);
  await redis.rpush(store.keys.history("job"), ...entries("s"));
  await redis.rpush(store.keys.failures("job"), ...entries("f"));
  for (const at of [0, 499, 500, 1000, 1499]) {
    expect((await it.bench.run(`job@${1_000_000_000_000 + at}-s`).get())?.state).toBe("succeeded");
    expect((await it.bench.run(`job@${1_000_000_000_000 + at}-f`).get())?.state).toBe("failed");
  }
  expect(await it.bench.run("job@1000000009999-s").get()).toBeUndefined();
  await it.bench[Symbol.asyncDispose]();
});
