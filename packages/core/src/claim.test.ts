import { type RedisServer, startRedis } from "@escapement/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { expectSound, StoreBench } from "../test/store-bench.js";
import { enqueueRuns } from "./enqueue.js";

let server: RedisServer;
beforeAll(async () => {
  server = await startRedis();
});
afterAll(() => server.stop());

const bench = (): Promise<StoreBench> => new StoreBench(server).ready();
const queue = (
  on: StoreBench,
  options: Parameters<typeof enqueueRuns>[2],
  task = "task",
): Promise<string[]> => enqueueRuns(on.store, task, options, 65_536);

describe("a request that is sent again", () => {
  test("is answered as it was: the same runs with the same tokens, and no others", async () => {
    await using on = await bench();
    const node = await on.node("a");
    await queue(on, [{ id: "1" }, { id: "2" }, { id: "3" }]);
    const first = await node.claim({ slots: 2 });
    const again = await node.claim({ slots: 2, number: node.number });

    expect(first.claimed.map(({ run }) => run)).toEqual(["1", "2"]);
    const byRun = (answer: typeof first): unknown[] =>
      [...answer.claimed].sort((a, b) => (a.run < b.run ? -1 : 1));
    expect(byRun(again)).toEqual(byRun(first));
    expect(again.more).toBe(true);
    expect(await node.take()).toEqual(["3"]);
    await expectSound(on);
  });

  test("completes once, and says again that it was accepted", async () => {
    await using on = await bench();
    const node = await on.node("a");
    await queue(on, [{ id: "1" }]);
    const { claimed } = await node.claim();
    const completions = claimed.map(({ run, token }) => {
      return { run, token, outcome: "s" as const, detail: "", result: "7" };
    });
    expect((await node.claim({ completions })).accepted).toEqual([true]);
    expect((await node.claim({ completions, number: node.number })).accepted).toEqual([true]);
    // As a new request it is one of a run that this node does not hold.
    expect((await node.claim({ completions })).accepted).toEqual([false]);
    expect(await on.redis.llen(on.store.keys.history("~task"))).toBe(1);
  });

  test("is refused once a later one was answered", async () => {
    await using on = await bench();
    const node = await on.node("a");
    await node.claim({ number: 5 });
    await queue(on, [{ id: "1" }]);
    await expect(node.claim({ number: 4 })).rejects.toMatchObject({ code: "STALE_REQUEST" });
    expect((await on.run("1").get())?.state).toBe("ready");
  });

  test("hands out runs whose job was removed meanwhile without their input, so that they end as cancelled", async () => {
    await using on = await bench();
    const node = await on.node("a");
    await on.define("job", { input: { a: 1 } });
    const run = await on.runNow("job");
    await node.claim();
    await on.remove("job");
    const again = await node.claim({ number: node.number });

    expect(again.claimed).toMatchObject([{ run, task: "task", body: "" }]);
    expect(await node.complete(again.claimed, "c")).toEqual([true]);
    await expectSound(on);
    expect(await on.redis.exists(on.store.keys.running)).toBe(0);
  });
});

describe("which runs are claimed", () => {
  test("S19: only those of tasks and queues that the node names; the others stay, visible as unclaimed", async () => {
    await using on = await bench();
    const node = await on.node("a");
    await queue(on, [{ id: "mine" }]);
    await queue(on, [{ id: "other-task" }], "unknown");
    await queue(on, [{ id: "other-queue", queue: "reports" }]);

    expect(await node.take()).toEqual(["mine"]);
    expect(await on.run("other-task").get()).toMatchObject({ state: "ready", unclaimed: true });
    expect(await on.run("other-queue").get()).toMatchObject({ state: "ready", unclaimed: true });
    expect(await node.take(10, ["default@unknown", "reports@task"])).toEqual(["other-task", "other-queue"]);
    await expectSound(on);
  });

  test("by priority over all lanes, then in the order in which they came", async () => {
    await using on = await bench();
    const node = await on.node("a");
    const ids = await queue(on, [{}, {}, {}]);
    await queue(on, [{ id: "low", priority: -1000 }]);
    await queue(on, [{ id: "urgent", priority: 1000 }]);
    await queue(on, [{ id: "high", priority: 1, queue: "second" }]);
    const lanes = ["default@task", "second@task"];

    const [first, ...rest] = [await node.take(2, lanes), await node.take(10, lanes)];
    expect([...(first ?? []), ...rest.flat()]).toEqual(["urgent", "high", ...ids, "low"]);
  });

  test("S17: a job that cannot start does not keep others from starting, nor does a long row of its runs", async () => {
    await using on = await bench();
    const node = await on.node("a");
    await on.define("busy");
    await on.define("idle");
    const now = await on.now();
    await on.write("busy", [now - 1000]);
    await node.take();
    await on.write(
      "busy",
      Array.from({ length: 300 }, (_, index) => now - 900 + index),
    );
    const [idle] = await on.write("idle", [now - 1]);

    expect(await node.take(1)).toEqual([idle]);
    expect(await on.redis.zcard(on.store.keys.blocked)).toBe(300);
    await expectSound(on);
  });

  test("also by a node with more lanes than Lua can unpack", async () => {
    await using on = await bench();
    const node = await on.node("a");
    const lanes = Array.from({ length: 9000 }, (_, index) => `default@task-${index}`);
    await queue(on, [{ id: "1" }], "task-8999");
    expect(await node.take(1, lanes)).toEqual(["1"]);
  });

  test("thousands that are due at the same instant: each once, over as many requests as it takes", async () => {
    await using on = await bench();
    const [a, b] = [await on.node("a"), await on.node("b")];
    const at = (await on.now()) - 5;
    for (const job of ["x", "y", "z"]) {
      await on.define(job, { overlap: "allow" });
      await on.write(
        job,
        Array.from({ length: 1000 }, (_, index) => at - index),
      );
    }
    const taken: string[] = [];
    for (let more = true; more; ) {
      const answers = await Promise.all([a.claim({ slots: 700 }), b.claim({ slots: 700 })]);
      taken.push(...answers.flatMap(({ claimed }) => claimed.map(({ run }) => run)));
      more = answers.some((answer) => answer.more || answer.claimed.length > 0);
    }
    expect(taken).toHaveLength(3000);
    expect(new Set(taken).size).toBe(3000);
    await expectSound(on);
  });

  test("S20: a record that is no record stops neither its neighbours nor its own repair", async () => {
    await using on = await bench();
    const node = await on.node("a");
    await on.define("broken");
    await on.define("good");
    const now = await on.now();
    await on.write("broken", [now - 10]);
    const [good] = await on.write("good", [now - 5]);
    await on.redis.hset(on.store.keys.jobs, "broken", "nonsense");

    expect(await node.take()).toEqual([good]);
    await on.define("broken", { priority: 1 });
    const [again] = await on.write("broken", [now - 4]);
    expect(await node.take()).toEqual([again]);
    await on.redis.hset(on.store.keys.jobs, "broken", "");
    expect(await on.remove("broken")).toBe(true);
  });
});

describe("tokens and locks", () => {
  test("fencing tokens rise over nodes, runs and attempts, as whole numbers", async () => {
    await using on = await bench();
    const [a, b] = [await on.node("a"), await on.node("b")];
    await queue(on, [{}, {}, {}, {}]);
    const claims = [await a.claim({ slots: 2 }), await b.claim({ slots: 2 })];
    const tokens = claims.flatMap(({ claimed }) => claimed.map(({ token }) => token));
    expect(tokens.every((token) => /^\d+$/.test(token))).toBe(true);
    expect([...tokens].sort((x, y) => Number(BigInt(x) - BigInt(y)))).toEqual(tokens);
    expect(new Set(tokens).size).toBe(4);
  });

  test("S5: the lock carries fire time and attempt, so that the next fire time is not kept from starting", async () => {
    await using on = await bench();
    const node = await on.node("a");
    await on.define("job", { overlap: "allow" });
    const now = await on.now();
    const [first, second] = await on.write("job", [now - 20, now - 10]);
    expect(await node.take(1)).toEqual([first]);
    expect(await on.redis.exists(on.store.keys.lock(first ?? "", 1))).toBe(1);
    expect(await node.take(1)).toEqual([second]);
  });

  test("S5: Redis' time decides what is due, not the node's", async () => {
    await using on = await bench();
    const node = await on.node("a");
    await queue(on, [{ id: "soon", at: new Date((await on.now()) + 3_600_000) }]);
    expect(await node.take()).toEqual([]);
    await on.advance(3_600_001);
    await node.join();
    expect(await node.take()).toEqual(["soon"]);
  });

  test("T5: after a jump of the store's clock no attempt starts twice, and the old holder's outcome is refused", async () => {
    await using on = await bench();
    const a = await on.node("a", 1000);
    await queue(on, [{ id: "1" }]);
    const { claimed: first } = await a.claim({ lockTtl: 1000 });
    await on.advance(86_400_000);
    await on.redis.del(on.store.keys.lock("1", 1)); // its time to live is over as well
    const b = await on.node("b");
    expect(await b.take()).toEqual([]); // it is held still
    await on.recover();
    const { claimed: second } = await b.claim();

    expect(second).toMatchObject([{ run: "1", attempt: 2 }]);
    expect(BigInt(second[0]?.token ?? 0)).toBeGreaterThan(BigInt(first[0]?.token ?? 0));
    await expect(a.complete(first)).rejects.toMatchObject({ code: "NODE_DEAD" });
    expect(await b.complete(second)).toEqual([true]);
    expect((await on.run("1").get())?.attempts.map(({ state }) => state)).toEqual(["lost", "succeeded"]);
  });

  test("W2: a late worker cannot complete an attempt that is another's, whatever it says", async () => {
    await using on = await bench();
    const [a, b] = [await on.node("a", 1000), await on.node("b", 600_000)];
    await queue(on, [{ id: "1" }]);
    const { claimed: first } = await a.claim();
    await on.advance(2000);
    await on.recover();
    const { claimed: second } = await b.claim();

    expect(await b.complete(first)).toEqual([false]); // the right node with the token of another attempt
    expect((await on.run("1").get())?.state).toBe("active");
    expect(await b.complete(second, "f")).toEqual([true]);
    expect((await on.run("1").get())?.state).toBe("failed");
  });

  test("a lock that says that the attempt started elsewhere: a further attempt follows, later", async () => {
    await using on = await bench();
    const node = await on.node("a", 30_000);
    await on.redis.set(on.store.keys.lock("1", 1), "somebody");
    await queue(on, [{ id: "1" }]);
    const answer = await node.claim();
    expect(answer.claimed).toEqual([]);
    expect(answer.passed).toEqual([{ run: "1", state: "lockRefused", reason: "lock" }]);
    expect((await on.run("1").get())?.state).toBe("waiting-retry");
    await on.advance(30_001);
    await node.join();
    expect((await node.claim()).claimed).toMatchObject([{ run: "1", attempt: 2 }]);
    await expectSound(on);
  });

  test("… or, at most once, it is lost; the job's next fire time in the same step is not stuck behind it", async () => {
    await using on = await bench();
    const node = await on.node("a");
    await on.define("job", { delivery: "at-most-once" });
    const now = await on.now();
    const [first = "", second] = await on.write("job", [now - 20, now - 10]);
    await on.redis.set(on.store.keys.lock(first, 1), "somebody");

    const runs = await node.take();
    expect(runs).toEqual([second]);
    expect(await on.run(first).get()).toMatchObject({ state: "lost", reason: "lock" });
    await expectSound(on);
  });

  test("a removed job's attempt that waits behind a lock leaves nothing behind", async () => {
    await using on = await bench();
    const node = await on.node("a", 30_000);
    await on.define("job");
    const [run = ""] = await on.write("job", [(await on.now()) - 10]);
    await on.redis.set(on.store.keys.lock(run, 1), "somebody");
    await node.claim();
    await on.remove("job");
    await on.advance(30_001);
    await node.join();
    await node.claim();
    await expectSound(on);

    await on.define("job"); // the same id again: nothing of the old one holds it up
    const now = await on.now();
    const [fresh] = await on.write("job", [now - 1]);
    expect(await node.take()).toEqual([fresh]);
  });
});

describe("runs of a job that overlap", () => {
  test("are skipped with the reason when their fire time comes while one runs", async () => {
    await using on = await bench();
    const node = await on.node("a");
    await on.define("job");
    const [first] = await on.write("job", [(await on.now()) - 10]);
    const { claimed } = await node.claim();
    const [second = ""] = await on.write("job", [await on.advance(50)]);

    expect(claimed.map(({ run }) => run)).toEqual([first]);
    expect((await node.claim()).passed).toEqual([{ run: second, state: "skipped", reason: "overlap" }]);
    expect(await on.run(second).get()).toMatchObject({ state: "skipped", reason: "overlap", attempt: 0 });
    await expectSound(on);
  });

  test("follow one by one, and are not skipped, when nothing could start at their fire times", async () => {
    await using on = await bench();
    const node = await on.node("a");
    await on.define("job");
    const now = await on.now();
    const runs = await on.write("job", [now - 30, now - 20, now - 10]);
    const started: string[] = [];
    for (let left = runs.length; left > 0; left -= 1) {
      const { claimed } = await node.claim();
      expect(claimed).toHaveLength(1);
      started.push(...claimed.map(({ run }) => run));
      await expectSound(on);
      await node.complete(claimed);
    }
    expect(started).toEqual(runs);
    await expectSound(on);
    expect((await on.job("job").history()).map(({ state }) => state)).toEqual(Array(3).fill("succeeded"));
  });

  test("run side by side where they may", async () => {
    await using on = await bench();
    const node = await on.node("a");
    await on.define("job", { overlap: "allow" });
    const now = await on.now();
    expect(await on.write("job", [now - 30, now - 20])).toEqual(await node.take());
  });

  test("a run by hand respects it too", async () => {
    await using on = await bench();
    const node = await on.node("a");
    await on.define("job");
    await on.runNow("job");
    await node.take();
    await on.advance(5);
    const second = await on.runNow("job");
    await node.claim();
    expect(await on.run(second).get()).toMatchObject({ state: "skipped", reason: "overlap" });
    await expect(on.run(second).result()).rejects.toMatchObject({ code: "RUN_FAILED", runId: second });
  });

  test("S15: those that wait go on when the one that runs is handed back, lost, removed or finished", async () => {
    for (const end of ["s", "f", "t", "c", "b", "l", "x"] as const) {
      await using on = await bench();
      const node = await on.node("a", 30_000);
      await on.define("job", { delivery: "at-most-once" });
      const now = await on.now();
      const runs = await on.write("job", [now - 30, now - 20]);
      const { claimed } = await node.claim();
      await node.complete(claimed, end);
      await expectSound(on);
      const next = await node.claim();
      expect(
        next.claimed.map(({ run }) => run),
        end,
      ).toEqual([end === "b" ? runs[0] : runs[1]]);
      expect(next.claimed[0]?.attempt).toBe(1);
      await expectSound(on);
    }
  });

  test("S15: none stays behind when the job may overlap from now on", async () => {
    await using on = await bench();
    const node = await on.node("a");
    await on.define("job");
    const now = await on.now();
    const runs = await on.write("job", [now - 40, now - 30, now - 20, now - 10]);
    const { claimed } = await node.claim();
    await on.define("job", { overlap: "allow" });
    expect(await node.take()).toEqual(runs.slice(1));
    await node.complete(claimed);
    await expectSound(on);
  });

  test("S15: nothing waits any more of a job that was removed, and nothing of it holds up a new one", async () => {
    await using on = await bench();
    const node = await on.node("a");
    await on.define("job");
    const now = await on.now();
    await on.write("job", [now - 40, now - 30, now - 20]);
    const { claimed } = await node.claim();
    await on.remove("job");
    expect(await on.redis.exists(on.store.keys.blocked, on.store.keys.unstarted)).toBe(0);
    await node.complete(claimed);
    await expectSound(on);
    await on.define("job");
    const [fresh] = await on.write("job", [now - 5]);
    expect(await node.take()).toEqual([fresh]);
  });
});

test("S15: a run that waits goes on although the one before it is given up as missed", async () => {
  await using on = await bench();
  const node = await on.node("a", 600_000);
  await on.define("job", { misfire: { catchUp: "latest" } });
  const now = await on.now();
  const [, , last] = await on.write("job", [now - 40, now - 30, now - 20]);
  const { claimed } = await node.claim();
  await node.complete(claimed); // the second is ready now, the third waits for it
  await on.advance(120_000);
  await on.write("job", []); // the leader comes by, and settles what is late
  await expectSound(on);
  expect(await node.take()).toEqual([last]);
});

describe("runs that are handed back", () => {
  test("W6: start elsewhere with the same attempt number", async () => {
    await using on = await bench();
    const [a, b] = [await on.node("a"), await on.node("b")];
    await queue(on, [{ id: "1" }]);
    await a.complete((await a.claim()).claimed, "b");
    expect((await b.claim()).claimed).toMatchObject([{ run: "1", attempt: 1 }]);
  });

  test("leave nothing behind if their job was removed", async () => {
    await using on = await bench();
    const node = await on.node("a");
    await on.define("job");
    await on.write("job", [(await on.now()) - 1]);
    const { claimed } = await node.claim();
    await on.remove("job");
    await node.complete(claimed, "b");
    await expectSound(on);
    expect(await on.redis.exists(on.store.keys.unstarted, on.store.keys.running)).toBe(0);
  });
});

describe("a job that changes while its runs are due", () => {
  test("takes them along into its new queue, also where no node serves the old one", async () => {
    await using on = await bench();
    const node = await on.node("a");
    await on.define("job", { queue: "tpyo" });
    const now = await on.now();
    const runs = await on.write("job", [now - 10, now + 60_000]);
    await node.take(); // what is due goes to its lane
    expect(await on.redis.zcard(on.store.keys.readyOf("tpyo", "task"))).toBe(1);
    await on.define("job", { queue: "default" });
    expect(await node.take()).toEqual([runs[0]]);
    expect(await on.redis.exists(on.store.keys.readyOf("tpyo", "task"))).toBe(0);
    await expectSound(on);
  });

  test("runs them by its new task", async () => {
    await using on = await bench();
    const node = await on.node("a");
    await on.define("job");
    const [run] = await on.write("job", [(await on.now()) - 10]);
    await on.define("job", {}, "other");
    expect(await node.take()).toEqual([]);
    expect((await node.claim({ lanes: ["default@other"] })).claimed).toMatchObject([{ run, task: "other" }]);
    await expectSound(on);
  });
});

describe("misfires of runs that were ready and that nobody claimed", () => {
  const minute = 60_000;
  async function late(catchUp: "none" | "latest" | "earliest" | "all", max = 100) {
    const on = await bench();
    await on.define("job", { misfire: { grace: minute, catchUp, max } });
    const now = await on.now();
    const times = [-5, -4, -3, -2].map((minutes) => now + minutes * minute).concat(now - 1000);
    const runs = await on.write("job", times);
    const node = await on.node("a");
    const taken: string[] = [];
    for (let more = true; more; ) {
      const { claimed } = await node.claim();
      taken.push(...claimed.map(({ run }) => run));
      await node.complete(claimed);
      await expectSound(on);
      more = claimed.length > 0;
    }
    const missed = (await on.job("job").history()).filter(({ state }) => state === "missed");
    return { on, runs, times, taken, missed };
  }

  test("none: all are recorded as missed in one entry", async () => {
    const { on, times, taken, missed } = await late("none");
    await using _ = on;
    expect(taken).toEqual([]);
    expect(missed).toMatchObject([{ count: 5, reason: "misfire", scheduledAt: new Date(times[0] ?? 0) }]);
  });

  test("latest: the last one runs", async () => {
    const { on, runs, taken, missed } = await late("latest");
    await using _ = on;
    expect(taken).toEqual([runs[4]]);
    expect(missed).toMatchObject([{ count: 4 }]);
  });

  test("earliest: the first one runs", async () => {
    const { on, runs, times, taken, missed } = await late("earliest");
    await using _ = on;
    expect(taken).toEqual([runs[0]]);
    expect(missed).toMatchObject([{ count: 4, scheduledAt: new Date(times[1] ?? 0) }]);
  });

  test("all: the latest ones up to `max` run, the others are counted", async () => {
    const { on, runs, taken, missed } = await late("all", 3);
    await using _ = on;
    expect(taken).toEqual(runs.slice(2));
    expect(missed).toMatchObject([{ count: 2 }]);
  });

  test("S10: thousands of them are settled in bounded steps, and none that is missed starts", async () => {
    await using on = await bench();
    await on.define("job", { misfire: { grace: minute, catchUp: "none" }, overlap: "allow" });
    const start = (await on.now()) - 10 * minute;
    for (let from = 0; from < 3500; from += 500)
      await on.write(
        "job",
        Array.from({ length: 500 }, (_, index) => start + from + index),
      );
    const node = await on.node("a");
    for (let more = true; more; ) {
      const answer = await node.claim({ slots: 50 });
      expect(answer.claimed).toEqual([]);
      more = answer.more;
    }
    const history = await on.job("job").history();
    expect(history.reduce((sum, { count }) => sum + count, 0)).toBe(3500);
    await expectSound(on);
  });
});
