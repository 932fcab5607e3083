import { type JobStore, startJobStore } from "@escapement/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Following } from "../test/following.js";
import { expectSound } from "../test/store-bench.js";

let server: JobStore;
beforeAll(async () => {
  server = await startJobStore();
});
afterAll(() => server.stop());

describe("a job without a trigger, under maxRuns", () => {
  for (const outcome of ["b", "v"] as const)
    test(`is not over when a run of it did not start after all (${outcome})`, async () => {
      await using bench = await new Following(server).ready();
      await bench.parents("a");
      await bench.define("child", {
        trigger: undefined,
        dependsOn: ["a"],
        maxRuns: 2,
        whenExhausted: "remove",
      });
      const [t1, t2, t3] = await bench.fire(["a"], 3);
      await bench.end(`a@${t1}`);
      await bench.end(`child@${t1}`, outcome);
      expect(await bench.redis.hget(bench.store.keys.exhaustion, "child")).toBeNull();
      expect(await bench.redis.hexists(bench.store.keys.jobs, "child")).toBe(1);
      if (outcome === "b") await bench.end(`child@${t1}`);
      expect(await bench.redis.hexists(bench.store.keys.jobs, "child")).toBe(1);
      await bench.end(`a@${t2}`);
      await bench.end(`child@${t2}`);
      if (outcome === "v") {
        await bench.end(`a@${t3}`);
        await bench.end(`child@${t3}`);
      }
      expect(await bench.redis.hexists(bench.store.keys.jobs, "child")).toBe(0);
    });
});

describe("a job that loses its trigger", () => {
  test("does not run again what runs", async () => {
    await using bench = await new Following(server).ready();
    await bench.parents("a");
    await bench.define("child", { dependsOn: ["a"], overlap: "allow" });
    const [t] = await bench.fire(["a", "child"]);
    await bench.end(`a@${t}`);
    expect(await bench.next()).toEqual([`child@${t}`]);
    await bench.define("child", { trigger: undefined, dependsOn: ["a"], overlap: "allow" });
    await expectSound(bench);
    expect(await bench.next()).toEqual([]);
    await bench.end(`child@${t}`);
    expect(await bench.historyOf("child")).toEqual(["succeeded"]);
  });

  test("and the parent that a run waited for, runs it", async () => {
    await using bench = await new Following(server).ready();
    await bench.parents("a", "b");
    await bench.define("child", { dependsOn: ["a", "b"] });
    const [t] = await bench.fire(["a", "b", "child"]);
    await bench.end(`a@${t}`);
    await bench.next();
    await bench.define("child", { trigger: undefined, dependsOn: ["a"] });
    await expectSound(bench);
    expect(await bench.next()).toEqual([`child@${t}`]);
    await bench.end(`child@${t}`);
    await expectSound(bench);
  });

  test("and its queue leaves nothing in the new one of what waited", async () => {
    await using bench = await new Following(server).ready();
    await bench.parents("a", "b");
    await bench.define("child", { dependsOn: ["a", "b"] });
    await bench.fire(["child"]);
    await bench.node1.claim({ slots: 1, lanes: [] });
    await bench.define("child", { trigger: undefined, dependsOn: ["a"], queue: "second" });
    await expectSound(bench);
    expect(await bench.keysLeft()).not.toContain("ready:second@task");
  });

  test("and gets parents has no second run of what it had by itself, whether it waits, runs or has ended", async () => {
    await using bench = await new Following(server).ready();
    await bench.parents("a");
    await bench.define("child", { overlap: "allow" });
    const [t1, t2, t3] = await bench.fire(["a", "child"], 3);
    await bench.next();
    await bench.end(`child@${t1}`);
    await bench.end(`child@${t3}`, "b");
    await bench.define("child", { trigger: undefined, dependsOn: ["a"], overlap: "allow" });
    for (const t of [t1, t2, t3]) await bench.end(`a@${t}`);
    await expectSound(bench);
    expect(await bench.next()).toEqual([`child@${t3}`]);
    for (const t of [t2, t3]) await bench.end(`child@${t}`);
    expect(await bench.historyOf("child")).toEqual(["succeeded", "succeeded", "succeeded"]);
    const [t4] = await bench.fire(["a"]);
    await bench.end(`a@${t4}`);
    expect(await bench.next()).toEqual([`child@${t4}`]);
  });
});
