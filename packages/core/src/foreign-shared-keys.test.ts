import { createKeys } from "@escapement/redis/internal";
import { eventually, type JobStore, type StoreClient, startJobStore } from "@escapement/testing";
import { every, once, type Trigger } from "@escapement/triggers";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Cluster, heard } from "../test/cluster.js";
import { type BenchNode, StoreBench } from "../test/store-bench.js";
import { cancelRun } from "./cancel.js";
import type { Claimed, Completion } from "./claim.js";
import { takeDeadLetters } from "./dead-letters.js";
import { enqueueRuns } from "./enqueue.js";
import { pauseTarget } from "./pause.js";
import { passOver, recover, resume, sweep, watch } from "./scripts/index.js";

// Redis takes nothing back of what a script has written before it fails: so a step that meets a key of another type does nothing, or all.

let server: JobStore;
let full: Full;
beforeAll(async () => {
  server = await startJobStore();
  full = await fill();
}, 60_000);
afterAll(async () => {
  await full?.bench[Symbol.asyncDispose]();
  await server.stop();
});

/** A store with something in nearly all of its keys, and a node that holds runs. */
interface Full {
  readonly bench: StoreBench;
  readonly node: BenchNode;
  readonly held: readonly Claimed[];
  /** All keys and what stands there, as Redis dumps it. */
  readonly dump: readonly (readonly [string, Buffer | null])[];
}

const enqueued = (bench: StoreBench, ...ids: string[]): Promise<string[]> =>
  enqueueRuns(
    bench.store,
    "task",
    ids.map((id) => ({ id, ...(id === "later" && { delay: "1d" }) })),
    65_536,
  );

const hour = 3_600_000;
const limits = {
  limits: [{ scope: "task:task", max: 1000, how: "w" }],
  rates: [{ scope: "task:task", max: 1000, per: 60_000 }],
} as const;

async function fill(): Promise<Full> {
  const bench = await new StoreBench(server).ready();
  const trigger = every("1d");
  await bench.define("plain", { trigger, overlap: "allow" });
  await bench.define("max", { trigger, maxRuns: 2, overlap: "queue-all" });
  await bench.define("key", {
    ...{ trigger, overlap: "allow", concurrencyKey: "k" },
    rateLimit: { max: 100, per: "1m" },
  });
  await bench.define("pausing", { trigger, pauseAfterFailures: 5, retain: { runs: 50, failed: 5 } });
  await bench.define("paced", { trigger: every("1d", { after: "completion" }), overlap: "allow" });
  await bench.define("tagged", { trigger, tags: ["x"], resumeFrom: "now" });
  await bench.define("child", { dependsOn: ["plain"] });
  await bench.define("ends", { trigger, whenExhausted: "remove", maxRuns: 1 });
  const jobs = ["plain", "max", "key", "pausing", "paced", "tagged", "ends"];
  const now = await bench.now();
  for (const job of jobs) await bench.write(job, [now - 20, now - 10]);
  await pauseTarget(bench.store, { tag: "x" }, { reason: "closed" });
  await enqueued(bench, "one", "two", "three", "later");
  const [node, other] = [await bench.node("node", hour), await bench.node("other", hour)];
  await other.claim({ slots: 2, ...limits });
  const { claimed } = await node.claim({ slots: 12, ...limits });
  // One of each way in which an attempt ends; the rest is held still.
  const [failed, again, ...held] = claimed;
  if (failed === undefined || again === undefined) throw new Error("Nothing was claimed.");
  await node.complete([failed], "f");
  await node.complete([again], "F", "1");
  await bench.redis.hset(bench.store.keys.progress, held[0]?.run ?? "", "1");
  await bench.redis.hset(bench.store.keys.cancelled("node"), held[1]?.run ?? "", "by hand");
  await bench.redis.zadd(bench.store.keys.nodes, 1, "other");
  return { bench, node, held, dump: await dumped(bench) };
}

const outcomes: readonly Completion["outcome"][] = ["s", "f", "F", "l", "b", "v", "x", "t"];
const endings = (held: readonly Claimed[]): Completion[] =>
  held.map(({ run, token }, index) => ({
    ...{ run, token, detail: run.includes("@") ? "" : '{"task":"task"}', result: "" },
    outcome: outcomes[index % outcomes.length] ?? "s",
  }));

/** Each step that writes, with one call of its script. */
const steps: Readonly<Record<string, (full: Full) => Promise<unknown>>> = {
  claim: ({ node, held }) => node.claim({ slots: 20, completions: endings(held), ...limits }),
  materialise: async ({ bench }) => bench.write("plain", [(await bench.now()) + 5]),
  recover: ({ bench: { store, epoch } }) =>
    recover.run(store.lease, { keys: plain(store), args: { ...store.history, epoch, batch: 100 } }),
  sweep: ({ bench: { store, epoch } }) =>
    sweep.run(store.lease, {
      keys: plain(store),
      args: { ...store.history, epoch, index: 1, cursor: 0, batch: 100_000 },
      lists: { cursors: [] },
    }),
  watch: ({ bench: { store, epoch } }) => {
    const args = { ...store.told, epoch, cursor: 0, page: 100, batch: 100, too_long: 1 };
    return watch.run(store.lease, { keys: plain(store), args });
  },
  resume: ({ bench: { store } }) => {
    const args = { ...store.told, ...store.founding, name: "tag:x", said: "{}", batch: 100, again: 0 };
    return resume.run(store.commands, { keys: plain(store), args });
  },
  "pass over": async ({ bench: { store, redis } }) => {
    const cursor = (await redis.zscore(store.keys.due, "tagged")) ?? "";
    const before = Number(cursor) + 1;
    return passOver.run(store.commands, {
      keys: plain(store),
      args: { ...store.history, ...store.founding, name: "tag:x", before, epoch: "", last: 1 },
      lists: { jobs: ["tagged", 1, cursor, before, 1, cursor, 1] },
    });
  },
  define: ({ bench }) => bench.define("plain", { trigger: every("2d"), overlap: "skip", maxRuns: 7 }),
  "define anew": ({ bench }) => bench.define("new", { trigger: every("2d"), dependsOn: ["key"] }),
  enqueue: ({ bench }) => enqueued(bench, "four", "five"),
  "run now": ({ bench }) => bench.runNow("plain"),
  remove: ({ bench }) => bench.remove("max"),
  cancel: ({ bench }) => cancelRun(bench.store, "later", {}),
  redrive: ({ bench }) => takeDeadLetters(bench.store, {}, true),
  pause: ({ bench }) => pauseTarget(bench.store, { tag: "y" }, { reason: "closed" }),
  heartbeat: ({ node }) => node.heartbeat(),
  join: ({ node }) => node.join(1),
  leave: ({ node }) => node.leave(),
};

function plain({ keys }: StoreBench["store"]): Omit<typeof keys, "prefix"> {
  const { prefix: _, ...rest } = keys;
  return rest;
}

async function dumped({ redis, store: { keys } }: StoreBench): Promise<[string, Buffer | null][]> {
  const found = (await redis.keys(`${keys.prefix}*`)).sort();
  return Promise.all(found.map(async (key) => [key, await redis.dumpBuffer(key)] as [string, Buffer | null]));
}

/** All that is stored, but for the time that scripts note. */
async function stored(bench: StoreBench): Promise<string[]> {
  const all = (await dumped(bench)).filter(([key]) => key !== bench.store.keys.clock);
  return all.map(([key, value]) => `${key} ${value?.toString("base64")}`);
}

/** Puts something of another type in the place of a key. */
async function spoil(redis: StoreClient, key: string): Promise<void> {
  const isList = /:(rate|history):/.test(key);
  const spoilt = redis.multi().del(key);
  await (isList ? spoilt.set(key, "garbage") : spoilt.rpush(key, "garbage")).exec();
}

/** The store as it was filled, with something else in the place of a key. */
async function refill({ bench: { redis, store }, dump, node }: Full, foreign: string): Promise<void> {
  const pipeline = redis.pipeline();
  for (const key of await redis.keys(`${store.keys.prefix}*`)) pipeline.del(key);
  for (const [key, value] of dump) if (value !== null && key !== foreign) pipeline.restore(key, 0, value);
  await pipeline.exec();
  await spoil(redis, foreign);
  node.number = 1000;
}

const { prefix: _, wake: __, ...kinds } = createKeys("any");
const fixed = Object.entries(kinds).flatMap(([kind, key]) => (typeof key === "string" ? [kind] : []));
const others = [
  ...["active:node", "active:other", "request:node", "cancelled:node", "cancelled:other"],
  ...["ready:default@task", "held:task:task", "held:key:k", "full:k", "rate:task:task", "rate:key:k"],
  ...["dead-letters:default", "paused-by:tag:x", "history:plain", "history:~task", "results:plain"],
];
const nameOf = (bench: StoreBench, name: string): string => {
  const key = bench.store.keys[name as "jobs"];
  return key ?? `${bench.store.keys.prefix}${name}`;
};

/** What a step met that it cannot do without: it has thrown. `half`: and written. */
async function meets(
  name: string,
  of: string,
): Promise<{ readonly failed: boolean; readonly half: string[] }> {
  const { bench } = full;
  await refill(full, nameOf(bench, of));
  const before = await stored(bench);
  const problem = await steps[name]?.(full).then(
    () => undefined,
    (error: Error) => error,
  );
  if (problem === undefined) return { failed: false, half: [] };
  const changed = (await stored(bench)).filter((line) => !before.includes(line));
  const half = changed.map((line) => `${of}: ${problem.message} after ${line.split(/}:| /)[1]}`);
  return { failed: true, half };
}

describe("a step that meets a key of another type does nothing, or all", () => {
  test.each(Object.keys(steps))("%s", { timeout: 120_000 }, async (name) => {
    const half: string[] = [];
    for (const of of [...fixed, ...others]) half.push(...(await meets(name, of)).half);
    expect(half).toEqual([]);
  });
});

test("what a node's request cannot do without is what work hangs on and stands nowhere else, and what it asks for first", async () => {
  const failed: string[] = [];
  for (const of of [...fixed, ...others]) if ((await meets("claim", of)).failed) failed.push(of);
  expect(failed).toEqual(["clock", "jobs", "unstarted", "runs", "nodes", "request:node"]);
});

test("each outcome that was accepted, and each run that was claimed, is told of", {
  timeout: 120_000,
}, async () => {
  const { bench, node, held } = full;
  for (const of of [...fixed, ...others]) {
    await refill(full, nameOf(bench, of));
    const completions = endings(held);
    const answer = await node.claim({ slots: 20, completions, ...limits }).catch(() => undefined);
    if (answer === undefined || of === "active:node") continue;
    expect(answer.accepted, of).toEqual(held.map(() => true));
    const lines = (await bench.redis.xrange(bench.store.keys.events, "-", "+")).flatMap(([, fields]) =>
      (fields[3] ?? "").split("\n"),
    );
    const told = (word: string, run: string): boolean =>
      lines.some((line) => line.startsWith(`${word} ${run} `));
    const untold = completions.filter(
      ({ run, outcome }) => outcome !== "b" && !told("ended", run) && !told("again", run),
    );
    expect([of, ...untold.map(({ run }) => run)]).toEqual([of]);
    expect(answer.claimed.filter(({ run }) => !told("started", run)).map(({ run }) => run)).toEqual([]);
  }
});

describe("a node that meets a key of another type while it works loses no fire time and tells each end", () => {
  test.each([
    ...["fence", "holds", "running", "events", "attempts", "held:task:dates", "rate:task:dates"].map(
      (of) => ({
        of,
        waits: false,
      }),
    ),
    ...["unstarted", "jobs"].map((of) => ({ of, waits: true })),
  ])("$of", { timeout: 60_000 }, async ({ of, waits }) => {
    await using cluster = new Cluster(server);
    const redis = server.client();
    const node = cluster.scheduler();
    const options = { limit: 100, rateLimit: { max: 1000, per: "1m" } } as const;
    node.task("dates", options, () => "done");
    const [errors, ended] = [heard(node, "error"), heard(node, "afterRun")];
    const refused = heard(node, "completionRefused");
    await node.start();
    const first = Date.now() + 500;
    const times = Array.from({ length: 30 }, (_, index) => new Date(first + index * 50));
    await node.schedule("dates", { id: "dates", trigger: once(...times) as Trigger, overlap: "queue-all" });
    await eventually(() => ended.length >= 5, { within: 20_000 });
    const keys = cluster.keysOf("dates");
    const key = keys[of as "jobs"] ?? `${keys.prefix}${of}`;
    // What stood there is gone, but for what is to be put back by hand.
    if (waits) await redis.copy(key, `${keys.prefix}aside`);
    await spoil(redis, key);
    if (waits) {
      await eventually(() => errors.length > 2, { within: 20_000 });
      const left = ended.length;
      expect(await redis.type(key)).toBe("list");
      expect(errors.map(({ error }) => (error as Error).message).join("\n")).toContain(`WRONGTYPE ${key} is`);
      await redis.rename(`${keys.prefix}aside`, key);
      expect(left).toBeLessThan(times.length);
    }
    const states = async (): Promise<(string | undefined)[]> =>
      (await node.job("dates").history({ limit: 100 })).map(({ state }) => state);
    await eventually(async () => (await states()).length >= times.length, { within: 30_000 });
    expect(await states()).toEqual(times.map(() => "succeeded"));
    expect(refused).toEqual([]);
    const lines = (await redis.xrange(keys.events, "-", "+")).flatMap(([, fields]) =>
      (fields[3] ?? "").split("\n"),
    );
    if (of !== "events") {
      const told = new Set(
        lines.flatMap((line) => (line.startsWith("ended ") ? [line.split(" ")[1] ?? ""] : [])),
      );
      expect(told.size).toBe(times.length);
    }
    if (!waits) expect(errors).toEqual([]);
  });
});
