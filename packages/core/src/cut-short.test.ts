// What happens where options meet: retries, cancelling, overlap, maxRuns and dead letters cut each other short. One test for each
// such meeting, which is why they are many, and none of a single option.
import { type JobStore, startJobStore, uniqueNamespace } from "@escapement/testing";
import { every, once } from "@escapement/triggers";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { silentLogger } from "../test/silent-logger.js";
import { expectSound, StoreBench } from "../test/store-bench.js";
import { listDeadLetters, takeDeadLetters } from "./dead-letters.js";
import { enqueueRuns } from "./enqueue.js";
import { Materialiser } from "./materialise.js";
import { reconcileHeld } from "./reconcile.js";
import { retryDelay } from "./retry.js";
import { createScheduler } from "./scheduler.js";

let server: JobStore;
beforeAll(async () => {
  server = await startJobStore();
});
afterAll(() => server.stop());
const runs = (claimed: readonly { run: string }[]): string[] => claimed.map(({ run }) => run);

describe("maxRuns", () => {
  test.each(["replace", "cancel-running", "queue-all", "skip", "queue-one"] as const)(
    "%s: a run taken back in the same claim does not touch the last one",
    async (overlap) => {
      await using bench = await new StoreBench(server).ready();
      await bench.define("job", { maxRuns: 1, overlap, misfire: { catchUp: "all" } });
      const now = await bench.now();
      await bench.write("job", [now - 5, now - 4]);
      const node = await bench.node("node");
      const { claimed } = await node.claim();
      expect(runs(claimed)).toEqual([`job@${now - 5}`]);
      expect(await node.heartbeat(), "cancelled").toEqual([]);
      expect((await bench.job("job").get())?.running, "running").toBe(`job@${now - 5}`);
      await expectSound(bench);
    },
  );
  test("lowering below the count leaves no stray", async () => {
    await using bench = await new StoreBench(server).ready();
    await bench.define("job", { trigger: every("1h"), maxRuns: 3, overlap: "queue-all" });
    const now = await bench.now();
    const [a, b = ""] = await bench.write("job", [now - 5, now - 4]);
    const node = await bench.node("node");
    const { claimed } = await node.claim();
    expect(runs(claimed)).toEqual([a]);
    await bench.job("job").update({ maxRuns: 1 });
    await node.complete(claimed);
    expect(await node.take()).toEqual([]);
    await bench.redis.zrem(bench.store.keys.due, "job"); // as the leader does at its next look
    expect((await bench.job("job").get())?.state).toBe("exhausted");
    expect(await bench.run(b).get()).toMatchObject({ state: "missed", reason: "exhausted" });
    await expectSound(bench);
  });
  test("count does not drift by hand-back around an update", async () => {
    await using bench = await new StoreBench(server).ready();
    await bench.define("job", { trigger: every("1h") });
    const now = await bench.now();
    await bench.write("job", [now - 5]);
    const node = await bench.node("node");
    const { claimed } = await node.claim();
    await bench.job("job").update({ maxRuns: 1 });
    await node.complete(claimed, "b");
    expect((await bench.job("job").get())?.startedRuns).toBe(0);
  });
  test("the other way", async () => {
    await using bench = await new StoreBench(server).ready();
    await bench.define("job", { trigger: every("1h"), maxRuns: 2 });
    const now = await bench.now();
    await bench.write("job", [now - 5]);
    const node = await bench.node("node");
    const { claimed } = await node.claim();
    await bench.job("job").update({ maxRuns: undefined } as object);
    await node.complete(claimed, "b");
    await bench.job("job").update({ maxRuns: 2 });
    expect((await bench.job("job").get())?.startedRuns).toBe(0);
  });
  test("lock refusal and dead node count once", async () => {
    await using bench = await new StoreBench(server).ready();
    await bench.define("job", { maxRuns: 3, overlap: "allow" });
    const now = await bench.now();
    const [a, b] = await bench.write("job", [now - 5, now - 4]);
    await bench.redis.set(bench.store.keys.lock(a ?? "", 1), "x");
    const node = await bench.node("node", 1000);
    const first = await node.claim();
    expect(runs(first.claimed)).toEqual([b]);
    const again = await node.claim({ number: node.number });
    expect(runs(again.claimed)).toEqual([b]);
    expect((await bench.job("job").get())?.startedRuns).toBe(2);
    await bench.advance(5000);
    await bench.recover();
    const other = await bench.node("other");
    expect((await other.take()).length).toBe(2);
    expect((await bench.job("job").get())?.startedRuns).toBe(2);
    await expectSound(bench);
  });
  test("a run that was cancelled and handed back unstarted does not count", async () => {
    await using bench = await new StoreBench(server).ready();
    await bench.define("job", { maxRuns: 2 });
    const now = await bench.now();
    const [run = ""] = await bench.write("job", [now - 5]);
    const node = await bench.node("node");
    const { claimed } = await node.claim();
    await bench.run(run).cancel();
    await node.complete(claimed, "b");
    expect((await bench.run(run).get())?.state).toBe("cancelled");
    expect((await bench.job("job").get())?.startedRuns).toBe(0);
    await expectSound(bench);
  });
  test("a run by hand that is handed back counts nothing, whatever its key is called", async () => {
    await using bench = await new StoreBench(server).ready();
    await bench.define("job", { maxRuns: 2, concurrencyKey: "discounted" });
    await bench.runNow("job");
    const node = await bench.node("node");
    await node.complete((await node.claim()).claimed, "b");
    expect((await bench.job("job").get())?.startedRuns).toBe(0);
  });
  test("raised while the leader is behind: the job goes on after the run that was to be its last", async () => {
    await using bench = await new StoreBench(server).ready();
    const trigger = every("10s");
    await bench.define("job", { trigger, maxRuns: 1 });
    const now = await bench.now();
    await bench.write("job", [now - 5]);
    const node = await bench.node("node");
    const { claimed } = await node.claim();
    await bench.advance(30_000);
    await bench.define("job", { trigger, maxRuns: 2 });
    await node.complete(claimed);
    expect((await bench.job("job").get())?.state).toBe("scheduled");
    await new Materialiser(bench.store, 15_000, bench.events).round(bench.epoch);
    expect(await node.take()).toHaveLength(1);
    await expectSound(bench);
  });
  test("set anew below the count: what was held back until the leader had caught up is taken back with the rest", async () => {
    await using bench = await new StoreBench(server).ready();
    const now = await bench.now();
    const options = { trigger: every("10s", { from: now }), misfire: { grace: "5s" } };
    await bench.define("job", { ...options, maxRuns: 1 });
    await bench.write("job", [now, now + 10_000], { next: now + 20_000 });
    const node = await bench.node("node");
    const { claimed } = await node.claim({ slots: 1 });
    await bench.advance(17_000);
    await bench.define("job", options);
    await bench.define("job", { ...options, maxRuns: 1 });
    await bench.advance(4000);
    await node.complete(claimed);
    expect(await node.take()).toEqual([]);
    await new Materialiser(bench.store, 15_000, bench.events).round(bench.epoch);
    expect((await bench.job("job").get())?.state).toBe("exhausted");
    expect((await bench.keysLeft()).filter((name) => name.startsWith("ready"))).toEqual([]);
    await expectSound(bench);
  });
  test("a job is not exhausted while a run runs that started when it allowed overlap", async () => {
    await using bench = await new StoreBench(server).ready();
    const options = { trigger: every("1h"), maxRuns: 2 };
    await bench.define("job", { ...options, overlap: "allow" });
    const now = await bench.now();
    await bench.write("job", [now - 5, now - 4]);
    const node = await bench.node("node");
    const { claimed } = await node.claim();
    await bench.define("job", { ...options, overlap: "skip" });
    await node.complete(claimed.slice(0, 1));
    expect((await bench.job("job").get())?.state).toBe("scheduled");
    await node.complete(claimed.slice(1), "b");
    expect(runs((await node.claim()).claimed)).toEqual(runs(claimed.slice(1)));
    await expectSound(bench);
  });
});

describe("schedule, apply", () => {
  test("a change of jitter does not fire once(now) again", async () => {
    await using bench = await new StoreBench(server).ready();
    await bench.define("job", { trigger: once("now") });
    const leader = new Materialiser(bench.store, 15_000, bench.events);
    await leader.round(bench.epoch);
    await bench.advance(1000);
    const node = await bench.node("node");
    const { claimed } = await node.claim();
    expect(claimed).toHaveLength(1);
    await node.complete(claimed);
    await bench.job("job").update({ jitter: "1s" });
    expect((await bench.job("job").get())?.state).toBe("exhausted");
  });
  test("a change of maxRuns keeps what has not been materialised yet", async () => {
    await using bench = await new StoreBench(server).ready();
    await bench.define("job", { trigger: every("1m"), misfire: { grace: "1h", catchUp: "all" } });
    await bench.advance(10 * 60_000); // no leader for ten minutes
    const before = await bench.redis.zscore(bench.store.keys.due, "job");
    await bench.job("job").update({ maxRuns: 100 });
    expect(await bench.redis.zscore(bench.store.keys.due, "job")).toBe(before);
  });
  test("maxRuns of an exhausted once job can be changed", async () => {
    await using bench = await new StoreBench(server).ready();
    const t = (await bench.now()) + 1000;
    await bench.define("job", { trigger: once(new Date(t)), maxRuns: 1 });
    await new Materialiser(bench.store, 15_000, bench.events).round(bench.epoch);
    await bench.advance(2000);
    const node = await bench.node("node");
    await node.complete((await node.claim()).claimed);
    await bench.job("job").update({ maxRuns: 2 });
  });
  test("endAt reached", async () => {
    await using bench = await new StoreBench(server).ready();
    const now = await bench.now();
    await bench.define("job", { trigger: every(1000), endAt: now + 3500 });
    const leader = new Materialiser(bench.store, 15_000, bench.events);
    await leader.round(bench.epoch);
    await bench.advance(5000);
    const node = await bench.node("node");
    await node.complete((await node.claim()).claimed);
    await node.complete((await node.claim()).claimed);
    await node.complete((await node.claim()).claimed);
    await node.complete((await node.claim()).claimed);
    expect((await bench.job("job").get())?.state).toBe("exhausted");
    expect((await bench.job("job").get())?.nextFireTime).toBeUndefined();
    await expectSound(bench);
  });
});

describe("cancel", () => {
  test.each([
    ["F", "1"],
    ["T", "1"],
    ["b", ""],
    ["l", ""],
    ["x", ""],
  ] as const)("of a run that runs holds when its attempt ends as %s", async (outcome, result) => {
    await using bench = await new StoreBench(server).ready();
    await bench.define("job");
    const [run = ""] = await bench.write("job", [(await bench.now()) - 1]);
    const node = await bench.node("node", 1000);
    const { claimed } = await node.claim();
    expect(await bench.run(run).cancel()).toBe(true);
    await node.complete(claimed, outcome, result);
    await bench.advance(900);
    await node.heartbeat();
    await bench.advance(900);
    await node.heartbeat();
    expect(await node.take()).toEqual([]);
    expect((await bench.run(run).get())?.state).toBe("cancelled");
  });
  test("of a run whose node dies holds", async () => {
    await using bench = await new StoreBench(server).ready();
    await bench.define("job");
    const [run = ""] = await bench.write("job", [(await bench.now()) - 1]);
    const node = await bench.node("node", 1000);
    await node.claim();
    expect(await bench.run(run).cancel()).toBe(true);
    await bench.advance(2000);
    await bench.recover();
    const other = await bench.node("other");
    expect(await other.take()).toEqual([]);
    expect((await bench.run(run).get())?.state).toBe("cancelled");
  });
  test("of a run on a node that was declared dead but is not taken over yet", async () => {
    await using bench = await new StoreBench(server).ready();
    await bench.define("job");
    const [run = ""] = await bench.write("job", [(await bench.now()) - 1]);
    const node = await bench.node("node", 1000);
    await node.claim();
    await node.leave(); // with runs: it is among the dead, as of a stop that timed out or beyond a batch of 200
    const answer = await bench
      .run(run)
      .cancel()
      .catch((e: { code: string }) => e.code);
    expect(answer).toBe(true);
    await bench.recover();
    const other = await bench.node("other");
    expect(await other.take()).toEqual([]);
  });
  test("reconcile leaves no word behind", async () => {
    await using bench = await new StoreBench(server).ready();
    await bench.define("job");
    const [run = ""] = await bench.write("job", [(await bench.now()) - 1]);
    const node = await bench.node("node");
    await node.claim();
    await bench.run(run).cancel();
    await reconcileHeld(bench.store, "node", 1, [], bench.events);
    expect(await node.heartbeat()).toEqual([]);
    const other = await bench.node("other");
    const { claimed } = await other.claim();
    await other.complete(claimed);
    expect(await node.heartbeat()).toEqual([]);
  });
  test("real: cancel while an asynchronous schema looks at the input", async () => {
    const options = {
      redis: server.url,
      namespace: uniqueNamespace("cut-short"),
      logger: silentLogger,
      abortGrace: 50,
      nodeTtl: 2000,
    };
    await using worker = createScheduler(options);
    await using client = createScheduler(options);
    let calls = 0;
    let go: () => void = () => undefined;
    const inside = new Promise<void>((tell) => {
      const input = {
        "~standard": {
          version: 1,
          vendor: "x",
          validate: async (value: unknown) => {
            calls += 1;
            tell();
            await new Promise<void>((r) => {
              go = r;
            });
            return { value };
          },
        },
      };
      worker.task("slow", { input } as never, () => new Promise(() => undefined));
    });
    await worker.start();
    const handle = await client.enqueue("slow", { input: 1 });
    await inside;
    await handle.cancel();
    await new Promise((r) => setTimeout(r, 300));
    go();
    await expect(handle.result({ timeout: 3000 })).rejects.toThrow(/cancelled/);
    void calls;
  });
  test("real: a handler whose abort ends in an uncaught error is cancelled, not tried again", async () => {
    const options = {
      redis: server.url,
      namespace: uniqueNamespace("cut-short"),
      logger: silentLogger,
      abortGrace: 200,
    };
    await using worker = createScheduler(options);
    await using client = createScheduler(options);
    let attempts = 0;
    const begun = new Promise<void>((tell) => {
      worker.task("slow", (run) => {
        attempts += 1;
        tell();
        run.signal.addEventListener("abort", () => {
          setTimeout(() => {
            throw new Error("socket closed");
          }, 1);
        });
        return new Promise(() => undefined);
      });
    });
    await worker.start();
    const handle = await client.enqueue("slow", { retry: { attempts: 3, backoff: 10 } });
    await begun;
    await handle.cancel();
    await expect(handle.result({ timeout: 1500 })).rejects.toThrow(/cancelled/);
    expect(attempts).toBe(1);
  });
  test("real: cancel of one that is in its timeout's grace, with retry", async () => {
    const options = {
      redis: server.url,
      namespace: uniqueNamespace("cut-short"),
      logger: silentLogger,
      abortGrace: 500,
    };
    await using worker = createScheduler(options);
    await using client = createScheduler(options);
    let attempts = 0;
    let aborted: () => void = () => undefined;
    const over = new Promise<void>((r) => {
      aborted = r;
    });
    worker.task("slow", (run) => {
      attempts += 1;
      run.signal.addEventListener("abort", aborted);
      return new Promise(() => undefined);
    });
    await worker.start();
    const handle = await client.enqueue("slow", { timeout: 30, retry: { attempts: 2, backoff: 10 } });
    await over;
    expect(await handle.cancel()).toBe(true);
    await expect(handle.result({ timeout: 3000 })).rejects.toThrow(/cancelled/);
    expect(attempts).toBe(1);
  });
  test("twice, of a removed job's run, and after its end", async () => {
    await using bench = await new StoreBench(server).ready();
    await bench.define("job");
    const [run = ""] = await bench.write("job", [(await bench.now()) - 1]);
    const node = await bench.node("node");
    const { claimed } = await node.claim();
    await bench.remove("job");
    expect(await bench.run(run).cancel()).toBe(true);
    expect(await bench.run(run).cancel()).toBe(true);
    await node.complete(claimed, "c");
    expect(await bench.run(run).cancel()).toBe(false);
    expect(await node.heartbeat()).toEqual([]);
    await expectSound(bench);
  });
});

describe("overlap", () => {
  test("skip: what came while a run waited for its next attempt is skipped, also after that has started", async () => {
    await using bench = await new StoreBench(server).ready();
    await bench.define("job", { overlap: "skip" });
    const now = await bench.now();
    const [first] = await bench.write("job", [now - 5]);
    const node = await bench.node("node");
    await node.complete((await node.claim()).claimed, "F", "1000");
    const [second = ""] = await bench.write("job", [now + 500]);
    await bench.advance(2000);
    expect(await node.take()).toEqual([first]);
    expect(await bench.run(second).get()).toMatchObject({ state: "skipped", reason: "overlap" });
    await expectSound(bench);
  });
  test("a further attempt that is handed back holds its job still", async () => {
    await using bench = await new StoreBench(server).ready();
    await bench.define("job", { overlap: "queue-all" });
    const now = await bench.now();
    const [run] = await bench.write("job", [now - 5]);
    const node = await bench.node("node");
    await node.complete((await node.claim()).claimed, "F", "0");
    const { claimed } = await node.claim();
    await node.complete(claimed, "b");
    expect((await bench.job("job").get())?.running).toBe(run);
    expect((await node.claim()).claimed).toMatchObject([{ run, attempt: 2 }]);
    await expectSound(bench);
  });
  test("a run that waits for a key goes by what its job has become", async () => {
    await using bench = await new StoreBench(server).ready();
    const key = { concurrencyKey: "key" };
    await bench.define("one", { ...key, overlap: "allow" });
    await bench.define("other", key);
    const now = await bench.now();
    const [first, second] = await bench.write("one", [now - 5, now - 4]);
    const [third] = await bench.write("other", [now - 3]);
    const node = await bench.node("node");
    const { claimed } = await node.claim();
    expect(runs(claimed)).toEqual([first]);
    await bench.define("other", { ...key, priority: 5 });
    await node.complete(claimed);
    expect(await node.take()).toEqual([third]);
    expect((await bench.run(second ?? "").get())?.state).toBe("ready");
    await expectSound(bench);
  });
  test.each(["F", "node death"] as const)(
    "replace: the replaced run does not come back and replace the new one (%s)",
    async (how) => {
      await using bench = await new StoreBench(server).ready();
      await bench.define("job", { overlap: "replace" });
      const now = await bench.now();
      const [a] = await bench.write("job", [now - 1]);
      const one = await bench.node("one", 1000);
      const first = await one.claim();
      expect(runs(first.claimed)).toEqual([a]);
      const [b = ""] = await bench.write("job", [now + 1]);
      await bench.advance(10);
      const two = await bench.node("two");
      expect(await two.take()).toEqual([b]);
      if (how === "F") await one.complete(first.claimed, "F", "0");
      else {
        await bench.advance(2000);
        await bench.recover();
      }
      expect(await two.take(), "claimed").toEqual([]);
      expect(await two.heartbeat(), "cancelled").toEqual([]);
      expect((await bench.job("job").get())?.running).toBe(b);
      await expectSound(bench);
    },
  );
  test("cancel-running: a running one that fails as it is cancelled makes way", async () => {
    await using bench = await new StoreBench(server).ready();
    await bench.define("job", { overlap: "cancel-running" });
    const now = await bench.now();
    await bench.write("job", [now - 1]);
    const one = await bench.node("one");
    const first = await one.claim();
    const [b = ""] = await bench.write("job", [now + 1]);
    await bench.advance(10);
    expect(await one.take()).toEqual([]);
    await one.complete(first.claimed, "F", "3600000");
    expect(await one.take()).toEqual([b]);
  });
  test.each(["replace", "cancel-running"] as const)(
    "%s: a holder that is cancelled within a claim is not started by the same claim",
    async (overlap) => {
      await using bench = await new StoreBench(server).ready();
      await bench.define("job", { overlap });
      const node = await bench.node("node");
      const hand = await bench.runNow("job");
      const first = await node.claim();
      expect(runs(first.claimed)).toEqual([hand]);
      await node.complete(first.claimed, "F", "0");
      // A fire time a little before, that comes due later: as with jitter, or a leader that was late.
      const [fire = ""] = await bench.write("job", [Number(hand.split("@")[1]?.split("-")[0]) - 10]);
      const { claimed } = await node.claim();
      expect(runs(claimed)).toEqual([fire]);
      expect(await node.heartbeat()).toEqual([]);
      await expectSound(bench);
    },
  );
  test("skip after a hand-back with voters leaves nothing of its attempts", async () => {
    await using bench = await new StoreBench(server).ready();
    await bench.define("job", { overlap: "skip" });
    const now = await bench.now();
    const [a = ""] = await bench.write("job", [now + 1000]);
    await bench.advance(1500);
    const node = await bench.node("node");
    const { claimed } = await node.claim({ lockTtl: 0 });
    expect(runs(claimed)).toEqual([a]);
    await node.claim({
      slots: 0,
      completions: claimed.map(({ run, token }) => ({
        run,
        token,
        outcome: "b" as const,
        detail: "val",
        result: "",
      })),
    });
    // another run holds the job since before a's fire time
    await bench.redis.hset(bench.store.keys.running, "job", `job@${now}-abcdefgh ${now}`);
    await bench.redis.hset(bench.store.keys.active("node"), `job@${now}-abcdefgh`, `1 1 ${now} 1 task`);
    expect(await node.take()).toEqual([]);
    expect((await bench.run(a).get())?.state).toBe("skipped");
    await expectSound(bench);
  });
  test.each(["allow", "skip", "queue-one", "queue-all", "cancel-running", "replace"] as const)(
    "updating from queue-all to %s with runs blocked and running: all ends",
    async (overlap) => {
      await using bench = await new StoreBench(server).ready();
      await bench.define("job", { overlap: "queue-all" });
      const now = await bench.now();
      await bench.write("job", [now - 4, now - 3, now - 2, now - 1]);
      const node = await bench.node("node");
      let { claimed } = await node.claim();
      await bench.job("job").update({ overlap });
      await expectSound(bench);
      const seen = [...runs(claimed)];
      for (let i = 0; i < 8; i += 1) {
        const next = await node.claim();
        seen.push(...runs(next.claimed));
        await expectSound(bench);
        await node.complete(claimed, "s");
        claimed = next.claimed;
        await expectSound(bench);
      }
      expect(await bench.redis.exists(bench.store.keys.running)).toBe(0);
      expect(await bench.redis.exists(bench.store.keys.blocked)).toBe(0);
    },
  );
});

describe("dead letters", () => {
  test("an id enqueued again while it is a dead letter is not in two lanes after a redrive", async () => {
    await using bench = await new StoreBench(server, { enqueued: 1 }).ready();
    const node = await bench.node("node");
    await enqueueRuns(bench.store, "task", [{ id: "x", input: 1 }], 1000);
    await node.complete((await node.claim()).claimed, "f");
    await enqueueRuns(bench.store, "task", [{ id: "y" }], 1000);
    await node.complete((await node.claim()).claimed, "s"); // x is not among the finished ones any more
    await enqueueRuns(bench.store, "task", [{ id: "x", input: 2, queue: "other" }], 1000);
    await takeDeadLetters(bench.store, {}, true);
    await expectSound(bench);
  });
  test("the same while it runs", async () => {
    await using bench = await new StoreBench(server, { enqueued: 1 }).ready();
    const node = await bench.node("node");
    await enqueueRuns(bench.store, "task", [{ id: "x", input: 1 }], 1000);
    await node.complete((await node.claim()).claimed, "f");
    await enqueueRuns(bench.store, "task", [{ id: "y" }], 1000);
    await node.complete((await node.claim()).claimed, "s");
    await enqueueRuns(bench.store, "task", [{ id: "x", input: 2 }], 1000);
    const { claimed } = await node.claim();
    expect(runs(claimed)).toEqual(["x"]);
    await takeDeadLetters(bench.store, {}, true);
    const other = await bench.node("other");
    expect(await other.take(), "runs on two nodes at once").toEqual([]);
    await expectSound(bench);
  });
  test("an id that failed in two queues is not left in the first", async () => {
    await using bench = await new StoreBench(server, { enqueued: 1 }).ready();
    const node = await bench.node("node");
    const lanes = ["default@task", "other@task"];
    await enqueueRuns(bench.store, "task", [{ id: "x", input: 1 }], 1000);
    await node.complete((await node.claim()).claimed, "f");
    await enqueueRuns(bench.store, "task", [{ id: "y" }], 1000);
    await node.complete((await node.claim()).claimed, "s");
    await enqueueRuns(bench.store, "task", [{ id: "x", input: 2, queue: "other" }], 1000);
    await node.complete((await node.claim({ lanes })).claimed, "f");
    await takeDeadLetters(bench.store, {}, false);
    await takeDeadLetters(bench.store, {}, false);
    await takeDeadLetters(bench.store, { queue: "other" }, false);
    expect(await listDeadLetters(bench.store, {})).toEqual([]);
  });
  test("of a job that was moved to another queue and task, redriven twice, read meanwhile", async () => {
    await using bench = await new StoreBench(server).ready();
    await bench.define("job", { queue: "mail" });
    const [a = ""] = await bench.write("job", [(await bench.now()) - 5]);
    const node = await bench.node("node");
    const lanes = ["mail@task", "post@other"];
    await node.complete((await node.claim({ lanes })).claimed, "f");
    await bench.define("job", { queue: "post" }, "other");
    expect(await takeDeadLetters(bench.store, { queue: "mail" }, true)).toEqual([a]);
    expect(await takeDeadLetters(bench.store, { queue: "mail" }, true)).toEqual([]);
    await expectSound(bench);
    expect((await bench.run(a).get())?.state).toBe("ready");
    const { claimed } = await node.claim({ lanes });
    expect(claimed).toMatchObject([{ run: a, attempt: 2, task: "other" }]);
    await node.complete(claimed, "f");
    expect((await listDeadLetters(bench.store, { queue: "post" })).map(({ id }) => id)).toEqual([a]);
    expect(await listDeadLetters(bench.store, { queue: "mail" })).toEqual([]);
  });
});

describe("retry", () => {
  test("no delay, for ever longer, is a number", async () => {
    const retry = {
      attempts: 1000,
      backoff: { type: "exponential", delay: 0, max: 1000, factor: 100 },
      jitter: 0,
    } as const;
    expect(await retryDelay(retry, { attempt: 400, lost: 0 }, new Error("x"), {})).toBe(0);
  });
});

describe("retryIf, backoffs", () => {
  test("real: retryIf that throws, backoff that answers NaN: the run fails", async () => {
    const options = {
      redis: server.url,
      namespace: uniqueNamespace("cut-short"),
      logger: silentLogger,
      abortGrace: 50,
    };
    await using worker = createScheduler(options);
    worker.task(
      "a",
      {
        retryIf: () => {
          throw new Error("y");
        },
      } as never,
      () => {
        throw new Error("x");
      },
    );
    worker.task("b", { backoffs: { mine: () => Number.NaN } } as never, () => {
      throw new Error("x");
    });
    await worker.start();
    const a = await worker.enqueue("a", { retry: { attempts: 3 } });
    const b = await worker.enqueue("b", { retry: { attempts: 3, backoff: "mine" } });
    await expect(a.result({ timeout: 1500 })).rejects.toThrow(/failed/);
    await expect(b.result({ timeout: 1500 })).rejects.toThrow(/failed/);
  });
});
