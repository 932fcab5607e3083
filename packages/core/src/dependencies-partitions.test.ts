import { partitionOf } from "@escapement/redis/internal";
import { type JobStore, startJobStore } from "@escapement/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  copyOf,
  edgesOf,
  FollowingPartitions,
  idIn,
  outboxOf,
  putBack,
} from "../test/following-partitions.js";
import { mendTies } from "./mend-ties.js";

let server: JobStore;
beforeAll(async () => {
  server = await startJobStore();
});
afterAll(() => server.stop());

const open = (): Promise<FollowingPartitions> => new FollowingPartitions(server).ready();
const [a, b, c, d] = [idIn(1, "a"), idIn(2, "b"), idIn(3, "c"), idIn(4, "d")] as const;

describe("a job whose parents live in other partitions", () => {
  test("and which has no trigger, has its run when the last of them has ended, and not before", async () => {
    await using bench = await open();
    await bench.parents(a, b);
    await bench.define(c, { trigger: undefined, dependsOn: [a, b] });
    const t = await bench.fire(a, b);
    await bench.end(`${a}@${t}`);
    await bench.carryAll();
    expect(await bench.at(3).stateOf(`${c}@${t}`)).toBeUndefined();
    await bench.end(`${b}@${t}`);
    await bench.carryAll();
    expect(await bench.at(3).next()).toEqual([`${c}@${t}`]);
    await bench.end(`${c}@${t}`);
    expect(await bench.at(3).historyOf(c)).toEqual(["succeeded"]);
    await bench.expectSound();
  });

  test("and which has a trigger, is held until they have ended, though they tell it late", async () => {
    await using bench = await open();
    await bench.parents(a);
    await bench.define(c, { dependsOn: [a], misfire: { grace: "1h" } });
    const t = await bench.fire(a, c);
    await bench.end(`${a}@${t}`);
    expect(await bench.at(3).next()).toEqual([]);
    await bench.carryAll();
    expect(await bench.at(3).next()).toEqual([`${c}@${t}`]);
    await bench.expectSound();
  });

  test("is skipped once where one failed, with those that depend on it in turn; and runs once that has succeeded", async () => {
    await using bench = await open();
    await bench.parents(a, b);
    await bench.define(c, { trigger: undefined, dependsOn: [a, b] });
    await bench.define(d, { trigger: undefined, dependsOn: [c] });
    const t = await bench.fire(a, b);
    await bench.end(`${a}@${t}`, "f");
    await bench.end(`${b}@${t}`);
    await bench.carryAll();
    for (const id of [c, d])
      expect(await bench.of(id).job(id).history()).toMatchObject([
        { id: `${id}@${t}`, state: "skipped", reason: "dependency" },
      ]);
    await bench.at(1).run(`${a}@${t}`).retry();
    await bench.end(`${a}@${t}`);
    await bench.carryAll();
    await bench.end(`${c}@${t}`);
    await bench.carryAll();
    await bench.end(`${d}@${t}`);
    for (const id of [c, d]) expect(await bench.of(id).historyOf(id)).toEqual(["succeeded", "skipped"]);
    await bench.expectSound();
  });

  test.each(["lost", "skipped", "cancelled"] as const)(
    "is skipped where a parent's run was %s",
    async (how) => {
      await using bench = await open();
      await bench.define(a, how === "lost" ? { maxLost: 0 } : {});
      await bench.define(c, { trigger: undefined, dependsOn: [a] });
      const [home, first] = [bench.at(1), await bench.fire(a)];
      if (how === "cancelled") await home.run(`${a}@${first}`).cancel();
      else if (how === "lost") {
        const dying = await home.node("dying", 50);
        await dying.take();
        await bench.advance(60);
        await home.recover();
      } else {
        await home.next();
        await bench.fire(a);
        await home.next();
      }
      await bench.carryAll();
      expect(await home.historyOf(a)).toEqual([how]);
      expect(await bench.at(3).historyOf(c)).toEqual(["skipped"]);
    },
  );
});

describe("ties stand in all partitions", () => {
  test("once a definition is answered, by dependsOn and by then, and are gone once it is changed", async () => {
    await using bench = await open();
    await bench.parents(a, b);
    await bench.define(c, { trigger: undefined, dependsOn: [a] });
    expect([await edgesOf(bench, 1), await edgesOf(bench, 3)]).toEqual([
      [`>${a} ${c} d 3`],
      [`<${c} ${a} d 1`],
    ]);
    await bench.define(b, { overlap: "allow", then: [c] });
    expect(await edgesOf(bench, 2)).toEqual([`>${b} ${c} t 3`]);
    expect(await edgesOf(bench, 3)).toEqual([`<${c} ${a} d 1`, `<${c} ${b} t 2`]);
    const t = await bench.fire(a, b);
    await bench.end(`${a}@${t}`);
    await bench.carryAll();
    expect(await bench.at(3).next()).toEqual([]);
    // What it waited for alone goes on.
    await bench.define(b, { overlap: "allow" });
    expect([await edgesOf(bench, 2), await edgesOf(bench, 3)]).toEqual([[], [`<${c} ${a} d 1`]]);
    expect(await bench.at(3).next()).toEqual([`${c}@${t}`]);
    await bench.define(c, { trigger: undefined, dependsOn: [] });
    for (const partition of [1, 2, 3]) expect(await edgesOf(bench, partition)).toEqual([]);
    await bench.expectSound();
  });

  test("as does the removal of a parent, which lets go what waited for it alone, and that of a child", async () => {
    await using bench = await open();
    await bench.parents(a, b);
    await bench.define(c, { trigger: undefined, dependsOn: [a, b] });
    await bench.define(d, { trigger: undefined, dependsOn: [] });
    await bench.define(a, { overlap: "allow", then: [d] });
    const t = await bench.fire(a, b);
    await bench.end(`${a}@${t}`);
    await bench.carryAll();
    expect(await bench.of(b).remove(b)).toBe(true);
    expect((await bench.at(3).job(c).get())?.dependsOn).toEqual([a]);
    expect(await bench.at(3).next()).toEqual([`${c}@${t}`]);
    expect(await bench.of(d).remove(d)).toBe(true);
    expect((await bench.at(1).job(a).get())?.then).toEqual([]);
    expect(await bench.of(a).remove(a)).toBe(true);
    expect((await bench.at(3).job(c).get())?.dependsOn).toEqual([]);
    for (const { store, redis } of bench.all) expect(await redis.exists(store.keys.edges)).toBe(0);
  });

  test("or it is said that they will: what could not be carried is by whoever comes next", async () => {
    await using bench = await open();
    await bench.parents(a);
    const { redis, store } = bench.at(1);
    // What cannot even be looked at is refused before anything is written.
    await redis.set(store.keys.inbox, "garbage");
    await expect(bench.define(c, { trigger: undefined, dependsOn: [a] })).rejects.toMatchObject({
      code: "REDIS_FAILED",
    });
    expect(await bench.at(3).job(c).get()).toBeUndefined();
    await redis.del(store.keys.inbox);
    const elsewhere = `${store.keys.prefix}elsewhere`;
    await redis.rename(store.keys.jobs, elsewhere);
    await redis.set(store.keys.jobs, "garbage");
    const pending = expect(bench.define(c, { trigger: undefined, dependsOn: [a] })).rejects;
    await pending.toMatchObject({ code: "TIES_PENDING", message: expect.stringContaining("partitions 1 ") });
    expect(await edgesOf(bench, 1)).toEqual([]);
    await redis.rename(elsewhere, store.keys.jobs);
    // The same definition once more changes nothing, and is answered when the ties stand.
    await bench.define(c, { trigger: undefined, dependsOn: [a] });
    expect(await edgesOf(bench, 1)).toEqual([`>${a} ${c} d 3`]);
    expect(await outboxOf(bench, 3, 1)).toHaveLength(1);
  });

  test("or are mended where one of the two partitions has lost its last writes, and nothing is left that would tell", async () => {
    await using bench = await open();
    await bench.parents(a, b);
    await bench.define(c, { trigger: undefined, dependsOn: [b] });
    const copy = await copyOf(bench, 1);
    await bench.define(a, { overlap: "allow", then: [c] });
    const t = await bench.fire(b);
    await bench.end(`${b}@${t}`);
    await bench.carryAll();
    await putBack(bench, 1, copy);
    // Nothing in the parent's partition says that it is one, or would tell of its ends.
    const { redis, store, events } = bench.at(3);
    expect(await bench.at(3).next()).toEqual([]);
    expect(await mendTies(store, bench.carrier, events, "")).toBe("");
    expect(await edgesOf(bench, 3)).toEqual([`<${c} ${b} d 2`]);
    expect(await bench.at(3).next()).toEqual([`${c}@${t}`]);
    // The parent's partition has lost what the child's has told it, and that is not kept any more.
    await bench.at(2).redis.del(bench.at(2).store.keys.edges);
    await redis.del(store.keys.outbox(2));
    await mendTies(store, bench.carrier, events, "");
    await bench.carryAll();
    expect(await edgesOf(bench, 2)).toEqual([`>${b} ${c} d 3`]);
    expect(await redis.hvals(store.keys.mended)).toEqual(["1", "1"]);
    // What stands in both is left as it is.
    await mendTies(store, bench.carrier, events, "");
    expect(await redis.hvals(store.keys.mended)).toEqual(["1", "1"]);
  });

  test("where the definer and the scripts put jobs into the same partitions", async () => {
    await using bench = await open();
    const names = Array.from({ length: 60 }, (_, index) => `${"x".repeat(index)}job:${index * 7919}/_.-`);
    await bench.parents(...names);
    for (let at = 0; at < names.length; at += 20)
      await bench.define(`child-${at}`, { trigger: undefined, dependsOn: names.slice(at, at + 20) });
    const own = [0, 20, 40].map((at) => partitionOf(`child-${at}`, 8));
    for (const [index, name] of names.entries()) {
      const [home, child] = [partitionOf(name, 8), `child-${Math.floor(index / 20) * 20}`];
      const at = own[Math.floor(index / 20)];
      expect(await edgesOf(bench, home)).toContain(`>${name} ${child} d${at === home ? "" : ` ${at}`}`);
    }
  });

  test("or are refused: what would be a cycle, or too many, over partitions", async () => {
    await using bench = await open();
    await bench.parents(a);
    await bench.define(b, { trigger: undefined, dependsOn: [a] });
    await bench.define(c, { trigger: undefined, dependsOn: [b] });
    await expect(bench.define(a, { dependsOn: [c] })).rejects.toMatchObject({
      code: "DEPENDENCY_CYCLE",
      path: "dependsOn[0]",
    });
    await expect(bench.define(d, { trigger: undefined, dependsOn: ["none"] })).rejects.toMatchObject({
      code: "JOB_NOT_FOUND",
    });
    const more = Array.from({ length: 497 }, (_, at) => `more-${at}`);
    for (const one of bench.all) {
      const [first = "", ...others] = more.filter((id) => bench.of(id) === one);
      const follows = { trigger: undefined, dependsOn: [a] };
      await one.define(
        first,
        follows,
        "task",
        others.map((id) => [id, follows]),
      );
    }
    await expect(bench.define("one-more", { trigger: undefined, dependsOn: [c] })).rejects.toThrow(
      /500 jobs/,
    );
    // So many children are told by as many messages as there is room for in one, and all of them hear.
    const t = await bench.fire(a);
    await bench.end(`${a}@${t}`, "f");
    expect((await outboxOf(bench, 1, 3)).length).toBeGreaterThan(1);
    await bench.carryAll();
    for (const id of [b, c, ...more]) expect(await bench.of(id).historyOf(id), id).toEqual(["skipped"]);
  });
});
