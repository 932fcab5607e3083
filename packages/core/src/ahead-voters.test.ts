import {
  eventually,
  type JobStore,
  type RedisServer,
  startJobStore,
  startProxy,
  startVoters,
  type Voters,
} from "@escapement/testing";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { Cluster, gate, heard, idsTogether, many } from "../test/cluster.js";
import { silentLogger } from "../test/silent-logger.js";
import { StoreBench } from "../test/store-bench.js";
import type { Claimed } from "./claim.js";
import { enqueueRuns } from "./enqueue.js";
import { Events } from "./events.js";
import type { RunHandle } from "./index.js";
import { RunLocks } from "./lock.js";

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

const ended = (handles: readonly RunHandle[]): Promise<unknown> =>
  Promise.all(handles.map((handle) => handle.result({ timeout: 20_000 })));

/** How many locks each voter holds of these runs' first attempts. */
const locksOf = (cluster: Cluster, handles: readonly RunHandle[]): Promise<number[]> => {
  const keys = handles.map(({ id }) => `escapement:{${cluster.namespace}}:lock:${id}#1`);
  return Promise.all(voters.servers.map((voter) => voter.client().exists(...keys)));
};

const callsOf = async (voter: RedisServer): Promise<number> =>
  Number(/cmdstat_eval:calls=(\d+)/.exec(await voter.client().info("commandstats"))?.[1] ?? 0);

describe("a node that claims ahead, with voters", () => {
  test("asks store and voters far less often than it runs where handlers are quick, and keeps to its concurrency", async () => {
    await using cluster = new Cluster(server);
    const node = cluster.scheduler({ concurrency: 2, nodeTtl: 30_000, voters: voters.urls });
    const refused = heard(node, "lockRefused");
    let [now, most, starts] = [0, 0, 0];
    node.task("task", async () => {
      now += 1;
      starts += 1;
      most = Math.max(most, now);
      await Promise.resolve();
      now -= 1;
    });
    const handles = await node.enqueueMany(
      "task",
      idsTogether(500).map((id) => ({ id })),
    );
    const before = await Promise.all(voters.servers.map(callsOf));
    await node.start();
    await ended(handles);
    const calls = await Promise.all(voters.servers.map(callsOf));
    expect({ most, starts, refused }).toEqual({ most: 2, starts: 500, refused: [] });
    expect(await cluster.requestsOf(node)).toBeLessThan(400);
    expect(Math.max(...calls.map((count, index) => count - (before[index] ?? 0)))).toBeLessThan(400);
    // Each attempt's lock was taken, and is left to expire.
    const held = await locksOf(cluster, handles);
    expect(held.filter((count) => count === 500).length).toBeGreaterThanOrEqual(2);
  });

  test("lets go of the locks of what waits when a handler takes longer: another node begins it, as the same attempt", async () => {
    await using cluster = new Cluster(server);
    const options = { concurrency: 1, nodeTtl: 30_000, voters: voters.urls };
    const [node, other] = [cluster.scheduler(options), cluster.scheduler(options)];
    const [back, refused] = [heard(node, "handedBack"), heard(other, "lockRefused")];
    const [stuck, release] = [gate(), gate()];
    const attempts: number[] = [];
    let count = 0;
    node.task("task", async ({ attempt }) => {
      attempts.push(attempt);
      count += 1;
      if (count !== 200) return;
      stuck.open();
      await release.opened;
    });
    other.task("task", ({ attempt }) => {
      attempts.push(attempt);
    });
    const handles = await node.enqueueMany(
      "task",
      idsTogether(400).map((id) => ({ id })),
    );
    await node.start();
    await stuck.opened;
    await eventually(() => back.length > 0);
    await other.start();
    await eventually(() => attempts.length === 400, { within: 20_000 });
    release.open();
    await ended(handles);
    expect({ attempts, refused }).toEqual({ attempts: Array(400).fill(1), refused: [] });
  });

  test("hands back what waits when it is stopped, without a lock of it: another node begins it", async () => {
    await using first = await startProxy(voters.urls[0] ?? "");
    await using second = await startProxy(voters.urls[1] ?? "");
    await using cluster = new Cluster(server);
    const urls = [first.url, second.url, voters.urls[2] ?? ""];
    const node = cluster.scheduler({ concurrency: 1, nodeTtl: 30_000, voters: urls });
    const stopped = gate();
    const begun = new Set<string>();
    node.task("task", async ({ id }) => {
      begun.add(id);
      if (begun.size !== 200) return;
      for (const proxy of [first, second]) proxy.slow({ least: 200, most: 200 });
      const stop = node.stop({ timeout: 5000 });
      stop.then(
        () => stopped.open(),
        () => undefined,
      );
    });
    const handles = await node.enqueueMany(
      "task",
      idsTogether(400).map((id) => ({ id })),
    );
    const client = cluster.scheduler();
    await node.start();
    await stopped.opened;
    const left = handles.filter(({ id }) => !begun.has(id));
    const states = await Promise.all(left.map(async ({ id }) => (await client.run(id).get())?.state));
    expect(new Set(states)).toEqual(new Set(["ready"]));
    await eventually(async () => expect(await locksOf(cluster, left)).toEqual([0, 0, 0]));
  });

  test("claims none ahead where voters take long: it would be too old by the time its locks are held", async () => {
    await using first = await startProxy(voters.urls[0] ?? "");
    await using second = await startProxy(voters.urls[1] ?? "");
    for (const proxy of [first, second]) proxy.slow({ least: 14, most: 14 });
    const urls = [first.url, second.url, voters.urls[2] ?? ""];
    await using cluster = new Cluster(server);
    const node = cluster.scheduler({ concurrency: 2, nodeTtl: 30_000, voters: urls });
    node.task("task", () => undefined);
    const handles = await node.enqueueMany("task", many(40));
    await node.start();
    await ended(handles);
    expect(await cluster.requestsOf(node)).toBeGreaterThanOrEqual(40); // for one at a time
  });
});

test("T7: an attempt is not taken to be locked once its lock may have ended by the wall clock, nor one that has ended", async () => {
  await using bench = await new StoreBench(server).ready();
  const locks = new RunLocks(bench.store, voters.urls, 60_000, new Events(silentLogger));
  await expect.poll(() => locks.hasQuorum).toBe(true);
  await enqueueRuns(bench.store, "task", [{}, {}], 1000);
  const { claimed } = await (await bench.node("node")).claim({ lockTtl: 0 });
  const [one, two] = claimed as [Claimed, Claimed];
  expect(locks.isHeld(one)).toBe(false);
  await locks.acquire(claimed);
  expect([locks.isHeld(one), locks.isHeld(two)]).toEqual([true, true]);
  locks.forget(two);
  expect([locks.isHeld(one), locks.isHeld(two)]).toEqual([true, false]);
  const real = Date.now;
  const set = vi.spyOn(Date, "now").mockImplementation(() => real() + 7_200_000);
  try {
    expect(locks.isHeld(one)).toBe(false);
  } finally {
    set.mockRestore();
  }
  await locks.close();
});
