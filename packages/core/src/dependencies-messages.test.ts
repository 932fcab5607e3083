import { eventually, type JobStore, startJobStore } from "@escapement/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { fast } from "../test/cluster.js";
import {
  another,
  copyOf,
  edgesOf,
  FollowingPartitions,
  idIn,
  outboxOf,
  putBack,
} from "../test/following-partitions.js";
import { examineMessages } from "./doctor/messages.js";
import type { Inspection } from "./doctor/picture.js";
import { createScheduler } from "./index.js";
import { Outboxes } from "./outboxes.js";
import { deliver } from "./scripts/index.js";

let server: JobStore;
beforeAll(async () => {
  server = await startJobStore();
});
afterAll(() => server.stop());

const open = (): Promise<FollowingPartitions> => new FollowingPartitions(server).ready();
const [a, b, c, d] = [idIn(1, "a"), idIn(2, "b"), idIn(3, "c"), idIn(4, "d")] as const;

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
        args: { ...store.history, ...store.founding, mover: "", teller: 1, after, most },
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
