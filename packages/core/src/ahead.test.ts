import { eventually, type JobStore, startJobStore } from "@escapement/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Cluster, gate, heard, idsTogether, many } from "../test/cluster.js";
import { Ahead } from "./ahead.js";
import type { Claimed } from "./claim.js";
import type { RunHandle } from "./index.js";

let server: JobStore;
beforeAll(async () => {
  server = await startJobStore();
});
afterAll(() => server.stop());

const ended = (handles: readonly RunHandle[]): Promise<unknown> =>
  Promise.all(handles.map((handle) => handle.result({ timeout: 20_000 })));

describe("a node that claims ahead", () => {
  test("asks far less often than it runs where handlers are quick, and keeps to its concurrency", async () => {
    await using cluster = new Cluster(server);
    const node = cluster.scheduler({ concurrency: 2, nodeTtl: 30_000 });
    let [now, most, starts] = [0, 0, 0];
    node.task("task", async () => {
      now += 1;
      starts += 1;
      most = Math.max(most, now);
      await Promise.resolve();
      now -= 1;
    });
    // In one partition: several that have work share two slots, and take them in turn.
    const handles = await node.enqueueMany(
      "task",
      idsTogether(1000).map((id) => ({ id })),
    );
    await node.start();
    await ended(handles);
    expect({ most, starts }).toEqual({ most: 2, starts: 1000 });
    expect(Math.max(...(await cluster.lastOfLines(node)))).toBeLessThan(500);
  });

  test.each([
    ["limits", { limit: { max: 1000, whenFull: "wait" } } as const],
    ["rates", { rateLimit: { max: 10_000, per: "1s" } } as const],
  ])("claims none with %s: what waits would count as running", async (_, options) => {
    await using cluster = new Cluster(server);
    const node = cluster.scheduler({ concurrency: 1, nodeTtl: 30_000 });
    node.task("task", options, () => undefined);
    const handles = await node.enqueueMany("task", many(100));
    await node.start();
    await ended(handles);
    expect(await cluster.requestsOf(node)).toBeGreaterThanOrEqual(100);
  });

  test("hands back what waits when a handler takes longer than the others did: another node begins it", async () => {
    await using cluster = new Cluster(server);
    const [node, other] = [
      cluster.scheduler({ concurrency: 1, nodeTtl: 30_000 }),
      cluster.scheduler({ concurrency: 1, nodeTtl: 30_000 }),
    ];
    const [stuck, release] = [gate(), gate()];
    const attempts: number[] = [];
    node.task<{ slow?: boolean }>("task", async ({ input, attempt }) => {
      attempts.push(attempt);
      if (input.slow !== true) return;
      stuck.open();
      await release.opened;
    });
    other.task("task", ({ attempt }) => {
      attempts.push(attempt);
    });
    const inputs = Array.from({ length: 400 }, (_, index) => ({ input: { slow: index === 200 } }));
    const handles = await node.enqueueMany("task", inputs);
    await node.start();
    await stuck.opened;
    await other.start();
    await ended(handles.filter((_, index) => index !== 200));
    expect(await handles[200]?.get()).toMatchObject({ state: "active" });
    release.open();
    await handles[200]?.result({ timeout: 5000 });
    expect(attempts).toEqual(Array(400).fill(1));
  });

  test("begins nothing that has waited while its event loop was blocked", async () => {
    await using cluster = new Cluster(server);
    const node = cluster.scheduler({ concurrency: 1, nodeTtl: 30_000 });
    const back = heard(node, "handedBack");
    const order: number[] = [];
    const attempts = new Set<number>();
    let isSameTurn = false;
    const begunAtOnce: number[] = []; // in the turn in which it was
    node.task<{ n: number }>("task", ({ input, attempt }) => {
      if (isSameTurn) begunAtOnce.push(input.n);
      // Again until some waited meanwhile: whether any do at one moment is chance.
      if (order.length > 300 && order.length % 30 === 1 && back.length === 0) {
        // A handler that computes, and lets nothing else be done meanwhile.
        const until = performance.now() + 150;
        while (performance.now() < until);
        isSameTurn = true;
        setImmediate(() => {
          isSameTurn = false;
        });
      }
      attempts.add(attempt);
      order.push(input.n);
    });
    const inputs = idsTogether(600).map((id, n) => ({ id, input: { n } }));
    const handles = await node.enqueueMany("task", inputs);
    await node.start();
    await ended(handles);
    expect(new Set(order).size).toBe(600);
    expect([...attempts]).toEqual([1]);
    expect(begunAtOnce).toEqual([]);
    expect(back.length).toBeGreaterThan(0);
  });

  test("a run that is cancelled while it waits never begins", async () => {
    const late: Claimed[] = [];
    const ahead = new Ahead((runs) => late.push(...runs));
    const claimed = (run: string): Claimed => ({ run }) as Claimed;
    for (const run of ["a", "b", "c"]) ahead.add([claimed(run)], performance.now());
    expect(ahead.remove("b").map(({ run }) => run)).toEqual(["b"]);
    expect(ahead.next()?.run).toBe("a");
    expect(ahead.held().map(({ run }) => run)).toEqual(["c"]);
    await eventually(() => expect(late.map(({ run }) => run)).toEqual(["c"]));
    expect([ahead.size, ahead.next()]).toEqual([0, undefined]);
  });

  test("claims none before it knows how long handlers take, nor where they take a millisecond or more", () => {
    const ahead = new Ahead(() => undefined);
    expect(ahead.room(10, 0)).toBe(0);
    ahead.learn(0.1, 0); // the first one may be an exception
    expect(ahead.room(1, 0)).toBe(1);
    for (let number = 0; number < 500; number += 1) ahead.learn(0.1, 1);
    expect(ahead.room(1, 2)).toBeGreaterThan(8);
    expect(ahead.room(1000, 2)).toBeGreaterThan(90);
    expect(ahead.room(1000, 2)).toBeLessThan(110);
    for (let number = 0; number < 2000; number += 1) ahead.learn(0.1, 2);
    expect(ahead.room(1000, 2)).toBe(400);
    expect(ahead.room(1000, 2, 1)).toBe(200); // where locks take 1 ms
    ahead.learn(1.5, 3); // one that is slow counts at once
    expect(ahead.room(1, 3)).toBe(0);
    for (let number = 0; number < 100; number += 1) ahead.learn(0.1, 4);
    expect(ahead.room(1, 4)).toBeGreaterThan(5);
  });

  test("claims as much more ahead as a request takes, up to some ms", () => {
    const ahead = new Ahead(() => undefined);
    for (let number = 0; number < 50; number += 1) ahead.learn(0.1, number / 5); // 5 a ms
    for (let number = 0; number < 100; number += 1) ahead.learnRequest(2);
    expect(ahead.room(1000, 10)).toBeGreaterThanOrEqual(15);
    expect(ahead.room(1000, 10)).toBeLessThanOrEqual(30);
    for (let number = 0; number < 100; number += 1) ahead.learnRequest(500);
    expect(ahead.room(1000, 10)).toBeLessThanOrEqual(41);
    for (let number = 0; number < 100; number += 1) ahead.learnRequest(0);
    expect(ahead.room(1000, 10)).toBeLessThanOrEqual(11);
  });

  test("claims no more than have lately ended within a millisecond, and none where none has", () => {
    const ahead = new Ahead(() => undefined);
    for (let number = 0; number < 50; number += 1) ahead.learn(0.1, number / 5); // 5 a ms
    expect(ahead.room(1000, 10)).toBeGreaterThanOrEqual(5);
    expect(ahead.room(1000, 10)).toBeLessThanOrEqual(10);
    // Where a run could begin nowhere sooner, so much more of them.
    expect(ahead.room(1000, 10, 2)).toBeGreaterThanOrEqual(15);
    expect(ahead.room(1000, 10, 2)).toBeLessThanOrEqual(30);
    expect(ahead.room(1000, 30)).toBe(0);
  });
});
