import { type JobStore, startJobStore } from "@escapement/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { expectSound, StoreBench } from "../test/store-bench.js";
import { enqueueRuns } from "./enqueue.js";

let server: JobStore;
beforeAll(async () => {
  server = await startJobStore();
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

    expect(again.claimed).toMatchObject([{ run, task: "task", isGone: true }]);
    expect(await node.complete(again.claimed, "c")).toEqual([true]);
    await expectSound(on);
    expect(await on.redis.exists(on.store.keys.running)).toBe(0);
  });
});

test("queue: S19: only those of tasks and queues that the node names; the others stay, visible as unclaimed", async () => {
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

test("priority: by it over all lanes, then in the order in which they came", async () => {
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

describe("which runs are claimed", () => {
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
    expect(await (await on.node("b")).take()).toEqual(["soon"]);
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
    expect((await (await on.node("b")).claim()).claimed).toMatchObject([{ run: "1", attempt: 2 }]);
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
    const later = await on.node("b");
    await later.claim();
    await expectSound(on);

    await on.define("job"); // the same id again: nothing of the old one holds it up
    const now = await on.now();
    const [fresh] = await on.write("job", [now - 1]);
    expect(await later.take()).toEqual([fresh]);
  });
});

test("I3: what may be left of an earlier claim's lock is told again to a node that did not hear of it", async () => {
  await using bench = await new StoreBench(server).ready();
  await bench.define("job");
  const [run = ""] = await bench.write("job", [(await bench.now()) - 1]);
  const first = await bench.node("first");
  const { claimed } = await first.claim({ lockTtl: 0 });
  const back = claimed.map(({ token }) => ({
    ...{ run, token, outcome: "b" as const, detail: "left-value", result: "" },
  }));
  await first.claim({ slots: 0, lockTtl: 0, completions: back });
  const other = await bench.node("other");
  const heardOnce = await other.claim({ lockTtl: 0 });
  const heardAgain = await other.claim({ lockTtl: 0, number: other.number });
  expect(heardOnce.claimed).toMatchObject([{ run, locksLeft: ["left-value"] }]);
  expect(heardAgain.claimed).toEqual(heardOnce.claimed);
});
