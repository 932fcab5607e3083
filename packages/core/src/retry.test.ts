import { type JobStore, startJobStore } from "@escapement/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { expectSound, StoreBench } from "../test/store-bench.js";
import type { Claimed } from "./claim.js";
import { takeDeadLetters } from "./dead-letters.js";
import { enqueueRuns } from "./enqueue.js";
import { NonRetriableError } from "./errors.js";
import { type Retry, retryDelay } from "./retry.js";
import { retryOptions } from "./retry-options.js";

let server: JobStore;
beforeAll(async () => {
  server = await startJobStore();
});
afterAll(() => server.stop());

const first = (claimed: readonly Claimed[]): Claimed => {
  const [item] = claimed;
  if (item === undefined) throw new Error("nothing was claimed");
  return item;
};

describe("retry", () => {
  test("a failed attempt is followed by another after its delay, which holds no slot", async () => {
    await using bench = await new StoreBench(server).ready();
    await bench.define("job");
    const [run = ""] = await bench.write("job", [(await bench.now()) - 1]);
    const node = await bench.node("node");
    const { claimed } = await node.claim();
    expect(first(claimed)).toMatchObject({ run, attempt: 1, lost: 0 });
    await node.complete(claimed, "F", "30000");
    await expectSound(bench);
    expect(await bench.run(run).get()).toMatchObject({ state: "waiting-retry", attempt: 1 });
    expect(await node.take()).toEqual([]);

    await bench.advance(30_001);
    await node.heartbeat();
    const again = await node.claim();
    expect(first(again.claimed)).toMatchObject({ run, attempt: 2, lost: 0 });
    await node.complete(again.claimed);
    const ended = await bench.run(run).get();
    expect(ended?.attempts.map(({ state }) => state)).toEqual(["failed", "succeeded"]);
    expect(ended?.state).toBe("succeeded");
    await expectSound(bench);
  });

  test("a run that waits for its next attempt outlives its node, and keeps its job from overlapping", async () => {
    await using bench = await new StoreBench(server).ready();
    await bench.define("job", { overlap: "skip" });
    const now = await bench.now();
    const [run] = await bench.write("job", [now - 1]);
    const dying = await bench.node("dying", 1000);
    await dying.complete((await dying.claim()).claimed, "F", "5000");
    const [next = ""] = await bench.write("job", [now + 100]);
    await bench.advance(2000);
    await bench.recover();
    const other = await bench.node("other");
    expect(await other.take()).toEqual([]);
    expect(await bench.run(next).get()).toMatchObject({ state: "skipped", reason: "overlap" });
    await bench.advance(5000);
    await other.heartbeat();
    expect(await other.take()).toEqual([run]);
    await expectSound(bench);
  });

  test("lost attempts have a budget of their own", async () => {
    await using bench = await new StoreBench(server).ready();
    await bench.define("job", { maxLost: 1 });
    await bench.write("job", [(await bench.now()) - 1]);
    const node = await bench.node("node");
    await node.complete((await node.claim()).claimed, "l");
    const second = await node.claim();
    expect(first(second.claimed)).toMatchObject({ attempt: 2, lost: 1 });
    await node.complete(second.claimed, "F", "0");
    const third = await node.claim();
    expect(first(third.claimed)).toMatchObject({ attempt: 3, lost: 1 });
    await expectSound(bench);
  });

  test("of a run whose job was removed meanwhile does not happen", async () => {
    await using bench = await new StoreBench(server).ready();
    await bench.define("job");
    await bench.write("job", [(await bench.now()) - 1]);
    const node = await bench.node("node");
    const { claimed } = await node.claim();
    await bench.remove("job");
    expect(await node.complete(claimed, "F", "0")).toEqual([true]);
    expect(await node.take()).toEqual([]);
    await expectSound(bench);
  });

  test("keeps what is known of earlier attempts within bounds", async () => {
    await using bench = await new StoreBench(server).ready();
    await bench.define("job");
    const [run = ""] = await bench.write("job", [(await bench.now()) - 1]);
    const node = await bench.node("node");
    for (let attempt = 1; attempt <= 60; attempt += 1) {
      const { claimed } = await node.claim();
      expect(first(claimed).attempt).toBe(attempt);
      const detail = JSON.stringify({ error: { name: "Error", message: "x".repeat(1000) } });
      const completions = claimed.map(({ run, token }) => ({
        run,
        token,
        detail,
        outcome: "F" as const,
        result: "0",
      }));
      await node.claim({ slots: 0, completions });
    }
    const kept = await bench.redis.hget(bench.store.keys.attempts, run);
    expect(kept?.length).toBeLessThan(33_000);
    expect((await bench.run(run).get())?.attempts.at(-1)?.attempt).toBe(60);
  });
});

describe("retry: the wait before another attempt", () => {
  const retry = (options: object): Retry => {
    const read = retryOptions({ attempts: 10, ...options });
    if (read === undefined) throw new Error("no retry");
    return read;
  };
  const wait = (rule: Retry | undefined, failures: number, task = {}, thrown: unknown = new Error("x")) =>
    retryDelay(rule, { attempt: failures, lost: 0 }, thrown, task);

  test("grows exponentially up to its bound, stays fixed, or is a function's", async () => {
    const exponential = retry({ backoff: { delay: "1s", factor: 3, max: "20s" } });
    expect(await Promise.all([1, 2, 3, 4, 9].map((failures) => wait(exponential, failures)))).toEqual([
      1000, 3000, 9000, 20_000, 20_000,
    ]);
    expect(await wait(retry({ backoff: "5s" }), 7)).toBe(5000);
    const named = { backoffs: { mine: (failures: number) => failures * 11 } };
    expect(await wait(retry({ backoff: "mine" }), 3, named)).toBe(33);
    await expect(wait(retry({ backoff: "other" }), 3, named)).rejects.toThrow(/There is no backoff "other"/);
  });

  test.each(["constructor", "toString", "__proto__", "other"])(
    "by a backoff %s that the task does not have is no wait: the run fails, and says why",
    async (backoff) => {
      const task = { backoffs: { mine: () => 5 } };
      await expect(wait(retry({ attempts: 2, backoff }), 1, task)).rejects.toThrow(
        `There is no backoff "${backoff}"`,
      );
    },
  );

  test("ends with the attempts, which lost ones do not use up", async () => {
    const three = retry({ attempts: 3, backoff: 1 });
    expect(await wait(three, 2)).toBe(1);
    expect(await wait(three, 3)).toBeUndefined();
    expect(await retryDelay(three, { attempt: 5, lost: 3 }, new Error("x"), {})).toBe(1);
    expect(await wait(undefined, 1)).toBeUndefined();
  });

  test("is left to chance by the share of jitter, and never longer", async () => {
    const half = retry({ backoff: 1000, jitter: 0.5 });
    const waits = await Promise.all(Array.from({ length: 200 }, () => wait(half, 1)));
    expect(Math.min(...waits.map(Number))).toBeGreaterThanOrEqual(500);
    expect(Math.max(...waits.map(Number))).toBeLessThanOrEqual(1000);
    expect(new Set(waits).size).toBeGreaterThan(100);
  });

  test("is none for a NonRetriableError, or where retryIf says so", async () => {
    const always = retry({ backoff: 1 });
    expect(await wait(always, 1, {}, new NonRetriableError("no use"))).toBeUndefined();
    const picky = { retryIf: (error: unknown) => (error as Error).message === "again" };
    expect(await wait(always, 1, picky, new Error("again"))).toBe(1);
    expect(await wait(always, 1, picky, new Error("enough"))).toBeUndefined();
  });
});

describe("dead letters", () => {
  test("keep a run that failed for good until it is given another attempt", async () => {
    await using bench = await new StoreBench(server).ready();
    await bench.define("job", { queue: "mail" });
    const [run = ""] = await bench.write("job", [(await bench.now()) - 1]);
    const node = await bench.node("node");
    await node.complete((await node.claim({ lanes: ["mail@task"] })).claimed, "f");
    expect(await bench.redis.zrange(bench.store.keys.deadLettersOf("mail"), 0, -1)).toEqual([run]);
    expect(await bench.run(run).get()).toMatchObject({ state: "failed" });

    await bench.run(run).retry();
    await expectSound(bench);
    const { claimed } = await node.claim({ lanes: ["mail@task"] });
    expect(first(claimed)).toMatchObject({ run, attempt: 2 });
    await node.complete(claimed);
    expect(await bench.run(run).get()).toMatchObject({ state: "succeeded" });
    await expect(bench.run(run).retry()).rejects.toMatchObject({ code: "NOT_A_DEAD_LETTER" });
    expect(await bench.keysLeft()).not.toContain("dead-letters");
  });

  test("keep an enqueued run with its input, and take it out once", async () => {
    await using bench = await new StoreBench(server).ready();
    const [run = ""] = await enqueueRuns(bench.store, "task", [{ input: { customer: 7 } }], 1000);
    const node = await bench.node("node");
    for (const attempt of [1, 2, 3]) {
      const { claimed } = await node.claim();
      expect(first(claimed)).toMatchObject({ run, attempt });
      expect(first(claimed).body).toMatchObject({ input: { customer: 7 } });
      await node.complete(claimed, "f");
      expect(await takeDeadLetters(bench.store, {}, true)).toEqual([run]);
      expect(await takeDeadLetters(bench.store, {}, true)).toEqual([]);
      await expectSound(bench);
    }
    await node.complete((await node.claim()).claimed);
    expect(await bench.redis.lrange(bench.store.keys.history("~task"), 0, -1)).toEqual([run]);
  });

  test("are forgotten with removeDeadLetters, with their job, and never kept with deadLetter: false", async () => {
    await using bench = await new StoreBench(server).ready();
    await bench.define("kept");
    await bench.define("gone");
    await bench.define("none", { deadLetter: false });
    const now = await bench.now();
    for (const job of ["kept", "gone", "none"]) await bench.write(job, [now - 1]);
    const node = await bench.node("node");
    await node.complete((await node.claim()).claimed, "f");
    expect(await bench.redis.zcard(bench.store.keys.deadLettersOf("default"))).toBe(2);
    await bench.remove("gone");
    await expect(bench.run(`gone@${now - 1}`).retry()).rejects.toMatchObject({ code: "NOT_A_DEAD_LETTER" });
    expect(await takeDeadLetters(bench.store, {}, false)).toEqual([`kept@${now - 1}`]);
    expect(await node.take()).toEqual([]);
  });

  test("hold what a dead node lost, if it may not run again", async () => {
    await using bench = await new StoreBench(server).ready();
    await bench.define("job", { delivery: "at-most-once" });
    const [run] = await bench.write("job", [(await bench.now()) - 1]);
    const node = await bench.node("node", 1000);
    await node.claim();
    await bench.advance(2000);
    await bench.recover();
    expect(await bench.redis.zrange(bench.store.keys.deadLettersOf("default"), 0, -1)).toEqual([run]);
  });
});
