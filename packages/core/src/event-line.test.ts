import { eventually, type JobStore, startJobStore } from "@escapement/testing";
import { every } from "@escapement/triggers";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Cluster } from "../test/cluster.js";
import { StoreBench } from "../test/store-bench.js";
import { told } from "../test/told.js";
import type { SchedulerEvent } from "./index.js";
import { Materialiser } from "./materialise.js";
import { pauseTarget } from "./pause.js";
import { resumeTarget } from "./resume.js";

let server: JobStore;
beforeAll(async () => {
  server = await startJobStore();
});
afterAll(() => server.stop());

/** Without what differs from run to run. */
const outline = (events: readonly SchedulerEvent[]): object[] =>
  events.map(({ id: _, at: __, ...event }) => {
    const { fencingToken, startedAt, finishedAt, ...rest } = event as unknown as Record<string, unknown>;
    if (fencingToken !== undefined) expect(fencingToken).toBeTypeOf("bigint");
    if (finishedAt !== undefined) expect(finishedAt).toBeInstanceOf(Date);
    return rest;
  });

describe("events: what the cluster is told", () => {
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
    const run = await bench.runNow("job");
    await pauseTarget(bench.store, { job: "job" }, { reason: "tests" });
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
      {
        type: "paused",
        ...{ target: "job:job", reason: "tests", by: expect.any(String), since: expect.any(Date) },
        ...{ until: undefined, failures: undefined },
      },
      { type: "resumed", target: "job:job", from: undefined, by: expect.any(String) },
      { type: "jobExhausted", jobId: "job" },
      { type: "jobAdded", jobId: "broken" },
      { type: "jobParked", jobId: "broken" },
      { type: "jobRemoved", jobId: "job" },
      { type: "nodeLeft", node: "node" },
    ]);
  });

  test("who leads, and which nodes come and go", async () => {
    await using cluster = new Cluster(server);
    // In one partition: each tells it.
    const [watcher, one] = [cluster.scheduler({ partitions: 1 }), cluster.scheduler({ partitions: 1 })];
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
    for (const { events } of cluster.allKeys) expect(await redis.exists(events)).toBe(0);
    redis.disconnect();
  });

  test("is bounded: so many entries of at most 2 KiB and a line each, however much a step tells", async () => {
    await using cluster = new Cluster(server);
    const max = 300;
    const scheduler = cluster.scheduler({ events: { max }, partitions: 1 }); // of each stream
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
