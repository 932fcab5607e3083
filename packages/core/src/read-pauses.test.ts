import { type JobStore, startJobStore } from "@escapement/testing";
import { every } from "@escapement/triggers";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Cluster } from "../test/cluster.js";
import { StoreBench } from "../test/store-bench.js";
import { told } from "../test/told.js";
import type { PauseInfo } from "./index.js";
import { pauseTarget } from "./pause.js";
import { listPauses } from "./read-pauses.js";
import { resumeTarget } from "./resume.js";

let server: JobStore;
beforeAll(async () => {
  server = await startJobStore();
});
afterAll(() => server.stop());

const unknown = { by: undefined, since: undefined, until: undefined, failures: undefined };

describe("pauses", () => {
  test("set by hand or by the API: all of them are listed, with reason, who, since when and until when", async () => {
    await using bench = await new StoreBench(server).ready();
    await bench.define("job", { tags: ["emea", "nightly"], queue: "mail" });
    await bench.node("node", 1e9);
    const set = (name: string, value: string, ...rest: string[]): Promise<unknown> =>
      bench.redis.call("SET", bench.store.keys.pause(name), value, ...rest);
    await set("all", "database maintenance", "PXAT", "4000000000000");
    await set("queue:mail", "");
    await set("task:task", '{"reason":"by a dashboard","by":"ann","since":"2026-01-02T03:04:05Z"}');
    await set("tag:nightly", "{not json");
    await set("tag:of-no-job", "a misspelt one holds nothing and is not listed");
    await pauseTarget(bench.store, { job: "job" }, { reason: "wrong figures", by: "bob", for: "1h" });
    await pauseTarget(bench.store, { node: "node" }, { reason: "drained" });
    const pauses = await listPauses(bench.store);
    expect(pauses.map(({ target, reason }) => [target, reason])).toEqual([
      ["all", "database maintenance"],
      ["job:job", "wrong figures"],
      ["node:node", "drained"],
      ["queue:mail", ""],
      ["tag:nightly", "{not json"],
      ["task:task", "by a dashboard"],
    ]);
    const of = (target: string): PauseInfo | undefined => pauses.find((pause) => pause.target === target);
    expect(of("all")).toEqual({ ...unknown, ...of("all"), until: new Date(4e12), since: undefined });
    expect(of("task:task")).toMatchObject({ by: "ann", since: new Date("2026-01-02T03:04:05Z") });
    const { since, until, by } = of("job:job") ?? {};
    expect(by).toBe("bob");
    expect((until?.getTime() ?? 0) - (since?.getTime() ?? 0)).toBe(3_600_000);
  });

  test("of more jobs than one page holds, none is left out", async () => {
    await using cluster = new Cluster(server);
    const scheduler = cluster.scheduler();
    const ids = Array.from({ length: 1200 }, (_, index) => `job-${index}`);
    await scheduler.apply(ids.map((id) => ({ task: "task", id, trigger: every("1h") })));
    const redis = server.client();
    const key = (id: string): string => `escapement:{${cluster.namespace}}:pause:job:${id}`;
    await redis.mset(Object.fromEntries(ids.map((id) => [key(id), "by hand"])));
    redis.disconnect();
    expect((await scheduler.pauses()).map(({ target }) => target)).toEqual(
      ids.map((id) => `job:${id}`).sort(),
    );
  });

  test("a job says which pauses hold it back, and is paused as long as there is one", async () => {
    await using bench = await new StoreBench(server).ready();
    await bench.define("job", { tags: ["emea"] });
    await bench.define("other");
    expect(await bench.job("job").get()).toMatchObject({ state: "scheduled", pauses: [] });
    await pauseTarget(bench.store, { tag: "emea" }, { reason: "one" });
    await bench.redis.set(bench.store.keys.pause("job:job"), "two");
    const job = await bench.job("job").get();
    expect(job?.state).toBe("paused");
    expect(job?.pauses.map(({ target, reason }) => [target, reason])).toEqual([
      ["job:job", "two"],
      ["tag:emea", "one"],
    ]);
    expect((await bench.job("other").get())?.state).toBe("scheduled");
    await resumeTarget(bench.store, { tag: "emea" });
    expect((await bench.job("job").get())?.state).toBe("paused");
    await bench.redis.del(bench.store.keys.pause("job:job"));
    expect(await bench.job("job").get()).toMatchObject({ state: "scheduled", pauses: [] });
  });

  for (const [what, value] of [
    ["10 KB", "x".repeat(10_240)],
    ["control characters and line breaks", "a\u0000b\r\nc\u001b[31mred\u2028"],
    ["what looks like an event", 'x\nresumed job:job\n"}'],
    ["emoji, braces and colons", "🛑 {all}: stop {job:job} 🛑"],
    ["half a character", Buffer.from([0xf0, 0x9f, 0x22, 0x5c])],
    ["numbers beyond all bounds", '{"reason":5,"by":{},"since":"+275761-01-01","failures":"x"}'],
    ["null", "null"],
  ] as const) {
    test(`a reason of ${what} is read and told of as text, bounded, and disturbs nothing`, async () => {
      await using bench = await new StoreBench(server).ready();
      await bench.define("job", { trigger: every("1s") });
      const node = await bench.node("node", 1e9);
      await bench.runNow("job");
      await bench.redis.set(bench.store.keys.pause("job:job"), value);
      expect(await node.take()).toEqual([]);
      const [pause] = (await bench.job("job").get())?.pauses ?? [];
      expect(pause?.target).toBe("job:job");
      expect(pause?.reason.length).toBeLessThanOrEqual(1000);
      if (typeof value === "string") expect(value.startsWith(pause?.reason.slice(0, 999) ?? "?")).toBe(true);
      expect(pause?.since).toBeInstanceOf(Date);
      const events = (await told(bench)).filter(({ type }) => ["paused", "resumed"].includes(type));
      expect(events).toMatchObject([{ type: "paused", target: "job:job", reason: pause?.reason }]);
    });
  }

  test("one that is set by hand and holds nothing yet is told of by the sweeper", async () => {
    await using bench = await new StoreBench(server).ready();
    await bench.define("job", { tags: ["emea"] });
    await bench.redis.set(bench.store.keys.pause("tag:emea"), "quietly");
    await bench.sweep();
    await bench.redis.del(bench.store.keys.pause("tag:emea"));
    await bench.watch();
    const events = (await told(bench)).filter(({ type }) => ["paused", "resumed"].includes(type));
    expect(events).toMatchObject([
      { type: "paused", target: "tag:emea", reason: "quietly" },
      { type: "resumed", target: "tag:emea", from: undefined, by: undefined },
    ]);
  });

  test("pausedTooLong: told once when it has lasted so long, and again each time that as long has passed", async () => {
    await using bench = await new StoreBench(server).ready();
    await bench.define("job");
    const heard: PauseInfo[] = [];
    bench.events.on("pausedTooLong", (pause) => heard.push(pause));
    await pauseTarget(bench.store, { job: "job" }, { reason: "forgotten", by: "ann" });
    const hour = 3_600_000;
    const counts: number[] = [];
    for (const step of [hour - 10_000, 10_000, hour / 2, hour / 2, 0]) {
      await bench.advance(step);
      await bench.watch(hour);
      await new Promise((resolve) => setImmediate(resolve));
      counts.push(heard.length);
    }
    expect(counts).toEqual([0, 1, 1, 2, 2]);
    expect(heard[0]).toMatchObject({ target: "job:job", reason: "forgotten", by: "ann" });
    const events = (await told(bench)).filter(({ type }) => type === "pausedTooLong");
    expect(events).toMatchObject([heard[0], heard[1]]);
  });

  test("jobs by state: those that are paused", async () => {
    await using cluster = new Cluster(server);
    const scheduler = cluster.scheduler();
    for (const id of ["a", "b"]) await scheduler.schedule("task", { id, trigger: every("1h"), tags: [id] });
    await scheduler.pause({ tag: "b" }, { reason: "tests" });
    const ids: string[] = [];
    for await (const { id } of scheduler.jobs({ state: "paused" })) ids.push(id);
    expect(ids).toEqual(["b"]);
    expect((await scheduler.pauses()).map(({ target }) => target)).toEqual(["tag:b"]);
  });
});
