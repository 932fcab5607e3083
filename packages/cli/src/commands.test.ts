import {
  createScheduler,
  type Finding,
  type Job,
  type NodeInfo,
  type Run,
  type Scheduler,
  TaskFailure,
} from "@escapement/core";
import { eventually, type JobStore, startJobStore, startRedis, uniqueNamespace } from "@escapement/testing";
import { every } from "@escapement/triggers";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { asJson, escapement } from "../test/escapement.js";

let redis: JobStore;
let scheduler: Scheduler;
let env: { ESCAPEMENT_REDIS_URL: string; ESCAPEMENT_NAMESPACE: string };

beforeAll(async () => {
  redis = await startJobStore({ appendonly: "everysec" });
  const namespace = uniqueNamespace("cli");
  env = { ESCAPEMENT_REDIS_URL: redis.url, ESCAPEMENT_NAMESPACE: namespace };
  scheduler = createScheduler({ redis: redis.url, namespace });
  scheduler.task("add", (run) => {
    const { a, b } = run.input as { a: number; b: number };
    return { sum: a + b };
  });
  scheduler.task("fail", () => {
    throw new TaskFailure("no \u001b[31mway", { code: "NO_WAY", result: { tried: 2 } });
  });
  await scheduler.start();
  const trigger = every("1h");
  await scheduler.schedule("add", { id: "sums/one", trigger, input: { a: 1, b: 2 }, tags: ["sums"] });
  await scheduler.schedule("fail", { id: "fails", trigger, metadata: { owner: "ops" } });
  await scheduler.schedule("nobody", { id: "elsewhere", trigger, queue: "other" });
});
afterAll(async () => {
  await scheduler.stop();
  await redis.stop();
});

test("an empty ESCAPEMENT_VOTERS, as a shell makes of one that is not set, means that there are none", async () => {
  expect((await escapement(["leader"], { ...env, ESCAPEMENT_VOTERS: "" })).code).toBe(0);
  expect((await escapement(["leader"], { ...env, ESCAPEMENT_VOTERS: "redis://a,," })).code).toBe(2);
});

describe("job", () => {
  test("list shows jobs by id, filtered", async () => {
    const { out, code } = await escapement(["job", "list"], env);
    expect(code).toBe(0);
    expect(out.split("\n").map((line) => line.split(/ +/)[0])).toEqual([
      "ID",
      "elsewhere",
      "fails",
      "sums/one",
    ]);
    const ids = async (...args: string[]): Promise<string[]> =>
      (await asJson<Job[]>(["job", "list", ...args], env)).map(({ id }) => id);
    expect(await ids("--tag", "sums")).toEqual(["sums/one"]);
    expect(await ids("--queue", "other")).toEqual(["elsewhere"]);
    expect(await ids("--task", "fail", "--state", "scheduled")).toEqual(["fails"]);
    expect(await ids("--state", "parked")).toEqual([]);
  });

  test("show tells all of one, dates in ISO 8601", async () => {
    const job = await asJson<Record<string, unknown>>(["job", "show", "sums/one"], env);
    expect(job).toMatchObject({
      id: "sums/one",
      task: "add",
      input: { a: 1, b: 2 },
      description: expect.any(String),
    });
    expect(job["createdAt"]).toMatch(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/);
    const { out } = await escapement(["job", "show", "fails"], env);
    expect(out).toMatch(/^metadata +{"owner":"ops"}$/m);
  });

  test("next shows as many fire times as asked for", async () => {
    const times = await asJson<string[]>(["job", "next", "sums/one", "--count", "3"], env);
    expect(times).toHaveLength(3);
    expect(new Date(times[2] ?? 0).getTime() - new Date(times[0] ?? 0).getTime()).toBe(7_200_000);
  });

  test("run starts a run, and --wait tells how it ended", async () => {
    const { id } = await asJson<{ id: string }>(["job", "run", "sums/one"], env);
    expect(id).toMatch(/^sums\/one@\d+-\w+$/);
    const good = await asJson<Run>(["job", "run", "sums/one", "--wait"], env);
    expect(good).toMatchObject({ state: "succeeded", result: { sum: 3 } });
    const bad = await escapement(["job", "run", "fails", "--wait"], env);
    expect(bad.code).toBe(1);
    expect(bad.out).toMatch(/^error +NO_WAY: no \\x1b\[31mway$/m);
    expect(bad.out).toMatch(/^result +{"tried":2}$/m);
  });

  test("run --wait ends with RESULT_TIMEOUT when the run does not", async () => {
    const said = await escapement(["job", "run", "elsewhere", "--wait", "--timeout", "300ms", "--json"], env);
    expect(said.code).toBe(1);
    expect(JSON.parse(said.out)).toMatchObject({ error: { code: "RESULT_TIMEOUT" } });
  });

  test("remove removes it, once", async () => {
    await scheduler.schedule("add", { id: "short-lived", trigger: every("1h") });
    expect(await escapement(["job", "remove", "short-lived"], env)).toMatchObject({
      code: 0,
      out: "Removed short-lived.",
    });
    expect(await escapement(["job", "remove", "short-lived", "--json"], env)).toMatchObject({
      code: 1,
      err: `escapement: There is no job short-lived in namespace ${scheduler.namespace}.`,
      out: expect.stringContaining('"JOB_NOT_FOUND"'),
    });
  });
});

describe("run", () => {
  test("list shows unfinished runs, then finished ones, of a job", async () => {
    await asJson(["job", "run", "sums/one", "--wait"], env);
    const runs = await asJson<Run[]>(["run", "list", "--job", "sums/one"], env);
    expect(runs.filter(({ state }) => state === "succeeded").length).toBeGreaterThan(0);
    await scheduler.job("elsewhere").runNow();
    const waiting = await asJson<Run[]>(["run", "list", "--job", "elsewhere"], env);
    expect(waiting.map(({ state }) => state)).toContain("ready");
  });

  test("list shows the enqueued runs of a task, finished or not", async () => {
    await (await scheduler.enqueue("add", { input: { a: 2, b: 2 } })).result({ timeout: 10_000 });
    await scheduler.enqueue("add", { input: { a: 2, b: 3 }, delay: 3_600_000 });
    const runs = await asJson<Run[]>(["run", "list", "--task", "add"], env);
    expect(runs.map(({ state }) => state)).toEqual(["scheduled", "succeeded"]);
    expect(runs[1]?.result).toEqual({ sum: 4 });
  });

  test("show prints a fencing token as text, whole", async () => {
    const run = await asJson<Run>(["job", "run", "sums/one", "--wait"], env);
    const shown = await asJson<Run>(["run", "show", run.id], env);
    expect(shown.fencingToken).toMatch(/^\d+$/);
    expect(shown.fencingToken).toBe(String((await scheduler.run(run.id).get())?.fencingToken));
  });
});

describe("the cluster", () => {
  test("nodes and leader show who is there and who leads", async () => {
    const leader = await eventually(() =>
      // Of several partitions it is a list.
      asJson<{ node?: string } | { node: string }[]>(["leader"], env).then(
        (it) => (Array.isArray(it) ? it[0] : it)?.node ?? null,
      ),
    );
    expect(leader).toBe(scheduler.nodeId);
    const [node] = await asJson<(NodeInfo & { leader: boolean })[]>(["nodes"], env);
    expect(node).toMatchObject({ id: scheduler.nodeId, alive: true, leader: true, tasks: ["add", "fail"] });
  });

  test("doctor names what keeps runs from starting, and ends with exit code 1 for that", async () => {
    const quiet = { ...env, ESCAPEMENT_NAMESPACE: uniqueNamespace("cli") };
    const none = await escapement(["doctor"], quiet);
    expect(none.code).toBe(1);
    expect(none.out).toMatch(/^error +nodes: No node is running/m);
    expect(Math.max(...none.out.split("\n").map((line) => line.length))).toBeLessThanOrEqual(80);
    await using node = createScheduler({ redis: redis.url, namespace: quiet.ESCAPEMENT_NAMESPACE });
    await node.start();
    await eventually(async () => (await node.leader()) !== undefined);
    const said = await escapement(["doctor", "--json"], quiet);
    const findings = JSON.parse(said.out) as Finding[];
    expect(findings.filter(({ level }) => level === "error")).toEqual([]);
    expect(said.code).toBe(0);
  });

  test("doctor finds that Redis is not there, rather than failing for it, and shows no password", async () => {
    const said = await escapement(["doctor"], {
      ...env,
      ESCAPEMENT_REDIS_URL: "redis://:s3cret@127.0.0.1:1",
    });
    expect(said.out).toMatch(/^error +connection: .*There is no connection to Redis/m);
    expect([said.code, said.err]).toEqual([1, ""]);
    expect(said.out).not.toContain("s3cret");
  });

  test("doctor takes one voter that is down for a warning, two of three for an error", async () => {
    await using up = await startRedis();
    await using second = await startRedis();
    const namespace = uniqueNamespace("cli");
    await using node = createScheduler({ redis: redis.url, namespace });
    await node.start();
    await eventually(async () => (await node.leader()) !== undefined);
    const down = "redis://127.0.0.1:1";
    const doctor = (options: string[], ...voters: string[]): Promise<{ code: number | null; out: string }> =>
      escapement(["doctor", ...options], {
        ...env,
        ESCAPEMENT_NAMESPACE: namespace,
        ESCAPEMENT_VOTERS: voters.join(","),
      });
    const one = await doctor([], up.url, second.url, down);
    expect(one.out).toMatch(/^warning +voters:/m);
    expect(one.code).toBe(0);
    expect((await doctor(["--strict"], up.url, second.url, down)).code).toBe(1);
    const two = await doctor([], up.url, down, "redis://127.0.0.1:2");
    expect(two.out).toMatch(/^error +voters:/m);
    expect(two.code).toBe(1);
  });
});
