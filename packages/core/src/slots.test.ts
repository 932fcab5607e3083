import { partitionOf } from "@escapement/redis/internal";
import { eventually, type JobStore, startJobStore } from "@escapement/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Cluster, gate } from "../test/cluster.js";
import type { Scheduler } from "./index.js";
import { type Sharer, Slots } from "./slots.js";

let server: JobStore;
beforeAll(async () => {
  server = await startJobStore();
});
afterAll(() => server.stop());

/** One that wants slots, has taken some, and counts how often it is told of free ones. */
class Taker implements Sharer {
  told = 0;
  readonly #has: number;
  readonly #isEager: boolean;

  constructor(has: number, isEager: boolean) {
    this.#has = has;
    this.#isEager = isEager;
  }

  taken(): number {
    return this.#has;
  }

  wants(): boolean {
    return this.#isEager;
  }

  freed(): void {
    this.told += 1;
  }
}

describe("slots", () => {
  const shared = (...takers: Taker[]): Slots => {
    const slots = new Slots(10);
    for (const taker of takers) slots.join(taker);
    return slots;
  };

  test("are all for the only one there is", () => {
    const only = new Taker(4, true);
    const slots = shared(only);
    expect([slots.isShared, slots.takenBesides(only), slots.shareOf(only, 6)]).toEqual([false, 0, 6]);
  });

  test("are shared by those that want some, and by nobody else", () => {
    const [one, other, idle] = [new Taker(0, true), new Taker(0, true), new Taker(0, false)];
    const slots = shared(one, other, idle);
    expect([slots.shareOf(one, 10), slots.shareOf(other, 10), slots.shareOf(idle, 10)]).toEqual([5, 5, 4]);
  });

  test("that the others have asked for are taken", () => {
    const [one, other] = [new Taker(3, true), new Taker(4, false)];
    const slots = shared(one, other);
    expect([slots.takenBesides(one), slots.takenBesides(other)]).toEqual([4, 3]);
  });

  test("go round where there are fewer than are wanted", () => {
    const takers = [new Taker(0, true), new Taker(0, true), new Taker(0, true)];
    const slots = shared(...takers);
    const order: number[] = [];
    for (let round = 0; round < 6; round += 1) {
      const able = takers.findIndex((taker) => slots.shareOf(taker, 1) > 0);
      order.push(able);
      slots.served(takers[able] as Taker);
    }
    expect(order).toEqual([0, 1, 2, 0, 1, 2]);
  });

  test("that are free are told to those that want some", () => {
    const [by, eager, idle] = [new Taker(0, true), new Taker(0, true), new Taker(0, false)];
    shared(by, eager, idle).freed(by);
    expect([by.told, eager.told, idle.told]).toEqual([0, 1, 0]);
  });
});

describe("of a process with several partitions", () => {
  const partitions = 8;

  test("never more handlers run at once than it has slots, and all runs are done", async () => {
    await using cluster = new Cluster(server);
    const node = cluster.scheduler({ partitions, concurrency: 3 });
    let [running, most] = [0, 0];
    node.task("task", async () => {
      running += 1;
      most = Math.max(most, running);
      await new Promise((resolve) => setTimeout(resolve, 2));
      running -= 1;
    });
    await node.start();
    const handles = await node.enqueueMany(
      "task",
      Array.from({ length: 300 }, () => ({})),
    );
    expect(new Set(handles.map(({ id }) => partitionOf(id, partitions))).size).toBe(partitions);
    await eventually(async () => (await node.load()).due + (await node.load()).active === 0, {
      within: 20_000,
    });
    expect(most).toBe(3);
    const ends = await Promise.all(handles.map((handle) => handle.get()));
    expect(ends.every((run) => run?.state === "succeeded" && run.attempt === 1)).toBe(true);
  });

  test("one partition with much to do keeps none of the others waiting", async () => {
    await using cluster = new Cluster(server);
    const node = cluster.scheduler({ partitions, concurrency: 1 });
    const order: string[] = [];
    const enough = gate();
    node.task("task", ({ id }) => {
      order.push(id);
      if (order.length === 20) enough.open();
    });
    const ids = Array.from({ length: 20_000 }, (_, index) => `run-${index}`);
    const busy = ids.filter((id) => partitionOf(id, partitions) === 5).slice(0, 1000);
    const others = Array.from({ length: partitions }, (_, at) =>
      ids.find((id) => partitionOf(id, partitions) === at && !busy.includes(id)),
    ).filter((id) => id !== undefined);
    await node.enqueueMany(
      "task",
      busy.map((id) => ({ id })),
    );
    await node.start();
    await enough.opened;
    const before = order.length;
    await node.enqueueMany(
      "task",
      others.map((id) => ({ id })),
    );
    await eventually(() => others.every((id) => order.includes(id)), { within: 20_000 });
    // Each of them came within few rounds, long before what the busy one has.
    const places = others.filter((id) => partitionOf(id, partitions) !== 5).map((id) => order.indexOf(id));
    expect(Math.max(...places) - before).toBeLessThan(500);
  });

  /** A node with one slot, which a run of one partition has until it is released; nothing but word of it makes the others look again. */
  const occupied = async (
    cluster: Cluster,
  ): Promise<{ node: Scheduler; release: () => void; ids: string[] }> => {
    const node = cluster.scheduler({ ...{ partitions, concurrency: 1, pollEvery: 60_000, nodeTtl: 60_000 } });
    const ids = Array.from({ length: 1000 }, (_, index) => `run-${index}`);
    const [begun, released] = [gate(), gate()];
    node.task("first", async () => {
      begun.open();
      await released.opened;
    });
    node.task("other", () => undefined);
    await node.start();
    await node.enqueue("first", { id: ids[0] as string });
    await begun.opened;
    const elsewhere = ids.filter((id) => partitionOf(id, partitions) !== partitionOf("run-0", partitions));
    return { node, release: () => released.open(), ids: elsewhere };
  };

  test("a partition hears of the slot that a run of another one has left", async () => {
    await using cluster = new Cluster(server);
    const { node, release, ids } = await occupied(cluster);
    const handles = await node.enqueueMany(
      "other",
      ids.slice(0, 5).map((id) => ({ id })),
    );
    await eventually(async () => (await node.load()).due === 5);
    release();
    await Promise.all(handles.map((handle) => handle.result({ timeout: 10_000 })));
  });

  test("a partition comes for what is due later though no slot was free when it heard of it", async () => {
    await using cluster = new Cluster(server);
    const { node, release, ids } = await occupied(cluster);
    const handles = await node.enqueueMany(
      "other",
      ids.slice(0, 5).map((id) => ({ id, delay: 1000 })),
    );
    release(); // long before
    await Promise.all(handles.map((handle) => handle.result({ timeout: 10_000 })));
  });
});
