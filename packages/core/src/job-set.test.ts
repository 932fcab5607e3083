import { eventually, type JobStore, startJobStore } from "@escapement/testing";
import { cron, every } from "@escapement/triggers";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Cluster, heard, partitions } from "../test/cluster.js";
import { later, StoreBench } from "../test/store-bench.js";
import { checkJobs, type Item } from "./check-jobs.js";
import { type Owner, writeItems } from "./define.js";
import { defineJobs, type Job, type JobDeclaration, type JobSet, type Scheduler } from "./index.js";
import { beginSet, wantedOf } from "./job-set.js";
import { removeJob } from "./remove-job.js";
import { upsert } from "./scripts/index.js";

let server: JobStore;
beforeAll(async () => {
  server = await startJobStore();
});
afterAll(() => server.stop());

const job = (id: string, options: Partial<JobDeclaration> = {}): JobDeclaration => {
  return { task: "task", id, trigger: every("1h"), ...options };
};
const some = (count: number, options: Partial<JobDeclaration> = {}, prefix = "job"): JobDeclaration[] =>
  Array.from({ length: count }, (_, index) => job(`${prefix}-${index}`, options));
const set = (version: number, jobs: readonly JobDeclaration[], name = "default"): JobSet =>
  defineJobs({ name, version, jobs });

const jobsOf = async (scheduler: Scheduler): Promise<Job[]> => {
  const jobs: Job[] = [];
  for await (const one of scheduler.jobs()) jobs.push(one);
  return jobs.sort((one, other) => (one.id < other.id ? -1 : 1));
};
const idsOf = async (scheduler: Scheduler): Promise<string[]> =>
  (await jobsOf(scheduler)).map(({ id }) => id);
/** All that the store has, but for its clock. */
const stored = async (namespace: string): Promise<unknown> => {
  const redis = server.client();
  const keys = (await redis.keys(`escapement:{${namespace}*}:*`)).filter((key) => !key.endsWith(":clock"));
  return Promise.all(keys.sort().map(async (key) => [key, (await redis.dumpBuffer(key))?.toString("hex")]));
};

describe("defineJobs: a set of jobs", () => {
  test("is plain, frozen, and named default where it has no name", () => {
    const declared = defineJobs({ version: 3, jobs: [job("a")] });
    expect(declared).toEqual({ name: "default", version: 3, jobs: [job("a")] });
    for (const part of [declared, declared.jobs, declared.jobs[0]]) expect(Object.isFrozen(part)).toBe(true);
    expect(defineJobs({ version: Number.MAX_SAFE_INTEGER, jobs: [] }).version).toBe(2 ** 53 - 1);
  });

  test("removes what it does not declare any more, and nothing of no set or of another one", async () => {
    await using cluster = new Cluster(server);
    const [one, other] = [cluster.scheduler(), cluster.scheduler()];
    await one.schedule("task", job("own"));
    await one.apply(set(1, [job("theirs")], "other"));
    const first = await one.apply(set(1, [job("a"), job("b")]));
    expect(first).toEqual({
      ...{ added: ["a", "b"], updated: [], unchanged: [], removed: [] },
      set: { name: "default", version: 1, before: undefined },
    });
    const removed = heard(other, "jobRemoved");
    const second = await other.apply(set(2, [job("b"), job("c")]));
    expect(second).toEqual({
      ...{ added: ["c"], updated: [], unchanged: ["b"], removed: ["a"] },
      set: { name: "default", version: 2, before: 1 },
    });
    await eventually(() => expect(removed).toEqual([{ jobId: "a" }]));
    expect((await jobsOf(one)).map(({ id, set }) => [id, set])).toEqual([
      ["b", "default"],
      ["c", "default"],
      ["own", undefined],
      ["theirs", "other"],
    ]);
    await one.apply(set(3, []));
    expect(await idsOf(one)).toEqual(["own", "theirs"]);
  });

  test("S8, S9: applied again by three at once changes nothing, not even a fire time", async () => {
    await using cluster = new Cluster(server);
    const all = [cluster.scheduler(), cluster.scheduler(), cluster.scheduler()];
    const jobs = some(250);
    const reports = await Promise.all(all.map((one) => one.apply(set(1, jobs))));
    expect(reports.flatMap(({ added }) => added).sort()).toEqual(jobs.map(({ id }) => id).sort());
    const before = await stored(cluster.namespace);
    const again = await Promise.all(all.map((one) => one.apply(set(1, jobs))));
    for (const { added, updated, unchanged, removed } of again)
      expect([added, updated, unchanged.length, removed]).toEqual([[], [], 250, []]);
    expect(await stored(cluster.namespace)).toEqual(before);
  });

  test("puts back what was changed or removed by hand, when it is applied again", async () => {
    await using cluster = new Cluster(server);
    const scheduler = cluster.scheduler();
    await scheduler.apply(set(1, [job("a"), job("b")]));
    await scheduler.job("a").update({ priority: 5 });
    await scheduler.job("b").remove();
    expect(await scheduler.apply(set(1, [job("a"), job("b")]))).toMatchObject({
      ...{ updated: ["a"], added: ["b"] },
    });
    expect(await scheduler.job("a").get()).toMatchObject({ priority: 0, set: "default" });
    // One that was removed is nobody's: defined by hand it is of no set.
    await scheduler.job("b").remove();
    await scheduler.schedule("task", job("b"));
    expect(await scheduler.job("b").get()).toMatchObject({ set: undefined });
  });

  test("takes in a job of no set, which keeps its place in time and what onConflict keeps", async () => {
    await using cluster = new Cluster(server);
    const scheduler = cluster.scheduler();
    for (const id of ["same", "kept"]) await scheduler.schedule("task", job(id, { priority: 3 }));
    const before = await jobsOf(scheduler);
    const declared = [job("same", { priority: 3 }), job("kept", { priority: 9, onConflict: "keep" })];
    expect(await scheduler.apply(set(1, declared))).toMatchObject({ updated: ["same", "kept"] });
    const after = before.map((one) => ({ ...one, set: "default", version: 2 }));
    expect(await jobsOf(scheduler)).toEqual(after);
    expect(await scheduler.apply(set(1, declared))).toMatchObject({ unchanged: ["same", "kept"] });
    expect(await scheduler.apply(set(2, []))).toMatchObject({
      removed: expect.arrayContaining(["same", "kept"]),
    });
  });

  test("is refused as a whole when it declares a job of another one, until that has let go of it", async () => {
    await using cluster = new Cluster(server);
    const scheduler = cluster.scheduler();
    await scheduler.apply(set(1, [job("moves"), job("stays")], "old"));
    const before = await stored(cluster.namespace);
    const moved = set(1, [...some(150), job("moves")], "new");
    await expect(scheduler.apply(moved)).rejects.toMatchObject({
      code: "JOB_OF_ANOTHER_SET",
      message: 'jobs[150] ("moves"): Job moves belongs to the set old, not to new.',
    });
    expect(await stored(cluster.namespace)).toEqual(before);
    await scheduler.apply(set(2, [job("stays")], "old"));
    expect((await scheduler.apply(moved)).added).toHaveLength(151);
    expect(await scheduler.job("moves").get()).toMatchObject({ set: "new" });
  });

  test("whose job another set takes at the same moment writes none of that batch", async () => {
    await using on = await new StoreBench(server).ready();
    const { prefix: _, ...keys } = on.store.keys;
    await on.define("job");
    await on.redis.hset(keys.sets, "mine", "1 x");
    await on.redis.hset(keys.setOf, "job", "theirs");
    const record = (await on.redis.hget(keys.jobs, "job"))?.replace(/^1/, "2") ?? "";
    const jobs = ["new", "job"].flatMap((id, at) => [id, `${at} ${at ? "keep" : "none"} 0`, record]);
    const caller = on.store.keys.caller("test");
    const args = {
      ...on.store.history,
      ...on.store.founding,
      set: "mine",
      mark: "1 x",
      number: 1,
      caller_ttl: 60_000,
    };
    await expect(
      upsert.run(on.store.commands, { keys: { ...keys, caller }, args, lists: { jobs } }),
    ).rejects.toMatchObject({
      code: "JOB_OF_ANOTHER_SET",
    });
    expect(await on.redis.hkeys(keys.jobs)).toEqual(["job"]);
  });

  test("checks what the store would refuse before the first job is written", async () => {
    await using cluster = new Cluster(server);
    const scheduler = cluster.scheduler();
    const past = job("past", { endAt: new Date("2020-01-01"), trigger: cron("0 9 * * *") });
    if (partitions > 1) await scheduler.apply([]); // how many there are is settled before anything else
    const before = await stored(cluster.namespace);
    if (partitions === 1) expect(before).toEqual([]);
    await expect(scheduler.apply(set(1, [...some(150), past]))).rejects.toMatchObject({ path: "endAt" });
    expect(await stored(cluster.namespace)).toEqual(before);
  });
});

describe("defineJobs: an older version of a set", () => {
  test("that a node starts with late brings back no job: what the newer one dropped never fires again", async () => {
    await using cluster = new Cluster(server);
    const [first, second, late] = [cluster.scheduler(), cluster.scheduler(), cluster.scheduler()];
    const started: { jobId: string | undefined }[] = [];
    for (const node of [first, second, late]) {
      node.task("task", () => undefined);
      node.on("beforeRun", ({ jobId }) => started.push({ jobId }));
      await node.start();
    }
    const [tick, tock] = ["tick", "tock"].map((id) => job(id, { trigger: every(500) }));
    const old = set(1, [tick as JobDeclaration, tock as JobDeclaration]);
    await first.apply(old);
    const runsOf = (id: string): number => started.filter(({ jobId }) => jobId === id).length;
    await eventually(() => runsOf("tick") > 1, { within: 10_000 });
    await second.apply(set(2, [tock as JobDeclaration]));
    await expect(late.apply(old)).rejects.toMatchObject({ code: "STALE_JOB_SET", stored: 2 });
    // What was under way when it was removed may have been told since; nothing after that.
    const tocks = runsOf("tock");
    await eventually(() => runsOf("tock") > tocks, { within: 10_000 });
    const ticks = runsOf("tick");
    await eventually(() => runsOf("tock") > tocks + 4, { within: 10_000 });
    expect(runsOf("tick")).toBe(ticks);
    expect(await late.job("tick").get()).toBeUndefined();
  });

  test("is refused as a whole, says which one is stored, and changes nothing", async () => {
    await using cluster = new Cluster(server);
    const [newer, older] = [cluster.scheduler(), cluster.scheduler()];
    await newer.apply(set(9_007_199_254_740_991, some(120, { priority: 2 })));
    const before = await stored(cluster.namespace);
    const old = set(9_007_199_254_740_990, [...some(110, { priority: 1 }), job("gone")]);
    await expect(older.apply(old)).rejects.toMatchObject({
      ...{ code: "STALE_JOB_SET", set: "default" },
      ...{ version: 9_007_199_254_740_990, stored: 9_007_199_254_740_991 },
      message: expect.stringContaining("version 9007199254740991 in the store"),
    });
    expect(await stored(cluster.namespace)).toEqual(before);
    // Other sets have versions of their own.
    await older.apply(set(1, [job("other")], "other"));
  });

  test("is older also when the newer one left all jobs as they were", async () => {
    await using cluster = new Cluster(server);
    const [newer, older] = [cluster.scheduler(), cluster.scheduler()];
    await older.apply(set(1, some(3)));
    expect(await newer.apply(set(2, some(3)))).toMatchObject({ unchanged: { length: 3 } });
    await expect(older.apply(set(1, some(3)))).rejects.toMatchObject({ code: "STALE_JOB_SET", stored: 2 });
  });

  test("writes and removes nothing more once a newer one has begun", async () => {
    await using on = await new StoreBench(server).ready();
    const apply = async (version: number, jobs: readonly JobDeclaration[]): Promise<[Owner, Item[]]> => {
      const items = await checkJobs(on.store, wantedOf(jobs), 65_536);
      const declared = set(version, jobs);
      return [await beginSet(on.store, declared, items, fresh), items];
    };
    const [first, started] = await apply(1, some(250, { trigger: later }));
    await writeItems(on.store, started.slice(0, 120), first);
    const [second, all] = await apply(2, some(3, { trigger: later, priority: 7 }));
    const before = await stored(on.store.namespace);
    const refused = { code: "STALE_JOB_SET" };
    await expect(writeItems(on.store, started.slice(120), first)).rejects.toMatchObject(refused);
    await expect(removeJob(on.store, "job-1", first)).rejects.toMatchObject(refused);
    expect(await stored(on.store.namespace)).toEqual(before);
    await writeItems(on.store, all, second);
    expect(await removeJob(on.store, "job-50", second)).toBe(true);
  });

  test("of many jobs, overtaken while it is written, leaves the newer one's jobs and no others", async () => {
    await using cluster = new Cluster(server);
    // In one partition: written in several at once, the older version may stand before the newer one begins.
    const [newer, older] = [cluster.scheduler({ partitions: 1 }), cluster.scheduler({ partitions: 1 })];
    const redis = server.client();
    const outcome = older.apply(set(1, some(4000, { priority: 1 }))).catch((error: unknown) => error);
    const jobs = `escapement:{${cluster.namespace}}:jobs`;
    await eventually(async () => (await redis.hlen(jobs)) >= 100, { every: 1, within: 10_000 });
    await newer.apply(set(2, some(120, { priority: 2 })));
    expect(await outcome).toMatchObject({ code: "STALE_JOB_SET", version: 1, stored: 2 });
    const left = await jobsOf(newer);
    expect(left).toHaveLength(120);
    expect(new Set(left.map(({ priority }) => priority))).toEqual(new Set([2]));
  });

  test("never stands in the end, whoever comes first: three versions at once, 30 times", {
    timeout: 60_000,
  }, async () => {
    await using cluster = new Cluster(server);
    const all = [cluster.scheduler(), cluster.scheduler(), cluster.scheduler()] as const;
    for (let round = 0; round < 30; round += 1) {
      const name = `round-${round}`;
      // Each version declares 105 jobs: 60 of all of them, 45 of its own.
      const declared = [1, 2, 3].map((version) =>
        set(
          version,
          [
            ...some(60, { priority: version }, `${name}/all`),
            ...some(45, { priority: version }, `${name}/v${version}`),
          ],
          name,
        ),
      );
      const order = [0, 1, 2].map((index) => (index + round) % 3);
      const outcomes = await Promise.allSettled(
        order.map((index) => all[index]?.apply(declared[index] as JobSet)),
      );
      for (const [place, index] of order.entries()) {
        const outcome = outcomes[place];
        if (index === 2) expect(outcome).toMatchObject({ status: "fulfilled" });
        else if (outcome?.status === "rejected")
          expect(outcome.reason).toMatchObject({ code: "STALE_JOB_SET" });
      }
      const found = (await jobsOf(all[0])).filter((one) => one.set === name);
      expect(found.map(({ id }) => id)).toEqual(declared[2]?.jobs.map(({ id }) => id).sort());
      expect(new Set(found.map(({ priority }) => priority))).toEqual(new Set([3]));
    }
    const before = await stored(cluster.namespace);
    const again = await all[0].apply(
      set(
        3,
        [...some(60, { priority: 3 }, "round-0/all"), ...some(45, { priority: 3 }, "round-0/v3")],
        "round-0",
      ),
    );
    expect(again.unchanged).toHaveLength(105);
    expect(await stored(cluster.namespace)).toEqual(before);
    expect(await jobsOf(all[0])).toHaveLength(30 * 105);
  });
});

describe("defineJobs: the same version of a set with other jobs", () => {
  test("replaces what was applied before", async () => {
    await using cluster = new Cluster(server);
    const [one, other] = [cluster.scheduler(), cluster.scheduler()];
    await one.apply(set(1, [job("a"), job("b")]));
    await other.apply(set(1, [job("b", { priority: 1 }), job("c")]));
    expect(await idsOf(one)).toEqual(["b", "c"]);
  });

  test("lets those of the one that began later stand, without a mixture: 30 times", {
    timeout: 60_000,
  }, async () => {
    await using cluster = new Cluster(server);
    const [one, other] = [cluster.scheduler(), cluster.scheduler()];
    for (let round = 0; round < 30; round += 1) {
      const sets = ["x", "y"].map((own) => set(round, some(130, {}, own)));
      const outcomes = await Promise.allSettled([
        one.apply(sets[0] as JobSet),
        other.apply(sets[1] as JobSet),
      ]);
      const ids = await idsOf(one);
      expect(ids).toHaveLength(130);
      const won = ids[0]?.startsWith("x") ? 0 : 1;
      expect(ids).toEqual(sets[won]?.jobs.map(({ id }) => id).sort());
      expect(outcomes[won]).toMatchObject({ status: "fulfilled" });
      if (outcomes[1 - won]?.status === "rejected")
        expect(outcomes[1 - won]).toMatchObject({ reason: { code: "STALE_JOB_SET", stored: round } });
    }
  });
});

describe("defineJobs: a set that is applied by force", () => {
  test("refuses the newer one that is half-way", async () => {
    await using on = await new StoreBench(server).ready();
    const [newer, older] = [set(2, some(2, { trigger: later })), set(1, some(1, { trigger: later }))];
    const items = await checkJobs(on.store, wantedOf(newer.jobs), 65_536);
    const owner = await beginSet(on.store, newer, items, fresh);
    await writeItems(on.store, items.slice(0, 1), owner);
    expect(await beginSet(on.store, older, items.slice(0, 1), { ...fresh, force: true })).toMatchObject({
      before: 2,
    });
    await expect(writeItems(on.store, items.slice(1), owner)).rejects.toMatchObject({
      code: "STALE_JOB_SET",
    });
    expect(await on.redis.hkeys(on.store.keys.jobs)).toEqual(["job-0"]);
  });

  test("goes back to its version, and says so loudly", async () => {
    const warnings: unknown[][] = [];
    const logger = {
      debug: noop,
      info: noop,
      error: noop,
      child: () => logger,
      warn: (...said: unknown[]) => void warnings.push(said),
    };
    await using cluster = new Cluster(server);
    const [newer, older] = [cluster.scheduler(), cluster.scheduler({ logger })];
    await newer.apply(set(2, [job("a", { priority: 2 }), job("b")]));
    const report = await older.apply(set(1, [job("a", { priority: 1 })]), { force: true });
    expect(report).toMatchObject({ updated: ["a"], removed: ["b"], set: { version: 1, before: 2 } });
    expect(warnings).toEqual([[{ set: "default", from: 2, to: 1 }, expect.stringContaining("set back")]]);
    expect(await older.apply(set(1, [job("a", { priority: 1 })]))).toMatchObject({ unchanged: ["a"] });
    // Newer nodes that start take it forward again.
    await newer.apply(set(2, [job("b")]));
    expect(await idsOf(newer)).toEqual(["b"]);
    expect(warnings).toHaveLength(1);
  });
});

/** What stands before anything was applied. */
const fresh = { force: false, above: 0, version: undefined };
const noop = (): void => undefined;
