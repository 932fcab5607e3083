import { type JobStore, startJobStore, uniqueNamespace } from "@escapement/testing";
import { every, once } from "@escapement/triggers";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { silentLogger } from "../test/silent-logger.js";
import { BenchNode, expectSound, StoreBench } from "../test/store-bench.js";
import { enqueueRuns } from "./enqueue.js";
import { NonRetriableError, RunCancelledError } from "./errors.js";
import { createScheduler, type Scheduler } from "./scheduler.js";

let server: JobStore;
beforeAll(async () => {
  server = await startJobStore();
});
afterAll(() => server.stop());

const pair = (): [Scheduler, Scheduler] => {
  const options = {
    redis: server.url,
    namespace: uniqueNamespace("cancel"),
    logger: silentLogger,
    abortGrace: 100,
  };
  return [createScheduler(options), createScheduler(options)];
};

describe("cancel", () => {
  test("a run that waits for its time never starts", async () => {
    await using bench = await new StoreBench(server).ready();
    await bench.define("job");
    const [run = ""] = await bench.write("job", [(await bench.now()) + 1000]);
    expect(await bench.run(run).cancel({ reason: "not today" })).toBe(true);
    expect(await bench.run(run).get()).toMatchObject({ state: "cancelled", reason: "not today", attempt: 0 });
    await expectSound(bench);
    await bench.advance(2000);
    const node = await bench.node("node");
    expect(await node.take()).toEqual([]);
    expect(await bench.run(run).cancel()).toBe(false);
  });

  test("a run that is due, one that waits for its job's, and one for another attempt end as cancelled", async () => {
    await using bench = await new StoreBench(server).ready();
    await bench.define("job", { overlap: "queue-all" });
    const now = await bench.now();
    const [first = "", second = "", third = ""] = await bench.write("job", [now - 3, now - 2, now - 1]);
    const [queued = ""] = await enqueueRuns(bench.store, "task", [{ input: 5 }], 1000);
    const node = await bench.node("node");
    expect(await bench.run(queued).cancel()).toBe(true);
    const { claimed } = await node.claim();
    expect(claimed.map(({ run }) => run)).toEqual([first]);
    expect(await bench.run(second).cancel()).toBe(true);
    await node.complete(claimed, "F", "60000");
    expect(await bench.run(first).cancel()).toBe(true);
    await expectSound(bench);
    expect(await node.take()).toEqual([third]);
    for (const run of [first, second, queued]) {
      expect(await bench.run(run).get()).toMatchObject({ state: "cancelled", reason: "cancelled" });
    }
    expect((await bench.run(first).get())?.attempts.map(({ state }) => state)).toEqual(["failed"]);
  });

  test("what is cancelled before it comes is not written again, though its job is redefined", async () => {
    await using bench = await new StoreBench(server).ready();
    const node = await bench.node("node", 1e9);
    const now = await bench.now();
    const trigger = every("10s", { from: new Date(now + 10_000) });
    await bench.define("job", { trigger });
    const [run = ""] = await bench.write("job", [now + 10_000], { next: now + 20_000 });
    expect(await bench.run(run).cancel()).toBe(true);
    await bench.define("job", { trigger, maxRuns: 5 });
    expect(Number(await bench.redis.zscore(bench.store.keys.due, "job"))).toBe(now + 10_000);
    await bench.write("job", [now + 10_000, now + 20_000], { next: now + 30_000 });
    await bench.advance(21_000);
    expect(await node.take()).toEqual([`job@${now + 20_000}`]);
    expect(await bench.run(run).get()).toMatchObject({ state: "cancelled" });
    await bench.write("job", [], { next: now + 40_000 });
    expect(await bench.redis.exists(bench.store.keys.calledOff)).toBe(0);
    await expectSound(bench);
  });

  test("what its node was told stays until the run has ended, so that a lost message does no harm", async () => {
    await using bench = await new StoreBench(server).ready();
    await bench.define("job");
    const [run = ""] = await bench.write("job", [(await bench.now()) - 1]);
    const node = await bench.node("node");
    const { claimed } = await node.claim();
    expect(await bench.run(run).cancel({ reason: "stop" })).toBe(true);
    expect(await node.heartbeat()).toEqual([run, "stop"]);
    expect(await node.heartbeat()).toEqual([run, "stop"]);
    await node.complete(claimed, "c");
    expect(await node.heartbeat()).toEqual([]);
    expect((await bench.keysLeft()).filter((key) => key.startsWith("cancelled"))).toEqual([]);
  });

  test("reaches what is held by a node that somebody took off the list, before anybody has noticed", async () => {
    await using bench = await new StoreBench(server).ready();
    await bench.define("job", { overlap: "replace" });
    const now = await bench.now();
    const [older = "", newer = ""] = await bench.write("job", [now - 2, now + 1000]);
    const [enqueued = ""] = await enqueueRuns(bench.store, "task", [{ input: 5 }], 1000);
    expect(await (await bench.node("unlisted")).take()).toEqual([older, enqueued]);
    await bench.redis.zrem(bench.store.keys.nodes, "unlisted");
    const other = await bench.node("other");
    await bench.advance(1001);
    expect(await other.take()).toEqual([newer]);
    expect(await bench.run(enqueued).cancel({ reason: "asked" })).toBe(true);
    await new BenchNode(bench, "back", 60_000).join(0, ["unlisted"]);
    while ((await bench.recover()).more);
    expect(await bench.run(older).get()).toMatchObject({ state: "cancelled", reason: "overlap" });
    expect(await bench.run(enqueued).get()).toMatchObject({ state: "cancelled", reason: "asked" });
    expect(await other.take()).toEqual([]);
    await expectSound(bench);
  });

  test("of what there is not says so, and a reason must be one", async () => {
    await using bench = await new StoreBench(server).ready();
    await expect(bench.run("none@1").cancel()).rejects.toMatchObject({ code: "RUN_NOT_FOUND" });
    await expect(bench.run("none@1").cancel({ reason: "" })).rejects.toMatchObject({ path: "reason" });
  });

  test("from another scheduler aborts the handler's signal with the reason", async () => {
    const [worker, client] = pair();
    await using _worker = worker;
    await using _client = client;
    let reason: unknown;
    worker.task("slow", async (run) => {
      await new Promise((resolve) => run.signal.addEventListener("abort", resolve));
      reason = run.signal.reason;
      throw new Error("stopped half-way");
    });
    await worker.start();
    const started = new Promise<string>((resolve) => worker.on("beforeRun", ({ runId }) => resolve(runId)));
    const handle = await client.enqueue("slow");
    await started;
    expect(await client.run(handle.id).cancel({ reason: "by hand" })).toBe(true);
    await expect(handle.result({ timeout: 5000 })).rejects.toThrow(/cancelled: by hand/);
    expect(reason).toBeInstanceOf(RunCancelledError);
  });

  test("of a handler that does not listen gives its slot away after the grace; one that ends well has succeeded", async () => {
    const [worker, client] = pair();
    await using _worker = worker;
    await using _client = client;
    let finish: () => void = () => undefined;
    worker.task("deaf", () => new Promise(() => undefined));
    worker.task(
      "done",
      () =>
        new Promise((resolve) => {
          finish = () => resolve("done all the same");
        }),
    );
    await worker.start();
    const begun = (task: string): Promise<void> =>
      new Promise((resolve) =>
        worker.on("beforeRun", (event) => (event.task === task ? resolve() : undefined)),
      );
    const [deaf, done] = [begun("deaf"), begun("done")];
    const first = await client.enqueue("deaf");
    const second = await client.enqueue("done");
    await Promise.all([deaf, done]);
    await Promise.all([first.cancel(), second.cancel()]);
    finish();
    expect(await second.result({ timeout: 5000 })).toBe("done all the same");
    await expect(first.result({ timeout: 5000 })).rejects.toThrow(/cancelled/);
  });
});

describe("retry: on running nodes", () => {
  test("goes on until the handler succeeds, with the error of each attempt kept", async () => {
    const [worker, client] = pair();
    await using _worker = worker;
    await using _client = client;
    worker.task("flaky", (run) => {
      if (run.attempt < 3) throw new Error(`attempt ${run.attempt}`);
      return run.attempt;
    });
    await worker.start();
    await client.schedule("flaky", {
      id: "job",
      trigger: once("now"),
      retry: { attempts: 5, backoff: { type: "fixed", delay: 20 } },
    });
    const run = await new Promise<string>((resolve) =>
      worker.on("afterRun", (event) => {
        if (event.outcome === "succeeded") resolve(event.runId);
      }),
    );
    const ended = await client.run(run).get();
    expect(ended?.attempts.map(({ state, error }) => [state, error?.message])).toEqual([
      ["failed", "attempt 1"],
      ["failed", "attempt 2"],
      ["succeeded", undefined],
    ]);
    expect(ended?.result).toBe(3);
  });

  test("tries a timed-out attempt again, and never a NonRetriableError", async () => {
    const [worker, client] = pair();
    await using _worker = worker;
    await using _client = client;
    worker.task("late", (run) =>
      run.attempt === 2 ? "in time" : new Promise((resolve) => run.signal.addEventListener("abort", resolve)),
    );
    worker.task("hopeless", () => {
      throw new NonRetriableError("no use");
    });
    await worker.start();
    const retry = { attempts: 3, backoff: 10 } as const;
    const late = await client.enqueue("late", { timeout: 50, retry });
    const hopeless = await client.enqueue("hopeless", { retry });
    expect(await late.result({ timeout: 5000 })).toBe("in time");
    expect((await late.get())?.attempts.map(({ state }) => state)).toEqual(["timed-out", "succeeded"]);
    await expect(hopeless.result({ timeout: 5000 })).rejects.toThrow(/no use/);
    expect((await hopeless.get())?.attempt).toBe(1);
    expect((await client.deadLetters()).map(({ id }) => id)).toEqual([hopeless.id]);
  });

  test("of an update keeps what was not changed", async () => {
    const [client] = pair();
    await using _client = client;
    const options = {
      id: "job",
      trigger: every("1h"),
      retry: { attempts: 3, backoff: "mine", jitter: 0.5 },
      maxRuns: 7,
      jitter: "1m",
      endAt: new Date("2090-01-01T00:00:00Z"),
      overlap: "queue-one",
      deadLetter: false,
    } as const;
    const before = await client.schedule("task", options);
    const after = await client.job("job").update({ priority: 3 });
    expect(after).toEqual({ ...before, priority: 3, version: 2 });
    expect(await client.apply([{ task: "task", ...options, priority: 3 }])).toMatchObject({
      unchanged: ["job"],
    });
  });
});
