import {
  eventually,
  type JobStore,
  startJobStore,
  startProxy,
  startRedis,
  startVoters,
  type Voters,
} from "@escapement/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Cluster, heard, idsTogether, many, partitions } from "../test/cluster.js";
import { expectSound, StoreBench } from "../test/store-bench.js";
import { enqueueRuns } from "./enqueue.js";
import { reconcileHeld } from "./reconcile.js";

// A node may have two requests under way, one of each line.

let server: JobStore;
let voters: Voters;
beforeAll(async () => {
  server = await startJobStore();
  voters = await startVoters(3);
});
afterAll(async () => {
  await server.stop();
  await voters.stop();
});

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

  test("tells by the other line of what ends while a request is not answered", async () => {
    await using redis = await startRedis();
    await using proxy = await startProxy(redis.url);
    await using cluster = new Cluster(redis);
    const options = { concurrency: 5, nodeTtl: 20_000, partitions: 1 } as const;
    const node = cluster.scheduler({ ...options, redis: proxy.url });
    const ends: (() => void)[] = [];
    node.task("task", () => new Promise<void>((resolve) => ends.push(resolve)));
    const runs = await node.enqueueMany("task", many(5));
    await node.start();
    await eventually(() => ends.length === 5);
    const active = cluster.allKeys[0]?.active(node.nodeId ?? "") ?? "";
    const held = async (): Promise<number> => redis.client().hlen(active);
    expect(await held()).toBe(5);
    proxy.blockReplies(true);
    ends.pop()?.();
    await eventually(async () => expect(await held()).toBe(4));
    for (const end of ends) end();
    await eventually(async () => expect(await held()).toBe(0));
    proxy.blockReplies(false);
    const ended = await Promise.all(runs.map((run) => run.result()));
    expect(ended).toHaveLength(5);
  });

  test.each([true, false])(
    "begins no more than it has slots for where both answers come at once (voters: %s)",
    { timeout: 30_000 },
    async (withVoters) => {
      await using cluster = new Cluster(server);
      const concurrency = 200;
      const places = withVoters ? { voters: voters.urls } : {};
      // Both lines are of one partition; several would share the slots.
      const node = cluster.scheduler({ concurrency, nodeTtl: 20_000, partitions: 1, ...places });
      const ends: (() => void)[] = [];
      let [running, most, begun] = [0, 0, 0];
      node.task("task", async () => {
        running += 1;
        begun += 1;
        most = Math.max(most, running);
        await new Promise<void>((resolve) => ends.push(resolve));
        running -= 1;
      });
      const end = (count: number): void => {
        for (const resolve of ends.splice(0, count)) resolve();
      };
      const back = heard(node, "handedBack");
      await node.enqueueMany("task", many(2000));
      await node.start();
      await eventually(() => running === concurrency, { within: 10_000 });
      const admin = server.client();
      for (let round = 1; round <= 4; round += 1) {
        const before = await cluster.requestsOf(node);
        // Redis stands still, as for a slow command, while one request is under way and the next is sent.
        await admin.call("CLIENT", "PAUSE", "150", "WRITE");
        end(60);
        await new Promise((resolve) => setTimeout(resolve, 20));
        end(60);
        await eventually(async () => running === concurrency && begun >= concurrency + round * 120);
        expect(await cluster.requestsOf(node)).toBeGreaterThan(before + 1);
      }
      admin.disconnect();
      expect(most).toBe(concurrency);
      // Of what it claimed ahead some may have waited for too long, up to 20 of a request that takes long; not the hundreds that it would have no slots for.
      expect(back.length).toBeLessThan(200);
      const timer = setInterval(() => end(ends.length), 1);
      await node.stop({ timeout: 10_000 });
      clearInterval(timer);
    },
  );

  test("rests while voters keep both lines waiting, whatever ends meanwhile", {
    timeout: 30_000,
  }, async () => {
    await using first = await startProxy(voters.urls[0] ?? "");
    await using second = await startProxy(voters.urls[1] ?? "");
    await using cluster = new Cluster(server);
    const node = cluster.scheduler({
      ...{ concurrency: 20, nodeTtl: 20_000 },
      voters: [first.url, second.url, voters.urls[2] ?? ""],
    });
    const ends: (() => void)[] = [];
    node.task("task", () => new Promise<void>((resolve) => ends.push(resolve)));
    await node.start();
    const client = cluster.scheduler();
    const [third = "", fourth = "", ...two] = idsTogether(4); // both lines are of one partition
    await client.enqueueMany(
      "task",
      two.map((id) => ({ id })),
    );
    await eventually(() => ends.length === 2);
    for (const proxy of [first, second]) proxy.blockReplies(true);
    const held = async (count: number): Promise<void> => {
      const active = `escapement:{${cluster.namespace}}:active:${node.nodeId}`;
      const redis = server.client();
      await eventually(async () => (await redis.hlen(active)) === count);
      redis.disconnect();
    };
    await client.enqueue("task", { id: third });
    await held(3);
    await client.enqueue("task", { id: fourth });
    await held(4);
    const since = performance.eventLoopUtilization();
    ends.shift()?.();
    await new Promise((resolve) => setTimeout(resolve, 800)); // several times pollEvery
    expect(performance.eventLoopUtilization(since).utilization).toBeLessThan(0.4);
    for (const proxy of [first, second]) proxy.blockReplies(false);
    await eventually(() => ends.length === 3, { within: 10_000 });
    for (const end of ends.splice(0)) end();
  });

  test("asks again after pollEvery though its lease is shorter: what it should have heard may be lost", async () => {
    await using cluster = new Cluster(server);
    const node = cluster.scheduler({ nodeTtl: 1000, pollEvery: 2000, roles: ["worker"] });
    const begun = heard(node, "beforeRun");
    node.task("task", () => undefined);
    await node.start();
    await (await node.enqueue("task")).result({ timeout: 3000 });
    await eventually(async () => (await cluster.requestsOf(node)) > 2);
    const redis = server.client();
    const prefix = `escapement:{${cluster.namespace}}:`;
    await redis
      .multi()
      .hset(`${prefix}runs`, "unheard", `0 default task 0 r a - none 3\n{"at":${Date.now()}}`)
      .zadd(`${prefix}ready:default@task`, Date.now(), "unheard")
      .zadd(`${prefix}ready`, Date.now(), "default@task")
      .exec();
    redis.disconnect();
    await eventually(() => begun.some(({ runId }) => runId === "unheard"), { within: 6000 });
  });

  test("is not kept busy by a run whose time is no time", async () => {
    await using cluster = new Cluster(server);
    const node = cluster.scheduler({ nodeTtl: 20_000, pollEvery: 60_000, roles: ["worker"] });
    node.task("task", () => undefined);
    await node.start();
    const redis = server.client();
    await redis.zadd(`escapement:{${cluster.namespace}}:waiting`, "+inf", "never");
    redis.disconnect();
    for (let n = 0; n < 5; n += 1)
      await (await node.enqueue("task", { delay: 40 })).result({ timeout: 3000 });
    expect(await cluster.requestsOf(node)).toBeLessThan(40);
  });

  test("asks nothing while there is nothing to ask for", async () => {
    await using cluster = new Cluster(server);
    const node = cluster.scheduler({ nodeTtl: 60_000, pollEvery: 60_000, roles: ["worker"] });
    node.task("task", () => undefined);
    await node.start();
    const [first = "", second = ""] = idsTogether(2);
    await (await node.enqueue("task", { id: first })).result({ timeout: 3000 });
    await (await node.enqueue("task", { id: second, delay: 500 })).result({ timeout: 3000 });
    // For each run when it is heard of, when it is due, and when it has ended; the first look; and what two wake messages cost at the most.
    // In other partitions the first look, and what a wake message costs.
    expect(await cluster.requestsOf(node)).toBeLessThanOrEqual(9 + 2 * (partitions - 1));
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
    expect(begun.filter(({ attempt }) => attempt > 1)).toEqual([]); // none was forgotten, and found by the comparison
  });
});

const completionsOf = (
  claimed: readonly { readonly run: string; readonly token: string }[],
): { run: string; token: string; outcome: "s"; detail: string; result: string }[] =>
  claimed.map(({ run, token }) => ({ run, token, outcome: "s", detail: '{"task":"task"}', result: "" }));
