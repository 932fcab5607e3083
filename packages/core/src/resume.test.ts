import { type JobStore, startJobStore } from "@escapement/testing";
import { every, once } from "@escapement/triggers";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Cluster, heard } from "../test/cluster.js";
import { expectSound } from "../test/store-bench.js";
import { Timeline } from "../test/timeline.js";
import { client as clientOf, told } from "../test/told.js";
import type { CatchUp } from "./job.js";
import { passOverPage } from "./pass-over.js";
import { type PauseTarget, pauseName, pauseTarget } from "./pause.js";
import { type ResumeOptions, resumeTarget } from "./resume.js";
import { passOver } from "./scripts/index.js";

let server: JobStore;
beforeAll(async () => {
  server = await startJobStore();
});
afterAll(() => server.stop());

const reason = { reason: "maintenance" };
const job = { job: "job" };
const targets: readonly PauseTarget[] = [{ job: "job" }, { tag: "tag" }, { queue: "default" }, "all"];

interface Expected {
  readonly mode: string;
  from(timeline: Timeline): ResumeOptions["from"];
  /** First and last fire time that are recorded as missed(paused). */
  readonly passed?: readonly [number, number];
  /** Which fire times start after it until 7, by catch-up, and how many are misfires. */
  readonly starts: Readonly<Record<CatchUp, readonly [starts: readonly number[], misfires: number]>>;
}

// Paused before fire time 0, resumed after 3.
const regular = [4, 5, 6, 7];
const table: readonly Expected[] = [
  {
    mode: "missed",
    from: () => "missed",
    starts: {
      none: [regular, 4],
      latest: [[3, ...regular], 3],
      earliest: [[0, ...regular], 3],
      all: [[2, 3, ...regular], 2],
    },
  },
  {
    mode: "now",
    from: () => "now",
    passed: [0, 3],
    starts: { none: [regular, 0], latest: [regular, 0], earliest: [regular, 0], all: [regular, 0] },
  },
  {
    mode: "a date that is a fire time in the past",
    from: (timeline) => new Date(timeline.at(1)),
    passed: [0, 0],
    starts: {
      none: [regular, 3],
      latest: [[3, ...regular], 2],
      earliest: [[1, ...regular], 2],
      all: [[2, 3, ...regular], 1],
    },
  },
  {
    mode: "a date between two fire times in the past, in ms",
    from: (timeline) => timeline.at(1) + 1,
    passed: [0, 1],
    starts: {
      none: [regular, 2],
      latest: [[3, ...regular], 1],
      earliest: [[2, ...regular], 1],
      all: [[2, 3, ...regular], 0],
    },
  },
  {
    mode: "a date to come, as text",
    from: (timeline) => new Date(timeline.at(5) + 1).toISOString(),
    passed: [0, 5],
    starts: { none: [[6, 7], 0], latest: [[6, 7], 0], earliest: [[6, 7], 0], all: [[6, 7], 0] },
  },
];
const cases = table.flatMap((row) =>
  (["none", "latest", "earliest", "all"] as const).flatMap((catchUp) =>
    targets.flatMap((target) =>
      (["written before", "not written"] as const).map(
        (when) => [row.mode, catchUp, pauseName(target), when, row, target] as const,
      ),
    ),
  ),
);

describe("pause, resume: from", () => {
  test.each(cases)(
    "%s, under catch-up %s, of a pause of %s, fire times %s it",
    async (_, catchUp, __, when, { from, passed, starts }, target) => {
      await using timeline = await Timeline.start(server);
      const { bench } = timeline;
      await timeline.define("job", { tags: ["tag"], misfire: { catchUp, max: 2 } });
      if (when === "written before") await timeline.lead(); // 0 and 1
      await pauseTarget(bench.store, target, reason);
      await timeline.lead();
      await timeline.skipTo(3);
      await timeline.lead();
      expect(await timeline.run()).toEqual([]);
      expect(await resumeTarget(bench.store, target, { from: from(timeline) ?? "missed" })).toBe(true);
      await expectSound(bench);
      await timeline.goOnTo(7);
      const [expected, misfires] = starts[catchUp];
      expect(timeline.startsOf("job")).toEqual(expected);
      const missed = await timeline.missedOf("job");
      expect(missed.filter((one) => one.reason === "paused")).toEqual(
        passed === undefined
          ? []
          : [{ reason: "paused", from: passed[0], to: passed[1], count: passed[1] - passed[0] + 1 }],
      );
      const others = missed.filter((one) => one.reason !== "paused");
      expect(others.reduce((sum, { count }) => sum + count, 0)).toBe(misfires);
      expect(new Set(others.map((one) => one.reason))).toEqual(new Set(misfires === 0 ? [] : ["misfire"]));
      await expectSound(bench);
      expect(await bench.sweep()).toEqual([]);
    },
  );

  test("now, within their grace: what came due a moment ago does not start either", async () => {
    await using timeline = await Timeline.start(server);
    await timeline.define("job");
    await timeline.lead();
    await pauseTarget(timeline.bench.store, { job: "job" }, reason);
    await timeline.skipTo(0);
    expect(await resumeTarget(timeline.bench.store, { job: "job" }, { from: "now" })).toBe(true);
    await timeline.goOnTo(2);
    expect(timeline.startsOf("job")).toEqual([1, 2]);
    expect(await timeline.missedOf("job")).toEqual([{ reason: "paused", from: 0, to: 0, count: 1 }]);
  });

  test("now, with nothing that came due: nothing is recorded", async () => {
    await using timeline = await Timeline.start(server);
    await timeline.define("job");
    await timeline.lead();
    await pauseTarget(timeline.bench.store, { job: "job" }, reason);
    expect(await resumeTarget(timeline.bench.store, { job: "job" }, { from: "now" })).toBe(true);
    await timeline.goOnTo(1);
    expect(timeline.startsOf("job")).toEqual([0, 1]);
    expect(await timeline.missedOf("job")).toEqual([]);
  });

  test("now: jobs that the pause does not name are left alone, in whatever state", async () => {
    await using timeline = await Timeline.start(server);
    const { bench } = timeline;
    await timeline.define("job", { tags: ["tag"] });
    await timeline.define("other", { tags: ["tag-2"], misfire: { catchUp: "latest" } });
    await pauseTarget(bench.store, { tag: "tag" }, reason);
    await timeline.skipTo(3);
    await resumeTarget(bench.store, { tag: "tag" }, { from: "now" });
    await timeline.goOnTo(4);
    expect([timeline.startsOf("job"), timeline.startsOf("other")]).toEqual([[4], [3, 4]]);
  });

  test("now, while another pause holds the job: it stays paused, and what was passed over stays so", async () => {
    await using timeline = await Timeline.start(server);
    const { bench } = timeline;
    await timeline.define("job", { tags: ["tag"], misfire: { catchUp: "all" } });
    await timeline.lead();
    for (const target of [{ job: "job" }, { tag: "tag" }]) await pauseTarget(bench.store, target, reason);
    await timeline.skipTo(3);
    await timeline.lead();
    expect(await resumeTarget(bench.store, { tag: "tag" }, { from: "now" })).toBe(true);
    await timeline.goOnTo(5);
    expect(timeline.startsOf("job")).toEqual([]);
    expect(await resumeTarget(bench.store, { job: "job" }, { from: "missed" })).toBe(true);
    await timeline.goOnTo(6);
    expect(timeline.startsOf("job")).toEqual([4, 5, 6]);
    expect(await timeline.missedOf("job")).toEqual([{ reason: "paused", from: 0, to: 3, count: 4 }]);
  });

  test("now, of a pause that is not there: nothing is passed over", async () => {
    await using timeline = await Timeline.start(server);
    const { bench } = timeline;
    await timeline.define("job", { misfire: { catchUp: "all" } });
    await pauseTarget(bench.store, { job: "job" }, reason);
    await timeline.lead();
    await timeline.skipTo(2);
    await timeline.lead();
    await bench.redis.del(bench.store.keys.pause("job:job")); // it expired in between
    expect(await resumeTarget(bench.store, { job: "job" }, { from: "now" })).toBe(false);
    await timeline.goOnTo(3);
    expect(timeline.startsOf("job")).toEqual([0, 1, 2, 3]);
    expect(await timeline.missedOf("job")).toEqual([]);
  });

  test("now: a pause that is about to expire lasts until all is passed over", async () => {
    await using timeline = await Timeline.start(server);
    const { bench } = timeline;
    await timeline.define("job");
    await pauseTarget(bench.store, { job: "job" }, { ...reason, for: "1h" });
    const key = bench.store.keys.pause("job:job");
    await bench.redis.pexpire(key, 20_000);
    const how = { name: "job:job", before: timeline.at(0), all: true };
    expect(await passOverPage(bench.store, how, "0")).toBe(undefined);
    expect(await bench.redis.pttl(key)).toBeGreaterThan(25_000);
    await bench.redis.pexpire(key, 3_600_000);
    expect(await passOverPage(bench.store, how, "0")).toBe(undefined);
    expect(await bench.redis.pttl(key)).toBeGreaterThan(3_500_000);
    await bench.redis.persist(key);
    expect(await passOverPage(bench.store, how, "0")).toBe(undefined);
    expect(await bench.redis.pttl(key)).toBe(-1);
  });
});

describe("pause, resume: from now, whatever happens meanwhile", () => {
  test("whoever resumes dies half-way: nothing has started, and the next one does the rest", async () => {
    await using timeline = await Timeline.start(server);
    const { bench } = timeline;
    const ids = Array.from({ length: 7 }, (_, index) => `job-${index}`);
    for (const id of ids) await timeline.define(id, { tags: ["tag"], misfire: { catchUp: "all" } });
    await timeline.lead();
    await pauseTarget(bench.store, { tag: "tag" }, reason);
    await timeline.skipTo(3);
    await timeline.lead();
    for (const id of ids.slice(0, 3)) {
      // As far as it came: these jobs, each in a step of its own.
      const { redis, store } = bench;
      await redis.set(store.keys.pause(`job:${id}`), "the same step");
      expect(
        await passOverPage(store, { name: `job:${id}`, before: timeline.at(3) + 2, all: true }, "0"),
      ).toBe(undefined);
      await redis.del(store.keys.pause(`job:${id}`));
      expect(await timeline.run()).toEqual([]);
      await expectSound(bench);
    }
    expect(await resumeTarget(bench.store, { tag: "tag" }, { from: "now" })).toBe(true);
    await timeline.goOnTo(5);
    for (const id of ids) {
      expect(timeline.startsOf(id)).toEqual([4, 5]);
      expect(await timeline.missedOf(id)).toEqual([{ reason: "paused", from: 0, to: 3, count: 4 }]);
    }
  });

  for (const targetOf of ["all", "job"] as const)
    test(`two resume ${targetOf} at once, while the leader goes on writing: each fire time is recorded once, or starts`, async () => {
      await using timeline = await Timeline.start(server);
      const { bench } = timeline;
      const target = targetOf === "all" ? "all" : { job: "job-0" };
      const ids = Array.from({ length: targetOf === "all" ? 30 : 1 }, (_, index) => `job-${index}`);
      for (const id of ids) await timeline.define(id, { misfire: { catchUp: "all" } });
      await timeline.lead();
      await pauseTarget(bench.store, target, reason);
      await timeline.skipTo(3); // the leader has yet to see it
      const [one, other] = await Promise.all([
        resumeTarget(bench.store, target, { from: "now" }),
        resumeTarget(bench.store, target, { from: "now" }),
        timeline.lead(),
        timeline.run(),
        bench.watch(),
      ]);
      expect([one, other].sort()).toEqual([false, true]);
      await expectSound(bench);
      await timeline.goOnTo(5);
      for (const id of ids) {
        expect(timeline.startsOf(id)).toEqual([4, 5]);
        expect((await timeline.missedOf(id)).map(({ count }) => count)).toEqual([4]);
      }
    });

  test("S2: a step that was computed from another version, or another next fire time, changes nothing", async () => {
    await using timeline = await Timeline.start(server);
    const { bench } = timeline;
    await timeline.define("job");
    await timeline.lead();
    await pauseTarget(bench.store, job, reason);
    await timeline.skipTo(3);
    const { prefix: _, ...keys } = bench.store.keys;
    const cursor = (await bench.redis.zscore(keys.due, "job")) ?? "";
    const before = [await bench.keysLeft(), await bench.redis.zrange(keys.unstarted, 0, -1)];
    const step = (version: number, expected: number | string): Promise<[string, number, string]> =>
      passOver.run(bench.store.commands, {
        keys,
        args: {
          ...bench.store.history,
          ...bench.store.founding,
          name: "job:job",
          before: timeline.at(4),
          epoch: "",
          last: 0,
        },
        lists: { jobs: ["job", version, expected, timeline.at(4), 2, timeline.at(3), 1] },
      });
    for (const [version, expected] of [
      [2, cursor],
      [1, Number(cursor) - 1],
      [1, ""],
    ] as const) {
      expect((await step(version, expected)).slice(1)).toEqual([1, "0"]);
      expect([await bench.keysLeft(), await bench.redis.zrange(keys.unstarted, 0, -1)]).toEqual(before);
      expect(await bench.redis.zscore(keys.due, "job")).toBe(cursor);
    }
    expect((await step(1, cursor)).slice(1)).toEqual([1, "1"]);
    expect(await timeline.missedOf("job")).toEqual([{ reason: "paused", from: 0, to: 3, count: 4 }]);
  });

  test("a job that is changed between its reading and its step is read again", async () => {
    await using timeline = await Timeline.start(server);
    const { bench } = timeline;
    await timeline.define("job");
    await timeline.lead();
    await pauseTarget(bench.store, job, reason);
    await timeline.skipTo(3);
    const timed = bench.store.timedWhenFull.bind(bench.store);
    let changes = 0;
    bench.store.timedWhenFull = async (call, timeOf) => {
      changes += 1;
      const priority = changes;
      if (changes < 4) await client.job("job").update({ priority });
      return timed(call, timeOf);
    };
    await using client = clientOf(bench);
    expect(await resumeTarget(bench.store, job, { from: "now" })).toBe(true);
    expect(changes).toBeGreaterThan(4);
    expect(await timeline.missedOf("job")).toEqual([{ reason: "paused", from: 0, to: 3, count: 4 }]);
    await timeline.goOnTo(4);
    expect(timeline.startsOf("job")).toEqual([4]);
  });

  test("jobs that are changed and removed meanwhile do not keep the others from going on", async () => {
    await using timeline = await Timeline.start(server);
    const { bench } = timeline;
    const ids = Array.from({ length: 12 }, (_, index) => `job-${index}`);
    for (const id of ids) await timeline.define(id, { tags: ["tag"], misfire: { catchUp: "all" } });
    await timeline.lead();
    await pauseTarget(bench.store, { tag: "tag" }, reason);
    await timeline.skipTo(3);
    await timeline.lead();
    const changes = async (): Promise<void> => {
      for (const priority of [1, 2, 3]) await bench.job("job-1").update({ priority });
    };
    const [was] = await Promise.all([
      resumeTarget(bench.store, { tag: "tag" }, { from: "now" }),
      changes(),
      bench.remove("job-2"),
      bench.remove("job-3"),
    ]);
    expect(was).toBe(true);
    await expectSound(bench);
    await timeline.goOnTo(5);
    for (const id of ids) {
      const gone = ["job-2", "job-3"].includes(id);
      expect(timeline.startsOf(id), id).toEqual(gone ? [] : [4, 5]);
      if (!gone)
        expect(await timeline.missedOf(id)).toEqual([{ reason: "paused", from: 0, to: 3, count: 4 }]);
    }
  });

  test("S20: a job that is parked, and one whose record is broken, do not keep the others from going on", async () => {
    await using timeline = await Timeline.start(server);
    const { bench } = timeline;
    const { jobs } = bench.store.keys;
    for (const id of ["broken", "parked", "text", "job"]) await timeline.define(id);
    await timeline.lead();
    const spoil = async (id: string, change: (record: string) => string): Promise<void> => {
      await bench.redis.hset(jobs, id, change((await bench.redis.hget(jobs, id)) ?? ""));
    };
    await spoil("parked", (record) => record.replace('"every"', '"never"'));
    await bench.redis.hset(bench.store.keys.state, "parked", `2 ${timeline.begin}`);
    await spoil("parked", (record) => record.replace(/^1/, "2"));
    await timeline.goOnTo(1);
    expect((await bench.job("parked").get())?.state).toBe("parked");
    await pauseTarget(bench.store, "all", reason);
    await spoil("broken", (record) => record.replace('"every"', '"never"'));
    await bench.redis.hset(jobs, "text", "no record");
    await timeline.skipTo(3);
    expect(await resumeTarget(bench.store, "all", { from: "now" })).toBe(true);
    await timeline.goOnTo(4);
    expect(timeline.startsOf("job")).toEqual([0, 1, 4]);
    expect(await timeline.missedOf("job")).toEqual([{ reason: "paused", from: 2, to: 3, count: 2 }]);
    expect(timeline.startsOf("parked")).toEqual([0, 1]);
  });

  test("is told of, with what jobs go on with and who said so, here and to the cluster", async () => {
    await using timeline = await Timeline.start(server);
    const { bench } = timeline;
    const date = new Date(timeline.at(9));
    await timeline.define("job");
    const here: unknown[] = [];
    bench.events.on("resumed", (event) => here.push(event));
    const wanted: readonly [PauseTarget, ResumeOptions][] = [
      [{ job: "job" }, { from: "now", by: "ops" }],
      ["all", { from: date, by: "an operator, “at night”\n" }],
      [{ queue: "default" }, { from: "missed", by: "ops" }],
      [{ task: "task" }, { by: "ops" }],
    ];
    for (const [target, options] of wanted) {
      await pauseTarget(bench.store, target, reason);
      expect(await resumeTarget(bench.store, target, options, bench.events)).toBe(true);
      expect(await resumeTarget(bench.store, target, options, bench.events)).toBe(false);
    }
    const expected = wanted.map(([target, { from, by }]) => ({ target: pauseName(target), from, by }));
    await expect.poll(() => here).toEqual(expected);
    const seen = (await told(bench)).filter(({ type }) => type === "resumed");
    expect(seen).toMatchObject(expected);
    const missed = (await told(bench)).filter(({ type }) => type === "missed");
    expect(missed).toMatchObject([{ jobId: "job", reason: "paused", count: 9 }]);
  });

  test("another from than missed is refused for a node, and nothing is resumed", async () => {
    await using timeline = await Timeline.start(server);
    const { bench } = timeline;
    await pauseTarget(bench.store, { node: "node" }, reason);
    for (const from of ["now", new Date()] as const)
      await expect(resumeTarget(bench.store, { node: "node" }, { from })).rejects.toMatchObject({
        name: "InvalidOptionError",
        path: "from",
      });
    expect(await bench.redis.exists(bench.store.keys.pause("node:node"))).toBe(1);
    expect(await resumeTarget(bench.store, { node: "node" }, { from: "missed" })).toBe(true);
  });
});

test("pause, resume: from now in a running cluster: what came due meanwhile is passed over, and the rest goes on at once", async () => {
  await using cluster = new Cluster(server);
  const schedulers = [cluster.scheduler(), cluster.scheduler()];
  const starts = schedulers.map((scheduler) => heard(scheduler, "beforeRun"));
  for (const scheduler of schedulers) {
    scheduler.task("task", () => undefined);
    await scheduler.start();
  }
  const [one, other] = schedulers as [(typeof schedulers)[0], (typeof schedulers)[0]];
  const soon = new Date(Date.now() + 1500);
  await one.schedule("task", {
    id: "often",
    trigger: every("200ms"),
    overlap: "allow",
    misfire: { catchUp: "all" },
    tags: ["tag"],
  });
  await one.schedule("task", { id: "soon", trigger: once(soon), tags: ["tag"] });
  await expect.poll(() => starts.flat().length, { timeout: 5000 }).toBeGreaterThan(2);
  await one.pause({ tag: "tag" }, { reason: "maintenance" });
  await expect.poll(() => Date.now(), { timeout: 5000 }).toBeGreaterThan(soon.getTime() + 500);
  expect(await other.resume({ tag: "tag" }, { from: "now", by: "ops" })).toBe(true);
  const before = starts.flat().length;
  await expect.poll(() => starts.flat().length, { timeout: 5000 }).toBeGreaterThan(before + 2);
  expect(starts.flat().some(({ jobId }) => jobId === "soon")).toBe(false);
  await expect.poll(async () => (await one.job("soon").get())?.state, { timeout: 5000 }).toBe("exhausted");
  expect(await one.job("soon").history()).toMatchObject([{ state: "missed", reason: "paused", count: 1 }]);
  await one.pause("all", { reason: "so that it stands still" });
  const missed = (await one.job("often").history()).filter(({ state }) => state === "missed");
  expect(missed).toMatchObject([{ reason: "paused" }]);
  // Each fire time from the first start to the last is among those that started, or recorded.
  const holes = (): number => {
    const times = starts
      .flat()
      .flatMap(({ jobId, scheduledAt }) => (jobId === "often" ? [scheduledAt.getTime()] : []));
    expect(new Set(times).size).toBe(times.length);
    return (Math.max(...times) - Math.min(...times)) / 200 + 1 - times.length;
  };
  await expect.poll(holes).toBe(missed[0]?.count);
});
