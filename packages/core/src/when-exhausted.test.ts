import { type JobStore, startJobStore } from "@escapement/testing";
import { every, once } from "@escapement/triggers";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Cluster, gate } from "../test/cluster.js";
import { due, expectAlive, expectExhausted, leaderOf, timesTold } from "../test/exhaustion.js";
import { expectSound, StoreBench } from "../test/store-bench.js";
import type { JobOptions } from "./job.js";
import { pauseTarget } from "./pause.js";
import { resumeTarget } from "./resume.js";

let server: JobStore;
beforeAll(async () => {
  server = await startJobStore();
});
afterAll(() => server.stop());

describe("whenExhausted: remove", () => {
  test("takes the job away after its last run, and leaves its history and result", async () => {
    const { bench, node, run } = await due(server, (now) => ({ trigger: once(new Date(now + 1000)) }), {
      whenExhausted: "remove",
    });
    const { claimed } = await node.claim();
    expect(await bench.job("job").get()).toMatchObject({ whenExhausted: "remove" });
    await node.claim({
      slots: 0,
      completions: claimed.map((one) => ({
        run: one.run,
        token: one.token,
        outcome: "s",
        detail: "",
        result: '"done"',
      })),
    });
    expect(await bench.job("job").get()).toBeUndefined();
    expect((await bench.job("job").history()).map(({ state }) => state)).toEqual(["succeeded"]);
    expect(await bench.run(run).result({ timeout: 1000 })).toBe("done");
    expect(await timesTold(bench)).toBe(1);
    const left = ["counts", "due", "exhaustion", "frozen", "jobs", "paced", "state", "unstarted"];
    expect((await bench.keysLeft()).filter((key) => left.includes(key))).toEqual([]);
    await expectSound(bench);
    await bench.define("job", { trigger: every("1h") });
    expect(await bench.job("job").get()).toMatchObject({ version: 1, state: "scheduled" });
    await bench[Symbol.asyncDispose]();
  });

  test("waits for the end of each of the last runs, in a running cluster, and its result can be had", async () => {
    await using cluster = new Cluster(server);
    const [one, two] = [cluster.scheduler({ concurrency: 1 }), cluster.scheduler({ concurrency: 1 })];
    const go = gate();
    const removed = gate();
    for (const scheduler of [one, two]) scheduler.task("task", () => go.opened.then(() => "done"));
    const events = two.events();
    const told: string[] = [];
    const reading = (async () => {
      for await (const { type } of events) {
        told.push(type);
        if (type === "jobRemoved") removed.open();
      }
    })();
    await Promise.all([one.start(), two.start()]);
    const trigger = every("50ms");
    await one.schedule("task", { id: "job", trigger, maxRuns: 2, overlap: "allow", whenExhausted: "remove" });
    await expect.poll(() => told.filter((type) => type === "beforeRun").length, { timeout: 5000 }).toBe(2);
    expect(await one.job("job").get()).toMatchObject({ state: "scheduled", startedRuns: 2 });
    go.open();
    await removed.opened;
    expect(await one.job("job").get()).toBeUndefined();
    // Fire times that came while these two ran are missed.
    const history = (await two.job("job").history()).filter(({ state }) => state !== "missed");
    expect(history.map(({ state, result }) => [state, result])).toEqual(Array(2).fill(["succeeded", "done"]));
    expect(told.filter((type) => type === "jobExhausted" || type === "jobRemoved")).toEqual([
      "jobExhausted",
      "jobRemoved",
    ]);
    await two.stop();
    await reading;
  });

  test("is taken up by a change while the last run runs", async () => {
    const { bench, node } = await due(server, (now) => ({ trigger: once(new Date(now + 1000)) }), {});
    const { claimed } = await node.claim();
    await bench.job("job").update({ whenExhausted: "remove" });
    await node.complete(claimed);
    expect(await bench.job("job").get()).toBeUndefined();
    await bench[Symbol.asyncDispose]();
  });
});

describe("whenExhausted: a job that is exhausted", () => {
  const lives: [
    name: string,
    options: (now: number) => Partial<JobOptions>,
    change: (now: number) => Partial<JobOptions>,
  ][] = [
    [
      "a higher maxRuns",
      (now) => ({ trigger: every(1000, { from: new Date(now) }), startAt: now + 1, maxRuns: 1 }),
      () => ({ maxRuns: 2 }),
    ],
    [
      "a later endAt",
      (now) => ({ trigger: every(1000, { from: new Date(now) }), startAt: now + 1, endAt: now + 1500 }),
      (now) => ({ endAt: now + 1e6 }),
    ],
    ["another trigger", (now) => ({ trigger: once(new Date(now + 1000)) }), () => ({ trigger: every("5s") })],
    [
      "a higher maxRuns, counting from completion",
      () => ({ trigger: every(1000, { after: "completion" }), maxRuns: 1 }),
      () => ({ maxRuns: 2 }),
    ],
  ];
  for (const [name, options, change] of lives)
    for (const when of ["after", "before"] as const)
      test(`lives on with ${name}, given ${when} the last run's end`, async () => {
        const { bench, node } = await due(server, options, { misfire: { grace: "1h" } });
        const { claimed } = await node.claim({ slots: 1 });
        expect(claimed).toHaveLength(1);
        if (when === "after") {
          await node.complete(claimed);
          await expectExhausted(bench);
        }
        await bench.job("job").update(change(await bench.now()));
        if (when === "before") await node.complete(claimed);
        expect(await bench.job("job").get()).toMatchObject({ state: "scheduled" });
        expect((await bench.job("job").get())?.nextFireTime).toBeDefined();
        await leaderOf(bench).round(bench.epoch);
        await bench.advance(10_000);
        expect((await node.claim()).claimed).toHaveLength(1);
        expect(await timesTold(bench)).toBe(when === "after" ? 1 : 0);
        await expectSound(bench);
        await bench[Symbol.asyncDispose]();
      });

  for (const paused of [false, true])
    test(`lives on with a higher maxRuns though the leader has to catch up with it${paused ? " after a pause" : ""}`, async () => {
      const trigger = (now: number) => every(60_000, { from: new Date(now + 1000) });
      const misfire = { grace: "1h" };
      const { bench, node } = await due(server, (now) => ({ trigger: trigger(now), maxRuns: 1 }), {
        misfire,
      });
      const { claimed } = await node.claim();
      if (paused) {
        await pauseTarget(bench.store, { job: "job" }, { reason: "tests" });
        await bench.advance(60_000);
        await leaderOf(bench).round(bench.epoch);
        expect(await bench.redis.zcard(bench.store.keys.frozen)).toBe(1);
      }
      await bench.advance(120_000);
      await bench.job("job").update({ maxRuns: 3 });
      if (paused) await leaderOf(bench).round(bench.epoch);
      await node.complete(claimed);
      await expectAlive(bench);
      await resumeTarget(bench.store, { job: "job" });
      await leaderOf(bench).round(bench.epoch);
      expect((await node.claim()).claimed).toHaveLength(1);
      await bench[Symbol.asyncDispose]();
    });

  test("stays so when it is defined the same again, or changed otherwise", async () => {
    const trigger = once(new Date((await new StoreBench(server).now()) + 1000));
    const { bench, node } = await due(server, () => ({ trigger }), {});
    await node.complete((await node.claim()).claimed);
    await bench.define("job", { trigger });
    await bench.job("job").update({ priority: 5 });
    await expectExhausted(bench);
    await bench[Symbol.asyncDispose]();
  });

  test("can be removed, and leaves no mark of it", async () => {
    const { bench, node } = await due(server, (now) => ({ trigger: once(new Date(now + 1000)) }), {});
    await node.complete((await node.claim()).claimed);
    expect(await bench.remove("job")).toBe(true);
    expect(await bench.redis.exists(bench.store.keys.exhaustion)).toBe(0);
    await bench.define("job");
    await expect(bench.job("job").get()).resolves.toMatchObject({ state: "scheduled" });
    await bench[Symbol.asyncDispose]();
  });
});
