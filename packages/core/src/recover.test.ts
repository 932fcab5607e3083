import { type JobStore, startJobStore } from "@escapement/testing";
import { afterAll, beforeAll, expect, test } from "vitest";
import { expectSound, StoreBench } from "../test/store-bench.js";
import { enqueueRuns } from "./enqueue.js";
import { runIdOf } from "./run-id.js";
import { recover, report } from "./scripts/index.js";

let server: JobStore;
beforeAll(async () => {
  server = await startJobStore();
});
afterAll(() => server.stop());

const bench = (): Promise<StoreBench> => new StoreBench(server).ready();
const queue = (on: StoreBench, options: Parameters<typeof enqueueRuns>[2]): Promise<string[]> =>
  enqueueRuns(on.store, "task", options, 65_536);

test("death is final: a node declared dead cannot prolong, claim, report or come back under its identity", async () => {
  await using on = await bench();
  const node = await on.node("a", 1000);
  await queue(on, [{ id: "1" }]);
  const { claimed } = await node.claim();
  const { keys } = on.store;
  const args = { node: "a", run: "1", token: claimed[0]?.token ?? "", progress: "1" };
  const progress = (): Promise<string> =>
    report.run(on.store.lease, { keys: { ...keys, active: keys.active("a") }, args });
  await on.advance(1001);
  const dead = { code: "NODE_DEAD" };
  // Before anybody has declared it:
  await expect(node.heartbeat()).rejects.toMatchObject(dead);
  await expect(node.join(1)).rejects.toMatchObject(dead);
  await expect(progress()).rejects.toMatchObject({ code: "LEASE_LOST" });
  await on.recover();
  // And after everything of it was taken over:
  await expect(node.heartbeat()).rejects.toMatchObject(dead);
  await expect(node.join(1)).rejects.toMatchObject(dead);
  await expect(node.claim()).rejects.toMatchObject(dead);
  await expect(node.complete(claimed)).rejects.toMatchObject(dead);
  await expect(progress()).rejects.toMatchObject({ code: "LEASE_LOST" });
  expect(await on.redis.exists(keys.progress)).toBe(0);
});

test("delivery: at least once, another attempt follows, up to `maxLost` lost ones; each stands in the history", async () => {
  await using on = await bench();
  await on.define("job", { maxLost: 2 });
  const [run = ""] = await on.write("job", [(await on.now()) - 1]);
  for (const attempt of [1, 2, 3]) {
    const node = await on.node(`node-${attempt}`, 1000);
    expect((await node.claim()).claimed).toMatchObject([{ run, attempt }]);
    await expectSound(on);
    await on.advance(1001);
    await on.recover();
    await expectSound(on);
  }
  const ended = await on.run(run).get();
  expect(ended).toMatchObject({ state: "lost", reason: "node-dead", attempt: 3 });
  expect(ended?.attempts.map(({ attempt, state, node }) => [attempt, state, node])).toEqual([
    [1, "lost", "node-1"],
    [2, "lost", "node-2"],
    [3, "lost", "node-3"],
  ]);
  expect(await on.keysLeft()).not.toContain("attempts");
  expect(await on.keysLeft()).not.toContain("running");
});

test("delivery: at most once, the run is recorded as lost, and the job's next one may start", async () => {
  await using on = await bench();
  await on.define("job", { delivery: "at-most-once" });
  const now = await on.now();
  const [first = "", second] = await on.write("job", [now - 20, now - 10]);
  const a = await on.node("a", 1000);
  expect(await a.take()).toEqual([first]);
  await on.advance(1001);
  await on.recover();
  expect(await on.run(first).get()).toMatchObject({ state: "lost", attempt: 1 });
  await expectSound(on);
  expect(await (await on.node("b")).take()).toEqual([second]);
});

test("an enqueued run that is lost can be read as such, with its task", async () => {
  await using on = await bench();
  await queue(on, [{ id: "1", delivery: "at-most-once" }]);
  await (await on.node("a", 1000)).take();
  await on.advance(1001);
  await on.recover();
  expect(await on.run("1").get()).toMatchObject({ state: "lost", task: "task", reason: "node-dead" });
});

test("progress: what a lost attempt said of it goes with it", async () => {
  await using on = await bench();
  const node = await on.node("a", 1000);
  await queue(on, [{ id: "1", delivery: "at-most-once" }]);
  const { claimed } = await node.claim();
  const { keys } = on.store;
  const args = { node: "a", run: "1", token: claimed[0]?.token ?? "", progress: "50" };
  await report.run(on.store.lease, { keys: { ...keys, active: keys.active("a") }, args });
  expect((await on.run("1").get())?.progress).toBe(50);
  await on.advance(1001);
  await on.recover();
  await expectSound(on);
});

test("I10: takes over a bounded number of runs in a step, and another leader goes on where one died", async () => {
  await using on = await bench();
  const nodes = [await on.node("a", 1000), await on.node("b", 1000)];
  await queue(
    on,
    Array.from({ length: 500 }, () => ({})),
  );
  for (const node of nodes) expect(await node.take(250)).toHaveLength(250);
  await on.advance(1001);

  const { prefix: _, ...keys } = on.store.keys;
  const step = (epoch: number) =>
    recover.run(on.store.lease, { keys, args: { ...on.store.history, epoch, batch: 100 } });
  const taken = async (epoch: number): Promise<number> => (await step(epoch))[2].length / 4;
  expect(await taken(1)).toBe(100);
  await expectSound(on);
  await on.redis.set(keys.epoch, 2); // the first leader is dead
  await expect(step(1)).rejects.toMatchObject({ code: "STALE_EPOCH" });
  expect([await taken(2), await taken(2), await taken(2), await taken(2), await taken(2)]).toEqual([
    100, 100, 100, 100, 0,
  ]);
  await expectSound(on);
  expect((await on.keysLeft()).filter((key) => /^(active|request|node-info|dead|nodes)/.test(key))).toEqual(
    [],
  );
  const c = await on.node("c");
  const again = await c.claim({ slots: 1000 });
  expect(again.claimed).toHaveLength(500);
  expect(new Set(again.claimed.map(({ attempt }) => attempt))).toEqual(new Set([2]));
});

test("S16: a dead node's job is not taken for running", async () => {
  await using on = await bench();
  await on.define("job", { maxLost: 0 });
  await on.write("job", [(await on.now()) - 1]);
  await (await on.node("a", 1000)).take();
  expect((await on.job("job").get())?.running).toBeDefined();
  await on.advance(1001);
  await on.recover();
  expect((await on.job("job").get())?.running).toBeUndefined();
});

test("a run whose job was removed while it ran is recorded as lost, and nothing is left of it", async () => {
  await using on = await bench();
  await on.define("job");
  const time = (await on.now()) - 1;
  await on.write("job", [time]);
  await (await on.node("a", 1000)).take();
  await on.remove("job");
  await on.advance(1001);
  await on.recover();
  expect(await on.run(runIdOf("job", time)).get()).toMatchObject({ state: "lost" });
  await expectSound(on);
});

test("a further attempt whose job was removed is dropped without a trace", async () => {
  await using on = await bench();
  await on.define("job");
  await on.write("job", [(await on.now()) - 1]);
  await (await on.node("a", 1000)).take();
  await on.advance(1001);
  await on.recover();
  await on.remove("job");
  expect(await (await on.node("b")).take()).toEqual([]);
  await expectSound(on);
  expect(await on.keysLeft()).not.toContain("running");
});

test("a node that leaves while it holds runs is taken over at once", async () => {
  await using on = await bench();
  const node = await on.node("a");
  await queue(on, [{ id: "1" }]);
  await node.claim();
  await node.leave();
  await on.recover();
  expect((await (await on.node("b")).claim()).claimed).toMatchObject([{ run: "1", attempt: 2 }]);
  const idle = await on.node("c");
  await idle.leave();
  expect(await on.redis.hexists(on.store.keys.nodeInfo, "c")).toBe(0);
});

test("what a node held is taken over as soon as it comes back under another identity, if somebody took it off the list", async () => {
  await using on = await bench();
  const [former, next] = [await on.node("a"), await on.node("b")];
  const [run] = await queue(on, [{}]);
  expect(await former.take()).toEqual([run]);
  await on.redis.zrem(on.store.keys.nodes, "a");
  await next.join(0, ["a"]);
  await next.join(0, ["a"]); // asked again, since nobody knew whether it had
  await on.recover();
  expect((await next.claim()).claimed).toMatchObject([{ run, attempt: 2 }]);
  await next.join(0, ["a"]);
  expect(await on.redis.zrange(on.store.keys.dead, 0, -1)).toEqual([]);
  await expectSound(on);
});

test("a node that comes back under another identity while its former lease goes on leaves that to its end", async () => {
  await using on = await bench();
  await on.node("a", 60_000);
  await (await on.node("b")).join(0, ["a"]);
  expect(await on.redis.zrange(on.store.keys.dead, 0, -1)).toEqual([]);
});
