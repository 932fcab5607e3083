import { type JobStore, startJobStore } from "@escapement/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Following } from "../test/following.js";
import { expectSound } from "../test/store-bench.js";

let server: JobStore;
beforeAll(async () => {
  server = await startJobStore();
});
afterAll(() => server.stop());

const open = (): Promise<Following> => new Following(server).ready();

describe("dependsOn, then: a job without a trigger", () => {
  test("gets a run of a fire time when all of its parents' runs of it have succeeded, in the step that ends the last", async () => {
    await using bench = await open();
    await bench.parents("a", "b");
    await bench.define("child", { trigger: undefined, dependsOn: ["a", "b"] });
    expect(await bench.job("child").get()).toMatchObject({
      trigger: undefined,
      dependsOn: ["a", "b"],
      state: "scheduled",
      nextFireTime: undefined,
    });
    const [t] = await bench.fire(["a", "b"]);
    await bench.end(`a@${t}`);
    expect(await bench.stateOf(`child@${t}`)).toBeUndefined();
    await bench.end(`b@${t}`);
    expect(await bench.stateOf(`child@${t}`)).toBe("ready");
    await expectSound(bench);
    expect(await bench.next()).toEqual([`child@${t}`]);
    await bench.end(`child@${t}`);
    expect(await bench.historyOf("child")).toEqual(["succeeded"]);
    await expectSound(bench);
  });

  test("waits for the parents' runs of the same fire time, not of any", async () => {
    await using bench = await open();
    await bench.parents("a", "b");
    await bench.define("child", { trigger: undefined, dependsOn: ["a", "b"] });
    const [t1, t2] = await bench.fire(["a", "b"], 2);
    await bench.end(`a@${t1}`);
    await bench.end(`b@${t2}`);
    expect(await bench.next()).toEqual([]);
    await bench.end(`a@${t2}`);
    expect(await bench.next()).toEqual([`child@${t2}`]);
  });

  test.each([
    ["f", "failed"],
    ["t", "timed out"],
    ["c", "was cancelled"],
  ] as const)("is skipped once where a parent's run ended with %s: it %s", async (outcome, _text) => {
    await using bench = await open();
    await bench.parents("a", "b");
    await bench.define("child", { trigger: undefined, dependsOn: ["a", "b"] });
    const [t] = await bench.fire(["a", "b"]);
    await bench.end(`a@${t}`, outcome);
    await bench.end(`b@${t}`, "f");
    expect(await bench.next()).toEqual([]);
    expect(await bench.job("child").history()).toMatchObject([
      { id: `child@${t}`, state: "skipped", reason: "dependency" },
    ]);
    await expectSound(bench);
  });

  test("is skipped where a parent's run was lost for good, was skipped, or was cancelled while it waited", async () => {
    await using bench = await open();
    await bench.define("lost", { maxLost: 0, overlap: "allow" });
    await bench.define("skipped", {});
    await bench.define("cancelled", {});
    for (const id of ["lost", "skipped", "cancelled"])
      await bench.define(`after-${id}`, { trigger: undefined, dependsOn: [id] });
    const now = await bench.now();
    await bench.write("skipped", [now - 20]);
    await bench.node1.claim();
    const [t] = await bench.fire(["lost", "skipped", "cancelled"]);
    await bench.run(`cancelled@${t}`).cancel();
    expect(await bench.historyOf("after-cancelled")).toEqual(["skipped"]);
    const dying = await bench.node("dying", 50);
    await dying.take();
    expect(await bench.historyOf("after-skipped")).toEqual(["skipped"]);
    await bench.advance(60);
    await bench.recover();
    expect(await bench.historyOf("after-lost")).toEqual(["skipped"]);
  });

  test("follows the retry of a parent's run whose node died, or which failed at first", async () => {
    await using bench = await open();
    await bench.parents("a");
    await bench.define("child", { trigger: undefined, dependsOn: ["a"] });
    const [t] = await bench.fire(["a"]);
    const dying = await bench.node("dying", 50);
    expect(await dying.take()).toEqual([`a@${t}`]);
    await bench.advance(60);
    await bench.recover();
    const second = await bench.node1.claim();
    await bench.node1.complete(second.claimed, "F", "0");
    expect(await bench.historyOf("child")).toEqual([]);
    await bench.end(`a@${t}`);
    expect(await bench.next()).toEqual([`child@${t}`]);
    await expectSound(bench);
  });

  test("is written once when a completion is sent again, and when two nodes end its parents at the same time", async () => {
    await using bench = await open();
    await bench.parents("a", "b");
    await bench.define("child", { trigger: undefined, dependsOn: ["a", "b"] });
    const other = await bench.node("other");
    for (let round = 0; round < 20; round += 1) {
      const [t] = await bench.fire(["a", "b"]);
      const [mine, theirs] = [await bench.node1.claim({ slots: 1 }), await other.claim({ slots: 1 })];
      const completions = (claimed: typeof mine.claimed) =>
        claimed.map(({ run, token }) => ({ run, token, outcome: "s" as const, detail: "", result: "" }));
      const number = bench.node1.number + 1;
      const first = { slots: 0, completions: completions(mine.claimed), number };
      await Promise.all([bench.node1.claim(first), bench.node1.claim(first), other.complete(theirs.claimed)]);
      expect(await bench.next()).toEqual([`child@${t}`]);
      await bench.end(`child@${t}`);
    }
    expect((await bench.historyOf("child")).length).toBe(20);
    await expectSound(bench);
  });

  test("runs by hand and backfills count neither for it nor as its own fire times", async () => {
    await using bench = await open();
    await bench.parents("a");
    await bench.define("child", { trigger: undefined, dependsOn: ["a"] });
    const run = await bench.runNow("a");
    await bench.end(run);
    expect(await bench.next()).toEqual([]);
    expect(await bench.historyOf("child")).toEqual([]);
    const own = await bench.runNow("child");
    expect(await bench.next()).toEqual([own]);
    await expect(bench.job("child").backfill({ from: 0 })).rejects.toMatchObject({ code: "INVALID_OPTION" });
    expect(await bench.job("child").nextFireTimes()).toEqual([]);
  });

  test("is told nothing of what a parent missed", async () => {
    await using bench = await open();
    await bench.parents("a");
    await bench.define("child", { trigger: undefined, dependsOn: ["a"] });
    const now = await bench.now();
    await bench.write("a", [now - 300_000, now - 200_000, now - 100_000]);
    await bench.end(`a@${now - 100_000}`);
    expect(await bench.historyOf("a")).toEqual(["succeeded", "missed"]);
    expect(await bench.next()).toEqual([`child@${now - 100_000}`]);
    expect(await bench.historyOf("child")).toEqual([]);
  });

  test("keeps to maxRuns, and is exhausted then", async () => {
    await using bench = await open();
    await bench.parents("a");
    await bench.define("child", { trigger: undefined, dependsOn: ["a"], maxRuns: 1 });
    for (let round = 0; round < 2; round += 1) {
      const [t] = await bench.fire(["a"]);
      await bench.end(`a@${t}`);
      expect(await bench.stateOf(`child@${t}`)).toBe(round === 0 ? "ready" : undefined);
      for (const run of await bench.next()) await bench.end(run);
    }
    const [t] = await bench.fire(["a"]);
    await bench.end(`a@${t}`, "f");
    expect(await bench.historyOf("child")).toEqual(["succeeded"]);
    expect(await bench.job("child").get()).toMatchObject({ state: "exhausted", startedRuns: 1 });
    await expectSound(bench);
  });

  test("keeps to its overlap", async () => {
    await using bench = await open();
    await bench.parents("a");
    await bench.define("child", { trigger: undefined, dependsOn: ["a"] });
    const [t1] = await bench.fire(["a"]);
    await bench.end(`a@${t1}`);
    expect(await bench.next()).toEqual([`child@${t1}`]);
    await bench.advance(1000);
    const [t2] = await bench.fire(["a"]);
    await bench.end(`a@${t2}`);
    expect(await bench.next()).toEqual([]);
    expect(await bench.job("child").history()).toMatchObject([{ state: "skipped", reason: "overlap" }]);
    await expectSound(bench);
  });

  test("keeps the latest 100 fire times at which not all has ended; the earliest of more is recorded as missed", async () => {
    await using bench = await open();
    await bench.parents("a", "b");
    await bench.define("child", { trigger: undefined, dependsOn: ["a", "b"] });
    const times = await bench.fire(["a"], 103);
    for (const t of times) await bench.end(`a@${t}`);
    expect(await bench.redis.zcard(bench.store.keys.met)).toBe(100);
    expect(await bench.job("child").history()).toMatchObject(
      times
        .slice(0, 3)
        .map((t) => ({ id: `child@${t}`, state: "missed", reason: "dependency" }))
        .reverse(),
    );
  });

  test("of more than 100 that ran or were skipped none is recorded a second time", async () => {
    await using bench = await open();
    await bench.parents("a");
    await bench.define("child", { trigger: undefined, dependsOn: ["a"], overlap: "allow" });
    const times = await bench.fire(["a"], 104);
    for (const [index, t] of times.entries()) await bench.end(`a@${t}`, index < 2 ? "f" : "s");
    for (const run of await bench.next()) await bench.end(run);
    const states = await bench.historyOf("child");
    expect(states.length).toBe(100); // as many as are asked for
    expect(new Set(states)).toEqual(new Set(["succeeded"]));
    expect(await bench.redis.llen(bench.store.keys.history("child"))).toBe(104);
    expect(await bench.redis.zcard(bench.store.keys.met)).toBe(100);
  });
});

describe("dependsOn, then: generations", () => {
  test("a chain of three runs in order, one fire time all along", async () => {
    await using bench = await open();
    await bench.define("a", { then: ["b"], overlap: "allow" }, "task", [
      ["b", { trigger: undefined, dependsOn: [], then: ["c"] }],
      ["c", { trigger: undefined, dependsOn: ["b"] }],
    ]);
    const [t] = await bench.fire(["a"]);
    for (const id of ["a", "b", "c"]) {
      expect(await bench.next()).toEqual([`${id}@${t}`]);
      await bench.end(`${id}@${t}`);
    }
    expect(await bench.next()).toEqual([]);
    await expectSound(bench);
  });

  test("what is skipped is skipped down to the last generation, in one step", async () => {
    await using bench = await open();
    await bench.parents("a");
    for (const [parent, child] of ["ab", "bc", "cd"])
      await bench.define(child ?? "", { trigger: undefined, dependsOn: [parent ?? ""] });
    const [t] = await bench.fire(["a"]);
    await bench.end(`a@${t}`, "f");
    for (const id of ["b", "c", "d"])
      expect(await bench.job(id).history()).toMatchObject([{ state: "skipped", reason: "dependency" }]);
  });

  test("a diamond: the last runs once, after both branches, and is skipped once if both fail", async () => {
    await using bench = await open();
    await bench.parents("top");
    for (const id of ["left", "right"]) await bench.define(id, { trigger: undefined, dependsOn: ["top"] });
    await bench.define("last", { trigger: undefined, dependsOn: ["left", "right"] });
    const [t1, t2] = await bench.fire(["top"], 2);
    await bench.end(`top@${t1}`);
    await bench.end(`left@${t1}`);
    await bench.end(`right@${t1}`);
    expect(await bench.next()).toEqual([`last@${t1}`]);
    await bench.end(`last@${t1}`);
    await bench.end(`top@${t2}`, "f");
    expect(await bench.historyOf("last")).toEqual(["skipped", "succeeded"]);
    await expectSound(bench);
  });

  test("a cycle that two callers made at once ends nothing twice and hangs nothing", async () => {
    await using bench = await open();
    await bench.parents("a", "b");
    await bench.define("b", { dependsOn: ["a"] });
    await bench.redis.zadd(bench.store.keys.edges, 0, ">b a d", 0, "<a b d");
    const [t] = await bench.fire(["a", "b"]);
    expect(await bench.next()).toEqual([]);
    await bench.run(`a@${t}`).cancel();
    expect(await bench.historyOf("b")).toEqual(["skipped"]);
    expect(await bench.historyOf("a")).toEqual(["cancelled"]);
    await expectSound(bench);
  });
});
