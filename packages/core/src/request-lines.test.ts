import { eventually, type RedisServer, startProxy, startRedis } from "@escapement/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Cluster, heard, many } from "../test/cluster.js";
import { expectSound, StoreBench } from "../test/store-bench.js";
import { enqueueRuns } from "./enqueue.js";
import { reconcileHeld } from "./reconcile.js";

// A node may have two requests under way, one of each line.

let server: RedisServer;
beforeAll(async () => {
  server = await startRedis();
});
afterAll(() => server.stop());

describe("the store", () => {
  test("answers the last request of a line as before, whatever the other line has asked since", async () => {
    await using bench = await new StoreBench(server).ready();
    const runs = await enqueueRuns(bench.store, "task", many(5), 65_536);
    const node = await bench.node("node");
    const first = await node.claim({ slots: 2, number: 1 });
    const second = await node.claim({ slots: 2, number: 2, line: "2" });
    await node.claim({ slots: 0, number: 4, line: "2", completions: completionsOf(second.claimed) });
    const again = await node.claim({ slots: 2, number: 1 });
    expect(again.claimed.map(({ run, token }) => [run, token])).toEqual(
      first.claimed.map(({ run, token }) => [run, token]),
    );
    expect(first.claimed.map(({ run }) => run)).toEqual(runs.slice(0, 2));
    const done = await node.claim({
      slots: 0,
      number: 4,
      line: "2",
      completions: completionsOf(second.claimed),
    });
    expect(done.accepted).toEqual([true, true]);
    await expectSound(bench);
  });

  test("carries out a request whose number is lower than one of the other line, and refuses it once its own line has gone on", async () => {
    await using bench = await new StoreBench(server).ready();
    await enqueueRuns(bench.store, "task", many(5), 65_536);
    const node = await bench.node("node");
    expect((await node.claim({ slots: 1, number: 2, line: "2" })).claimed).toHaveLength(1);
    expect((await node.claim({ slots: 1, number: 1 })).claimed).toHaveLength(1);
    expect((await node.claim({ slots: 1, number: 3 })).claimed).toHaveLength(1);
    await expect(node.claim({ slots: 1, number: 1 })).rejects.toMatchObject({ code: "STALE_REQUEST" });
    await expect(node.claim({ slots: 1, number: 1, line: "2" })).rejects.toMatchObject({
      code: "STALE_REQUEST",
    });
    expect(await bench.redis.hlen(bench.store.keys.active("node"))).toBe(3);
  });

  test("a comparison that is late is refused, whichever line has gone on", async () => {
    await using bench = await new StoreBench(server).ready();
    await enqueueRuns(bench.store, "task", many(2), 65_536);
    for (const line of ["", "2"] as const) {
      const node = await bench.node(`node${line}`);
      await node.claim({ slots: 1, number: 7, line });
      const late = reconcileHeld(bench.store, node.id, 6, [], bench.events);
      await expect(late).rejects.toMatchObject({ code: "STALE_REQUEST" });
      expect(await bench.redis.hlen(bench.store.keys.active(node.id))).toBe(1);
    }
  });
});

describe("a node", () => {
  test("has a second request under way where there is much to do, and never more handlers than slots", async () => {
    await using cluster = new Cluster(server);
    const node = cluster.scheduler({ concurrency: 60, nodeTtl: 20_000 });
    let [running, most] = [0, 0];
    node.task("task", async () => {
      running += 1;
      most = Math.max(most, running);
      await new Promise(setImmediate);
      running -= 1;
    });
    const begun = heard(node, "beforeRun");
    const ended = heard(node, "afterRun");
    const runs = await node.enqueueMany("task", many(3000));
    await node.start();
    await eventually(() => ended.length >= 3000, { within: 30_000 });
    expect(new Set(begun.map(({ runId }) => runId)).size).toBe(3000);
    expect([begun.length, ended.length, runs.length]).toEqual([3000, 3000, 3000]);
    expect(most).toBeLessThanOrEqual(60);
    const [first = 0, second = 0] = await cluster.lastOfLines(node);
    expect(Math.min(first, second)).toBeGreaterThan(0);
  });

  test("asks nothing while there is nothing to ask for", async () => {
    await using cluster = new Cluster(server);
    const node = cluster.scheduler({ nodeTtl: 60_000, pollEvery: 60_000, roles: ["worker"] });
    node.task("task", () => undefined);
    await node.start();
    await (await node.enqueue("task")).result({ timeout: 3000 });
    await (await node.enqueue("task", { delay: 500 })).result({ timeout: 3000 });
    // For each run when it is heard of, when it is due, and when it has ended; the first look; and what two wake messages cost at the most.
    expect(await cluster.requestsOf(node)).toBeLessThanOrEqual(9);
    expect((await cluster.lastOfLines(node))[1]).toBe(0);
  });

  test("hears of both after their answers were lost: each run starts once, and is completed", async () => {
    await using proxy = await startProxy(server.url);
    await using cluster = new Cluster(server);
    const options = { concurrency: 200, nodeTtl: 20_000, pollEvery: 60_000, roles: ["worker"] } as const;
    const node = cluster.scheduler({ ...options, redis: proxy.url });
    const client = cluster.scheduler();
    node.task("task", () => undefined);
    const ended = heard(node, "afterRun");
    const begun = heard(node, "beforeRun");
    await client.enqueueMany("task", many(5000));
    await node.start();
    await eventually(() => begun.length > 500);
    proxy.blockReplies(true);
    // With so much to do it stands still only where both lines wait for an answer.
    let last: unknown[] = [];
    const standsStill = async (): Promise<boolean> => {
      const before = last;
      last = [...(await cluster.lastOfLines(node)), begun.length];
      return before.join() === last.join();
    };
    await eventually(standsStill, { every: 50 });
    expect(begun.length).toBeLessThan(4000);
    proxy.cut();
    proxy.blockReplies(false);
    await eventually(() => ended.length >= 5000, { within: 15_000 });
    expect(new Set(begun.map(({ runId }) => runId)).size).toBe(5000);
    expect([begun.length, ended.length]).toEqual([5000, 5000]);
  });
});

const completionsOf = (
  claimed: readonly { readonly run: string; readonly token: string }[],
): { run: string; token: string; outcome: "s"; detail: string; result: string }[] =>
  claimed.map(({ run, token }) => ({ run, token, outcome: "s", detail: '{"task":"task"}', result: "" }));
