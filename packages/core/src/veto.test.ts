import { eventually, type JobStore, startJobStore, startRedis } from "@escapement/testing";
import { once } from "@escapement/triggers";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Cluster, heard } from "../test/cluster.js";
import { expectSound, StoreBench } from "../test/store-bench.js";
import type { BeforeRunEvent, Listener, Run, SchedulerOptions } from "./index.js";

let server: JobStore;
beforeAll(async () => {
  server = await startJobStore();
});
afterAll(() => server.stop());

interface Asked {
  readonly run: Run;
  /** Whether the handler was called. */
  readonly called: boolean;
}

/** One enqueued run on a node with this listener. */
async function ask(cluster: Cluster, ...listeners: Listener<"beforeRun">[]): Promise<Asked> {
  const node = cluster.scheduler();
  for (const listener of listeners) node.on("beforeRun", listener);
  let called = false;
  node.task("task", () => {
    called = true;
  });
  await node.start();
  const handle = await node.enqueue("task");
  await handle.result({ timeout: 5000 }).catch(() => undefined);
  const run = await handle.get();
  if (run === undefined) throw new Error("there is no such run");
  return { run, called };
}

describe("veto: a listener of beforeRun", () => {
  test("that calls veto keeps the handler from being called, and its reason is kept", async () => {
    await using cluster = new Cluster(server);
    const answers: boolean[] = [];
    const { run, called } = await ask(cluster, (event) => {
      answers.push(event.veto(`not today: \u0007 ${"🕰".repeat(300)}`), event.veto("another"));
    });
    expect(called).toBe(false);
    expect(answers).toEqual([true, true]);
    expect(run).toMatchObject({ state: "skipped", reason: "vetoed", attempt: 0, attempts: [] });
    expect([...(run.veto ?? "")]).toHaveLength(200);
    expect(run.veto?.startsWith("not today: \u0007 🕰")).toBe(true);
    expect(run.veto?.endsWith("🕰")).toBe(true);
  });

  test("that vetoes without a reason; others are asked all the same", async () => {
    await using cluster = new Cluster(server);
    const asked: string[] = [];
    const { run, called } = await ask(
      cluster,
      ({ veto }) => veto(),
      ({ runId, veto }) => {
        asked.push(runId);
        veto("too late to be the first");
      },
    );
    expect(called).toBe(false);
    expect(run).toMatchObject({ state: "skipped", reason: "vetoed", veto: undefined });
    expect(asked).toEqual([run.id]);
  });

  test("that answers anything else, throws or rejects vetoes nothing", async () => {
    await using cluster = new Cluster(server);
    const { run, called } = await ask(
      cluster,
      () => undefined,
      () => 0,
      () => null,
      () => {
        throw new Error("listener");
      },
      () => Promise.reject(new Error("listener")),
      () => false,
      () => Promise.resolve(false),
    );
    expect([run.state, called]).toEqual(["succeeded", true]);
  });

  test("that is async can veto until its first await, and is told when it is too late", async () => {
    await using cluster = new Cluster(server);
    const late: boolean[] = [];
    const { run, called } = await ask(cluster, async (event) => {
      await undefined;
      late.push(event.veto("late"));
    });
    expect([run.state, called]).toEqual(["succeeded", true]);
    expect(late).toEqual([false]);
    await using another = new Cluster(server);
    const early = await ask(another, async (event) => {
      event.veto("early");
      await undefined;
    });
    expect([early.run.state, early.called]).toEqual(["skipped", false]);
  });

  test("is heard before the handler starts, and an event can be copied and printed as before", async () => {
    await using cluster = new Cluster(server);
    const events: BeforeRunEvent[] = [];
    await ask(cluster, (event) => {
      events.push(event);
    });
    expect(Object.keys(events[0] ?? {})).not.toContain("veto");
    expect(events[0]).toMatchObject({ task: "task", attempt: 1 });
  });

  test("may stop its scheduler: the attempt counts as running", async () => {
    await using cluster = new Cluster(server);
    const node = cluster.scheduler();
    const reasons: unknown[] = [];
    node.task("task", ({ signal }) => {
      return new Promise((_, reject) => {
        signal.addEventListener("abort", () => {
          reasons.push((signal.reason as Error).name);
          reject(signal.reason);
        });
      });
    });
    node.on("beforeRun", () => void node.stop({ timeout: 20 }));
    await node.start();
    await node.enqueue("task", { delivery: "at-most-once" });
    await eventually(() => reasons.length === 1);
    expect(reasons).toEqual(["SchedulerStoppedError"]);
  });
});

describe("veto: a vetoed run", () => {
  test("tells skipped, not afterRun, is no dead letter, and frees its slot", async () => {
    await using cluster = new Cluster(server);
    const node = cluster.scheduler({ concurrency: 1 });
    const [skipped, ended] = [heard(node, "skipped"), heard(node, "afterRun")];
    node.on("beforeRun", ({ attempt, jobId, veto }) => {
      if (jobId === "vetoed" || attempt > 1) veto("no");
    });
    node.task("task", () => "done");
    await node.start();
    await node.schedule("task", { id: "vetoed", trigger: once("now") });
    await eventually(() => skipped.length === 1);
    expect(await (await node.enqueue("task")).result({ timeout: 5000 })).toBe("done");
    const [run] = await node.job("vetoed").history();
    expect(skipped).toEqual([{ runId: run?.id, jobId: "vetoed", reason: "vetoed" }]);
    expect(run).toMatchObject({ state: "skipped", reason: "vetoed", veto: "no", result: undefined });
    await eventually(() => ended.length === 1);
    expect(ended.map(({ jobId }) => jobId)).toEqual([undefined]);
    expect(await node.deadLetters()).toEqual([]);
    const told: unknown[] = [];
    for await (const event of node.events({ since: "start" })) {
      if (!("jobId" in event) || event.jobId !== "vetoed" || !("runId" in event)) continue;
      told.push([event.type, "reason" in event ? event.reason : undefined]);
      if (told.length === 2) break;
    }
    expect(told).toEqual([
      ["beforeRun", undefined],
      ["skipped", "vetoed"],
    ]);
  });

  test("ends so at any attempt; what is known of earlier ones stays", async () => {
    await using cluster = new Cluster(server);
    const node = cluster.scheduler();
    node.on("beforeRun", ({ attempt, veto }) => void (attempt === 2 && veto("once is enough")));
    node.task("task", () => {
      throw new Error("first");
    });
    await node.start();
    const handle = await node.enqueue("task", { retry: { attempts: 5, backoff: 0 } });
    await expect(handle.result({ timeout: 5000 })).rejects.toMatchObject({ code: "RUN_FAILED" });
    const run = await handle.get();
    expect(run).toMatchObject({ state: "skipped", veto: "once is enough", attempt: 1 });
    expect(run?.attempts[0]).toMatchObject({ state: "failed", error: { message: "first" } });
    expect(await node.deadLetters()).toEqual([]);
  });

  test("has ended for every node; the lock of its attempt is left to independent voters", async () => {
    await using voter = await startRedis();
    await using cluster = new Cluster(server);
    const options: SchedulerOptions = { voters: [voter.url] };
    const [refusing, willing] = [cluster.scheduler(options), cluster.scheduler(options)];
    const called: string[] = [];
    for (const node of [refusing, willing]) node.task("task", ({ id }) => called.push(id));
    refusing.on("beforeRun", ({ veto }) => veto());
    await refusing.start();
    const handle = await refusing.enqueue("task");
    await eventually(async () => (await handle.get())?.state === "skipped");
    await refusing.stop();
    await willing.start();
    const other = await willing.enqueue("task");
    await other.result({ timeout: 5000 });
    expect(called).toEqual([other.id]);
    expect((await willing.run(handle.id).get())?.state).toBe("skipped");
    const locks = await voter.client().keys("*");
    expect(locks.sort()).toEqual([handle, other].map(({ id }) => cluster.keysOf(id).lock(id, 1)).sort());
  });

  test("does not count for maxRuns: where it was to be the last, another fire time is", async () => {
    await using bench = await new StoreBench(server).ready();
    await bench.define("job", { maxRuns: 2, overlap: "allow" });
    const now = await bench.now();
    const [, second, third] = await bench.write("job", [now - 3, now - 2, now + 60_000]);
    const node = await bench.node("node", 600_000);
    const first = await node.claim({ slots: 1 });
    await node.complete(first.claimed, "v");
    expect((await bench.job("job").get())?.startedRuns).toBe(0);
    const next = await node.claim({ slots: 1 });
    expect(next.claimed.map(({ run }) => run)).toEqual([second]);
    await node.complete(next.claimed);
    expect((await bench.job("job").get())?.startedRuns).toBe(1);
    await bench.write("job", [now - 1]);
    const vetoed = await node.claim();
    expect(vetoed.claimed).toHaveLength(1);
    await node.complete(vetoed.claimed, "v");
    expect(await bench.job("job").get()).toMatchObject({ startedRuns: 1, state: "scheduled" });
    await bench.advance(60_000);
    await node.heartbeat();
    const last = await node.claim();
    expect(last.claimed.map(({ run }) => run)).toEqual([third]);
    await node.complete(last.claimed);
    expect(await bench.job("job").get()).toMatchObject({ startedRuns: 2, state: "exhausted" });
    await expectSound(bench);
  });

  test("of a job that has no other fire time, though maxRuns leaves one, exhausts it", async () => {
    await using bench = await new StoreBench(server).ready();
    await bench.define("job", { maxRuns: 1 });
    await bench.write("job", [(await bench.now()) - 1], { next: "" });
    const node = await bench.node("node");
    const { claimed } = await node.claim();
    expect(await bench.job("job").get()).toMatchObject({ startedRuns: 1 });
    await node.complete(claimed, "v");
    expect(await bench.job("job").get()).toMatchObject({ startedRuns: 0, state: "exhausted" });
    expect(await bench.redis.hget(bench.store.keys.exhaustion, "job")).toBe("done");
    await expectSound(bench);
  });

  test("lets go of its places and of what waits for its job; its start counts for a rate", async () => {
    await using bench = await new StoreBench(server).ready();
    await bench.define("job", {
      overlap: "queue-all",
      concurrencyKey: "key",
      rateLimit: { max: 2, per: "1h" },
    });
    const now = await bench.now();
    const runs = await bench.write("job", [now - 3, now - 2, now - 1]);
    const node = await bench.node("node");
    const limits = [{ scope: "all", max: 1, how: "w" as const }];
    const first = await node.claim({ limits });
    expect(first.claimed.map(({ run }) => run)).toEqual([runs[0]]);
    expect((await node.claim({ limits })).claimed).toEqual([]);
    await node.complete(first.claimed, "v");
    await expectSound(bench);
    const second = await node.claim({ limits });
    expect(second.claimed.map(({ run }) => run)).toEqual([runs[1]]);
    await node.complete(second.claimed, "v");
    expect((await node.claim({ limits })).claimed).toEqual([]); // two have started within the hour
    expect((await bench.run(runs[2] ?? "").get())?.state).toBe("scheduled");
    expect((await bench.job("job").history()).map(({ reason }) => reason)).toHaveLength(2);
    await expectSound(bench);
  });

  test("that was to be cancelled is recorded as cancelled; a veto of a run that is held no more is refused", async () => {
    await using bench = await new StoreBench(server).ready();
    await bench.define("job");
    const now = await bench.now();
    const [run = ""] = await bench.write("job", [now - 1]);
    const node = await bench.node("node");
    const { claimed } = await node.claim();
    await bench.run(run).cancel({ reason: "wrong file" });
    expect(await node.complete(claimed, "v")).toEqual([true]);
    expect(await bench.run(run).get()).toMatchObject({ state: "cancelled", reason: "wrong file" });
    expect(await node.complete(claimed, "v")).toEqual([false]);
    await expectSound(bench);
  });
});
