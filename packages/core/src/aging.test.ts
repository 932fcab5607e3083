import { eventually, type JobStore, startJobStore } from "@escapement/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Cluster, many } from "../test/cluster.js";
import { expectSound, StoreBench } from "../test/store-bench.js";
import { enqueueRuns } from "./enqueue.js";
import { age } from "./scripts/index.js";

// In a queue that never empties, what others of higher priority keep waiting for long gets a tenth of the starts.

let server: JobStore;
beforeAll(async () => {
  server = await startJobStore();
});
afterAll(() => server.stop());

const long = 60_000;

/** Queues so many runs of a priority that have waited for so many ms; their ids are `<name>0`, `<name>1`, … in the order of their times. */
async function queue(
  bench: StoreBench,
  name: string,
  count: number,
  priority: number,
  waits: number,
  { task = "task", queue = "default" } = {},
): Promise<void> {
  const now = await bench.now();
  const runs = Array.from({ length: count }, (_, n) => ({
    id: `${name}${n}`,
    at: now - waits + n,
    priority,
    queue,
  }));
  await enqueueRuns(bench.store, task, runs, 65_536);
}

async function look(bench: StoreBench, most = 100): Promise<number> {
  const { prefix, ...keys } = bench.store.keys;
  const args = { prefix, epoch: bench.epoch, cursor: "0", page: 50, waited: 30_000, most };
  return (await age.run(bench.store.lease, { keys, args }))[2];
}

const places = (runs: readonly string[], name: string): number[] =>
  runs.flatMap((run, index) => (run.startsWith(name) ? [index + 1] : []));

test("each tenth place goes to those that have waited for long, of each priority in turn", async () => {
  await using bench = await new StoreBench(server).ready();
  const node = await bench.node("node");
  await queue(bench, "urgent", 60, 5, 1000);
  await queue(bench, "normal", 3, 0, long);
  await queue(bench, "low", 20, -5, 2 * long);
  expect(await look(bench)).toBe(6); // as many tenth places as there are before them
  const started = await node.take(70);
  const moved = [10, 20, 30, 40, 50, 60].map((place) => started[place - 1]);
  expect([...moved].sort()).toEqual(["low0", "low1", "low2", "normal0", "normal1", "normal2"]);
  expect(moved.slice(0, 2).sort()).toEqual(["low0", "normal0"]);
  expect(started.filter((run) => run.startsWith("urgent")).slice(0, 5)).toEqual(
    Array.from({ length: 5 }, (_, n) => `urgent${n}`),
  );
  await expectSound(bench);
});

test("where fewer than ten are before them one goes behind these at each look, of each priority in turn", async () => {
  await using bench = await new StoreBench(server).ready();
  const node = await bench.node("node", 300_000);
  await queue(bench, "low", 20, 0, long);
  await queue(bench, "normal", 20, 3, long);
  await queue(bench, "urgent", 3, 5, 100);
  const started: string[] = [];
  for (let n = 0; n < 40; n += 1) {
    if (n % 10 === 0) await bench.advance(10_000);
    if (n % 10 === 0) expect(await look(bench)).toBe(1);
    started.push(...(await node.take(1)));
    await queue(bench, `urgent-${n}-`, 1, 5, 0); // one starts, one comes
  }
  const [low, normal] = [places(started, "low").length, places(started, "normal").length];
  expect(low + normal).toBe(4);
  expect(Math.min(low, normal)).toBeGreaterThan(0);
  await expectSound(bench);
});

test("looks that follow one another give away no more than a tenth, however slowly the queue moves", async () => {
  await using bench = await new StoreBench(server).ready();
  const node = await bench.node("node");
  await queue(bench, "urgent", 200, 5, 1000);
  await queue(bench, "low", 100, 0, long);
  const started: string[] = [];
  for (let round = 0; round < 30; round += 1) {
    await look(bench, 10);
    started.push(...(await node.take(4)));
  }
  const given = places(started, "low").length;
  expect(started).toHaveLength(120);
  expect(given).toBeGreaterThanOrEqual(10);
  expect(given).toBeLessThanOrEqual(13);
});

test("what has not waited for so long stays where it is, as do queues of one priority", async () => {
  await using bench = await new StoreBench(server).ready();
  await queue(bench, "urgent", 40, 5, long);
  await queue(bench, "low", 10, 0, 1000);
  expect(await look(bench)).toBe(0);
  await using other = await new StoreBench(server).ready();
  await queue(other, "urgent", 40, 5, long);
  expect(await look(other)).toBe(0);
  const node = await bench.node("node");
  expect(places(await node.take(50), "low")).toEqual([41, 42, 43, 44, 45, 46, 47, 48, 49, 50]);
});

test("runs by force stay before all others, and a score that is no time keeps nobody from moving up", async () => {
  await using bench = await new StoreBench(server).ready();
  await queue(bench, "urgent", 40, 5, 1000);
  await queue(bench, "low", 2, 0, long);
  const lane = bench.store.keys.readyOf("default", "task");
  await bench.define("job");
  const forced = await bench.job("job").runNow({ force: true });
  await bench.redis.zadd(lane, "+inf", "never");
  expect(await look(bench)).toBe(2);
  const order = await bench.redis.zrange(lane, 0, -1);
  expect(order[0]).toBe(forced.id);
  expect(places(order, "low")).toEqual([11, 21]);
});

test.each([12, 130])(
  "of %i priorities that come again and again, the lowest gets some too",
  { timeout: 60_000 },
  async (count) => {
    await using bench = await new StoreBench(server).ready();
    const node = await bench.node("node");
    await queue(bench, "low", 20, 0, 10 * long);
    const started: string[] = [];
    for (let round = 0; round < 10; round += 1) {
      const now = await bench.now();
      const runs = Array.from({ length: count * 2 }, (_, n) => {
        return { id: `p${round}-${n}`, at: now - 1000 + n, priority: 1 + (n % count) };
      });
      await enqueueRuns(bench.store, "task", runs, 65_536);
      await bench.advance(10_000); // as much as lies between two looks
      await node.heartbeat();
      await look(bench);
      started.push(...(await node.take(20)));
    }
    expect(started).toHaveLength(200);
    expect(places(started, "low").length).toBeGreaterThan(0);
  },
);

describe("behind others of another task or queue", () => {
  const lanes = ["default@task", "default@other", "second@task"];
  for (const [what, of] of [
    ["task", { task: "other" }],
    ["queue", { queue: "second" }],
  ] as const)
    for (const usual of [true, false])
      test(`each tenth start goes to what has waited for long, of another ${what}${usual ? "" : ", where there is a pause too"}`, async () => {
        await using bench = await new StoreBench(server).ready();
        const node = await bench.node("node");
        await queue(bench, "urgent", 100, 5, 1000);
        await queue(bench, "low", 20, 0, long, of);
        if (!usual) await bench.redis.set(`${bench.store.keys.prefix}pause:task:unknown`, "why");
        const all = usual ? lanes : [...lanes, "default@unknown"];
        if (!usual) await queue(bench, "never", 1, 0, 1000, { task: "unknown" });
        const started: string[] = [];
        // For one run at a time, and for many.
        for (const slots of [...Array<number>(30).fill(1), 30]) {
          const { claimed } = await node.claim({ slots, lanes: all });
          started.push(...claimed.map(({ run }) => run));
        }
        expect(started).toHaveLength(60);
        const low = started.filter((run) => run.startsWith("low"));
        expect(low).toEqual(Array.from({ length: 6 }, (_, n) => `low${n}`));
        expect(places(started.slice(0, 30), "low")).toEqual([10, 20, 30]);
        await expectSound(bench);
      });

  test("also where each claim is followed by a request that only reports, by either line", async () => {
    await using bench = await new StoreBench(server).ready();
    const node = await bench.node("node");
    await queue(bench, "urgent", 100, 5, 1000);
    await queue(bench, "low", 20, 0, long, { task: "other" });
    const started: string[] = [];
    for (let n = 0; n < 40; n += 1) {
      const { claimed } = await node.claim({ slots: 1, lanes, line: n % 2 === 0 ? "" : "2" });
      started.push(...claimed.map(({ run }) => run));
      await node.complete(claimed);
    }
    expect(places(started, "low")).toEqual([10, 20, 30, 40]);
  });

  test("of several that wait each in turn, however old their times are: what was queued just now for long ago takes no more than its share", async () => {
    await using bench = await new StoreBench(server).ready();
    const node = await bench.node("node");
    await queue(bench, "urgent", 100, 5, 1000);
    await queue(bench, "low", 20, 0, long, { task: "other" });
    await queue(bench, "back", 20, -1000, 1e10, { queue: "second" });
    const { claimed } = await node.claim({ slots: 60, lanes });
    const of = (name: string): number => claimed.filter(({ run }) => run.startsWith(name)).length;
    expect({ urgent: of("urgent"), low: of("low"), back: of("back") }).toEqual({
      ...{ urgent: 54, low: 3, back: 3 },
    });
  });

  test("none does where it has not waited for long, is of the same priority, or others start by force", async () => {
    await using bench = await new StoreBench(server).ready();
    const node = await bench.node("node");
    await queue(bench, "urgent", 40, 5, long);
    await queue(bench, "young", 5, 0, 1000, { task: "other" });
    await queue(bench, "same", 5, 5, long - 100, { queue: "second" });
    const { claimed } = await node.claim({ slots: 40, lanes });
    expect(claimed.map(({ run }) => run)).toEqual(Array.from({ length: 40 }, (_, n) => `urgent${n}`));
    await queue(bench, "low", 5, -5, 10 * long, { task: "other" });
    const forced: string[] = [];
    for (let n = 0; n < 12; n += 1) {
      await bench.define(`job${n}`);
      forced.push((await bench.job(`job${n}`).runNow({ force: true })).id);
    }
    const after = await node.claim({ slots: 12, lanes });
    expect(after.claimed.map(({ run }) => run).sort()).toEqual(forced.sort());
  });
});

test("is a leader's: one of an earlier term is refused", async () => {
  await using bench = await new StoreBench(server).ready();
  bench.epoch = 0;
  await expect(look(bench)).rejects.toMatchObject({ code: "STALE_EPOCH" });
});

test("on a running node: a leader looks by itself, and what waited starts while more urgent runs keep coming", {
  timeout: 60_000,
}, async () => {
  await using cluster = new Cluster(server);
  const node = cluster.scheduler({ concurrency: 1, nodeTtl: 20_000 });
  const started: string[] = [];
  let queued = 0;
  node.task("task", async ({ id }) => {
    started.push(id);
    // One starts, two come: the queue never empties.
    if (queued < 4000) {
      queued += 2;
      await node.enqueueMany(
        "task",
        many(2).map(() => ({ priority: 1 })),
      );
    }
    await new Promise((resolve) => setTimeout(resolve, 5));
  });
  await node.enqueueMany(
    "task",
    many(30).map(() => ({ priority: 1 })),
  );
  await node.enqueue("task", { id: "low", at: Date.now() - long, priority: 0 });
  await node.start();
  await eventually(() => started.includes("low"), { within: 30_000 });
  expect(queued).toBeLessThan(4000);
});
