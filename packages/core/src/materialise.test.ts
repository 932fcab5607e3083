import { eventually, type JobStore, startJobStore } from "@escapement/testing";
import {
  allOf,
  type CompiledTrigger,
  compileTrigger,
  cron,
  every,
  everyRandom,
  once,
  type Trigger,
} from "@escapement/triggers";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { expectSound, StoreBench } from "../test/store-bench.js";
import { type CatchUpRule, mostPerJob, type Plan, planFireTimes } from "./catch-up.js";
import { Materialiser } from "./materialise.js";

let server: JobStore;
beforeAll(async () => {
  server = await startJobStore();
});
afterAll(() => server.stop());

const bench = (): Promise<StoreBench> => new StoreBench(server).ready();
const cursorOf = async ({ redis, store }: StoreBench, job: string): Promise<number> =>
  Number(await redis.zscore(store.keys.due, job));
const leaderOf = (on: StoreBench, lookahead = 60_000): Materialiser =>
  new Materialiser(on.store, lookahead, on.events);

async function roundsOf(leader: Materialiser, epoch: number): Promise<void> {
  while ((await leader.round(epoch)).more);
}

describe("a leader's commit", () => {
  test("S1, S2: a new leader goes on from the stored cursor, and runs no old fire time again", async () => {
    await using on = await bench();
    await on.define("job", { trigger: every(10_000) });
    const first = await cursorOf(on, "job");
    await roundsOf(leaderOf(on), 1);
    const cursor = await cursorOf(on, "job");
    const written = await on.redis.zrange(on.store.keys.waiting, 0, -1);
    expect(written).toHaveLength(6);
    expect(cursor).toBe(first + 60_000);

    await on.redis.set(on.store.keys.epoch, 2);
    await roundsOf(leaderOf(on), 2);
    expect(await cursorOf(on, "job")).toBe(cursor);
    await on.advance(30_000);
    await roundsOf(leaderOf(on), 2);
    const all = await on.redis.zrange(on.store.keys.waiting, 0, -1, "WITHSCORES");
    expect(all.filter((_, index) => index % 2 === 1).map(Number)).toEqual(
      Array.from({ length: 9 }, (_, index) => first + index * 10_000),
    );
    await expectSound(on);
  });

  test("I3: is computed from the definition that is there, though the store went back and gave its version again", async () => {
    await using on = await bench();
    const from = new Date((await on.now()) - 1000);
    const triggers = [700, 800, 900].map((interval) => every(interval, { from }));
    const [first, second, third] = triggers as [Trigger, Trigger, Trigger];
    const { jobs, state } = on.store.keys;
    await on.define("job", { trigger: first });
    const before = [await on.redis.hget(jobs, "job"), await on.redis.hget(state, "job")] as const;
    await on.define("job", { trigger: second });
    const leader = leaderOf(on, 2000);
    await roundsOf(leader, 1);

    await on.redis.hset(jobs, "job", before[0] ?? "");
    await on.redis.hset(state, "job", before[1] ?? "");
    const { generation } = on.store;
    await on.redis.client("KILL", "ID", await on.store.lease.client.client("ID"));
    await eventually(() => on.store.generation > generation);
    await on.define("job", { trigger: third });
    await on.advance(10_000);
    await roundsOf(leader, 1);
    const runs = await on.redis.zrange(on.store.keys.unstarted, 0, -1);
    const times = runs.map((run) => Number(run.split("@")[1]) - from.getTime());
    expect(times.filter((time) => time > 3000 && time % 900 !== 0)).toEqual([]);
    expect(times.length).toBeGreaterThan(0);
    expect(await on.redis.hget(state, "job")).toMatch(/^2 /);
  });

  test("S2: of a term that is over is refused, and writes nothing", async () => {
    await using on = await bench();
    await on.define("job", { trigger: every(1000) });
    await on.redis.set(on.store.keys.epoch, 2);
    await expect(leaderOf(on).round(1)).rejects.toMatchObject({ code: "STALE_EPOCH" });
    await on.redis.del(on.store.keys.epoch);
    await expect(leaderOf(on).round(1)).rejects.toMatchObject({ code: "STALE_EPOCH" });
    expect(await on.redis.exists(on.store.keys.waiting)).toBe(0);
  });

  test("S2: is not taken for a job whose version or cursor has changed meanwhile, or that is gone", async () => {
    await using on = await bench();
    for (const job of ["a", "b"]) await on.define(job, { trigger: every(10_000) });
    const expected = await cursorOf(on, "a");
    const item = { job: "a", version: 1, expected, next: expected + 10_000, times: [expected] };

    expect(await on.materialise({ ...item, version: 2 })).toBe(false);
    expect(await on.materialise({ ...item, expected: expected + 1 })).toBe(false);
    expect(await on.materialise({ ...item, job: "none" })).toBe(false);
    expect(await on.redis.exists(on.store.keys.waiting)).toBe(0);
    expect(await on.materialise(item)).toBe(true);
    expect(await on.materialise(item)).toBe(false);
    expect(await on.redis.zcard(on.store.keys.waiting)).toBe(1);
  });

  test("S20: a job whose trigger cannot be computed is parked with the error, and the others go on", async () => {
    await using on = await bench();
    for (const job of ["bad", "good"]) await on.define(job, { trigger: every(10_000) });
    const { jobs, state } = on.store.keys;
    const text = (await on.redis.hget(jobs, "bad")) ?? "";
    await on.redis.hset(jobs, "bad", text.replace('"every"', '"never-heard-of"'));
    await on.redis.hset(state, "bad", `2 ${await on.now()}`);
    await roundsOf(leaderOf(on), 1);

    expect(await on.redis.zcard(on.store.keys.waiting)).toBe(6);
    expect(await on.job("bad").get()).toMatchObject({
      state: "parked",
      error: expect.stringContaining("never-heard-of"),
      nextFireTime: undefined,
    });
    await on.redis.hset(jobs, "bad", text.replace(/^\d+/, "2")); // the reason is gone; it is defined anew, the same as before
    await on.define("bad", { trigger: every(10_000) });
    expect(await on.job("bad").get()).toMatchObject({ state: "scheduled", error: undefined });
    await roundsOf(leaderOf(on), 1);
    expect(await on.redis.zcard(on.store.keys.waiting)).toBe(12);
  });

  test("a job that is removed while its record is read is not said to be parked", async () => {
    await using on = await bench();
    const parked: string[] = [];
    on.events.on("jobParked", ({ jobId }) => parked.push(jobId));
    await on.define("gone", { trigger: every(1000) });
    await on.redis.hdel(on.store.keys.jobs, "gone"); // what is left of it just then
    await roundsOf(leaderOf(on), 1);
    expect(await on.redis.zscore(on.store.keys.due, "gone")).toBeNull();
    expect(parked).toEqual([]);
  });

  test("S20: a job whose next fire time lies too far to be found is refused, or parked, and not taken for exhausted", async () => {
    await using on = await bench();
    // All of them at once each 30 030 s, which is far among so many that do not count.
    const from = (await on.now()) + 5000;
    const rare = allOf(...[2, 3, 5, 7, 11, 13].map((seconds) => every(seconds * 1000, { from })));
    await expect(on.define("rare", { trigger: rare })).rejects.toMatchObject({ code: "NEVER_FIRES" });

    await on.define("rare", { trigger: every(5000) });
    const { jobs, state } = on.store.keys;
    const text = (await on.redis.hget(jobs, "rare")) ?? "";
    await on.redis.hset(jobs, "rare", text.replace(JSON.stringify(every(5000)), JSON.stringify(rare)));
    await on.redis.hset(state, "rare", `2 ${await on.now()}`);
    await roundsOf(leaderOf(on), 1);
    expect(await on.job("rare").get()).toMatchObject({
      state: "parked",
      error: expect.stringContaining("no fire time was found"),
    });
  });

  test.each([
    ["latest", 1],
    ["all", 100],
    ["earliest", 1],
    ["none", 0],
  ] as const)(
    "after a day without any node, catch-up %s runs %d of a second's fire times, the rest is one record",
    async (catchUp, made) => {
      await using on = await bench();
      const trigger = cron("* * * * * *", { timezone: "Europe/Berlin" });
      await on.define("job", { trigger, overlap: "allow", misfire: { catchUp, max: 100 } });
      const missedFrom = Math.floor((await on.now()) / 1000) * 1000 - 86_400_000;
      await on.redis.zadd(on.store.keys.due, missedFrom, "job");
      await on.redis.hset(on.store.keys.state, "job", `1 ${missedFrom}`);
      const before = await on.now();
      await leaderOf(on, 1000).round(1);
      const after = await on.now();
      const times = (await on.redis.zrange(on.store.keys.unstarted, 0, -1)).map((run) =>
        Number(run.split("@")[1]),
      );
      // A second may begin while the leader is at it.
      expect(times.filter((time) => time <= before).length).toBeLessThanOrEqual(made);
      expect(times.filter((time) => time <= after).length).toBeGreaterThanOrEqual(made);
      const records = (await on.job("job").history()).filter(({ state }) => state === "missed");
      // Another one only of a second that begins while the leader is at it.
      expect(records.length).toBeLessThanOrEqual(
        Math.floor(after / 1000) > Math.floor(before / 1000) ? 2 : 1,
      );
      expect(new Set(records.map(({ reason }) => reason))).toEqual(new Set(["misfire"]));
      // The two sides of the second that passes meanwhile.
      expect([86_400, 86_401, 86_402]).toContain(
        records.reduce((sum, { count }) => sum + count, Number(made)),
      );
    },
  );

  test("S10: however much there is to plan, the event loop goes round meanwhile", async () => {
    await using on = await bench();
    for (let job = 0; job < 24; job += 1) {
      await on.define(`job-${job}`, { trigger: everyRandom(500, 1500), misfire: { catchUp: "all" } });
      // Each takes a while: what a trigger of this kind has missed can only be stepped through.
      await on.redis.zadd(on.store.keys.due, (await on.now()) - 43_200_000, `job-${job}`);
    }
    let turns = 0;
    let open = true;
    const count = (): void => {
      turns += 1;
      if (open) setImmediate(count);
    };
    setImmediate(count);
    // How often the loop went round between one answer of the store and the next request.
    const { lease } = on.store;
    const send = lease.run.bind(lease);
    const between: number[] = [];
    let answered = 0;
    lease.run = async (...request) => {
      between.push(turns - answered);
      const answer = await send(...request);
      answered = turns;
      return answer as never;
    };
    const { runs } = await leaderOf(on, 1000).round(1);
    open = false;
    expect(runs).toBeGreaterThan(1000);
    expect(Math.max(...between.slice(1))).toBeGreaterThan(5);
  });

  test("S7: goes on without any worker, once a fire time, however long none comes", async () => {
    await using on = await bench();
    await on.define("job", { trigger: every(1000), misfire: { grace: "1h" } });
    const first = await cursorOf(on, "job");
    for (let round = 0; round < 5; round += 1) {
      await roundsOf(leaderOf(on, 10_000), 1);
      await on.advance(10_000);
    }
    await roundsOf(leaderOf(on, 10_000), 1);
    const runs = await on.redis.zrange(on.store.keys.unstarted, 0, -1);
    expect(runs.length).toBeGreaterThan(50);
    expect(runs).toEqual(runs.map((_, index) => `job@${first + index * 1000}`));
  });

  test("a job that fires each millisecond is written in bounded batches, and does not keep others waiting", async () => {
    await using on = await bench();
    await on.define("fast", { trigger: every(1) });
    await on.define("slow", { trigger: every(1500) });
    const { runs, more } = await leaderOf(on, 3000).round(1);
    expect(more).toBe(true);
    expect(runs).toBeLessThanOrEqual(2 * mostPerJob);
    await roundsOf(leaderOf(on, 3000), 1);
    const written = await on.redis.zrange(on.store.keys.unstarted, 0, -1);
    const fast = written.filter((run) => run.startsWith("fast@")).map((run) => Number(run.slice(5)));
    const start = fast[0] ?? 0;
    expect(fast).toEqual(fast.map((_, index) => start + index));
    expect(written.filter((run) => run.startsWith("slow@")).length).toBeGreaterThan(0);
    expect(await on.remove("fast")).toBe(true);
    await expectSound(on);
  });

  test("once with several dates, some of them past: each coming one fires, then the job is exhausted", async () => {
    await using on = await bench();
    const now = await on.now();
    const dates = [now - 5000, now + 60_000, now + 20_000, now + 60_000].map((time) => new Date(time));
    await on.define("job", { trigger: once(...dates) });
    await roundsOf(leaderOf(on), 1);
    await on.advance(30_000);
    await roundsOf(leaderOf(on), 1);
    expect(await on.redis.zrange(on.store.keys.unstarted, 0, -1)).toEqual([
      `job@${now + 20_000}`,
      `job@${now + 60_000}`,
    ]);
    expect(await on.redis.zscore(on.store.keys.due, "job")).toBeNull();
    // S11: it is not exhausted before its last run has ended.
    await on.advance(40_000);
    const node = await on.node("a");
    for (const last of [false, true]) {
      const { claimed } = await node.claim();
      expect(claimed).toHaveLength(1);
      expect((await on.job("job").get())?.state, String(last)).toBe("scheduled");
      await node.complete(claimed);
    }
    expect((await on.job("job").get())?.state).toBe("exhausted");
    // S12: nothing of it is looked at any more.
    expect(await leaderOf(on).round(1)).toEqual({ runs: 0, more: false, nextCursor: undefined });
  });

  test("a missed stretch is recorded with its first and last fire time", async () => {
    await using on = await bench();
    await on.define("job", { trigger: every(10_000), misfire: { grace: 1000, catchUp: "earliest" } });
    const first = await cursorOf(on, "job");
    await on.advance(45_000);
    await roundsOf(leaderOf(on, 3000), 1);
    expect(await on.run(`job@${first}`).get()).toMatchObject({ state: "scheduled" });
    expect(await on.job("job").history()).toMatchObject([
      { state: "missed", count: 3, scheduledAt: new Date(first + 10_000), reason: "misfire" },
    ]);
  });
});

describe("the plan for a cursor", () => {
  const trigger = compileTrigger(every(10_000), { anchor: 0 });
  const plan = (
    rule: Partial<CatchUpRule>,
    { cursor = 10_000, now = 55_000, until = 75_000, of = trigger } = {},
  ): Plan => planFireTimes(of, cursor, { grace: 5000, catchUp: "latest", max: 100, ...rule }, now, until);

  test("within its grace lists all fire times up to the horizon, missing none", () => {
    expect(plan({}, { cursor: 50_000 })).toMatchObject({
      fireTimes: [50_000, 60_000, 70_000],
      next: 80_000,
      missed: 0,
    });
  });

  test.each([
    ["none", [], { missed: 5, missedFrom: 10_000, missedTo: 50_000 }],
    ["latest", [50_000], { missed: 4, missedFrom: 10_000, missedTo: 40_000 }],
    ["earliest", [10_000], { missed: 4, missedFrom: 20_000, missedTo: 50_000 }],
    ["all", [10_000, 20_000, 30_000, 40_000, 50_000], { missed: 0, missedFrom: 0, missedTo: 0 }],
  ] as const)("later than its grace makes up for %s", (catchUp, made, missed) => {
    expect(plan({ catchUp })).toEqual({
      fireTimes: [...made, 60_000, 70_000],
      next: 80_000,
      exact: true,
      ...missed,
    });
  });

  test("all, up to `max`: the latest ones", () => {
    expect(plan({ catchUp: "all", max: 2 })).toMatchObject({
      fireTimes: [40_000, 50_000, 60_000, 70_000],
      missed: 3,
      missedFrom: 10_000,
      missedTo: 30_000,
    });
  });

  test("S10: years of missed seconds are counted without being enumerated", () => {
    const years = 5 * 366 * 86_400_000;
    const second = compileTrigger(every(1000), { anchor: 0 });
    const counted = plan({}, { cursor: 1000, now: years, until: years + 500, of: second });
    expect(counted).toMatchObject({ fireTimes: [years], missed: years / 1000 - 1, exact: true });

    const cronned = compileTrigger(cron("* * * * * *", { timezone: "Europe/Berlin" }));
    let asked = 0;
    const spied: CompiledTrigger = {
      trigger: cronned.trigger,
      next: (after) => {
        asked += 1;
        return cronned.next(after);
      },
      previous: (through) => cronned.previous(through),
      count: (after, through, limit) => cronned.count(after, through, limit),
    };
    const bounded = plan(
      { catchUp: "all", max: 100 },
      { cursor: 1000, now: years, until: years + 500, of: spied },
    );
    expect(bounded.fireTimes).toHaveLength(100);
    expect(asked).toBeLessThan(10);
    const missed = { missed: years / 1000 - 100, missedFrom: 1000, missedTo: years - 100_000 };
    expect(bounded).toMatchObject({ exact: true, ...missed });
  });

  test("S10: fire times that can only be stepped through are counted up to a limit, and said to be at least so many", () => {
    const day = 43_200_000;
    const random = compileTrigger(everyRandom(500, 1500), { jobId: "random", anchor: 0 });
    const first = random.next(0) ?? 0;
    const { fireTimes, missed, exact } = plan({}, { cursor: first, now: day, until: day + 100, of: random });
    expect(fireTimes[0]).toBe(random.previous(day));
    expect([missed, exact]).toEqual([10_000, false]);
  });

  test("S10: more than can be counted are never taken for none, however large `max` is", () => {
    const second = compileTrigger(cron("* * * * * *"));
    const { fireTimes, missed } = plan(
      { catchUp: "all", max: 1000 },
      { cursor: 1000, now: 5_000_000, until: 5_000_500, of: second },
    );
    expect(fireTimes).toHaveLength(1000);
    expect(missed).toBeGreaterThan(0);
  });

  test("S2: never lists a fire time before the cursor, also when the trigger's rules have changed since", () => {
    // The time zone's rules were updated: what was 30 000 then is no fire time now.
    for (const catchUp of ["latest", "earliest", "all"] as const) {
      const { fireTimes } = plan({ catchUp }, { cursor: 32_000, now: 39_000, until: 39_000 });
      expect(fireTimes).toEqual([32_000]);
    }
  });

  test("T2: a trigger that goes back is an error, not a loop", () => {
    const broken = { ...trigger, next: () => 20_000 };
    expect(() => plan({}, { cursor: 50_000, of: broken })).toThrow("went back");
  });
});
