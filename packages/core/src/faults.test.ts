import { once as eventOnce } from "node:events";
import {
  eventually,
  type JobStore,
  onEach,
  startJobStore,
  startProxy,
  startRedis,
} from "@escapement/testing";
import { every } from "@escapement/triggers";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { callsOf } from "../test/calls.js";
import { Cluster, fast, gate, heard, partitions, startsOf } from "../test/cluster.js";
import { longestSleep, monotonic, StoreClock, wallClock } from "./clock.js";
import { LeaseLostError, type RunContext } from "./index.js";
import { NodeLease } from "./lease.js";
import { claim } from "./scripts/index.js";

let server: JobStore;
beforeAll(async () => {
  server = await startJobStore();
});
afterAll(() => server.stop());

describe("a node that loses its lease", () => {
  test("W1: tells its handlers, has its outcome refused, and starts over under a new identity", async () => {
    await using redis = await startRedis();
    await using cluster = new Cluster(redis);
    const node = cluster.scheduler();
    const [reasons, starts] = [[] as unknown[], heard(node, "beforeRun")];
    const refused = heard(node, "completionRefused");
    const release = gate();
    node.task("task", async ({ signal, attempt, extend }: RunContext) => {
      if (attempt > 1) return "second";
      await eventOnce(signal, "abort");
      reasons.push(signal.reason);
      await release.opened;
      reasons.push(await extend().catch((error: unknown) => error));
      return "first";
    });
    await node.start();
    const identity = node.nodeId;
    const handle = await node.enqueue("task");
    await eventually(() => starts.length === 1);
    await redis.freeze();
    await eventually(() => reasons.length === 1);
    expect(reasons[0]).toBeInstanceOf(LeaseLostError);
    await redis.thaw();
    expect(await handle.result({ timeout: 10_000 })).toBe("second");
    release.open();
    await eventually(() => reasons.length === 2 && refused.length === 1);
    expect(reasons[1]).toMatchObject({ code: "LEASE_LOST" });

    expect(node.nodeId).not.toBe(identity);
    expect(startsOf(starts)).toEqual([`${handle.id}#1`, `${handle.id}#2`]);
    expect(starts[1]?.fencingToken).toBeGreaterThan(starts[0]?.fencingToken ?? 0n);
    const ended = await handle.get();
    expect(ended).toMatchObject({ state: "succeeded", result: "second" });
    expect(ended?.attempts.map(({ state, node: by }) => [state, by])).toEqual([
      ["lost", identity],
      ["succeeded", node.nodeId],
    ]);
  });

  test("W1: because its event loop was stuck learns of it before it can do harm", async () => {
    await using cluster = new Cluster(server);
    const [node, other] = [cluster.scheduler(), cluster.scheduler({ roles: ["leader"], nodeTtl: 60_000 })];
    const aborted: unknown[] = [];
    node.task("blocks", async ({ signal, attempt }: RunContext) => {
      if (attempt > 1) return attempt;
      const end = monotonic() + 1500;
      while (monotonic() < end); // nothing of this process gets a turn
      if (!signal.aborted) await eventOnce(signal, "abort");
      aborted.push(signal.reason);
      return "too late";
    });
    await node.start();
    await other.start();
    const handle = await other.enqueue("blocks");
    expect(await handle.result({ timeout: 15_000 })).toBe(2);
    expect(aborted).toEqual([expect.any(LeaseLostError)]);
  });

  test("T7: counts it by both clocks, so that a suspended machine does not go on where it stood", async () => {
    let ended = 0;
    const lease = new NodeLease(1000, () => {
      ended += 1;
    });
    lease.prolonged(monotonic(), wallClock());
    expect(lease.isHeld()).toBe(true);
    // The monotonic clock stood still for ten minutes while the machine slept.
    lease.prolonged(monotonic(), wallClock() - 600_000);
    expect(lease.isHeld()).toBe(false);
    expect(lease.isOver()).toBe(false); // or somebody has set the clock: only Redis knows
    // The other way round: the request was under way for longer than the lease.
    lease.prolonged(monotonic() - 1001, wallClock());
    expect(lease.isHeld()).toBe(false);
    await eventually(() => ended > 0);
    lease.end();
    expect(lease.isHeld()).toBe(false);
    expect(lease.isOver()).toBe(true);
  });

  test("T4: of more than a minute, is not ended by a wall clock that is set", async () => {
    vi.useFakeTimers();
    try {
      let ended = 0;
      const lease = new NodeLease(180_000, () => {
        ended += 1;
      });
      lease.prolonged(monotonic(), wallClock());
      vi.setSystemTime(Date.now() + 7_200_000);
      await vi.advanceTimersByTimeAsync(179_000);
      expect(ended).toBe(0);
      await vi.advanceTimersByTimeAsync(2000);
      expect(ended).toBe(1);
    } finally {
      vi.useRealTimers();
    }
  });

  test("T4: a wall clock that is set does not end a lease, and shifts no sleep", () => {
    const lease = new NodeLease(1000, () => undefined);
    lease.prolonged(monotonic(), wallClock() - 50_000);
    expect(lease.isHeld()).toBe(true);
    lease.prolonged(monotonic(), wallClock() + 86_400_000);
    expect(lease.isHeld()).toBe(true);
    lease.end();
    const clock = new StoreClock();
    const [sent, storeTime] = [monotonic(), 5_000_000]; // a store decades behind this machine's wall clock
    clock.observe(storeTime, sent, sent + 2);
    const wait = clock.reaches(storeTime + 1000) - sent;
    expect(wait).toBeGreaterThanOrEqual(999);
    expect(wait).toBeLessThanOrEqual(1003);
  });
});

test("T3: no sleep is longer than a timer can be, with what is due in 60 years", async () => {
  expect(longestSleep).toBeLessThan(2 ** 31);
  await using cluster = new Cluster(server);
  const node = cluster.scheduler({ pollEvery: "30d", lookahead: "1h" });
  let looks = 0;
  node.task("task", () => undefined);
  await node.start();
  await node.enqueue("task", { delay: 60 * 365 * 86_400_000 });
  await node.schedule("task", { id: "job", trigger: every("36500d") });
  const handle = await node.enqueue("task");
  await handle.result({ timeout: 3000 });
  const calls = (): Promise<number> => callsOf(server, "evalsha");
  // S12: nothing is due, so nothing is polled: what the node asks in a while is heartbeats and elections.
  const before = await calls();
  const [start, end] = [monotonic(), monotonic() + 1000];
  await eventually(() => ++looks && monotonic() > end);
  const asked = (await calls()) - before;
  const due = (monotonic() - start) / Math.min(fast.nodeTtl / 4, fast.leaderTtl / 3);
  expect(asked).toBeLessThan(partitions * (4 * due + 20)); // in each partition
});

describe("the leader", () => {
  test("S3: one that gets nothing done gives its lease up and says so; it goes on when the reason is gone", async () => {
    await using cluster = new Cluster(server);
    const node = cluster.scheduler();
    const [stalls, errors] = [heard(node, "leaderStalled"), heard(node, "error")];
    const ran: string[] = [];
    node.task("task", ({ id }) => ran.push(id));
    const redis = server.client();
    const due = `escapement:{${cluster.namespace}}:due`;
    await redis.set(due, "of the wrong type");
    await node.start();
    await eventually(() => stalls.length > 0, { within: 10_000 });
    expect(errors.some(({ step }) => step === "lead")).toBe(true);
    await redis.del(due);
    await node.schedule("task", { id: "job", trigger: every(50) });
    await eventually(() => ran.length >= 3, { within: 10_000 });
  });

  test("that dies delays nothing: what is due in the next seconds is written already", async () => {
    await using cluster = new Cluster(server);
    const leader = cluster.scheduler({ roles: ["leader"], lookahead: 5000 });
    const worker = cluster.scheduler({ roles: ["worker"] });
    const starts = heard(worker, "beforeRun");
    worker.task("task", () => undefined);
    await leader.start();
    await worker.start();
    await worker.schedule("task", { id: "job", trigger: every(100) });
    await eventually(() => starts.length > 1);
    await leader.stop();
    expect(await worker.leader()).toBeUndefined();
    const count = starts.length;
    await eventually(() => starts.length >= count + 10);
  });
});

describe("W3: a worker", () => {
  test("goes on after Redis was restarted without its data, scripts and connections", async () => {
    await using redis = await startRedis();
    await using cluster = new Cluster(redis);
    const node = cluster.scheduler();
    const [lost, restored] = [heard(node, "storeLost"), heard(node, "storeRestored")];
    node.task("task", ({ id }) => id);
    await node.start();
    await (await node.enqueue("task")).result();
    await redis.kill();
    await eventually(() => lost.length > 0);
    await redis.restart();
    await eventually(() => restored.length > 0);
    const handle = await node.enqueue("task");
    expect(await handle.result({ timeout: 10_000 })).toBe(handle.id);
  });

  test("I11: hears of what was published while it could not listen, at its start and after each reconnection", async () => {
    await using cluster = new Cluster(server);
    const node = cluster.scheduler({
      pollEvery: "1h",
      leaderTtl: 30_000,
      lookahead: 45_000,
      nodeTtl: 60_000,
    });
    const client = cluster.scheduler();
    node.task("task", ({ id }) => id);
    await node.start();
    for (let round = 0; round < 5; round += 1) {
      const handle = await client.enqueue("task");
      expect(await handle.result({ timeout: 3000 })).toBe(handle.id);
      await onEach(server, (redis) => redis.client("KILL", "TYPE", "pubsub"));
    }
  });

  test("whose reply was lost asks again, and starts each run once", async () => {
    await using proxy = await startProxy(server.url);
    await using cluster = new Cluster(server);
    const node = cluster.scheduler({ redis: proxy.url, nodeTtl: 10_000 });
    const client = cluster.scheduler();
    const starts = heard(node, "beforeRun");
    node.task("task", ({ id }) => id);
    await node.start();
    await (await client.enqueue("task", { id: "first" })).result({ timeout: 3000 });
    for (let round = 0; round < 3; round += 1) {
      // Whatever request of the node passes next comes after the runs: it gets them, and does not hear of it.
      proxy.blockRequests(true);
      const ids = [0, 1, 2, 3, 4].map((index) => ({ id: `${round}-${index}` }));
      const handles = await client.enqueueMany("task", ids);
      const lost = proxy.cutAfter(claim.sha);
      proxy.blockRequests(false);
      await eventually(() => lost.hit !== undefined);
      await Promise.all(handles.map((handle) => handle.result({ timeout: 8000 })));
    }
    const runs = startsOf(starts);
    expect(runs).toHaveLength(16);
    expect(new Set(runs).size).toBe(16);
    expect(runs.every((run) => run.endsWith("#1"))).toBe(true);
  });
});

test("I9: at maxmemory calls fail as REDIS_FULL, and work goes on when there is room", async () => {
  await using redis = await startRedis();
  await using cluster = new Cluster(redis);
  const node = cluster.scheduler({ deadline: 400 });
  const errors = heard(node, "error");
  node.task("task", ({ id }) => id);
  await node.start();
  const waiting = await node.enqueue("task", { delay: 300 });
  await redis.client().config("SET", "maxmemory", "1mb");
  await expect(node.enqueue("task")).rejects.toMatchObject({ code: "REDIS_FULL" });
  await expect(node.schedule("task", { id: "job", trigger: every(100) })).rejects.toMatchObject({
    code: "REDIS_FULL",
  });
  await eventually(() => errors.some(({ error }) => (error as { code?: string }).code === "REDIS_FULL"));
  expect((await node.doctor()).find(({ check }) => check === "memory")?.level).not.toBe("ok");
  await redis.client().config("SET", "maxmemory", "0");
  expect(await waiting.result({ timeout: 10_000 })).toBe(waiting.id);
  const handle = await node.enqueue("task");
  expect(await handle.result({ timeout: 5000 })).toBe(handle.id);
});

test("I9: a store that is full for longer than the leases loses nothing of what runs: it ends as it would have", async () => {
  await using redis = await startRedis();
  await using cluster = new Cluster(redis);
  const node = cluster.scheduler();
  const [refused, ends] = [heard(node, "completionRefused"), heard(node, "nodeDead")];
  const release = gate();
  node.task("task", async ({ attempt, extend }) => {
    await release.opened;
    await extend();
    return attempt;
  });
  await node.start();
  const { nodeId } = node;
  const handles = [
    await node.enqueue("task", { delivery: "at-most-once" }),
    await node.enqueue("task", { delivery: "at-least-once" }),
  ];
  await eventually(async () => (await node.activeRuns()).length === 2);
  const admin = redis.client();
  await admin.config("SET", "maxmemory", "1mb");
  await eventually(() => !node.health().ready);
  release.open();
  // Two leases later they have ended, and nobody could be told.
  const since = monotonic();
  await eventually(() => monotonic() - since > 2 * fast.nodeTtl);
  expect(node.health()).toMatchObject({ live: true, reasons: [{ code: "REDIS_OUT_OF_MEMORY" }] });
  await admin.config("SET", "maxmemory", "0");
  for (const handle of handles) expect(await handle.result({ timeout: 10_000 })).toBe(1);
  expect(node.nodeId).toBe(nodeId);
  expect([...refused, ...ends]).toEqual([]);
  await eventually(() => expect(node.health()).toEqual({ live: true, ready: true, reasons: [] }));
});

test("I9: a node stops although the store is full: it does not wait for room to say what has ended", async () => {
  await using redis = await startRedis();
  await using cluster = new Cluster(redis);
  const node = cluster.scheduler();
  const ended: string[] = [];
  const release = gate();
  node.task("task", async ({ id }) => {
    await release.opened;
    ended.push(id);
  });
  await node.start();
  const run = await node.enqueue("task");
  await eventually(async () => (await node.activeRuns()).length === 1);
  const admin = redis.client();
  await admin.config("SET", "maxmemory", "1mb");
  await eventually(() => !node.health().ready);
  const stopped = node.stop({ timeout: 60_000 });
  release.open();
  await stopped;
  expect(ended).toEqual([run.id]);
  expect(node.health().live).toBe(false);
  await admin.config("SET", "maxmemory", "0");
});

test("I9: at maxmemory an operator can pause, resume, cancel, remove and look, which makes room", async () => {
  await using redis = await startRedis();
  await using cluster = new Cluster(redis);
  const client = cluster.scheduler();
  for (const id of ["a", "b"]) await client.schedule("task", { id, trigger: every("1h"), tags: ["emea"] });
  const run = await client.enqueue("task", { delay: "1h" });
  await redis.client().config("SET", "maxmemory", "1mb");
  await expect(client.enqueue("task")).rejects.toMatchObject({ code: "REDIS_FULL" });
  await client.pause("all", { reason: "the store is full" });
  await client.pause({ tag: "emea" }, { reason: "to be resumed from now" });
  expect((await client.pauses()).map(({ target }) => target)).toEqual(["all", "tag:emea"]);
  expect((await client.job("a").get())?.state).toBe("paused");
  expect((await run.get())?.state).toBe("scheduled");
  expect(await run.cancel()).toBe(true);
  expect(await client.job("a").remove()).toBe(true);
  expect(await client.removeDeadLetters()).toEqual([]);
  expect(await client.resume({ tag: "emea" }, { from: "now" })).toBe(true);
  expect(await client.resume("all")).toBe(true);
  expect(await client.pauses()).toEqual([]);
});
