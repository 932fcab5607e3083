// Attempts that run while their job is removed and another is defined under its id: that one's definition is none of theirs.
import { eventually, type JobStore, startJobStore } from "@escapement/testing";
import { every, once } from "@escapement/triggers";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Cluster, gate } from "../test/cluster.js";
import { type BenchNode, expectSound, later, StoreBench } from "../test/store-bench.js";
import type { Claimed } from "./claim.js";
import type { JobOptions } from "./job.js";
import { reconcileHeld } from "./reconcile.js";
import { park } from "./scripts/index.js";

let server: JobStore;
beforeAll(async () => {
  server = await startJobStore();
});
afterAll(() => server.stop());

const lanes = ["default@task", "default@other"];

/** A job of which a run is held, by a node of its own, in its first or a later attempt; then removed, and defined anew with another task and input. */
class Replaced extends StoreBench {
  run1 = "";
  claimed: readonly Claimed[] = [];
  holder!: BenchNode;

  async held(attempt: number, options: Partial<JobOptions>, byHand: boolean): Promise<void> {
    await this.advance(1000); // from here on the store's clock stands still: all happens within one millisecond
    this.holder = await this.node("holder", 1000);
    await this.define("job", { input: "old", retry: { attempts: 5 }, pauseAfterFailures: 9, ...options });
    if (byHand) this.run1 = await this.runNow("job");
    else [this.run1 = ""] = await this.write("job", [(await this.now()) - 1]);
    for (let at = 1; at <= attempt; at += 1) {
      this.claimed = (await this.holder.claim({ lanes })).claimed;
      if (at < attempt) await this.holder.complete(this.claimed, "F", "0");
    }
    expect(this.claimed).toMatchObject([{ run: this.run1, attempt }]);
  }

  async replace(options: Partial<JobOptions> = {}): Promise<void> {
    expect(await this.remove("job")).toBe(true);
    await this.define("job", { input: "new", pauseAfterFailures: 9, ...options }, "other");
  }

  /** What a node that joins now is given, of all lanes. */
  async given(): Promise<string[]> {
    const found = await this.node("another", 1e9);
    return found.take(10, lanes);
  }

  /** Of the job that is there now nothing has started, failed or is kept. */
  async untouched(): Promise<void> {
    const { attempts, requeued, deadLetters, unstarted, waiting, running, holds } = this.store.keys;
    const keys = [attempts, requeued, deadLetters, unstarted, waiting, running, holds];
    for (const key of keys) expect(await this.redis.exists(key), key).toBe(0);
    expect(await this.job("job").get()).toMatchObject({ task: "other", failuresInARow: 0, startedRuns: 0 });
    await expectSound(this);
  }
}

type End = (on: Replaced) => Promise<unknown>;
const reported =
  (outcome: "F" | "T" | "f" | "t" | "x" | "l" | "b" | "v"): End =>
  (on) =>
    on.holder.complete(on.claimed, outcome, /[FT]/.test(outcome) ? "0" : "");

const died: End = async (on) => {
  await on.redis.zadd(on.store.keys.nodes, 1, "holder");
  await on.recover();
};

/** How an attempt ends other than by a success, and what is recorded of its run: in its first attempt, and in a later one. */
const ends: readonly [name: string, how: End, first: object | undefined, later: object][] = [
  ["a failure to be tried again", reported("F"), { state: "failed" }, { state: "failed" }],
  ["a timeout to be tried again", reported("T"), { state: "timed-out" }, { state: "timed-out" }],
  ["a failure for good", reported("f"), { state: "failed" }, { state: "failed" }],
  ["a timeout for good", reported("t"), { state: "timed-out" }, { state: "timed-out" }],
  ["voters that refuse its lock", reported("x"), { state: "lost" }, { state: "lost" }],
  ["a node that gives it up", reported("l"), { state: "lost" }, { state: "lost" }],
  ["a listener's veto", reported("v"), { state: "skipped", attempts: [] }, { state: "skipped" }],
  ["a hand-back", reported("b"), undefined, { state: "cancelled", reason: "removed" }],
  ["its node's death", died, { state: "lost", reason: "node-dead" }, { state: "lost", reason: "node-dead" }],
  [
    "its node's leaving",
    async (on) => {
      await on.holder.leave();
      await on.recover();
    },
    { state: "lost" },
    { state: "lost" },
  ],
  [
    "a node that knows nothing of it",
    (on) => reconcileHeld(on.store, "holder", on.holder.number, [], on.events),
    { state: "lost", reason: "store-lost" },
    { state: "lost", reason: "store-lost" },
  ],
];

describe("remove: an attempt under a job that is defined anew within the same millisecond", () => {
  for (const [byHand, what] of [
    [false, "a fire time"],
    [true, "a run by hand"],
  ] as const)
    for (const attempt of [1, 2])
      test.each(ends)(
        `that ends by %s, of ${what}, attempt ${attempt}: is the last`,
        async (_, end, first, further) => {
          await using on = new Replaced(server);
          await on.ready();
          await on.held(attempt, {}, byHand);
          await on.replace({ retry: { attempts: 5 } });
          await end(on);
          expect(await on.given()).toEqual([]);
          const run = await on.run(on.run1).get();
          const expected = attempt === 1 ? first : further;
          if (expected === undefined) expect(run).toBeUndefined();
          else expect(run).toMatchObject(expected);
          expect(run?.attempts.length ?? 0).toBeLessThanOrEqual(attempt);
          if (attempt === 2) expect(run?.attempts[0]).toMatchObject({ attempt: 1, state: "failed" });
          await on.untouched();
        },
      );

  test.each(ends)("at most once, that ends by %s: is the last", async (_, end, first) => {
    await using on = new Replaced(server);
    await on.ready();
    await on.held(1, { delivery: "at-most-once" }, false);
    await on.replace(); // at least once
    await end(on);
    expect(await on.given()).toEqual([]);
    const run = await on.run(on.run1).get();
    if (first === undefined) expect(run).toBeUndefined();
    else expect(run).toMatchObject({ attempts: [{ attempt: 1 }], ...first });
    await on.untouched();
  });

  test("that succeeds is recorded so, and says nothing of the failures of the job that is there now", async () => {
    await using on = new Replaced(server);
    await on.ready();
    await on.held(1, { overlap: "allow" }, false);
    await on.replace({ overlap: "allow" });
    await on.runNow("job");
    const other = await on.node("another", 1e9);
    await other.complete((await other.claim({ lanes })).claimed, "f");
    await on.holder.complete(on.claimed, "s", '"done"');
    expect(await on.run(on.run1).get()).toMatchObject({ state: "succeeded", result: "done" });
    expect(await on.job("job").get()).toMatchObject({ failuresInARow: 1 });
  });

  test("of which the node has not heard: it is given no input of the new definition, and ends as cancelled", async () => {
    await using on = new Replaced(server);
    await on.ready();
    await on.held(1, {}, true);
    const { number } = on.holder;
    await on.replace();
    const again = await on.holder.claim({ number, lanes });
    expect(again.claimed).toMatchObject([{ run: on.run1, task: "task", isGone: true }]);
    await on.holder.complete(again.claimed, "c");
    await on.untouched();
  });

  test.each(["F", "b", "v", "l"] as const)(
    "that was to be cancelled and is reported as %s ends as cancelled",
    async (outcome) => {
      await using on = new Replaced(server);
      await on.ready();
      await on.held(1, { maxRuns: 5 }, false);
      await on.replace({ maxRuns: 5 });
      expect(await on.run(on.run1).cancel()).toBe(true);
      await reported(outcome)(on);
      expect(await on.given()).toEqual([]);
      expect(await on.run(on.run1).get()).toMatchObject({ state: "cancelled", attempt: 1 });
      await on.untouched();
    },
  );

  test.each(ends)("that ends by %s holds up the new job's runs until then, and no longer", async (_, end) => {
    await using on = new Replaced(server);
    await on.ready();
    await on.held(1, {}, false);
    await on.replace({ overlap: "queue-all" });
    const fresh = await on.runNow("job");
    const other = await on.node("other", 1e9);
    expect(await other.take(10, lanes)).toEqual([]);
    await end(on);
    expect((await other.claim({ lanes })).claimed).toMatchObject([{ run: fresh, attempt: 1, task: "other" }]);
    await expectSound(on);
  });

  test.each(["b", "v"] as const)("reported as %s is not taken off the new job's maxRuns", async (outcome) => {
    await using on = new Replaced(server);
    await on.ready();
    await on.held(1, { maxRuns: 1 }, false);
    await on.replace({ maxRuns: 1, overlap: "allow" });
    const other = await on.node("other", 1e9);
    await on.write("job", [await on.now()]);
    await other.complete((await other.claim({ lanes })).claimed);
    await reported(outcome)(on);
    expect(await on.job("job").get()).toMatchObject({ startedRuns: 1, state: "exhausted" });
  });

  test("sets no interval of the new job on that counts from the end of its runs", async () => {
    await using on = new Replaced(server);
    await on.ready();
    const paced = { trigger: every("30s", { after: "completion" }), overlap: "allow" } as const;
    await on.held(2, paced, false);
    await on.replace(paced);
    const first = Number(await on.redis.zscore(on.store.keys.due, "job"));
    await on.write("job", [first], { next: "" });
    await on.advance(30_001);
    const other = await on.node("other", 1e9);
    const { claimed } = await other.claim({ lanes });
    expect(claimed).toMatchObject([{ run: `job@${first}` }]);
    await on.recover(); // the holder is dead by now
    expect(await on.run(on.run1).get()).toMatchObject({ state: "lost" });
    expect(await on.redis.zscore(on.store.keys.due, "job")).toBeNull();
    await other.complete(claimed);
    expect(await on.redis.zscore(on.store.keys.due, "job")).not.toBeNull();
  });
});

describe("remove: what waits", () => {
  const places: readonly [string, (on: Replaced) => Promise<unknown>][] = [
    ["for its next attempt", (on) => on.holder.complete(on.claimed, "F", "60000")],
    ["ready for its next attempt", (on) => on.holder.complete(on.claimed, "F", "0")],
    ["handed back", (on) => on.holder.complete(on.claimed, "b")],
    ["handed back with a lock left", (on) => handBack(on)],
    ["behind a lock", (on) => on.holder.complete(on.claimed, "x")],
    [
      "behind a running one",
      async (on) => {
        await on.runNow("job");
        await on.holder.take(10, lanes);
      },
    ],
    [
      "for a place of its key",
      async (on) => {
        await on.define("job", { concurrencyKey: "key", concurrencyLimit: 1, overlap: "allow" });
        for (const _ of [1, 2, 3]) await on.runNow("job");
        await on.holder.take(10, lanes);
      },
    ],
    [
      "under a pause",
      async (on) => {
        await on.runNow("job");
        await on.redis.set(on.store.keys.pause("job:job"), "1");
        await on.holder.complete(on.claimed, "F", "0");
        await on.holder.take(10, lanes);
        await on.redis.del(on.store.keys.pause("job:job"));
      },
    ],
  ];
  const handBack = (on: Replaced): Promise<unknown> => {
    const completions = on.claimed.map(({ run, token }) => {
      return { run, token, outcome: "b", detail: "left", result: "" } as const;
    });
    return on.holder.claim({ slots: 0, completions });
  };

  for (const byHand of [false, true])
    for (const attempt of [1, 2])
      test.each(places)(
        `%s, ${byHand ? "by hand, " : ""}attempt ${attempt}: goes with it`,
        async (_, wait) => {
          await using on = new Replaced(server);
          await on.ready();
          await on.held(attempt, { overlap: "queue-all" }, byHand);
          await wait(on);
          await on.replace({ overlap: "queue-all" });
          await on.watch();
          expect(await on.given()).toEqual([]);
          await on.advance(2000); // the holder dies with what it holds still
          await on.recover();
          expect(await on.given()).toEqual([]);
          await on.untouched();
        },
      );
});

describe("remove: a dead letter of a job that was defined anew", () => {
  test.each(ends.slice(2, 6))("by %s, is not tried again under the new definition", async (_, end) => {
    await using on = new Replaced(server);
    await on.ready();
    await on.held(1, { retry: { attempts: 1 }, maxLost: 0 }, false);
    await end(on);
    expect(await on.redis.hexists(on.store.keys.deadLetters, on.run1)).toBe(1);
    await on.replace();
    await expect(on.run(on.run1).retry()).rejects.toMatchObject({ code: "NOT_A_DEAD_LETTER" });
    expect(await on.given()).toEqual([]);
    await on.untouched();
  });

  test("is not either where its lock was refused before anything of the job was claimed", async () => {
    await using on = await new StoreBench(server).ready();
    const node = await on.node("node", 1e9);
    await on.define("job", { delivery: "at-most-once" });
    const [run = ""] = await on.write("job", [(await on.now()) - 1]);
    await on.redis.set(on.store.keys.lock(run, 1), "somebody's");
    expect(await node.take()).toEqual([]);
    expect(await on.redis.hexists(on.store.keys.deadLetters, run)).toBe(1);
    await on.remove("job");
    await on.define("job");
    await expect(on.run(run).retry()).rejects.toMatchObject({ code: "NOT_A_DEAD_LETTER" });
    expect(await node.take()).toEqual([]);
  });
});

describe("a job that is changed, whatever of it, is the same job still", () => {
  test.each([
    ["another trigger", { trigger: every("1h") }],
    ["a trigger that means now", { trigger: once("now") }],
    ["the same trigger", { trigger: later, input: "new" }],
  ])("by %s: its run has its further attempts, its count and its dead letters", async (_, options) => {
    await using on = new Replaced(server);
    await on.ready();
    await on.held(1, { overlap: "allow", maxRuns: 3 }, false);
    await on.define("job", { overlap: "allow", pauseAfterFailures: 9, maxRuns: 3, ...options });
    await on.holder.complete(on.claimed, "b");
    expect(await on.job("job").get()).toMatchObject({ startedRuns: 0 });
    for (const outcome of ["F", "l", "f"] as const) {
      const { claimed } = await on.holder.claim({ lanes });
      expect(claimed).toMatchObject([{ run: on.run1 }]);
      await on.holder.complete(claimed, outcome, outcome === "F" ? "0" : "");
    }
    expect(await on.job("job").get()).toMatchObject({ startedRuns: 1, failuresInARow: 1 });
    await on.run(on.run1).retry();
    expect((await on.holder.claim({ lanes })).claimed).toMatchObject([{ run: on.run1, attempt: 4 }]);
  });

  test.each<[string, (on: Replaced) => Promise<unknown>]>([
    ["changed", (on) => on.define("job", { input: "newer", priority: 3 }, "other")],
    [
      "changed twice",
      async (on) => {
        await on.define("job", { input: "newer" }, "other");
        await on.define("job", { input: "newest", trigger: later }, "other");
      },
    ],
    [
      "parked and defined anew",
      async (on) => {
        const { prefix: _, ...keys } = on.store.keys;
        const args = { ...on.store.told, epoch: on.epoch, job: "job", version: "1", reason: "broken" };
        expect(await park.run(on.store.commands, { keys, args })).toBe(1);
        await on.define("job", { input: "newer" }, "other");
      },
    ],
  ])("is none of the next job's, also once that has been %s", async (_, change) => {
    await using on = new Replaced(server);
    await on.ready();
    await on.held(1, {}, false);
    await on.replace();
    await change(on);
    await on.holder.complete(on.claimed, "F", "0");
    expect(await on.given()).toEqual([]);
    expect(await on.run(on.run1).get()).toMatchObject({ state: "failed", attempt: 1 });
    await on.untouched();
  });

  test("what somebody else has written where it says since when does not keep runs from ending", async () => {
    await using on = new Replaced(server);
    await on.ready();
    await on.held(1, {}, false);
    await on.redis.hset(on.store.keys.state, "job", "garbage");
    await on.holder.complete(on.claimed, "F", "0");
    const { claimed } = await on.holder.claim({ lanes });
    expect(claimed).toMatchObject([{ run: on.run1, attempt: 2 }]);
    await on.holder.complete(claimed, "f");
    expect(await on.run(on.run1).get()).toMatchObject({ state: "failed", attempt: 2 });
    expect(await on.remove("job")).toBe(true);
  });
});

test("on running nodes: a removed job's handler that fails is not followed by one of the job defined anew", async () => {
  await using cluster = new Cluster(server);
  const node = cluster.scheduler();
  const [started, go] = [gate(), gate()];
  const seen: unknown[] = [];
  node.task("pay", async ({ input, attempt }) => {
    seen.push(["pay", input, attempt]);
    started.open();
    await go.opened;
    throw new Error("as it must");
  });
  node.task("mail", ({ input, attempt }) => {
    seen.push(["mail", input, attempt]);
  });
  await node.start();
  const retry = { attempts: 3, backoff: { type: "fixed", delay: "1ms" } } as const;
  await node.schedule("pay", { id: "job", trigger: every("1h"), input: "old", retry });
  const run = await node.job("job").runNow();
  await started.opened;
  await node.job("job").remove();
  await node.schedule("mail", { id: "job", trigger: every("1h"), input: "new", retry });
  expect(await run.get()).toMatchObject({ state: "active", task: "pay" });
  go.open();
  await eventually(async () => expect(await run.get()).toMatchObject({ state: "failed", attempt: 1 }));
  await node.job("job").runNow();
  await eventually(() => seen.length === 2);
  expect(seen).toEqual([
    ["pay", "old", 1],
    ["mail", "new", 1],
  ]);
});
