import { aclRules } from "@escapement/redis";
import { partitionOf } from "@escapement/redis/internal";
import { eventually, type JobStore, onEach, startJobStore } from "@escapement/testing";
import { every, once } from "@escapement/triggers";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { callsOf } from "../test/calls.js";
import { Cluster } from "../test/cluster.js";
import { later } from "../test/store-bench.js";
import {
  defineJobs,
  type JobOptions,
  NonRetriableError,
  type PartlyWrittenError,
  type Scheduler,
} from "./index.js";

let server: JobStore;
beforeAll(async () => {
  server = await startJobStore();
});
afterAll(() => server.stop());

const partitions = 4;
const ids: readonly string[] = Array.from({ length: 20 }, (_, at) => `job-${at}`);
const job = (id: string, more: Partial<JobOptions> = {}): JobOptions & { task: string } => ({
  task: "task",
  id,
  trigger: later,
  ...more,
});
const idsOf = async (scheduler: Scheduler): Promise<string[]> => {
  const found: string[] = [];
  for await (const { id } of scheduler.jobs()) found.push(id);
  return found.sort();
};

describe("what is wrong in a call", () => {
  test("is one typed error, the same as with one partition, though no Redis answers", async () => {
    await using cluster = new Cluster(server);
    const away = { redis: "redis://127.0.0.1:1", deadline: 300 };
    const calls: readonly ((scheduler: Scheduler) => unknown)[] = [
      (one) => one.schedule("a b", job("a")),
      (one) => one.schedule("task", job("a b")),
      (one) => one.schedule("task", undefined as never),
      (one) => one.schedule("task", { id: "a", colour: 1 } as never),
      (one) => one.schedule("task", job("a", { priority: 1001 })),
      (one) => one.apply(undefined as never),
      (one) => one.apply([null] as never),
      (one) => one.apply({ jobs: null } as never),
      (one) => one.apply({ name: "a", version: -1, jobs: [] }),
      (one) => one.apply([], { force: true } as never),
      (one) => one.apply(Array.from({ length: 3 }) as never),
      (one) => one.apply([...ids.map((id) => job(id)), job("last", { priority: 1.5 })]),
      (one) => one.apply([job("a"), job("b"), job("a")]),
      (one) => one.enqueue("task", { delay: "soon" }),
      (one) => one.enqueueMany("task", [{}, { id: "a@b" }]),
      (one) => one.enqueueMany("task", [{}, { colour: 1 } as never]),
      (one) => one.enqueueMany("a b", []),
      (one) => one.jobs({ state: "happy" as never }),
      (one) => one.group({}),
      (one) => one.group({ tag: "t" }).update({ colour: 1 } as never),
      (one) => one.finishedRuns("task", 0),
      (one) => one.unfinishedRuns({} as never),
      (one) => one.deadLetters({ limit: 1001 }),
      (one) => one.redrive({ queue: "a b" }),
      (one) => one.removeDeadLetters({ limit: 0 }),
      (one) => one.activeRuns(0),
      (one) => one.nextFireTimes({ count: 0 }),
      (one) => one.events({ since: "x" }),
      (one) => one.resignLeader({ timeout: "soon" }),
    ];
    const said = async (scheduler: Scheduler, call: (scheduler: Scheduler) => unknown): Promise<unknown> => {
      try {
        await call(scheduler);
      } catch (error) {
        const { code, message } = error as { code: string; message: string };
        return { code, message };
      }
      return "nothing";
    };
    const [single, several] = [cluster.scheduler(away), cluster.scheduler({ ...away, partitions })];
    for (const call of calls) {
      const given = await said(several, call);
      expect(given, String(call)).toMatchObject({ code: expect.stringMatching(/^INVALID_/) });
      // With one partition the store is asked for the time before runs are looked at; ids of events are others.
      if (!/since|enqueue/.test(String(call))) expect(given, String(call)).toEqual(await said(single, call));
    }
  });
});

describe("apply", () => {
  test("names a job by its place in the caller's list, and writes none if one cannot be in its partition", async () => {
    await using cluster = new Cluster(server);
    const client = cluster.scheduler({ partitions });
    // What only the store knows: a job that is there already.
    await client.schedule("task", job("job-13"));
    const jobs = ids.map((id) => job(id, id === "job-13" ? { onConflict: "error" } : {}));
    const set = { name: "set", version: 1, jobs: ids.map((id) => job(id)) };
    await client.apply({ name: "other", version: 1, jobs: [job("job-7")] });
    await expect(client.apply(set)).rejects.toMatchObject({
      code: "JOB_OF_ANOTHER_SET",
      message: /^jobs\[7\]/,
    });
    await expect(client.apply(jobs, { dryRun: true })).rejects.toMatchObject({
      code: "JOB_EXISTS",
      message: /^jobs\[13\]/,
    });
    const never = jobs.map((one, at) =>
      at === 17 ? { ...one, trigger: once(new Date(0)) } : { ...one, onConflict: "replace" as const },
    );
    await expect(client.apply(never, { dryRun: true })).rejects.toThrow(/^jobs\[17\]/);
    expect(await idsOf(client)).toEqual(["job-13", "job-7"]);
  });

  test("tells of all partitions as of one: in order, with what was pruned, dry or not", async () => {
    await using cluster = new Cluster(server);
    const client = cluster.scheduler({ partitions });
    const jobs = ids.map((id) => job(id, { tags: ["t"] }));
    expect(await client.apply(jobs, { dryRun: true })).toMatchObject({
      added: ids,
      changes: ids.map((id) => expect.objectContaining({ id })),
    });
    expect(await idsOf(client)).toEqual([]);
    expect(await client.apply(jobs)).toEqual({ added: ids, updated: [], unchanged: [], removed: [] });
    const some = jobs.slice(5).map((one, at) => (at % 2 === 0 ? { ...one, priority: 3 } : one));
    const expected = {
      added: [],
      updated: some.filter((_, at) => at % 2 === 0).map(({ id }) => id),
      unchanged: some.filter((_, at) => at % 2 === 1).map(({ id }) => id),
    };
    for (const dryRun of [true, false]) {
      const { removed, ...rest } = await client.apply(some, { prune: { tag: "t" }, dryRun });
      expect(rest).toMatchObject(expected);
      expect([...removed].sort()).toEqual(ids.slice(0, 5));
    }
    expect(await idsOf(client)).toEqual(ids.slice(5).sort());
    expect(await client.apply([])).toEqual({ added: [], updated: [], unchanged: [], removed: [] });
  });

  test("of a set removes what it does not declare in whichever partition, and refuses an older version in all", async () => {
    await using cluster = new Cluster(server);
    const client = cluster.scheduler({ partitions });
    const set = (version: number, some: readonly string[]): ReturnType<typeof defineJobs> =>
      defineJobs({ name: "set", version, jobs: some.map((id) => job(id)) });
    expect(await client.apply(set(1, ids))).toMatchObject({
      added: ids,
      set: { name: "set", version: 1, before: undefined },
    });
    const report = await client.apply(set(2, ids.slice(0, 1)));
    expect([...report.removed].sort()).toEqual(ids.slice(1).sort());
    expect(report.set).toEqual({ name: "set", version: 2, before: 1 });
    await expect(client.apply(set(1, ids))).rejects.toMatchObject({ code: "STALE_JOB_SET" });
    expect(await idsOf(client)).toEqual(["job-0"]);
  });
});

describe("enqueueMany", () => {
  test("answers in order, and queues an id that is given twice once", async () => {
    await using cluster = new Cluster(server);
    const client = cluster.scheduler({ partitions });
    const runs = [...ids, "job-3", "job-4"].map((id) => ({ id: `run-${id}`, delay: "1h" }));
    const handles = await client.enqueueMany("task", runs);
    expect(handles.map(({ id }) => id)).toEqual(runs.map(({ id }) => id));
    expect((await client.load()).waiting).toBe(ids.length);
    const unnamed = await client.enqueueMany(
      "task",
      Array.from({ length: 30 }, () => ({ delay: "1h" })),
    );
    expect(unnamed.map(({ id }) => id)).toEqual(unnamed.map(({ id }) => id).sort());
    expect(await client.enqueueMany("task", [])).toEqual([]);
  });

  test("that one partition refuses says how many are written, and the same call with its ids does the rest", async () => {
    await using cluster = new Cluster(server);
    const { namespace } = cluster;
    const all = cluster.scheduler({ partitions });
    await all.schedule("task", job("any"));
    const rules = aclRules({ namespace, role: "node", partitions }).map((rule) =>
      rule.replace("[1-9]}", "[13]}"),
    );
    const set = ["SETUSER", "limited", "on", ">pass", ...rules] as const;
    await onEach(server, (redis) => redis.acl(...set));
    const redis = server.url.replace("://", "://limited:pass@");
    const limited = cluster.scheduler({ partitions, redis });
    const runs = Array.from({ length: 40 }, (_, input) => ({ input, delay: "1h" }));
    const error = (await limited
      .enqueueMany("task", runs)
      .catch((thrown: unknown) => thrown)) as PartlyWrittenError;
    expect(error).toMatchObject({ code: "PARTLY_WRITTEN", cause: { code: "REDIS_AUTH" } });
    const written = error.ids.filter((id) => partitionOf(id, partitions) !== 2).length;
    expect([error.ids.length, error.written]).toEqual([40, written]);
    expect((await all.load()).waiting).toBe(written);
    const handles = await all.enqueueMany(
      "task",
      runs.map((run, at) => ({ ...run, id: error.ids[at] ?? "" })),
    );
    expect(handles.map(({ id }) => id)).toEqual(error.ids);
    expect((await all.load()).waiting).toBe(40);
    const inputs = (await all.unfinishedRuns({ task: "task" })).map(({ id }) => id);
    expect(inputs.sort()).toEqual([...error.ids].sort());
  });
});

describe("what is read and taken of all partitions", () => {
  test("is in order, and no more than was asked for", { timeout: 60_000 }, async () => {
    await using cluster = new Cluster(server);
    const node = cluster.scheduler({ partitions });
    node.task("fails", () => {
      throw new NonRetriableError("as it must");
    });
    await node.start();
    for (let at = 0; at < 12; at += 1) {
      await node.enqueue("fails", { id: `dead-${at}` });
      await eventually(async () => (await node.deadLetters()).length === at + 1);
    }
    const all = Array.from({ length: 12 }, (_, at) => `dead-${at}`);
    expect((await node.deadLetters()).map(({ id }) => id)).toEqual(all);
    expect((await node.deadLetters({ limit: 5 })).map(({ id }) => id)).toEqual(all.slice(0, 5));
    expect((await node.finishedRuns("fails", 4)).map(({ id }) => id)).toEqual(all.slice(-4).reverse());
    expect(await node.removeDeadLetters({ limit: 3 })).toEqual(all.slice(0, 3));
    const before = (await node.deadLetters()).map(({ failedAt }) => failedAt);
    expect(await node.redrive({ limit: 4 })).toEqual(all.slice(3, 7));
    await eventually(async () => {
      const letters = await node.deadLetters();
      return (
        letters.length === 9 && letters.at(-1)?.failedAt !== before.at(-1) && (await node.load()).due === 0
      );
    });
    expect((await node.deadLetters({ limit: 5 })).map(({ id }) => id)).toEqual(all.slice(7));
    expect(await node.redrive({ queue: "none" })).toEqual([]);
  });

  test("are fire times merged by time, groups of all, and nodes and leaders by partition", async () => {
    await using cluster = new Cluster(server);
    const node = cluster.scheduler({ partitions });
    node.task("task", () => undefined);
    const start = Math.ceil(Date.now() / 3_600_000) * 3_600_000 + 86_400_000;
    await node.apply(
      ids.map((id, at) =>
        job(id, {
          tags: [at % 2 === 0 ? "even" : "odd"],
          trigger: every("1h", { from: new Date(start + at * 60_000) }),
        }),
      ),
    );
    const times = await node.nextFireTimes({ count: 25 });
    expect(times.map(({ jobId }) => jobId)).toEqual([...ids, ...ids].slice(0, 25));
    expect((await node.nextFireTimes()).map(({ jobId }) => jobId)).toEqual(ids);
    const { done, failed } = await node.group({ tag: "even" }).pause({ reason: "why" });
    expect([[...done].sort(), failed]).toEqual([ids.filter((_, at) => at % 2 === 0).sort(), []]);
    await node.group({ tag: "even" }).resume();
    const { runs } = await node.group({ tag: "odd" }).runNow();
    expect(new Set(runs).size).toBe(10);
    expect([node.partitions, await node.leaders()]).toEqual([4, []]);
    await node.start();
    const own = [0, 1, 2, 3];
    await eventually(async () => (await node.leaders()).length === partitions, { within: 10_000 });
    expect((await node.leaders()).map(({ partition, node: id }) => [partition, id])).toEqual(
      own.map((partition) => [partition, node.nodeId]),
    );
    expect(await node.nodes()).toMatchObject([{ id: node.nodeId, alive: true, partitions: own, leads: own }]);
  });

  test("are findings told once, with the partitions in which they are", { timeout: 60_000 }, async () => {
    await using cluster = new Cluster(server);
    const node = cluster.scheduler({ partitions });
    node.task("task", () => undefined);
    await node.start();
    await eventually(async () => (await node.leaders()).length === partitions, { within: 10_000 });
    await node.enqueue("nobody", { id: "of-nobody" });
    const place = partitionOf("of-nobody", partitions);
    const find = async (check: string): Promise<unknown[]> =>
      (await node.doctor()).filter((finding) => finding.check === check);
    await eventually(async () =>
      expect(await find("unclaimed")).toMatchObject(
        [
          { level: "error", message: expect.stringMatching(new RegExp(`^Partition ${place}: .*nobody`)) },
          { level: "ok", message: expect.stringMatching(/^Partitions \d, \d, \d: /) },
        ].sort((one) => (one.level === "ok" && place > 0 ? -1 : 1)),
      ),
    );
    for (const check of ["permissions", "connection", "version", "namespace", "nodes", "voters"])
      expect(await find(check), check).toMatchObject([{ message: expect.not.stringMatching(/^Partition/) }]);
  });
});

describe("who is set to another number of partitions than the namespace has", () => {
  test("reads nothing, and the doctor says why", async () => {
    await using cluster = new Cluster(server);
    await cluster.scheduler({ partitions }).apply(ids.map((id) => job(id)));
    for (const other of [1, 2, 8]) {
      const client = cluster.scheduler({ partitions: other });
      for (const call of [
        () => client.job("job-1").get(),
        () => client.job("job-1").history(),
        () => client.job("job-1").remove(),
        () => client.job("job-1").runNow(),
        () => client.run("job-1@1").get(),
        () => client.run("job-1@1").cancel(),
        () => idsOf(client),
        () => client.group({ match: "*" }).remove(),
        () => client.load(),
        () => client.nodes(),
        () => client.leaders(),
        () => client.pauses(),
        () => client.pause("all", { reason: "x" }),
        () => client.redrive(),
        () => client.nextFireTimes(),
        () => client.enqueue("task"),
        () => client.events().next(),
        () => client.events({ since: "start", follow: false }).next(),
      ])
        await expect(call(), `${other}: ${call}`).rejects.toMatchObject({ code: "PARTITION_MISMATCH" });
      const findings = await client.doctor();
      expect(findings.find(({ check }) => check === "namespace")).toMatchObject({
        level: "error",
        message: expect.stringMatching(/partitions 4/),
      });
    }
    expect((await idsOf(cluster.scheduler({ partitions }))).length).toBe(ids.length);
  });

  test("is found out once a process", async () => {
    await using cluster = new Cluster(server);
    await cluster.scheduler().schedule("task", job("any"));
    const client = cluster.scheduler();
    const calls = (): Promise<number> => callsOf(server, "hmget");
    const asked: number[] = [];
    for (let round = 0; round < 3; round += 1) {
      const before = await calls();
      await client.leader();
      asked.push((await calls()) - before);
    }
    expect(asked).toEqual([1, 0, 0]);
  });
});
