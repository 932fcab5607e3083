import { eventually, type JobStore, startJobStore } from "@escapement/testing";
import { every } from "@escapement/triggers";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Cluster, heard } from "../test/cluster.js";
import { defineJobs, type JobDeclaration } from "./index.js";

let server: JobStore;
beforeAll(async () => {
  server = await startJobStore();
});
afterAll(() => server.stop());

const hourly = every("1h");
const job = (id: string, options: Partial<JobDeclaration> = {}): JobDeclaration => {
  return { task: "task", id, trigger: hourly, ...options };
};
const stored = async (namespace: string): Promise<unknown> => {
  const redis = server.client();
  const keys = await redis.keys(`escapement:{${namespace}*}:*`);
  return Promise.all(keys.sort().map(async (key) => [key, (await redis.dumpBuffer(key))?.toString("hex")]));
};

describe("schedule, apply: a dry run", () => {
  test("says what would be added, updated and removed, field by field, and writes nothing", async () => {
    await using cluster = new Cluster(server);
    const [one, other] = [cluster.scheduler(), cluster.scheduler()];
    await one.apply([
      job("same", { tags: ["t"] }),
      job("changed", {
        ...{ tags: ["t"], priority: 3, timeout: "1m", input: { n: 1 }, endAt: "2090-01-01T00:00:00Z" },
        ...{ misfire: { catchUp: "all", max: 5 }, retry: { attempts: 2 }, retain: { runs: 7 } },
      }),
      job("gone", { tags: ["t"], queue: "slow" }),
    ]);
    const declared = [
      job("same", { tags: ["t"] }),
      job("changed", {
        ...{ tags: ["t"], trigger: every("2h"), priority: 4, input: { n: 2 }, concurrencyKey: "k" },
        ...{ misfire: { grace: "2m" }, endAt: "2091-01-01T00:00:00Z", retry: { attempts: 3 } },
      }),
      job("new", { tags: ["t"], overlap: "allow" }),
    ];
    const before = await stored(cluster.namespace);
    const events = [heard(one, "jobAdded"), heard(one, "jobUpdated"), heard(one, "jobRemoved")];
    const dry = await other.apply(declared, { prune: { tag: "t" }, dryRun: true });
    expect(await stored(cluster.namespace)).toEqual(before);
    const { changes, ...report } = dry;
    expect(changes?.map(({ id, outcome }) => [id, outcome])).toEqual([
      ["changed", "updated"],
      ["new", "added"],
      ["gone", "removed"],
    ]);
    const fields = Object.fromEntries(
      changes?.[0]?.fields.map(({ field, from, to }) => [field, [from, to]]) ?? [],
    );
    expect(fields).toEqual({
      trigger: [hourly, every("2h")],
      priority: [3, 4],
      timeout: [60_000, undefined],
      input: [{ n: 1 }, { n: 2 }],
      endAt: [new Date("2090-01-01"), new Date("2091-01-01")],
      "misfire.grace": [60_000, 120_000],
      "misfire.catchUp": ["all", "latest"],
      "misfire.max": [5, undefined],
      "retry.attempts": [2, 3],
      "retain.runs": [7, undefined],
      concurrencyKey: [undefined, "k"],
      "concurrencyLimit.max": [undefined, 1],
      "concurrencyLimit.whenFull": [undefined, "wait"],
    });
    expect(changes?.[1]?.fields).toEqual([
      { field: "task", from: undefined, to: "task" },
      { field: "trigger", from: undefined, to: hourly },
      { field: "overlap", from: undefined, to: "allow" },
      { field: "tags", from: undefined, to: ["t"] },
    ]);
    const removed = Object.fromEntries(
      changes?.[2]?.fields.map(({ field, from, to }) => [field, [from, to]]) ?? [],
    );
    expect(removed).toEqual({
      ...{ task: ["task", undefined], trigger: [hourly, undefined] },
      ...{ tags: [["t"], undefined], queue: ["slow", undefined] },
    });
    expect(await one.apply(declared, { prune: { tag: "t" } })).toEqual(report);
    await eventually(() => expect(events.map((told) => told.length)).toEqual([1, 1, 1]));
  });

  test("of a set names the job that it would take in, and those that it would give up", async () => {
    await using cluster = new Cluster(server);
    const scheduler = cluster.scheduler();
    await scheduler.apply(defineJobs({ version: 1, jobs: [job("goes"), job("stays")] }));
    await scheduler.schedule("task", job("own"));
    const before = await stored(cluster.namespace);
    const next = defineJobs({ version: 2, jobs: [job("stays"), job("own")] });
    const dry = await scheduler.apply(next, { dryRun: true });
    expect(dry).toMatchObject({
      ...{ added: [], updated: ["own"], unchanged: ["stays"], removed: ["goes"] },
      set: { name: "default", version: 2, before: 1 },
      changes: [
        { id: "own", outcome: "updated", fields: [{ field: "set", from: undefined, to: "default" }] },
        {
          id: "goes",
          outcome: "removed",
          fields: expect.arrayContaining([{ field: "set", from: "default", to: undefined }]),
        },
      ],
    });
    expect(await stored(cluster.namespace)).toEqual(before);
    await scheduler.apply(next);
    const older = defineJobs({ version: 1, jobs: [job("goes")] });
    await expect(scheduler.apply(older, { dryRun: true })).rejects.toMatchObject({
      code: "STALE_JOB_SET",
      stored: 2,
    });
    const forced = await scheduler.apply(older, { dryRun: true, force: true });
    expect(forced.removed.toSorted()).toEqual(["own", "stays"]);
  });

  test("shows that a parked job would be defined anew", async () => {
    await using cluster = new Cluster(server);
    const scheduler = cluster.scheduler();
    await scheduler.schedule("task", job("stuck"));
    const redis = server.client();
    const { prefix } = cluster.keysOf("stuck");
    await redis.hset(`${prefix}state`, "stuck", "1 1700000000000 no more fire times");
    await redis.zadd(`${prefix}parked`, 1, "stuck");
    const { changes } = await scheduler.apply([job("stuck")], { dryRun: true });
    const fields = [{ field: "state", from: "parked", to: "scheduled" }];
    expect(changes).toEqual([{ id: "stuck", outcome: "updated", fields }]);
  });
});
