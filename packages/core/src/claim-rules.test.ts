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

describe("overlap: runs of a job", () => {
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

test("overlap: S15: a run that waits goes on although the one before it is given up as missed", async () => {
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

describe("what has begun does not vanish with its job", () => {
  const removed = { state: "cancelled", reason: "removed", attempts: [{ attempt: 1, state: "failed" }] };

  test("when it waits for another attempt", async () => {
    await using on = await bench();
    const node = await on.node("a");
    await on.define("job", { retry: { attempts: 3 } });
    const [run = ""] = await on.write("job", [(await on.now()) - 1]);
    await node.complete((await node.claim()).claimed, "F");
    await on.remove("job");
    expect(await on.run(run).get()).toMatchObject(removed);
    await expectSound(on);
    expect(await on.redis.exists(on.store.keys.attempts, on.store.keys.requeued)).toBe(0);
  });

  test("when another attempt of it is handed back", async () => {
    await using on = await bench();
    const node = await on.node("a");
    await on.define("job", { retry: { attempts: 3 } });
    const [run = ""] = await on.write("job", [(await on.now()) - 1]);
    await node.complete((await node.claim()).claimed, "F");
    const { claimed } = await node.claim();
    expect(claimed).toMatchObject([{ run, attempt: 2 }]);
    await on.remove("job");
    await node.complete(claimed, "b");
    expect(await on.run(run).get()).toMatchObject(removed);
    await expectSound(on);
    expect(await on.redis.exists(on.store.keys.attempts, on.store.keys.running)).toBe(0);
  });

  test("and what depended on it goes on, as without its parent", async () => {
    await using on = await bench();
    const node = await on.node("a");
    await on.define("job", { retry: { attempts: 3 } });
    await on.define("child", { dependsOn: ["job"] });
    const at = (await on.now()) - 1;
    await on.write("job", [at]);
    await on.write("child", [at]);
    await node.complete((await node.claim()).claimed, "F");
    await on.remove("job");
    expect(await node.take()).toEqual([`child@${at}`]);
    await expectSound(on);
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

describe("misfire: of runs that were ready and that nobody claimed", () => {
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
