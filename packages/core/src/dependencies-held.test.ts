import { type JobStore, startJobStore } from "@escapement/testing";
import { every } from "@escapement/triggers";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Following } from "../test/following.js";
import { expectSound } from "../test/store-bench.js";
import { Materialiser } from "./materialise.js";

let server: JobStore;
beforeAll(async () => {
  server = await startJobStore();
});
afterAll(() => server.stop());

/** A parent, and a child with a trigger of its own. */
async function tied(options: object = {}): Promise<Following> {
  const bench = await new Following(server).ready();
  await bench.parents("a");
  await bench.define("child", { dependsOn: ["a"], ...options });
  return bench;
}

describe("dependsOn, then: a job with a trigger", () => {
  test("has its due run wait, out of the way, until the parents' runs of the fire time have succeeded", async () => {
    await using bench = await tied();
    const [t] = await bench.fire(["a", "child"]);
    expect(await bench.next()).toEqual([`a@${t}`]);
    expect(await bench.stateOf(`child@${t}`)).toBe("scheduled");
    const { nextDue } = await bench.node1.claim();
    expect(nextDue).toBe(t + 60_001);
    await expectSound(bench);
    await bench.end(`a@${t}`);
    expect(await bench.next()).toEqual([`child@${t}`]);
    await bench.end(`child@${t}`);
    expect(await bench.redis.zcard(bench.store.keys.met)).toBe(0);
    await expectSound(bench);
  });

  test("has nothing held of it that was missed in the same step", async () => {
    await using bench = await tied({ misfire: { grace: "1m", catchUp: "none" } });
    const now = await bench.now();
    await bench.write("a", [now]);
    await bench.write("child", [now, now + 1, now + 2]);
    const { claimed } = await bench.node1.claim({ slots: 1 });
    expect(claimed.map(({ run }) => run)).toEqual([`a@${now}`]);
    await bench.advance(3_600_000);
    await bench.node1.complete(claimed);
    expect(await bench.next()).toEqual([]);
    expect((await bench.job("child").history()).map(({ state, count }) => [state, count])).toEqual([
      ["missed", 3],
    ]);
    expect(
      (await bench.redis.zrange(bench.store.keys.met, 0, -1)).filter((text) => text.endsWith("#")),
    ).toEqual([]);
    expect(await bench.redis.zcard(bench.store.keys.waiting)).toBe(0);
  });

  test("starts as usual where the parents' runs ended before it was due", async () => {
    await using bench = await tied({ jitter: 5000 });
    const [t] = await bench.fire(["a"]);
    const cursor = (await bench.redis.zscore(bench.store.keys.due, "child")) ?? "";
    await bench.materialise({ job: "child", version: 1, expected: cursor, next: cursor, times: [t] });
    await bench.redis.zadd(bench.store.keys.waiting, t + 3000, `child@${t}`);
    await bench.end(`a@${t}`);
    expect(await bench.next()).toEqual([]);
    await bench.advance(3000);
    expect(await bench.next()).toEqual([`child@${t}`]);
  });

  test("is skipped when its grace is over, not before and not as a misfire", async () => {
    await using bench = await tied({ misfire: { grace: "1m", catchUp: "all" } });
    const [t] = await bench.fire(["a", "child"]);
    await bench.next();
    await bench.advance(t + 50_000 - (await bench.now()));
    await bench.next();
    expect(await bench.historyOf("child")).toEqual([]);
    await bench.advance(10_001);
    const { passed } = await bench.node1.claim();
    expect(passed).toMatchObject([{ run: `child@${t}`, state: "skipped", reason: "dependency" }]);
    expect(await bench.job("child").history()).toMatchObject([{ state: "skipped", reason: "dependency" }]);
    await bench.end(`a@${t}`);
    expect(await bench.next()).toEqual([]);
    expect(await bench.historyOf("child")).toEqual(["skipped"]);
    expect(await bench.redis.zcard(bench.store.keys.met)).toBe(0);
    await expectSound(bench);
  });

  test("that nobody could start in time waits for its parents, which are as late, for as long as its grace", async () => {
    await using bench = await tied();
    const [t] = await bench.fire(["a", "child"]);
    await bench.advance(600_000); // no node
    expect(await bench.next()).toEqual([`a@${t}`]);
    await bench.write("child", []); // the leader's next look
    await bench.advance(59_000);
    await bench.end(`a@${t}`);
    expect(await bench.next()).toEqual([`child@${t}`]);
    await bench.end(`child@${t}`);
    expect(await bench.historyOf("child")).toEqual(["succeeded"]);
    const [t2] = await bench.fire(["a", "child"]);
    await bench.advance(600_000);
    await bench.next();
    await bench.advance(60_001);
    await bench.next();
    expect((await bench.job("child").history())[0]).toMatchObject({
      id: `child@${t2}`,
      reason: "dependency",
    });
    await expectSound(bench);
  });

  test("stays skipped when a parent succeeds after its grace, but not where it had failed and is redriven", async () => {
    await using bench = await tied();
    const [t1, t2] = await bench.fire(["a", "child"], 2);
    await bench.next();
    await bench.advance(60_010);
    await bench.next();
    expect(await bench.historyOf("child")).toEqual(["skipped", "skipped"]);
    await bench.end(`a@${t1}`);
    await bench.end(`a@${t2}`, "f");
    await bench.run(`a@${t2}`).retry();
    await bench.end(`a@${t2}`);
    expect(await bench.next()).toEqual([`child@${t2}`]);
    await expectSound(bench);
  });

  test("one whose grace is over takes none with it that wait within theirs, whoever looks first", async () => {
    await using bench = await tied();
    const [t1] = await bench.fire(["a", "child"]);
    await bench.next();
    await bench.advance(50_000);
    const [t2] = await bench.fire(["a", "child"]);
    await bench.next();
    await bench.advance(15_000);
    await bench.write("child", []);
    expect(await bench.job("child").history()).toMatchObject([{ id: `child@${t1}`, state: "skipped" }]);
    await bench.end(`a@${t2}`);
    expect(await bench.next()).toEqual([`child@${t2}`]);
    await expectSound(bench);
  });

  test("is skipped as soon as a parent's run ends otherwise, held or not yet looked at", async () => {
    await using bench = await tied();
    const [t1, t2] = await bench.fire(["a", "child"], 2);
    await bench.next();
    await bench.end(`a@${t1}`, "f");
    expect(await bench.historyOf("child")).toEqual(["skipped"]);
    await bench.run(`a@${t2}`).cancel();
    await bench.end(`a@${t2}`, "f"); // recorded as cancelled
    expect(await bench.historyOf("child")).toEqual(["skipped", "skipped"]);
    const [t3] = await bench.fire(["a", "child"]);
    await bench.run(`a@${t3}`).cancel();
    expect(await bench.historyOf("child")).toEqual(["skipped", "skipped", "skipped"]);
    expect(await bench.next()).toEqual([]);
    await expectSound(bench);
  });

  test("runs only at its own fire times, whatever the parents' are", async () => {
    await using bench = await tied();
    const [t1, t2] = await bench.fire(["a"], 2);
    await bench.end(`a@${t1}`);
    await bench.end(`a@${t2}`, "f");
    expect(await bench.next()).toEqual([]);
    expect(await bench.historyOf("child")).toEqual([]);
    expect(await bench.redis.zcard(bench.store.keys.met)).toBe(0);
  });

  test("finds what its parents' runs were when a leader writes its run later", async () => {
    await using bench = await tied({ trigger: every(1000) });
    const due = Number(await bench.redis.zscore(bench.store.keys.due, "child"));
    await bench.advance(due - (await bench.now()));
    await bench.write("a", [due, due + 1000]);
    await bench.end(`a@${due}`);
    await bench.advance(1000);
    await bench.end(`a@${due + 1000}`, "f");
    await new Materialiser(bench.store, 15_000, bench.events).round(bench.epoch);
    expect(await bench.next()).toEqual([`child@${due}`]);
    await bench.end(`child@${due}`);
    expect(await bench.historyOf("child")).toEqual(["succeeded", "skipped"]);
    await expectSound(bench);
  });

  test("an attempt that was handed back, and a further attempt, ask no parent again", async () => {
    await using bench = await tied();
    const [t] = await bench.fire(["a", "child"]);
    await bench.end(`a@${t}`);
    await bench.end(`child@${t}`, "b");
    expect(await bench.next()).toEqual([`child@${t}`]);
    await bench.end(`child@${t}`, "F");
    expect(await bench.next()).toEqual([`child@${t}`]);
    await expectSound(bench);
  });

  test("holds at most 100 runs; the earliest of more is skipped", async () => {
    await using bench = await tied({ overlap: "allow" });
    const times = await bench.fire(["child"], 102);
    for (let looks = 0; looks < 3; looks += 1) await bench.next();
    expect(await bench.job("child").history()).toMatchObject(
      times
        .slice(0, 2)
        .map((t) => ({ id: `child@${t}`, state: "skipped", reason: "dependency" }))
        .reverse(),
    );
    expect(await bench.redis.zcard(bench.store.keys.waiting)).toBe(100);
    await expectSound(bench);
  });

  test("of more than 100 forgets those first whose runs have ended", async () => {
    await using bench = await tied({ overlap: "allow" });
    await bench.fire(["child"]);
    await bench.next();
    const [t] = await bench.fire(["a", "child"]);
    await bench.end(`a@${t}`, "f");
    await bench.fire(["child"], 99);
    await bench.next();
    expect(await bench.historyOf("child")).toEqual(["skipped"]);
    expect(await bench.redis.zcard(bench.store.keys.waiting)).toBe(100);
  });

  test("cancelled while it waits, its parents' success does not bring it back", async () => {
    await using bench = await tied();
    const [t] = await bench.fire(["a", "child"]);
    await bench.next();
    await bench.run(`child@${t}`).cancel();
    await bench.end(`a@${t}`);
    expect(await bench.next()).toEqual([]);
    expect(await bench.historyOf("child")).toEqual(["cancelled"]);
    expect(await bench.redis.zcard(bench.store.keys.met)).toBe(0);
    await expectSound(bench);
  });

  test("an interval that counts from completion goes on after what was skipped", async () => {
    await using bench = await tied({ trigger: every(5000, { after: "completion" }), misfire: { grace: 10 } });
    await new Materialiser(bench.store, 15_000, bench.events).round(bench.epoch);
    await bench.advance(6000);
    await bench.next();
    await bench.advance(11);
    await bench.next();
    expect(await bench.historyOf("child")).toEqual(["skipped"]);
    expect((await bench.job("child").get())?.nextFireTime?.getTime()).toBeGreaterThan(await bench.now());
  });
});

describe("dependsOn, then: a parent that is redriven and then succeeds", () => {
  test.each([
    ["without a trigger", undefined],
    ["with a trigger", every("1h")],
  ] as const)("lets a job %s go on that was given up, once", async (_text, trigger) => {
    await using bench = await new Following(server).ready();
    await bench.parents("a", "b");
    await bench.define("child", { trigger, dependsOn: ["a", "b"] });
    const [t] = await bench.fire(["a", "b"]);
    if (trigger !== undefined) await bench.write("child", [t]);
    await bench.end(`a@${t}`, "f");
    await bench.end(`b@${t}`, "f");
    await bench.run(`a@${t}`).retry();
    await bench.end(`a@${t}`, "f");
    await bench.run(`a@${t}`).retry();
    await bench.end(`a@${t}`);
    expect(await bench.next()).toEqual([]);
    await bench.run(`b@${t}`).retry();
    await bench.end(`b@${t}`);
    expect(await bench.next()).toEqual([`child@${t}`]);
    await expectSound(bench);
    await bench.end(`child@${t}`);
    expect(await bench.historyOf("child")).toEqual(["succeeded", "skipped"]);
    if (trigger !== undefined) expect(await bench.redis.zcard(bench.store.keys.met)).toBe(0);
    await expectSound(bench);
  });
});

describe("dependsOn, then: a child that changes while its run waits", () => {
  test("goes on when what it waited for is no parent any more", async () => {
    await using bench = await new Following(server).ready();
    await bench.parents("a", "b");
    await bench.define("child", { dependsOn: ["a", "b"] });
    await bench.define("free", { trigger: undefined, dependsOn: ["a", "b"] });
    const [t] = await bench.fire(["a", "b", "child"]);
    await bench.end(`a@${t}`);
    for (const id of ["child", "free"]) await bench.job(id).update({ dependsOn: ["a"] });
    expect((await bench.next()).sort()).toEqual([`child@${t}`, `free@${t}`]);
    await bench.end(`b@${t}`, "f");
    await bench.end(`child@${t}`);
    await bench.end(`free@${t}`);
    expect(await bench.historyOf("child")).toEqual(["succeeded"]);
    expect(await bench.historyOf("free")).toEqual(["succeeded"]);
    await expectSound(bench);
  });

  test("waits on when only something else of it changes", async () => {
    await using bench = await tied();
    const [t] = await bench.fire(["a", "child"]);
    await bench.next();
    await bench.job("child").update({ priority: 5, queue: "other" });
    expect(await bench.stateOf(`child@${t}`)).toBe("scheduled");
    await bench.end(`a@${t}`);
    expect(await bench.node1.take(10, ["other@task"])).toEqual([`child@${t}`]);
    await expectSound(bench);
  });

  test("a run that was written is not written again for new parents", async () => {
    await using bench = await new Following(server).ready();
    await bench.parents("a", "b");
    await bench.define("child", { trigger: undefined, dependsOn: ["a"] });
    const [t] = await bench.fire(["a", "b"]);
    await bench.end(`a@${t}`);
    await bench.next();
    await bench.job("child").update({ dependsOn: ["b"] });
    await bench.end(`b@${t}`);
    expect(await bench.next()).toEqual([]);
    await expectSound(bench);
  });

  test("nor is it skipped when one of the new parents' fails", async () => {
    await using bench = await tied({ trigger: undefined });
    await bench.parents("b");
    const [t] = await bench.fire(["a", "b"]);
    await bench.end(`a@${t}`);
    await bench.job("child").update({ dependsOn: ["b"] });
    await bench.end(`b@${t}`, "f");
    await bench.end(`child@${t}`);
    expect(await bench.historyOf("child")).toEqual(["succeeded"]);
  });

  test("what was given up stays so, whatever parents are left", async () => {
    await using bench = await tied({ trigger: undefined });
    await bench.parents("b");
    await bench.job("child").update({ dependsOn: ["a", "b"] });
    const [t] = await bench.fire(["a", "b"]);
    await bench.end(`a@${t}`, "f");
    await bench.end(`b@${t}`);
    await bench.remove("a");
    expect(await bench.next()).toEqual([]);
    expect(await bench.historyOf("child")).toEqual(["skipped"]);
  });

  test("keeps what was written when it gets a trigger, and lets go what waited when it loses it", async () => {
    await using bench = await tied({ trigger: undefined });
    const [t1] = await bench.fire(["a"]);
    await bench.end(`a@${t1}`);
    await bench.job("child").update({ trigger: every("1h") });
    expect(await bench.next()).toEqual([`child@${t1}`]);
    await bench.end(`child@${t1}`);
    const [t2, t3] = await bench.fire(["a", "child"], 2);
    await bench.next();
    await bench.end(`a@${t2}`, "b");
    const [t4] = await bench.fire(["a", "child"]); // due, and not looked at
    await bench.define("child", { trigger: undefined, dependsOn: ["a"] });
    await expectSound(bench);
    for (const t of [t2, t3, t4]) expect(await bench.stateOf(`child@${t}`)).toBeUndefined();
    await bench.end(`a@${t4}`);
    expect(await bench.next()).toEqual([`child@${t4}`]);
    await expectSound(bench);
  });

  test("removed, takes all that was known of it along", async () => {
    await using bench = await tied();
    await bench.define("free", { trigger: undefined, dependsOn: ["child", "a"] });
    const [t] = await bench.fire(["a", "child"]);
    await bench.next();
    await bench.remove("child");
    expect(await bench.job("free").get()).toMatchObject({ dependsOn: ["a"], version: 2 });
    await bench.end(`a@${t}`);
    expect(await bench.next()).toEqual([`free@${t}`]);
    await bench.remove("free");
    expect(await bench.redis.exists(bench.store.keys.met, bench.store.keys.edges)).toBe(0);
  });
});

describe("dependsOn, then: a parent that is removed", () => {
  test("is no parent any more: what waited for it alone goes on, and its children's definitions say so", async () => {
    await using bench = await new Following(server).ready();
    await bench.parents("b");
    await bench.define("child", { dependsOn: ["b"], priority: 7 });
    await bench.define("free", { trigger: undefined, dependsOn: ["b"] });
    await bench.define("a", { overlap: "allow", then: ["child", "free"] });
    await bench.job("child").update({ dependsOn: ["b", "a"] });
    const [t] = await bench.fire(["a", "b", "child"]);
    await bench.end(`b@${t}`);
    await bench.remove("a");
    expect((await bench.next()).sort()).toEqual([`child@${t}`, `free@${t}`]);
    expect(await bench.job("child").get()).toMatchObject({ dependsOn: ["b"], version: 3, priority: 7 });
    await bench.remove("b");
    expect(await bench.job("free").get()).toMatchObject({ dependsOn: [], state: "scheduled" });
    expect(await bench.redis.exists(bench.store.keys.edges)).toBe(0);
    await bench.job("free").update({ priority: 1 });
    await expectSound(bench);
  });

  test("and defined again, is one again once its child is defined again", async () => {
    await using bench = await tied({ trigger: undefined });
    await bench.remove("a");
    await bench.parents("a");
    await bench.define("child", { trigger: undefined, dependsOn: ["a"] });
    const [t] = await bench.fire(["a"]);
    await bench.end(`a@${t}`);
    expect(await bench.next()).toEqual([`child@${t}`]);
  });

  test("and was the last one, lets go what waited for it", async () => {
    await using bench = await tied();
    const [t] = await bench.fire(["a", "child"]);
    await bench.next();
    await bench.remove("a");
    expect(await bench.next()).toEqual([`child@${t}`]);
    await expectSound(bench);
  });

  test("and was the last one of a job without a trigger, leaves it without runs", async () => {
    await using bench = await tied({ trigger: undefined });
    await bench.parents("b");
    await bench.job("child").update({ dependsOn: ["a", "b"] });
    const [t] = await bench.fire(["a", "b"]);
    await bench.end(`a@${t}`);
    await bench.remove("a");
    await bench.remove("b");
    expect(await bench.next()).toEqual([]);
    expect((await bench.job("child").get())?.state).toBe("scheduled");
  });

  test("a child that is removed is no longer named by its parent's then", async () => {
    await using bench = await new Following(server).ready();
    await bench.parents("child", "other");
    await bench.define("a", { then: ["child", "other"] });
    await bench.remove("child");
    expect((await bench.job("a").get())?.then).toEqual(["other"]);
  });
});
