// Sets of jobs over several partitions: which of those that are applied at once is to stand, the first partition says for all.
import { type JobStore, startJobStore } from "@escapement/testing";
import { every } from "@escapement/triggers";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Cluster } from "../test/cluster.js";
import { StoreBench } from "../test/store-bench.js";
import { checkJobs, type Item } from "./check-jobs.js";
import { writeItems } from "./define.js";
import {
  defineJobs,
  type JobDeclaration,
  type JobSet,
  movePartitions,
  type Scheduler,
  type SchedulerOptions,
} from "./index.js";
import { beginSet, joinSet, wantedOf } from "./job-set.js";
import { removeJob } from "./remove-job.js";

let server: JobStore;
beforeAll(async () => {
  server = await startJobStore();
});
afterAll(() => server.stop());

const count = 4;
const some = (own: string, priority = 0): JobDeclaration[] =>
  Array.from({ length: 40 }, (_, index) => {
    return { task: "task", id: `${own}-${index}`, trigger: every("1h"), priority };
  });
const set = (version: number, jobs: readonly JobDeclaration[]): JobSet => defineJobs({ version, jobs });
/** What stands before anything was applied. */
const fresh = { force: false, above: 0, version: undefined };
const stale = { code: "STALE_JOB_SET" };

/** A namespace of several partitions, and a place in each. */
class Parts implements AsyncDisposable {
  readonly #cluster = new Cluster(server, { partitions: count });
  readonly scheduler: Scheduler = this.process();
  readonly places: readonly StoreBench[] = Array.from(
    { length: count },
    (_, partition) =>
      new StoreBench(server, {}, { namespace: this.#cluster.namespace, partitions: count, partition }),
  );

  /** One more process. */
  process(options: SchedulerOptions = {}): Scheduler {
    return this.#cluster.scheduler(options);
  }

  async ready(): Promise<this> {
    await this.scheduler.apply([]);
    await Promise.all(this.places.map((place) => place.ready()));
    return this;
  }

  place(partition: number): StoreBench {
    return this.places[partition] as StoreBench;
  }

  /** What each partition says of who may write the set. */
  marks(): Promise<(string | null)[]> {
    return Promise.all(this.places.map(({ redis, store }) => redis.hget(store.keys.sets, "default")));
  }

  async ids(): Promise<string[]> {
    const ids: string[] = [];
    for await (const { id } of this.scheduler.jobs()) ids.push(id);
    return ids.sort();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const place of this.places) await place[Symbol.asyncDispose]();
    await this.#cluster[Symbol.asyncDispose]();
  }
}

const itemsOf = (place: StoreBench, { jobs }: JobSet): Promise<Item[]> =>
  checkJobs(place.store, wantedOf(jobs), 65_536);

describe("a set of jobs over several partitions", () => {
  test("has one mark in all of them, which the same jobs leave as it is", async () => {
    await using parts = await new Parts().ready();
    await parts.scheduler.apply(set(1, some("x")));
    const [mark = "", ...others] = await parts.marks();
    expect(mark).toMatch(/^1 [0-9a-f]{16} 1$/);
    expect(others).toEqual([mark, mark, mark]);
    await parts.scheduler.apply(set(1, some("x")));
    expect(await parts.marks()).toEqual([mark, mark, mark, mark]);
    await parts.scheduler.apply(set(1, some("y")));
    expect(new Set(await parts.marks())).toEqual(new Set([expect.stringMatching(/^1 \w+ 2$/)]));
    await parts.scheduler.apply(set(0, some("x")), { force: true });
    expect(new Set(await parts.marks())).toEqual(new Set([expect.stringMatching(/^0 \w+ 3$/)]));
  });

  test("of which another one begins half-way is refused in the partitions to come, and where it is", async () => {
    await using parts = await new Parts().ready();
    const [first, second] = [set(1, some("x")), set(1, some("y"))];
    const own = await itemsOf(parts.place(0), first);
    const begun = await beginSet(parts.place(0).store, first, own, fresh);
    await joinSet(parts.place(1).store, first, begun);
    await parts.scheduler.apply(second);
    const marks = await parts.marks();
    for (const { store } of parts.places) {
      await expect(joinSet(store, first, begun)).rejects.toMatchObject(stale);
      await expect(writeItems(store, own.slice(0, 1), begun)).rejects.toMatchObject(stale);
      await expect(removeJob(store, "y-0", begun)).rejects.toMatchObject(stale);
    }
    expect(await parts.marks()).toEqual(marks);
    expect(await parts.ids()).toEqual(second.jobs.map(({ id }) => id).sort());
  });

  test("that was begun, and whose process has died, keeps older ones out and is gone on with", async () => {
    await using parts = await new Parts().ready();
    await parts.scheduler.apply(set(1, some("x")));
    const newer = set(2, some("y"));
    await beginSet(parts.place(0).store, newer, await itemsOf(parts.place(0), newer), fresh);
    await expect(parts.scheduler.apply(set(1, some("x")))).rejects.toMatchObject({ ...stale, stored: 2 });
    expect(await parts.ids()).toEqual(
      some("x")
        .map(({ id }) => id)
        .sort(),
    );
    await parts.scheduler.apply(newer);
    expect(await parts.ids()).toEqual(newer.jobs.map(({ id }) => id).sort());
  });

  for (const [what, lost] of [
    ["the first", 0],
    ["another", 2],
  ] as const)
    test(`whose mark ${what} partition has lost is applied again all the same`, async () => {
      await using parts = await new Parts().ready();
      for (const version of [1, 2, 3]) await parts.scheduler.apply(set(version, some("x", version)));
      const { redis, store } = parts.place(lost);
      // As a master that fails over may, before it was copied: it is at what it was at the second time.
      await redis.hset(store.keys.sets, "default", "2 00 2");
      await parts.scheduler.apply(set(3, some("x", 3)));
      expect(new Set(await parts.marks()).size).toBe(1);
      await redis.hdel(store.keys.sets, "default");
      const { set: applied } = await parts.scheduler.apply(set(3, some("y")));
      expect(applied).toMatchObject({ version: 3 });
      expect(new Set(await parts.marks()).size).toBe(1);
      expect(await parts.ids()).toEqual(
        some("y")
          .map(({ id }) => id)
          .sort(),
      );
    });

  test("whose number the first partition has given twice stands beside no other in any partition", async () => {
    await using parts = await new Parts().ready();
    const [one, other] = [set(1, some("x")), set(1, some("y"))];
    const { redis, store } = parts.place(0);
    const first = await beginSet(store, one, await itemsOf(parts.place(0), one), fresh);
    await joinSet(parts.place(1).store, one, first);
    await redis.hdel(store.keys.sets, "default");
    const second = await beginSet(store, other, await itemsOf(parts.place(0), other), fresh);
    await joinSet(parts.place(2).store, other, second);
    await expect(joinSet(parts.place(1).store, other, second)).rejects.toMatchObject(stale);
    await expect(joinSet(parts.place(2).store, one, first)).rejects.toMatchObject(stale);
    const marks = await parts.marks();
    for (const again of [other, one]) {
      await parts.scheduler.apply(again);
      expect(await parts.ids()).toEqual(again.jobs.map(({ id }) => id).sort());
      // From the same once more.
      for (const [partition, mark] of marks.entries()) {
        const { redis, store } = parts.place(partition);
        if (mark === null) await redis.hdel(store.keys.sets, "default");
        else await redis.hset(store.keys.sets, "default", mark);
      }
    }
    // Of two versions the newer one stands.
    const last = parts.place(2);
    await last.redis.hset(last.store.keys.sets, "default", "2 00 1");
    await expect(parts.scheduler.apply(one)).rejects.toMatchObject({ ...stale, stored: 2 });
  });

  test("that was set back by force, half-way or where a mark was lost, is gone on with, and is what stands", async () => {
    await using parts = await new Parts().ready();
    const [older, newer] = [set(1, some("x")), set(2, some("y"))];
    await parts.scheduler.apply(newer);
    const former = (await parts.marks())[0] ?? "";
    const items = await itemsOf(parts.place(0), older);
    await beginSet(parts.place(0).store, older, items, { ...fresh, force: true });
    const dry = await parts.scheduler.apply(older, { dryRun: true });
    expect(dry).toMatchObject({ set: { before: 1 }, added: { length: 40 }, removed: { length: 40 } });
    await parts.scheduler.apply(older);
    expect(await parts.ids()).toEqual(older.jobs.map(({ id }) => id).sort());
    for (const lost of [2, 0]) {
      const { redis, store } = parts.place(lost);
      await redis.hset(store.keys.sets, "default", former);
      expect(await parts.scheduler.apply(older)).toMatchObject({ unchanged: { length: 40 } });
      expect(new Set(await parts.marks()).size).toBe(1);
    }
    await parts.scheduler.apply(newer);
    expect(await parts.ids()).toEqual(newer.jobs.map(({ id }) => id).sort());
  });

  test("is refused as a whole where the namespace has another number of partitions by now, and leaves nothing", async () => {
    await using parts = await new Parts().ready();
    await parts.scheduler.apply(set(1, some("x")));
    await movePartitions({ redis: server.url, namespace: parts.place(0).store.namespace }, { to: 2 });
    const before = await parts.marks();
    expect(before.slice(2)).toEqual([null, null]);
    for (const jobs of [some("y"), []])
      await expect(parts.scheduler.apply(set(2, jobs))).rejects.toMatchObject({ code: "PARTITION_MISMATCH" });
    expect(await parts.marks()).toEqual(before);
    expect(await parts.process({ partitions: 2 }).apply(set(1, some("x")))).toMatchObject({
      unchanged: { length: 40 },
    });
  });

  test("stands as one of those that were applied at once, in all partitions: 30 times", {
    timeout: 60_000,
  }, async () => {
    await using parts = await new Parts().ready();
    const processes = [parts.process(), parts.process(), parts.process()];
    for (let round = 0; round < 30; round += 1) {
      const sets = ["x", "y", "z"].map((own) => set(round, some(own)));
      await Promise.allSettled(processes.map((one, index) => one.apply(sets[index] as JobSet)));
      const ids = await parts.ids();
      const own = sets.findIndex(({ jobs }) => jobs.some(({ id }) => id === ids[0]));
      expect(ids).toEqual(sets[own]?.jobs.map(({ id }) => id).sort());
    }
  });
});
