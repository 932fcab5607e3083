import { eventually, type RedisServer, startRedis } from "@escapement/testing";
import { every } from "@escapement/triggers";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Cluster } from "../test/cluster.js";
import { silentLogger } from "../test/silent-logger.js";
import { StoreBench } from "../test/store-bench.js";
import { createScheduler, type Scheduler, type SchedulerEvent } from "./index.js";
import { Materialiser } from "./materialise.js";
import { pauseTarget, resumeTarget } from "./pause.js";

let server: RedisServer;
beforeAll(async () => {
  server = await startRedis();
});
afterAll(() => server.stop());

/** Another process that shares the bench's store. */
const client = (bench: StoreBench, url = server.url): Scheduler =>
  createScheduler({ redis: url, namespace: bench.store.namespace, logger: silentLogger });

let markers = 0;

/** All events behind `since` so far, as another process reads them. */
async function told(bench: StoreBench, since: string | Date = "start"): Promise<SchedulerEvent[]> {
  markers += 1;
  const marker = `marker-${markers}`;
  await bench.define(marker);
  await using reader = client(bench);
  const events: SchedulerEvent[] = [];
  for await (const event of reader.events({ since })) {
    if (event.type === "jobAdded" && event.jobId === marker) break;
    if (!("jobId" in event && event.jobId?.startsWith("marker-"))) events.push(event);
  }
  return events;
}

/** Without what differs from run to run. */
const outline = (events: readonly SchedulerEvent[]): object[] =>
  events.map(({ id: _, at: __, ...event }) => {
    const { fencingToken, startedAt, finishedAt, ...rest } = event as unknown as Record<string, unknown>;
    if (fencingToken !== undefined) expect(fencingToken).toBeTypeOf("bigint");
    if (finishedAt !== undefined) expect(finishedAt).toBeInstanceOf(Date);
    return rest;
  });

/** Entries as the scripts write them, of one event each. */
async function fill(bench: StoreBench, count: number, name = "job"): Promise<void> {
  const pipeline = bench.redis.pipeline();
  for (let at = 0; at < count; at += 1)
    pipeline.xadd(bench.store.keys.events, "*", "t", Date.now(), "e", `jobUpdated ${name}-${at}`);
  await pipeline.exec();
}

const about = (events: readonly SchedulerEvent[]): (string | undefined)[] =>
  events.map((event) => ("jobId" in event ? event.jobId : event.type));

describe("what the cluster is told", () => {
  test("an attempt's start and end, of every kind, in order and with what is known of it", async () => {
    await using bench = await new StoreBench(server).ready();
    await bench.define("job", { retry: { attempts: 2 } });
    const node = await bench.node("node");
    const now = await bench.now();
    const [runId] = await bench.write("job", [now - 2]);
    const first = (await node.claim()).claimed;
    await node.complete(first, "F", "0");
    const second = (await node.claim()).claimed;
    await node.complete(second, "t");
    const [next] = await bench.write("job", [now - 1]);
    await node.complete((await node.claim()).claimed);
    const events = await told(bench);
    const run = { runId, jobId: "job", node: "node" };
    expect(outline(events)).toEqual([
      { type: "jobAdded", jobId: "job" },
      { type: "nodeJoined", node: "node" },
      { type: "beforeRun", ...run, attempt: 1 },
      { type: "afterRun", outcome: "failed", retry: true, ...run, attempt: 1, reason: undefined },
      { type: "beforeRun", ...run, attempt: 2 },
      { type: "afterRun", outcome: "timed-out", retry: false, ...run, attempt: 2, reason: undefined },
      { type: "beforeRun", ...run, runId: next, attempt: 1 },
      {
        type: "afterRun",
        outcome: "succeeded",
        retry: false,
        ...run,
        runId: next,
        attempt: 1,
        reason: undefined,
      },
    ]);
    const [, , started, failed, again] = events;
    expect(started).toMatchObject({ fencingToken: first[0] && BigInt(first[0].token) });
    expect(failed).toMatchObject({ fencingToken: first[0] && BigInt(first[0].token) });
    expect(again).toMatchObject({ fencingToken: second[0] && BigInt(second[0].token) });
    if (failed?.type !== "afterRun") throw new Error("no end");
    expect(failed.startedAt).toEqual(started?.at);
    expect(failed.finishedAt).toEqual(failed.at);
  });

  test("a run that is cancelled, while it waits and while it runs, with a reason of whatever characters", async () => {
    await using bench = await new StoreBench(server).ready();
    await bench.define("job", { overlap: "allow" });
    const node = await bench.node("node");
    const now = await bench.now();
    const [waits, runs] = await bench.write("job", [now + 60_000, now - 1]);
    const reason = 'it said "no", \\ and\nleft: {"count":7} ü';
    await bench.run(waits ?? "").cancel({ reason });
    const { claimed } = await node.claim();
    await bench.run(runs ?? "").cancel({ reason: '"' });
    await node.complete(claimed, "f");
    const events = (await told(bench)).filter(({ type }) => type === "afterRun");
    const cancelled = { type: "afterRun", outcome: "cancelled", retry: false };
    expect(events).toMatchObject([
      { ...cancelled, runId: waits, reason, attempt: 0, node: "-", startedAt: undefined },
      { ...cancelled, runId: runs, reason: '"', attempt: 1, node: "node" },
    ]);
  });

  test("a node's death, and what becomes of its runs", async () => {
    await using bench = await new StoreBench(server).ready();
    await bench.define("again");
    await bench.define("once", { delivery: "at-most-once" });
    const node = await bench.node("node", 1000);
    const [again, once] = [await bench.runNow("again"), await bench.runNow("once")];
    await node.claim();
    await bench.advance(2000);
    const [{ id: since } = { id: "" }] = (await told(bench)).slice(-1);
    await bench.recover();
    const events = await told(bench, since);
    expect(events[0]).toMatchObject({ type: "nodeDead", node: "node" });
    const lost = { type: "lost", node: "node", attempt: 1 };
    expect(events).toHaveLength(3);
    expect(events).toContainEqual(expect.objectContaining({ ...lost, runId: again, retry: true }));
    expect(events).toContainEqual(
      expect.objectContaining({ ...lost, runId: once, retry: false, reason: "node-dead" }),
    );
  });

  test("what did not start: skipped for overlap and limit, and missed with its number", async () => {
    await using bench = await new StoreBench(server).ready();
    await bench.define("job");
    const node = await bench.node("node");
    const first = await bench.runNow("job");
    const { claimed } = await node.claim();
    const second = await bench.runNow("job");
    await node.claim();
    await bench.define("other");
    const limited = await bench.runNow("other");
    await node.claim({ limits: [{ scope: "all", max: 0, how: "s" }] });
    await node.complete(claimed);
    const now = await bench.now();
    await bench.write("job", [], { missed: 86_300, missedFrom: now - 86_400_000, missedTo: now - 100_000 });
    const skipped = (await told(bench)).filter(({ type }) => type === "skipped" || type === "missed");
    expect(first).toBeDefined();
    expect(outline(skipped)).toEqual([
      { type: "skipped", runId: second, jobId: "job", reason: "overlap" },
      { type: "skipped", runId: limited, jobId: "other", reason: "limit" },
      { type: "missed", runId: `job@${now - 86_400_000}`, jobId: "job", reason: "misfire", count: 86_300 },
    ]);
  });

  test("what becomes of jobs: added, updated, paused, resumed, exhausted, parked, removed", async () => {
    await using bench = await new StoreBench(server).ready();
    const node = await bench.node("node", 1e9);
    await bench.define("job", { maxRuns: 1, trigger: every("1s") });
    await bench.define("job", { maxRuns: 1, trigger: every("1s") }); // changes nothing
    await bench.define("job", { maxRuns: 1, trigger: every("1s"), priority: 1 });
    await pauseTarget(bench.store, { job: "job" }, { reason: "tests" });
    const run = await bench.runNow("job");
    expect(await node.take()).toEqual([]);
    await resumeTarget(bench.store, { job: "job" });
    await node.complete((await node.claim()).claimed);
    await bench.write("job", [(await bench.now()) - 1]);
    await node.complete((await node.claim()).claimed);
    await bench.define("broken", { trigger: every("1s") });
    const record = (await bench.redis.hget(bench.store.keys.jobs, "broken")) ?? "";
    await bench.redis.hset(bench.store.keys.jobs, "broken", record.replace('"every"', '"never"'));
    await new Materialiser(bench.store, 15_000, bench.events).round(bench.epoch);
    await bench.remove("job");
    await bench.remove("job"); // there is none
    await node.leave();
    expect(run).toBeDefined();
    const events = (await told(bench)).filter(({ type }) => !type.endsWith("Run"));
    expect(outline(events)).toEqual([
      { type: "nodeJoined", node: "node" },
      { type: "jobAdded", jobId: "job" },
      { type: "jobUpdated", jobId: "job" },
      { type: "paused", target: "job:job" },
      { type: "resumed", target: "job:job" },
      { type: "jobExhausted", jobId: "job" },
      { type: "jobAdded", jobId: "broken" },
      { type: "jobParked", jobId: "broken" },
      { type: "jobRemoved", jobId: "job" },
      { type: "nodeLeft", node: "node" },
    ]);
  });

  test("who leads, and which nodes come and go", async () => {
    await using cluster = new Cluster(server);
    const [watcher, one] = [cluster.scheduler(), cluster.scheduler()];
    const events: SchedulerEvent[] = [];
    const seen = (type: string) => events.find((event) => event.type === type) ?? null;
    const reading = (async () => {
      for await (const event of watcher.events()) events.push(event);
    })();
    await one.start();
    await eventually(() => seen("leaderElected"));
    const { nodeId: node } = one;
    await one.stop();
    await eventually(() => seen("nodeLeft"));
    expect(outline(events)).toEqual([
      { type: "nodeJoined", node },
      { type: "leaderElected", node, epoch: 1 },
      { type: "leaderLost", node, epoch: 1 },
      { type: "nodeLeft", node },
    ]);
    await watcher.stop();
    await reading;
  });

  test("`events: { max: 0 }` writes none", async () => {
    await using cluster = new Cluster(server);
    const scheduler = cluster.scheduler({ events: { max: 0 } });
    const task = scheduler.task("task", () => "done");
    await scheduler.start();
    await scheduler.schedule(task, { id: "job", trigger: every("1h"), whenExhausted: "remove" });
    expect(await (await scheduler.job("job").runNow()).result({ timeout: 5000 })).toBe("done");
    await scheduler.pause("all", { reason: "tests" });
    await scheduler.job("job").remove();
    await scheduler.stop();
    const redis = server.client();
    expect(await redis.exists(`escapement:{${cluster.namespace}}:events`)).toBe(0);
    redis.disconnect();
  });

  test("is bounded: so many entries of at most 2 KiB and a line each, however much a step tells", async () => {
    await using cluster = new Cluster(server);
    const max = 300;
    const scheduler = cluster.scheduler({ events: { max } });
    const jobs = Array.from({ length: 100 }, (_, at) => `${at}-`.padEnd(128, "x"));
    const define = (priority: number): Promise<unknown> =>
      scheduler.apply(jobs.map((id) => ({ id, task: "task", trigger: every("1h"), priority })));
    const redis = server.client();
    const key = `escapement:{${cluster.namespace}}:events`;
    for (let round = 0; round < 60; round += 1) await define(round);
    const entries = await redis.xrange(key, "-", "+");
    const info = (await redis.xinfo("STREAM", key)) as unknown[];
    expect(info[info.indexOf("entries-added") + 1]).toBeGreaterThan(max + 100);
    for (const [, [, , , lines = ""]] of entries) expect(lines.length).toBeLessThan(2048 + 150);
    // Trimmed by whole nodes of the stream: a little more than asked for.
    expect(entries.length).toBeGreaterThanOrEqual(max);
    expect(entries.length).toBeLessThan(max + 100);
    expect(await redis.memory("USAGE", key, "SAMPLES", 0)).toBeLessThan(max * 3072);
    redis.disconnect();
  });
});

describe("going on behind an event", () => {
  test("gives exactly what came after it, also in the middle of what one step told", async () => {
    await using bench = await new StoreBench(server).ready();
    const ids = ["a", "b", "c", "d", "e"];
    for (const id of ids) await bench.define(id);
    const node = await bench.node("node");
    for (const id of ids) await bench.runNow(id);
    await node.complete((await node.claim()).claimed);
    const all = await told(bench);
    expect(all).toHaveLength(16);
    expect(new Set(all.map(({ id }) => id)).size).toBe(16);
    expect(new Set(all.map(({ id }) => id.split(".")[0])).size).toBe(8);
    for (const [index, { id }] of all.entries()) expect(await told(bench, id)).toEqual(all.slice(index + 1));
  });

  test("loses none and tells none twice, whoever leaves and comes back while events come in", async () => {
    await using bench = await new StoreBench(server).ready();
    await using reader = client(bench);
    const count = 1500;
    const writing = (async () => {
      for (let at = 0; at < count; at += 50) {
        const lines = Array.from({ length: 7 }, (_, line) => `jobUpdated step-${at}-${line}`).join("\n");
        await bench.redis.xadd(bench.store.keys.events, "*", "t", 1, "e", lines);
        await fill(bench, 43, `job-${at}`);
      }
    })();
    const seen: SchedulerEvent[] = [];
    let since = "start";
    while (seen.length < count) {
      let left = 1 + (seen.length % 137);
      for await (const event of reader.events({ since })) {
        seen.push(event);
        since = event.id;
        left -= 1;
        if (left === 0 || seen.length === count) break;
      }
    }
    await writing;
    const written = (await bench.redis.xrange(bench.store.keys.events, "-", "+")).flatMap(([, values]) =>
      (values[3] ?? "").split("\n").map((line) => line.split(" ")[1]),
    );
    expect(written).toHaveLength(count);
    expect(about(seen)).toEqual(written);
  });

  test("from a moment on: what was told at that very moment is part of it", async () => {
    await using bench = await new StoreBench(server).ready();
    const { events } = bench.store.keys;
    for (const id of ["1000-0", "2000-0", "2000-1", "3000-0"])
      await bench.redis.xadd(events, id, "t", id.split("-")[0] ?? "", "e", `jobUpdated at-${id}`);
    expect(about(await told(bench, new Date(2000)))).toEqual(["at-2000-0", "at-2000-1", "at-3000-0"]);
    expect(about(await told(bench, new Date(2001)))).toEqual(["at-3000-0"]);
    expect(about(await told(bench, new Date(0)))).toHaveLength(4);
  });

  test("if nothing is said, tells what comes after the call, whenever the first is asked for", async () => {
    await using bench = await new StoreBench(server).ready();
    await using reader = client(bench);
    await bench.define("before");
    const events = reader.events();
    await reader.schedule("task", { id: "after", trigger: every("1h") });
    const next = await events.next();
    expect(next.value).toMatchObject({ type: "jobAdded", jobId: "after" });
    await events.return?.();
  });

  test("a stream that was trimmed meanwhile says so, once", async () => {
    await using bench = await new StoreBench(server).ready();
    await fill(bench, 20);
    const [first] = await told(bench);
    await bench.redis.xtrim(bench.store.keys.events, "MAXLEN", 5); // one of them the mark of where `told` ended
    const events = await told(bench, first?.id);
    expect(about(events)).toEqual(["gap", "job-16", "job-17", "job-18", "job-19"]);
    expect(about(await told(bench, events[0]?.id))).toEqual(["job-16", "job-17", "job-18", "job-19"]);
    expect(about(await told(bench))).toEqual(["job-16", "job-17", "job-18", "job-19"]);
    expect(about(await told(bench, new Date(1)))).toEqual(about(events));
    expect(about(await told(bench, events[2]?.id))).toEqual(["job-18", "job-19"]);
  });

  test("a slow reader holds a page of 100, and is told when what it had yet to read has gone", async () => {
    await using bench = await new StoreBench(server).ready();
    await using reader = client(bench);
    await fill(bench, 1000);
    const events = reader.events({ since: "start" });
    await events.next();
    await bench.redis.xtrim(bench.store.keys.events, "MAXLEN", 3);
    const rest: SchedulerEvent[] = [];
    for await (const event of events) {
      rest.push(event);
      if ("jobId" in event && event.jobId === "job-999") break;
    }
    expect(about(rest).slice(0, 99)).toEqual(Array.from({ length: 99 }, (_, at) => `job-${at + 1}`));
    expect(about(rest).slice(99)).toEqual(["gap", "job-997", "job-998", "job-999"]);
  });

  test("a line of a later version is left out, and shifts no place", async () => {
    await using bench = await new StoreBench(server).ready();
    const lines = "jobAdded a\njobPolished a\nended broken\njobAdded b";
    await bench.redis.xadd(bench.store.keys.events, "*", "t", 1, "e", lines);
    const events = await told(bench);
    expect(about(events)).toEqual(["a", "b"]);
    expect(events.map(({ id }) => id.split(".")[1])).toEqual(["1", "4"]);
    expect(about(await told(bench, events[0]?.id))).toEqual(["b"]);
  });
});

describe("a reader", () => {
  test("goes on without loss when Redis is killed and comes back", async () => {
    await using own = await startRedis({ appendonly: "always" });
    await using bench = await new StoreBench(own).ready();
    await using reader = client(bench, own.url);
    const lines = ["a", "b", "c"].map((id) => `jobUpdated ${id}`).join("\n");
    const entry = (await bench.redis.xadd(bench.store.keys.events, "*", "t", 1, "e", lines)) ?? "";
    const seen: SchedulerEvent[] = [];
    const ended = new AbortController();
    const read = async (since: string, into: SchedulerEvent[]): Promise<void> => {
      for await (const event of reader.events({ since, signal: ended.signal })) into.push(event);
    };
    const reading = read("start", seen);
    await eventually(() => seen.length === 3);
    await own.kill();
    const middle: SchedulerEvent[] = [];
    const resumed = read(`${entry}.1`, middle); // begins while there is no Redis
    await own.restart();
    await fill(bench, 150);
    await eventually(() => seen.length === 153 && middle.length === 152, { within: 15_000 });
    const after = Array.from({ length: 150 }, (_, at) => `job-${at}`);
    expect(about(seen)).toEqual(["a", "b", "c", ...after]);
    expect(about(middle)).toEqual(["b", "c", ...after]);
    ended.abort();
    await Promise.all([reading, resumed]);
  });

  const ways: [string, (events: AsyncIterableIterator<SchedulerEvent>, end: AbortController) => unknown][] = [
    ["return, while it waits for an event", (events) => events.return?.()],
    ["its signal", (_events, end) => end.abort()],
  ];
  test.each(ways)("is ended by %s, and closes its connection", async (_name, how) => {
    await using bench = await new StoreBench(server).ready();
    await using reader = client(bench);
    await bench.define("job");
    const end = new AbortController();
    const blocked = async (): Promise<number> =>
      ((await bench.redis.client("LIST")) as string).split("\n").filter((line) => /cmd=xread /.test(line))
        .length;
    const events = reader.events({ since: "start", signal: end.signal });
    await events.next();
    const next = events.next();
    await eventually(async () => (await blocked()) === 1);
    await how(events, end);
    expect(await next).toEqual({ done: true, value: undefined });
    await eventually(async () => (await blocked()) === 0);
  });

  test("that is left with break leaves no connection, and one that asks for nothing opens none", async () => {
    await using bench = await new StoreBench(server).ready();
    await using reader = client(bench);
    await bench.define("job");
    await reader.leader();
    const connections = async (): Promise<number> =>
      ((await bench.redis.client("LIST")) as string).split("\n").filter((line) => line !== "").length;
    const before = await connections();
    for (let turn = 0; turn < 5; turn += 1) for await (const _ of reader.events({ since: "start" })) break;
    reader.events({ since: "start" });
    await eventually(async () => (await connections()) === before);
  });

  test("ends with its scheduler, and cannot be had of one that was stopped", async () => {
    await using bench = await new StoreBench(server).ready();
    const reader = client(bench);
    const next = reader.events().next();
    await reader.leader();
    await reader.stop();
    expect(await next).toEqual({ done: true, value: undefined });
    expect(() => reader.events()).toThrow(expect.objectContaining({ code: "SCHEDULER_STOPPED" }));
  });

  test("after its signal gives nothing more of what it has read", async () => {
    await using bench = await new StoreBench(server).ready();
    await using reader = client(bench);
    await fill(bench, 50);
    const end = new AbortController();
    const seen: SchedulerEvent[] = [];
    for await (const event of reader.events({ since: "start", signal: end.signal })) {
      seen.push(event);
      if (seen.length === 3) end.abort();
    }
    expect(seen).toHaveLength(3);
    for await (const _ of reader.events({ since: "start", signal: AbortSignal.abort() }))
      throw new Error("told");
  });

  test("is told at once where to begin is no place", async () => {
    await using bench = await new StoreBench(server).ready();
    await using reader = client(bench);
    for (const since of [
      "",
      "end",
      "5",
      "5-0",
      "5-0.x",
      `${2n ** 64n}-0.1`,
      5,
      null,
      {},
      new Date(Number.NaN),
    ])
      expect(() => reader.events({ since: since as string }), String(since)).toThrow(
        expect.objectContaining({ name: "InvalidOptionError", path: "since" }),
      );
    expect(() => reader.events({ signal: {} as AbortSignal })).toThrow(
      expect.objectContaining({ path: "signal" }),
    );
    expect(() => reader.events({ from: "start" } as object)).toThrow(
      expect.objectContaining({ path: "options.from" }),
    );
  });
});
