import { partitionOf } from "@escapement/redis/internal";
import { eventually, type JobStore, startJobStore } from "@escapement/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Cluster, gate } from "../test/cluster.js";
import { type Limited, Partitions } from "../test/lending.js";
import { schedulerProcess } from "../test/node-process.js";
import { expectSound, StoreBench } from "../test/store-bench.js";
import { all, counted, is, times } from "../test/team.js";
import { enqueueRuns } from "./enqueue.js";
import type { EnqueueOptions, Handler, Scheduler, SchedulerOptions, TaskOptions } from "./index.js";

let server: JobStore;
beforeAll(async () => {
  server = await startJobStore();
});
afterAll(() => server.stop());

const partitions = 8;
// Were nodes not woken by places that come, each would wait for the slow poll.
const spread = { partitions, pollEvery: "60s", nodeTtl: 15_000 } as const;

/** Ids of runs in a partition, of so many. */
function idsIn(partition: number, count: number, of = partitions): string[] {
  const ids: string[] = [];
  for (let at = 0; ids.length < count; at += 1)
    if (partitionOf(`run-${at}`, of) === partition) ids.push(`run-${at}`);
  return ids;
}

/** So many runs in each partition. */
const inEach = (count: number, options: EnqueueOptions = {}): EnqueueOptions[] =>
  Array.from({ length: partitions }, (_, index) => idsIn(index, count))
    .flat()
    .map((id) => ({ ...options, id }));

async function startTwo(
  cluster: Cluster,
  handler: Handler<unknown, unknown>,
  task: TaskOptions<unknown> = {},
  options: SchedulerOptions = {},
): Promise<readonly [Scheduler, Scheduler]> {
  const two = [
    cluster.scheduler({ ...spread, ...options }),
    cluster.scheduler({ ...spread, ...options }),
  ] as const;
  for (const one of two) {
    one.task("task", task, handler);
    await one.start();
  }
  return two;
}

/** A handler of which so many wait for each other at first, and how many ran at once at most. */
function together(count: number): { readonly handler: Handler<unknown, unknown>; most(): number } {
  const met = gate();
  let [now, most] = [0, 0];
  const handler = async (): Promise<void> => {
    now += 1;
    most = Math.max(most, now);
    if (now >= count) met.open();
    await met.opened;
    await new Promise((resolve) => setTimeout(resolve, 5));
    now -= 1;
  };
  return { handler, most: () => most };
}

describe("a limit counts over all partitions", () => {
  test.each([
    ["all", {}, { limit: 3 }, {}],
    ["a queue", {}, { queues: [{ name: "default", limit: 3 }] }, {}],
    ["a task", { limit: 3 }, {}, {}],
    ["a concurrencyKey", {}, {}, { concurrencyKey: "key", concurrencyLimit: 3 }],
  ] as const)("of %s: never more at once, and all run", async (_, task, options, each) => {
    await using cluster = new Cluster(server);
    const { handler, most } = together(3);
    const [one] = await startTwo(cluster, handler, task, options);
    await all(await one.enqueueMany("task", inEach(5, each)));
    expect(most()).toBe(3);
  });

  test("a limit of 1 goes round: a partition with much work does not keep it from the others", async () => {
    await using cluster = new Cluster(server);
    const { handler, most } = counted(5);
    const order: string[] = [];
    const [one] = await startTwo(cluster, (run) => {
      order.push(run.id);
      return handler(run);
    });
    const key = { concurrencyKey: "key" };
    const busy = idsIn(3, 150);
    const runs = await one.enqueueMany(
      "task",
      busy.map((id) => ({ ...key, id })),
    );
    await is(await one.run(busy[0] ?? ""), "succeeded");
    const single = Array.from({ length: partitions }, (_, index) => idsIn(index, 151)[150] ?? "");
    const others = await one.enqueueMany(
      "task",
      single.map((id) => ({ ...key, id })),
    );
    await all([...runs, ...others]);
    expect(most()).toBe(1);
    const elsewhere = single.filter((_, index) => index !== 3);
    expect(Math.max(...elsewhere.map((id) => order.indexOf(id)))).toBeLessThan(order.length - 1);
    expect(order).toHaveLength(158);
  });

  test("whenFull skip: only what finds no place in any partition is skipped", async () => {
    await using cluster = new Cluster(server);
    let held = gate();
    const [one] = await startTwo(cluster, () => held.opened, { limit: { max: 2, whenFull: "skip" } });
    const [first, second] = await one.enqueueMany(
      "task",
      [0, 1].map((at) => ({ id: idsIn(at, 1)[0] ?? "" })),
    );
    if (first === undefined || second === undefined) throw new Error("Two were enqueued.");
    await is(first, "active");
    await is(second, "active");
    const late = await one.enqueueMany("task", inEach(2).slice(4));
    await Promise.all(late.map((run) => is(run, "skipped")));
    held.open();
    await all([first, second]);
    held = gate();
    held.open();
    // The places are in two partitions; whoever needs one is given it.
    for (const index of Array.from({ length: partitions }).keys())
      await (await one.enqueue("task", { id: `${idsIn(index, 3)[2]}` })).result({ timeout: 5000 });
  });

  test("whenFull skip of a key: the same", async () => {
    await using cluster = new Cluster(server);
    const held = gate();
    const [one] = await startTwo(cluster, (run) => (run.input === "hold" ? held.opened : undefined));
    const key = { concurrencyKey: "key", concurrencyLimit: { max: 1, whenFull: "skip" } } as const;
    const first = await one.enqueue("task", { ...key, input: "hold", id: idsIn(0, 1)[0] ?? "" });
    await is(first, "active");
    const late = await one.enqueueMany("task", inEach(1, key).slice(1));
    await Promise.all(late.map((run) => is(run, "skipped")));
    held.open();
    await all([first]);
    for (const index of Array.from({ length: partitions }).keys())
      await (await one.enqueue("task", { ...key, id: `${idsIn(index, 2)[1]}` })).result({ timeout: 5000 });
  });

  test("a limit that is lowered, and one that is raised, hold for what starts from then on", async () => {
    await using cluster = new Cluster(server);
    for (const [round, limit] of [4, 1, 3].entries()) {
      const { handler, most } = together(limit);
      const [one, two] = await startTwo(cluster, handler, { limit });
      const runs = inEach(4).map(({ id }) => ({ id: `${id}` }));
      await all(
        await one.enqueueMany(
          "task",
          runs.filter((_, at) => at % 4 === round),
        ),
      );
      await all(await one.enqueueMany("task", times(16, {})));
      expect(most()).toBe(limit);
      await Promise.all([one.stop(), two.stop()]);
    }
  });

  test("a process is killed with all places: others have them once its runs are taken over", async () => {
    await using cluster = new Cluster(server);
    const options = { partitions, limit: 3, nodeTtl: 1000, leaderTtl: 500, pollEvery: 200 };
    const node = await schedulerProcess("node", {
      redis: server.url,
      namespace: cluster.namespace,
      ...options,
    });
    const client = cluster.scheduler(options);
    const runs = await client.enqueueMany("hold", inEach(2));
    await eventually(async () => (await client.activeRuns()).length === 3);
    const { handler, most } = counted(5);
    const other = cluster.scheduler(options);
    other.task("hold", handler);
    await other.start();
    await node.kill();
    await Promise.all(runs.map((run) => run.result({ timeout: 20_000 })));
    expect(most()).toBeLessThanOrEqual(3);
  });
});

test.each([
  ["a queue", { queues: [{ name: "default", rateLimit: { max: 5, per: 1000 } }] }, {}, {}],
  ["a task", {}, { rateLimit: { max: 5, per: 1000 } }, {}],
  [
    "a concurrencyKey",
    {},
    {},
    { concurrencyKey: "key", concurrencyLimit: 100, rateLimit: { max: 5, per: 1000 } },
  ],
] as const)("rateLimit of %s: counted over all partitions", async (_, options, task, each) => {
  await using cluster = new Cluster(server);
  const [one] = await startTwo(cluster, () => undefined, task, options);
  const runs = await one.enqueueMany("task", inEach(2, each));
  await Promise.all(runs.map((run) => run.result({ timeout: 30_000 })));
  const begun = await Promise.all(runs.map(async (run) => (await run.get())?.startedAt?.getTime() ?? 0));
  begun.sort((a, b) => a - b);
  // By the store's clock, whose times these are.
  for (const [index, start] of begun.entries())
    expect(start - (begun[index - 5] ?? 0), String(index)).toBeGreaterThanOrEqual(1000);
});

const one: Limited = { scope: "task:task", limits: [{ scope: "task:task", max: 1, how: "w" }] };

describe("step by step", () => {
  test("what a carrier says a minute late is not believed: it may have been forgotten since", async () => {
    await using parts = await new Partitions([server], one, 3).ready();
    const [borrower = 0, other = 0] = parts.borrowers;
    await parts.enqueue(borrower, 2);
    parts.fates = ["sent", "late"]; // the place is lent; word of it is on its way
    await parts.claim(borrower, 1);
    expect(await parts.inUseOfAll()).toBe(0);
    await parts.advance(150);
    await parts.claim(borrower, 1); // another carrier's word is faster
    await parts.claim(borrower, 1);
    expect(await parts.inUse(borrower)).toBe(1);
    await parts.completeAll(borrower);
    for (const partition of [other, parts.home]) {
      await parts.advance(150);
      await parts.enqueue(partition, 1);
      for (let asked = 0; asked < 5 && (await parts.inUse(partition)) === 0; asked += 1) {
        await parts.claim(partition, 1);
        await parts.advance(150);
      }
      expect(await parts.inUse(partition)).toBe(1);
      if (partition === other) await parts.completeAll(other);
    }
    for (const index of parts.benches.keys()) await parts.forget(index);
    await parts.arrive();
    await parts.claim(borrower, 1);
    expect(await parts.inUseOfAll()).toBe(1);
  });

  test("nodes of the partition to which a place comes are woken", async () => {
    await using parts = await new Partitions([server], one, 3).ready();
    const [borrower = 0] = parts.borrowers;
    await parts.enqueue(borrower, 1);
    const subscriber = server.client();
    const words: string[] = [];
    subscriber.on("message", (_, text) => words.push(text));
    await subscriber.subscribe(parts.bench(borrower).store.keys.wake);
    const { claimed, nextDue } = await parts.claim(borrower, 1);
    await eventually(() => words.length === 1);
    expect([claimed, Number(words[0]) < (nextDue ?? 0)]).toEqual([[], true]);
    subscriber.disconnect();
  });

  test("the sweeper finds nothing wrong with places that are lent", async () => {
    await using parts = await new Partitions(
      [server],
      { ...one, limits: [{ scope: "task:task", max: 2, how: "w" }] },
      3,
    ).ready();
    for (const index of parts.benches.keys()) await parts.enqueue(index, 2);
    for (const index of [...parts.benches.keys(), ...parts.benches.keys()]) await parts.claim(index, 1);
    expect(await parts.inUseOfAll()).toBe(2);
    for (const bench of parts.benches) {
      expect(await bench.sweep()).toEqual([]);
      await expectSound(bench);
    }
    expect(await parts.inUseOfAll()).toBe(2);
  });

  test("numbers that are even are forgotten some time later", async () => {
    await using parts = await new Partitions([server], one, 3).ready();
    const [borrower = 0] = parts.borrowers;
    const ttls = (): Promise<number[]> =>
      Promise.all([
        parts.bench(parts.home).redis.pttl(parts.bench(parts.home).store.keys.lent(one.scope)),
        parts.bench(borrower).redis.pttl(parts.bench(borrower).store.keys.borrowed(one.scope)),
      ]);
    await parts.enqueue(borrower, 1);
    await parts.claim(borrower, 1);
    await parts.claim(borrower, 1);
    expect(await parts.inUse(borrower)).toBe(1);
    expect(await ttls()).toEqual([-1, -1]);
    await parts.completeAll(borrower);
    await parts.advance(150);
    await parts.enqueue(parts.home, 1);
    await parts.claim(parts.home, 1);
    for (const ttl of await ttls()) expect(ttl).toBeGreaterThan(0);
  });

  test("one partition alone writes none of these numbers", async () => {
    await using bench = await new StoreBench(server).ready();
    await enqueueRuns(bench.store, "task", times(3, { concurrencyKey: "key" }), 1000);
    const node = await bench.node("node");
    const { claimed, wanted } = await node.claim({
      ...one,
      rates: [{ scope: "task:task", max: 2, per: 1000 }],
    });
    expect([claimed.length, wanted]).toEqual([1, undefined]);
    expect((await bench.keysLeft()).filter((key) => /^(lent|borrowed|lending)/.test(key))).toEqual([]);
  });
});
