// The sweeper in stores that have much: runs, lanes, and nodes that hold much.
import { type JobStore, startJobStore } from "@escapement/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { putInLane } from "../test/lanes.js";
import { expectSound, StoreBench } from "../test/store-bench.js";
import { enqueueRuns } from "./enqueue.js";
import { Sweeper } from "./sweep.js";

let server: JobStore;
beforeAll(async () => {
  server = await startJobStore();
});
afterAll(() => server.stop());

/** Due runs in as many lanes, so many in each. */
async function fillLanes(bench: StoreBench, lanes: number, each: number): Promise<void> {
  const runs = Array.from({ length: each }, () => ({}));
  for (let task = 0; task < lanes; task += 1) await enqueueRuns(bench.store, `task-${task}`, runs, 1000);
}

/** How many commands Redis has carried out, those of scripts among them. */
async function commandsSoFar({ redis }: StoreBench): Promise<number> {
  const stats = await redis.info("commandstats");
  return [...stats.matchAll(/calls=(\d+)/g)].reduce((sum, [, calls]) => sum + Number(calls), 0);
}

describe("states: S15: the sweeper, page by page", () => {
  test("goes through any number of runs a page at a time", async () => {
    await using bench = await new StoreBench(server).ready();
    await enqueueRuns(
      bench.store,
      "task",
      Array.from({ length: 1500 }, () => ({})),
      1000,
    );
    await bench.redis.del(bench.store.keys.readyOf("default", "task"));
    expect((await bench.sweep()).length / 2).toBe(1500);
    await expectSound(bench);
  });

  test("goes through any number of lanes, and finds what is wrong in each", async () => {
    await using bench = await new StoreBench(server).ready();
    await fillLanes(bench, 300, 2);
    for (let task = 0; task < 300; task += 1) await putInLane(bench, `default@task-${task}`, `gone-${task}`);
    const mended = await bench.sweep();
    expect(mended.filter((_, at) => at % 2 === 0).sort()).toEqual(
      Array.from({ length: 300 }, (_, task) => `gone-${task}`).sort(),
    );
    await expectSound(bench);
    expect(await bench.sweep()).toEqual([]);
  });

  test("a long lane is gone through a page at a time", async () => {
    await using bench = await new StoreBench(server).ready();
    await fillLanes(bench, 1, 1500);
    const strays = Array.from({ length: 700 }, (_, index) => `gone-${index}`);
    for (const stray of strays) await putInLane(bench, "default@task-0", stray);
    const mended = await bench.sweep();
    expect(mended.filter((_, at) => at % 2 === 0).sort()).toEqual(strays.sort());
    await expectSound(bench);
  });

  test("a run by hand that is not listed as queued is listed again, wherever it stands, and starts once", async () => {
    await using bench = await new StoreBench(server).ready();
    const { redis, store } = bench;
    await bench.define("job", { overlap: "allow" });
    const runs = [await bench.runNow("job"), await bench.runNow("job")];
    await redis.del(store.keys.requeued);
    await redis.zrem(store.keys.readyOf("default", "task"), runs[1] ?? "");
    await putInLane(bench, "other@task", runs[1]);
    const mended = await bench.sweep();
    expect(mended.filter((_, at) => at % 2 === 1).sort()).toEqual([
      "in another lane",
      "queued and not listed",
      "queued and not listed",
    ]);
    await expectSound(bench);
    expect((await (await bench.node("node", 1e9)).take()).sort()).toEqual(runs.sort());
  });

  test("leaves a run in its lane whose record cannot be read: who puts that right has it still", async () => {
    await using bench = await new StoreBench(server).ready();
    const { redis, store } = bench;
    await bench.define("job");
    const run = await bench.runNow("job");
    const text = (await redis.hget(store.keys.jobs, "job")) ?? "";
    await redis.hset(store.keys.jobs, "job", "nothing");
    expect(await bench.sweep()).toEqual([]);
    await redis.hset(store.keys.jobs, "job", text);
    expect(await (await bench.node("node", 1e9)).take()).toEqual([run]);
  });

  test.each([1, 2, 3, 5, 8])(
    "after %i steps, when a job's record is put right for another lane: its run by hand starts once",
    async (steps) => {
      await using bench = await new StoreBench(server).ready();
      const { redis, store } = bench;
      const node = await bench.node("node", 1e9);
      await bench.define("job", { overlap: "allow" });
      const run = await bench.runNow("job");
      for (const task of ["many", "more"])
        await enqueueRuns(
          store,
          task,
          Array.from({ length: 150 }, () => ({})),
          1000,
        );
      await redis.hset(store.keys.jobs, "job", "nothing");
      const sweeper = new Sweeper(store, bench.epoch, bench.events, 60_000);
      const mended: string[] = [];
      bench.events.on("mended", ({ what }) => void mended.push(what));
      const step = async (): Promise<void> => {
        sweeper.nextLook = 0;
        await sweeper.look();
        await new Promise((resolve) => setImmediate(resolve));
      };
      for (let count = 0; count < steps; count += 1) await step();
      await bench.define("job", { overlap: "allow" }, "other");
      // Until it mends something: by then it may stand in two lanes.
      for (let count = 0, before = mended.length; count < 8 && mended.length === before; count += 1)
        await step();
      const started: string[] = [];
      for (let count = 0; count < 4; count += 1) {
        const { claimed } = await node.claim({ slots: 5, lanes: ["default@other", "default@task"] });
        started.push(...claimed.map((one) => one.run));
        await node.complete(claimed);
      }
      expect(started).toEqual([run]);
    },
  );

  test("finds what nodes hold, however many hold how much, and looks into each for little", async () => {
    await using bench = await new StoreBench(server).ready();
    const all: string[] = [];
    for (const [node, count] of [900, 1, 0, 450, 40].entries()) {
      const runs = await enqueueRuns(
        bench.store,
        "task",
        Array.from({ length: count }, () => ({})),
        1000,
      );
      expect((await (await bench.node(`node-${node}`, 1e9)).take(count || 1)).length).toBe(count);
      all.push(...runs);
    }
    expect(await bench.sweep()).toEqual([]);
    await bench.redis.hdel(bench.store.keys.active("node-0"), all[7] ?? "");
    expect(await bench.sweep()).toEqual([all[7], "in no place"]);
  });

  test.each([5, 500, 2000])("a page takes no more commands with %i lanes", async (lanes) => {
    await using bench = await new StoreBench(server).ready();
    await fillLanes(bench, lanes, 2000 / lanes);
    const sweeper = new Sweeper(bench.store, bench.epoch, bench.events, 60_000);
    let [most, before] = [0, await commandsSoFar(bench)];
    for (sweeper.nextLook = 0; sweeper.nextLook < performance.now() + 30_000; ) {
      sweeper.nextLook = 0;
      expect(await sweeper.look()).toBe(0);
      const after = await commandsSoFar(bench);
      [most, before] = [Math.max(most, after - before), after];
    }
    expect(most).toBeLessThan(450); // 200 items, and a lane of its own for each
  });
});
