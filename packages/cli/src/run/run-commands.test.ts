import {
  createScheduler,
  type DeadLetter,
  NonRetriableError,
  type Run,
  type Scheduler,
} from "@escapement/core";
import { eventually, type JobStore, startJobStore, uniqueNamespace } from "@escapement/testing";
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { asJson, escapement, start } from "../../test/escapement.js";

// Several commands a test, each a process that takes a while to start on a busy machine.
vi.setConfig({ testTimeout: 90_000 });

let redis: JobStore;
let node: Scheduler;
let env: Record<string, string>;
let letGo: () => void;

beforeAll(async () => {
  redis = await startJobStore({ appendonly: "everysec" });
});
afterAll(() => redis.stop());

beforeEach(async () => {
  const namespace = uniqueNamespace("run");
  env = { ESCAPEMENT_REDIS_URL: redis.url, ESCAPEMENT_NAMESPACE: namespace, TZ: "UTC" };
  node = createScheduler({ redis: redis.url, namespace });
  const gate = new Promise<void>((resolve) => {
    letGo = resolve;
  });
  node.task("good", (run) => {
    run.log.info("one");
    run.log.warn("two \u001b[31m\u202e", { row: 2 });
    return run.input;
  });
  node.task("forger", (run) => run.log.info("one\n2026-11-21 08:00:00.000Z  info   all is well"));
  node.task("bad", () => {
    throw new NonRetriableError("no \u001b[31mway ".repeat(900));
  });
  node.task("slow", async (run) => {
    run.log.info("begun");
    const aborted = new Promise((_, reject) =>
      run.signal.addEventListener("abort", () => reject(run.signal.reason)),
    );
    await Promise.race([gate, aborted]);
    run.log.info("done");
  });
  await node.start();
  return () => {
    letGo(); // so that no handler is waited for
    return node.stop();
  };
});

const stateOf = async (id: string): Promise<string | undefined> => (await node.run(id).get())?.state;
const active = (id: string): Promise<boolean> => eventually(async () => (await stateOf(id)) === "active");
async function dead(count: number): Promise<string[]> {
  const runs = await node.enqueueMany(
    "bad",
    Array.from({ length: count }, () => ({})),
  );
  await eventually(async () => (await node.deadLetters()).length === count, { within: 15_000 });
  return runs.map(({ id }) => id);
}
const deadIds = async (): Promise<string[]> => (await node.deadLetters()).map(({ id }) => id);

describe("run enqueue", () => {
  test("queues a run of a task, and --wait tells what came of it", async () => {
    const args = ["run", "enqueue", "good", "--input", '{"a":[1]}', "--id", "import-1"];
    expect(await asJson<Run>([...args, "--wait"], env)).toMatchObject({
      id: "import-1",
      state: "succeeded",
      result: { a: [1] },
    });
    const later = await escapement(
      ["run", "enqueue", "good", "--at", "2100-01-01 09:00", "--queue", "q", "--retry", "2"],
      env,
    );
    expect(later).toMatchObject({ code: 0, err: "" });
    const run = await node.run(later.out).get();
    expect(run).toMatchObject({
      state: "scheduled",
      task: "good",
      scheduledAt: new Date("2100-01-01T09:00:00Z"),
    });
    const failed = await escapement(["run", "enqueue", "bad", "--wait"], env);
    expect(failed.code).toBe(1);
    expect(failed.out).toMatch(/^state +failed$/m);
    expect(failed.out).not.toContain("\u001b");
  });

  test("refuses what it cannot use, and queues nothing", async () => {
    const wrong = [
      ["a b"],
      ["good", "--id", "{x}"],
      ["good", "--input", "{"],
      ["good", "--at", "2100-01-01", "--delay", "1h"],
    ];
    for (const args of wrong)
      expect([args, (await escapement(["run", "enqueue", ...args], env)).code]).toEqual([args, 2]);
    expect([...(await node.unfinishedRuns({ task: "good" })), ...(await node.finishedRuns("good"))]).toEqual(
      [],
    );
  });
});

describe("run list", () => {
  test("shows what runs now and the dead letters, when nothing else is asked for", async () => {
    const [failed = ""] = await dead(1);
    const { id } = await node.enqueue("slow");
    await active(id);
    const runs = await asJson<Run[]>(["run", "list"], env);
    expect(runs.map((run) => [run.id, run.state])).toEqual([
      [id, "active"],
      [failed, "failed"],
    ]);
    const { out } = await escapement(["run", "list"], env);
    expect(out.split("\n").filter((line) => line.length > 80)).toEqual([]);
    expect(out).toMatch(/no \\x1b/);
    const states = async (...args: string[]): Promise<string[]> =>
      (await asJson<Run[]>(["run", "list", ...args], env)).map(({ state }) => state);
    expect(await states("--state", "failed")).toEqual(["failed"]);
    expect(await states("--task", "slow", "--state", "active")).toEqual(["active"]);
    expect(await states("--task", "slow", "--state", "succeeded")).toEqual([]);
  });
});

describe("run cancel", () => {
  test("cancels runs with a reason, and says which had ended", async () => {
    const [{ id }, ended] = [await node.enqueue("slow"), await node.enqueue("good")];
    await ended.result({ timeout: 10_000 });
    await active(id);
    const said = await escapement(["run", "cancel", id, ended.id, "nope", "--reason", "wrong rates"], env);
    expect(said).toMatchObject({ code: 1, out: `Cancelled ${id}.` });
    expect(said.err.split("\n")).toEqual([
      `escapement: Run ${ended.id} had ended already.`,
      expect.stringContaining("There is no run nope"),
    ]);
    await eventually(async () => (await stateOf(id)) === "cancelled");
    expect((await node.run(id).get())?.reason).toBe("wrong rates");
  });

  test("refuses an id that cannot be before it cancels any, and a reason of 10 KB", async () => {
    const { id } = await node.enqueue("slow");
    await active(id);
    for (const args of [
      [id, "a b"],
      [id, "\u001b[31m"],
      [id, "x".repeat(10_240)],
      [id, "--reason", "x".repeat(10_240)],
    ]) {
      const said = await escapement(["run", "cancel", ...args], env);
      expect([args[1]?.slice(0, 9), said.code, said.err.includes("\u001b")]).toEqual([
        args[1]?.slice(0, 9),
        2,
        false,
      ]);
    }
    expect(await stateOf(id)).toBe("active");
    letGo();
  });
});

describe("dead letters", () => {
  test("are listed on 80 columns, retried one by one, redriven, and removed after a look", async () => {
    const [first = "", ...others] = await dead(3);
    const listed = await escapement(["run", "dead"], env);
    expect(listed.out.split("\n").filter((line) => line.length > 80)).toEqual([]);
    expect(listed.out).toMatch(
      new RegExp(`^${first} +default +\\d{4}-\\d\\d-\\d\\d \\d\\d:\\d\\d\n  no `, "m"),
    );
    expect(await asJson<DeadLetter[]>(["run", "dead", "--queue", "other"], env)).toEqual([]);

    await node.stop();
    const retried = await escapement(["run", "retry", first, "nope"], env);
    expect(retried).toMatchObject({
      code: 1,
      out: `Queued ${first}.`,
      err: expect.stringMatching(/not among the dead/),
    });
    await using client = createScheduler({ redis: redis.url, namespace: node.namespace });
    const left = async (): Promise<string[]> => (await client.deadLetters()).map(({ id }) => id).sort();
    expect(await left()).toEqual(others.toSorted());

    const dry = await asJson<{ id: string }[]>(["run", "redrive", "--limit", "1", "--dry-run"], env);
    expect(await left()).toEqual(others.toSorted());
    expect(await asJson(["run", "redrive", "--limit", "1"], env)).toEqual(dry);
    expect(await left()).toEqual(others.filter((id) => id !== dry[0]?.id));
  });

  test("are not removed by number without --yes", async () => {
    const ids = await dead(2);
    expect((await escapement(["run", "dead", "remove", "--dry-run", "--yes"], env)).out).toMatch(
      /Dry run, nothing was removed: 2 runs\.$/,
    );
    expect(await escapement(["run", "dead", "remove"], env)).toMatchObject({
      code: 2,
      err: expect.stringContaining("--yes"),
    });
    expect((await deadIds()).sort()).toEqual(ids.toSorted());
    expect((await escapement(["run", "dead", "remove", "--limit", "1"], env)).code).toBe(0);
    expect(await deadIds()).toHaveLength(1);
    expect((await escapement(["run", "dead", "remove", "--queue", "other", "--yes"], env)).code).toBe(0);
    expect(await deadIds()).toHaveLength(1);
  });
});

describe("run logs", () => {
  test("shows the lines, and the last few of them", async () => {
    const run = await node.enqueue("good", { input: 1 });
    await run.result({ timeout: 10_000 });
    await eventually(async () => (await run.logs()).length === 2);
    const { out } = await escapement(["run", "logs", run.id], env);
    expect(out.split("\n")).toEqual([
      expect.stringMatching(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}Z {2}info {3}one$/),
      expect.stringMatching(/ {2}warn {3}two \\x1b\[31m\\u202e \{"row":2\}$/),
    ]);
    expect(await asJson(["run", "logs", run.id, "-n", "1"], env)).toMatchObject([
      { level: "warn", fields: { row: 2 } },
    ]);
    expect(await escapement(["run", "logs", "nope"], env)).toMatchObject({
      code: 1,
      err: expect.stringContaining("There is no run nope"),
    });
  });

  test("--follow goes on until the run has ended", async () => {
    const run = await node.enqueue("slow");
    await active(run.id);
    await using following = await start(["run", "logs", run.id, "--follow"], env);
    await following.waitForLine(/begun/);
    letGo();
    await following.waitForLine(/done/);
    expect(await following.exited).toEqual({ code: 0, signal: null });
  });

  test("--follow ends well at Ctrl-C, as events --follow does", async () => {
    const run = await node.enqueue("slow");
    await active(run.id);
    await using following = await start(["run", "logs", run.id, "--follow"], env);
    await following.waitForLine(/begun/);
    following.kill("SIGINT");
    expect(await following.exited).toEqual({ code: 0, signal: null });
  });

  test("indents further lines of a message, so that none passes for a line of the log", async () => {
    const run = await node.enqueue("forger");
    await run.result({ timeout: 10_000 });
    await eventually(async () => (await run.logs()).length === 1);
    const { out } = await escapement(["run", "logs", run.id], env);
    expect(out.split("\n")).toEqual([
      expect.stringMatching(/ {2}info {3}one$/),
      "    2026-11-21 08:00:00.000Z  info   all is well",
    ]);
  });
});
