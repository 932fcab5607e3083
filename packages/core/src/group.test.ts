import { eventually, type JobStore, startJobStore } from "@escapement/testing";
import { cron, every } from "@escapement/triggers";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Cluster, heard } from "../test/cluster.js";
import type { JobDeclaration, Scheduler } from "./index.js";

let server: JobStore;
beforeAll(async () => {
  server = await startJobStore();
});
afterAll(() => server.stop());

const job = (id: string, options: Partial<JobDeclaration> = {}): JobDeclaration => {
  return { task: "task", id, trigger: every("1h"), ...options };
};
const many = (count: number, tag: string): JobDeclaration[] =>
  Array.from({ length: count }, (_, index) => job(`${tag}-${index}`, { tags: [tag] }));
const prioritiesOf = async (scheduler: Scheduler): Promise<Record<string, number>> => {
  const found: Record<string, number> = {};
  for await (const { id, priority } of scheduler.jobs()) found[id] = priority;
  return found;
};

describe("group", () => {
  test("is updated whole, over several pages, and others are left alone", async () => {
    await using cluster = new Cluster(server);
    const [one, other] = [cluster.scheduler(), cluster.scheduler()];
    await one.apply([...many(650, "a"), ...many(30, "b")]);
    const updated = heard(other, "jobUpdated");
    const { done, failed } = await other.group({ tag: "a" }).update({ priority: 5, tags: ["c"] });
    expect([done.length, new Set(done).size, failed]).toEqual([650, 650, []]);
    const priorities = await prioritiesOf(one);
    for (const [id, priority] of Object.entries(priorities))
      expect(priority).toBe(id.startsWith("a") ? 5 : 0);
    await eventually(() => expect(updated).toHaveLength(650));
  });

  test("of a queue, a task, a state, or all of them together: all that is given must hold", async () => {
    await using cluster = new Cluster(server);
    const scheduler = cluster.scheduler();
    await scheduler.apply([
      job("1", { queue: "slow", tags: ["t"] }),
      job("2", { queue: "slow" }),
      job("3", { task: "other", tags: ["t"] }),
    ]);
    const reached = async (filter: Parameters<Scheduler["group"]>[0]): Promise<string[]> =>
      (await scheduler.group(filter).update({ metadata: Math.random() })).done.toSorted();
    expect(await reached({ queue: "slow" })).toEqual(["1", "2"]);
    expect(await reached({ task: "other" })).toEqual(["3"]);
    expect(await reached({ tag: "t" })).toEqual(["1", "3"]);
    expect(await reached({ tag: "t", queue: "slow", task: "task", state: "scheduled" })).toEqual(["1"]);
    expect(await reached({ state: "exhausted" })).toEqual([]);
    expect(await reached({ tag: "nobody" })).toEqual([]);
  });

  test("tells those with which it failed, each with its error; they stay as they were, the others change", async () => {
    await using cluster = new Cluster(server);
    const scheduler = cluster.scheduler();
    await scheduler.apply([
      job("good", { tags: ["t"] }),
      job("bad", { tags: ["t"], startAt: "2095-01-01T00:00:00Z" }),
    ]);
    const { done, failed } = await scheduler.group({ tag: "t" }).update({ endAt: "2090-01-01T00:00:00Z" });
    expect(done).toEqual(["good"]);
    expect(failed).toMatchObject([{ id: "bad", error: { code: "INVALID_OPTION", path: "endAt" } }]);
    expect(await scheduler.job("bad").get()).toMatchObject({ version: 1, endAt: undefined });
    const none = await scheduler.group({ tag: "t" }).update({ priority: 5000 });
    expect(none.done).toEqual([]);
    expect(none.failed.map(({ id, error }) => [id, (error as { path?: string }).path]).toSorted()).toEqual([
      ["bad", "priority"],
      ["good", "priority"],
    ]);
    expect(await scheduler.job("good").get()).toMatchObject({ version: 2, priority: 0 });
  });

  test("is removed, and by two at once each job is told once", async () => {
    await using cluster = new Cluster(server);
    const [one, other] = [cluster.scheduler(), cluster.scheduler()];
    await one.apply([...many(250, "a"), ...many(3, "b")]);
    const reports = await Promise.all([one, other].map((each) => each.group({ tag: "a" }).remove()));
    expect(reports.flatMap(({ failed }) => failed)).toEqual([]);
    const done = reports.flatMap(({ done }) => done);
    expect([done.length, new Set(done).size]).toEqual([250, 250]);
    expect(Object.keys(await prioritiesOf(one)).sort()).toEqual(["b-0", "b-1", "b-2"]);
  });

  test("is run once, now, each job, and answers the runs", async () => {
    await using cluster = new Cluster(server);
    const [client, node] = [cluster.scheduler(), cluster.scheduler()];
    node.task("task", (run) => run.jobId);
    await client.apply([...many(12, "a"), ...many(2, "b")]);
    const { done, failed, runs } = await client.group({ tag: "a" }).runNow();
    expect(failed).toEqual([]);
    expect(runs.map((id) => id.split("@")[0])).toEqual(done);
    await node.start();
    const results = await Promise.all(runs.map((id) => client.run(id).result({ timeout: 10_000 })));
    expect(results).toEqual(done);
    expect(new Set(done).size).toBe(12);
    expect(await client.job("b-0").history()).toEqual([]);
  });

  test("is backfilled, each job by its own trigger; one with too many fire times fails alone", async () => {
    await using cluster = new Cluster(server);
    const scheduler = cluster.scheduler();
    await scheduler.apply([
      job("daily", { tags: ["t"], trigger: cron("0 9 * * *") }),
      job("secondly", { tags: ["t"], trigger: cron("* * * * * *") }),
    ]);
    const span = { from: "2020-03-01T00:00:00Z", to: "2020-03-03T00:00:00Z", max: 5 };
    const { done, failed, runs } = await scheduler.group({ tag: "t" }).backfill(span);
    expect(done).toEqual(["daily"]);
    expect(failed).toMatchObject([{ id: "secondly", error: { code: "INVALID_OPTION", path: "max" } }]);
    expect(runs).toHaveLength(2);
    expect(await scheduler.unfinishedRuns({ job: "daily" })).toHaveLength(2);
    expect(await scheduler.unfinishedRuns({ job: "secondly" })).toEqual([]);
  });
});
