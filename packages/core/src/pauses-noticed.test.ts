// What is kept beside a pause's key: it must not outlive what it is about, nor make others wait.
import { type JobStore, startJobStore } from "@escapement/testing";
import { once } from "@escapement/triggers";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Breaking } from "../test/breaking.js";
import { StoreBench } from "../test/store-bench.js";
import { told } from "../test/told.js";
import { pauseTarget } from "./pause.js";
import { listPauses } from "./read-pauses.js";
import { PauseWatch } from "./watch.js";

let server: JobStore;
beforeAll(async () => {
  server = await startJobStore();
});
afterAll(() => server.stop());

const reason = { reason: "maintenance" };

/** A job with one fire time, to come; the time is set on to behind it, and a node asks for it before and after the leader has looked. */
async function onlyFireTimeStarts(bench: Breaking): Promise<boolean> {
  const at = (await bench.now()) + 1000;
  await bench.define("job", { resumeFrom: "now", trigger: once(new Date(at)) });
  const [run] = await bench.write("job", [at], { next: "" });
  await bench.advance(2000);
  const before = await bench.claim();
  await bench.watch();
  return [...before, ...(await bench.claim())].some((claimed) => claimed.run === run);
}

describe("a job that is removed and defined anew under its id", () => {
  test("has missed nothing under the pause that the former one had come to by itself", async () => {
    await using bench = await new Breaking(server).ready();
    await bench.define("job", { resumeFrom: "now", pauseAfterFailures: 1 });
    await bench.fails("job");
    expect(await bench.said()).toMatchObject({ by: "escapement" });
    await bench.remove("job");
    expect(await onlyFireTimeStarts(bench)).toBe(true);
    const resumed = (await told(bench)).filter(({ type }) => type === "resumed");
    expect(resumed).toMatchObject([{ target: "job:job" }]);
  });

  test("has missed nothing under one whose key was deleted before it", async () => {
    await using bench = await new Breaking(server).ready();
    await bench.define("job", { resumeFrom: "now" });
    await pauseTarget(bench.store, { job: "job" }, reason);
    await bench.redis.del(bench.key);
    await bench.remove("job");
    expect(await onlyFireTimeStarts(bench)).toBe(true);
  });

  test("stays paused, and the end of that is noticed, where the key is there still", async () => {
    await using bench = await new Breaking(server).ready();
    await bench.define("job", { resumeFrom: "now" });
    await pauseTarget(bench.store, { job: "job" }, reason);
    await bench.remove("job");
    expect(await bench.redis.hkeys(bench.store.keys.pauses)).toEqual(["job:job"]);
    expect(await onlyFireTimeStarts(bench)).toBe(false);
  });

  test("counts no success of a run that the former one had started", async () => {
    await using bench = await new Breaking(server).ready();
    const options = { pauseAfterFailures: 2, overlap: "allow" } as const;
    await bench.define("job", options);
    await bench.write("job", [(await bench.now()) - 1]);
    const former = await bench.claim();
    expect(former).toHaveLength(1);
    await bench.remove("job");
    await bench.advance(10);
    await bench.define("job", options);
    await bench.advance(10);
    await bench.fails("job");
    expect(await bench.node1.complete(former)).toEqual([true]);
    expect(await bench.series("job")).toEqual(["scheduled", 1]);
    await bench.fails("job");
    expect(await bench.series("job")).toEqual(["errored", 2]);
  });
});

test("a pause that stays keeps nothing of the jobs that were removed under it", async () => {
  await using bench = await new Breaking(server).ready();
  await pauseTarget(bench.store, { tag: "tag" }, reason);
  const { prefix } = bench.store.keys;
  for (const id of ["first", "second"]) {
    await bench.define(id, { tags: ["tag"] });
    await bench.write(id, [(await bench.now()) - 1]);
    expect(await bench.redis.smembers(`${prefix}paused-by:tag:tag`)).toEqual([id]);
    await bench.remove(id);
  }
  expect(await bench.keysLeft()).not.toContain("paused-by:tag:tag");
});

describe("the leader's look", () => {
  test("is over with the ends of jobs' own pauses at once, though there are others that go on from now", async () => {
    await using bench = await new StoreBench(server).ready();
    await bench.define("other", { resumeFrom: "now" });
    const jobs = Array.from({ length: 20 }, (_, at) => `job${at}`);
    for (const job of jobs) await bench.define(job);
    for (const job of jobs) await pauseTarget(bench.store, { job }, reason);
    await bench.redis.del(...jobs.map((job) => bench.store.keys.pause(`job:${job}`)));
    const watch = new PauseWatch(bench.store, bench.epoch, bench.events, 86_400_000);
    expect(await watch.look()).toBe(false);
    expect(await bench.redis.hlen(bench.store.keys.pauses)).toBe(0);
  });

  test("rests where what was noticed of a pause is no text of ours, and goes on with those that are", async () => {
    await using bench = await new StoreBench(server).ready();
    const { pause, pauses } = bench.store.keys;
    await bench.define("other", { resumeFrom: "now" });
    await bench.redis.hset(pauses, "tag:over", "by hand", "tag:there", "by hand");
    await bench.redis.set(pause("tag:there"), "");
    const watch = new PauseWatch(bench.store, bench.epoch, bench.events, 86_400_000);
    expect(await watch.look()).toBe(false);
    expect(await bench.redis.hgetall(pauses)).toEqual({ "tag:there": expect.stringMatching(/^\d+ \d+$/) });
  });

  test("leaves time for all else when it fails again and again", async () => {
    await using bench = await new StoreBench(server).ready();
    await bench.redis.set(bench.store.keys.jobs, "of another type");
    const watch = new PauseWatch(bench.store, bench.epoch, bench.events, 86_400_000);
    await expect(watch.look()).rejects.toThrow("WRONGTYPE");
    expect(await watch.look()).toBe(false);
    expect(watch.nextLook).toBeLessThan(performance.now() + 1000);
  });
});

test("a key that ends later than a Date can say is a pause that does not end", async () => {
  await using bench = await new StoreBench(server).ready();
  await bench.redis.set(bench.store.keys.pause("all"), "for good", "EX", 9_000_000_000_000);
  expect(await listPauses(bench.store)).toMatchObject([
    { target: "all", reason: "for good", until: undefined },
  ]);
});
