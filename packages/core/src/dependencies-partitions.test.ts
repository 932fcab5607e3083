import { partitionOf } from "@escapement/redis/internal";
import { eventually, type RedisServer, startRedis } from "@escapement/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { fast } from "../test/cluster.js";
import { FollowingPartitions, idIn } from "../test/following-partitions.js";
import { Carrier } from "./carrier.js";
import { examineMessages } from "./doctor/messages.js";
import type { Inspection } from "./doctor/picture.js";
import { createScheduler } from "./index.js";
import { mendTies } from "./mend-ties.js";
import { Outboxes } from "./outboxes.js";
import { deliver } from "./scripts/index.js";
import { Store } from "./store.js";

let server: RedisServer;
beforeAll(async () => {
  server = await startRedis();
});
afterAll(() => server.stop());

const open = (): Promise<FollowingPartitions> => new FollowingPartitions(server).ready();
const [a, b, c, d] = [idIn(1, "a"), idIn(2, "b"), idIn(3, "c"), idIn(4, "d")] as const;

/** Another process, with connections of its own. */
function another(bench: FollowingPartitions): { readonly carrier: Carrier; close(): void } {
  const carrier = new Carrier(bench.at(0).events);
  for (const { store } of bench.all) {
    const { namespace, partitions, partition, retention } = store;
    carrier.join(
      new Store({
        ...{ redis: server.url, namespace, partitions, partition, retention },
        ...{ deadline: 5000, leaseDeadline: 5000 },
      }),
    );
  }
  return {
    carrier,
    close: () => {
      for (const store of carrier.stores) store.close();
    },
  };
}

const outboxOf = (bench: FollowingPartitions, teller: number, receiver: number) =>
  bench.at(teller).redis.xrange(bench.at(teller).store.keys.outbox(receiver), "-", "+");
const edgesOf = (bench: FollowingPartitions, partition: number) =>
  bench.at(partition).redis.zrange(bench.at(partition).store.keys.edges, 0, -1);

/** What a partition has, by key, as it can be put back. */
async function copyOf(bench: FollowingPartitions, partition: number): Promise<Map<string, Buffer>> {
  const { redis, store } = bench.at(partition);
  const copy = new Map<string, Buffer>();
  for (const key of await redis.keys(`${store.keys.prefix}*`)) {
    const kept = await redis.dumpBuffer(key);
    if (kept !== null) copy.set(key, kept);
  }
  return copy;
}

async function putBack(
  bench: FollowingPartitions,
  partition: number,
  copy: Map<string, Buffer>,
): Promise<void> {
  const { redis, store } = bench.at(partition);
  const now = await bench.at(partition).now();
  for (const key of await redis.keys(`${store.keys.prefix}*`)) await redis.del(key);
  for (const [key, kept] of copy) await redis.restore(key, 0, kept);
  await redis.set(store.keys.clock, now);
}

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
    await redis.rename(store.keys.jobs, "elsewhere");
    await redis.set(store.keys.jobs, "garbage");
    const pending = expect(bench.define(c, { trigger: undefined, dependsOn: [a] })).rejects;
    await pending.toMatchObject({ code: "TIES_PENDING", message: expect.stringContaining("partitions 1 ") });
    expect(await edgesOf(bench, 1)).toEqual([]);
    await redis.rename("elsewhere", store.keys.jobs);
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

describe("a message", () => {
  test("that whoever made it could not carry any more is carried by the leader; until then the doctor says that it waits", async () => {
    await using bench = await open();
    await bench.parents(a);
    await bench.define(c, { trigger: undefined, dependsOn: [a] });
    const t = await bench.fire(a);
    const { redis, store } = bench.at(1);
    const look = () => examineMessages({ store } as Inspection);
    expect(await look()).toMatchObject([{ check: "messages", level: "ok" }]);
    await bench.end(`${a}@${t}`);
    const now = await bench.now();
    await redis.set(store.keys.clock, now + 60_000);
    expect(await look()).toMatchObject([
      {
        level: "error",
        message: expect.stringMatching(/^What partition 1 has to tell partition 3 .* waited for \d+ s/),
      },
    ]);
    await using node = createScheduler({
      ...fast,
      redis: server.url,
      namespace: bench.namespace,
      partitions: 8,
    });
    node.task("task", () => "done");
    await node.start();
    await eventually(
      async () => {
        expect(await bench.at(3).job(c).history()).toMatchObject([{ id: `${c}@${t}`, state: "succeeded" }]);
      },
      { within: 10_000 },
    );
    expect(await look()).toMatchObject([{ level: "ok" }]);
  });

  test("that is carried by several at once is applied once", async () => {
    await using bench = await open();
    const others = [another(bench), another(bench)];
    await bench.parents(a);
    await bench.define(c, { trigger: undefined, dependsOn: [a], overlap: "allow" });
    await bench.define(d, { trigger: undefined, dependsOn: [c] });
    for (let round = 0; round < 10; round += 1) {
      const t = await bench.fire(a);
      await bench.end(`${a}@${t}`, round % 2 === 0 ? "s" : "f");
      await Promise.all(
        [bench.carrier, ...others.map(({ carrier }) => carrier)].map((one) => one.carry(1, 3)),
      );
      await bench.carryAll();
      if (round % 2 === 0) await bench.end(`${c}@${t}`);
    }
    expect(await bench.at(3).historyOf(c)).toEqual(
      Array.from({ length: 10 }, (_, index) => (index % 2 === 0 ? "skipped" : "succeeded")),
    );
    for (const other of others) other.close();
  });

  test("that is handed over again, or out of its place, is passed by", async () => {
    await using bench = await open();
    await bench.parents(a);
    await bench.define(c, { trigger: undefined, dependsOn: [a], maxRuns: 5 });
    const [before, t] = [await bench.fire(a), await bench.fire(a)];
    await bench.end(`${a}@${before}`, "c");
    await bench.end(`${a}@${t}`);
    const { store } = bench.at(3);
    const { meta, wake } = store.keys;
    const messages = (await outboxOf(bench, 1, 3)).flatMap(([id, [, text = ""]]) => [id, text]);
    const [last = ""] = messages.slice(-2);
    const hand = (after: string, most = 500, some = messages) =>
      deliver.run(store.commands, {
        keys: { meta, wake },
        args: { ...store.history, ...store.founding, teller: 1, after, most },
        lists: { messages: some },
      });
    // It knows of none before: what stands between would be lost.
    expect((await hand(last))[1]).toBe("0-0");
    expect(await bench.at(3).stateOf(`${c}@${t}`)).toBeUndefined();
    // So many children are told at once: the rest with the next call.
    expect((await hand("0-0", 1))[1]).toBe(messages[0]);
    expect((await hand("0-0"))[1]).toBe(last);
    await bench.end(`${c}@${t}`);
    expect((await hand("0-0"))[1]).toBe(last);
    expect((await hand("0-0", 500, messages.slice(0, 2)))[1]).toBe(last);
    expect(await bench.at(3).redis.hget(store.keys.inbox, "1")).toBe(last);
    expect(await bench.at(3).next()).toEqual([]);
    expect(await bench.at(3).historyOf(c)).toEqual(["succeeded", "skipped"]);
  });

  test("that says nothing that is known is passed by, and those after it are heard", async () => {
    await using bench = await open();
    await bench.parents(a);
    await bench.define(c, { trigger: undefined, dependsOn: [a] });
    const { redis, store } = bench.at(1);
    for (const text of ["", "end", "end x", `end ${d} 1 0 ${c}`, "tie x", `gone ${a} x ${c}`, "later words"])
      await redis.xadd(store.keys.outbox(3), "*", "m", text);
    const t = await bench.fire(a);
    await bench.end(`${a}@${t}`);
    await bench.carryAll();
    expect(await edgesOf(bench, 3)).toEqual([`<${c} ${a} d 1`]);
    expect(await bench.at(3).historyOf(c)).toEqual([]);
    expect(await bench.at(3).next()).toEqual([`${c}@${t}`]);
  });

  test("is begun to be carried by the node whose claim has left it", async () => {
    await using bench = await open();
    await bench.parents(a);
    await bench.define(c, { trigger: undefined, dependsOn: [a] });
    await bench.define(b, { trigger: undefined, dependsOn: [a] });
    const t = await bench.fire(a);
    await bench.at(1).next();
    expect(bench.carrier.begun).toEqual([]);
    await bench.end(`${a}@${t}`);
    expect(bench.carrier.begun.sort()).toEqual(["1 to 2", "1 to 3"]);
  });

  test("that the receiver has lost with its last writes is applied again, whoever carries on", async () => {
    await using bench = await open();
    await bench.parents(a, b);
    await bench.define(c, { trigger: undefined, dependsOn: [a, b], overlap: "allow" });
    const t1 = await bench.fire(a, b);
    await bench.end(`${a}@${t1}`);
    await bench.carryAll();
    const copy = await copyOf(bench, 3);
    await bench.end(`${b}@${t1}`);
    await bench.define(b, { overlap: "allow", then: [c] });
    await bench.carryAll();
    expect(await bench.at(3).stateOf(`${c}@${t1}`)).toBe("ready");
    await putBack(bench, 3, copy);
    expect(await bench.at(3).stateOf(`${c}@${t1}`)).toBeUndefined();
    // The carrier does not know, and carries on behind what it has carried.
    const t2 = await bench.fire(a, b);
    await bench.end(`${a}@${t2}`);
    await bench.end(`${b}@${t2}`);
    await bench.carryAll();
    expect((await bench.at(3).next()).sort()).toEqual([`${c}@${t1}`, `${c}@${t2}`]);
    await bench.expectSound();
  });

  test("that is applied to what has gone on since runs nothing twice, and skips nothing twice", async () => {
    await using bench = await open();
    await bench.parents(a);
    await bench.define(c, { trigger: undefined, dependsOn: [a], overlap: "allow" });
    await bench.define(d, { dependsOn: [a], overlap: "allow", misfire: { grace: "1h" } });
    const [t1, t2] = [await bench.fire(a, d), await bench.fire(a, d)];
    await bench.end(`${a}@${t1}`);
    await bench.end(`${a}@${t2}`, "f");
    await bench.carryAll();
    for (const id of [c, d]) await bench.end(`${id}@${t1}`);
    for (const id of [c, d]) {
      const { redis, store } = bench.of(id);
      await redis.del(store.keys.inbox);
      bench.carrier.forget(1, store.partition);
    }
    await bench.carryAll();
    for (const id of [c, d]) {
      expect(await bench.of(id).next()).toEqual([]);
      expect((await bench.of(id).historyOf(id)).sort(), id).toEqual(["skipped", "succeeded"]);
    }
    await bench.expectSound();
  });

  test("is kept for a while once it was applied; not before", async () => {
    await using bench = await open();
    await bench.parents(a);
    const { redis, store } = bench.at(1);
    const put = async (count: number): Promise<string> => {
      const pipeline = redis.pipeline();
      for (let at = 0; at < count; at += 1)
        pipeline.xadd(store.keys.outbox(3), "*", "m", `end ${a} ${at} 1 ${c}`);
      return String((await pipeline.exec())?.at(-1)?.[1]);
    };
    const applied = await put(2500);
    await bench.carryAll();
    await put(700);
    await new Outboxes(store, bench.at(1).events).look();
    const left = await outboxOf(bench, 1, 3);
    expect(left.length).toBe(1700);
    expect(left[999]?.[0]).toBe(applied);
    await bench.carryAll();
    expect(await bench.at(3).redis.hget(bench.at(3).store.keys.inbox, "1")).toBe(left.at(-1)?.[0]);
  });
});
