import { createScheduler, type Scheduler } from "@escapement/core";
import { type JobStore, startJobStore, uniqueNamespace } from "@escapement/testing";
import { every } from "@escapement/triggers";
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { asJson, escapement } from "../test/escapement.js";

// Several commands a test, each a process that takes a while to start on a busy machine.
vi.setConfig({ testTimeout: 90_000 });

let redis: JobStore;
let node: Scheduler;
let env: Record<string, string>;

beforeAll(async () => {
  redis = await startJobStore({ appendonly: "everysec" });
});
afterAll(() => redis.stop());

beforeEach(async () => {
  const namespace = uniqueNamespace("absent");
  env = { ESCAPEMENT_REDIS_URL: redis.url, ESCAPEMENT_NAMESPACE: namespace, TZ: "UTC" };
  node = createScheduler({ redis: redis.url, namespace });
  node.task("mail", () => undefined);
  return () => node.stop();
});

const define = (id: string, task: string, queue = "default") =>
  node.schedule(task, { id, trigger: every("1h"), tags: ["emea"], queue });

describe("pausing what there is not", () => {
  const pause = (...targets: string[]) => escapement(["pause", ...targets, "--reason", "x"], env);
  const then = "; the pause is in place for when there is.";

  test("is warned of: each kind of target by what it lacks", async () => {
    await define("sync", "mail");
    const said = await pause("job:sink", "tag:emae", "queue:maill", "task:maill", "node:nobody");
    expect(said.code).toBe(0);
    expect(said.err.split("\n")).toEqual([
      `warning: there is no job sink now${then}`,
      `warning: no job has the tag emae now${then}`,
      `warning: no job is in the queue maill now, and no node serves it${then}`,
      `warning: no job is of the task maill now, and no node has it${then}`,
      `warning: there is no node nobody now${then}`,
    ]);
  });

  test("is not warned of where there is a job, or a node", async () => {
    await define("sync", "other", "slow");
    await node.start();
    const [{ id } = { id: "" }] = await node.nodes();
    const targets = ["all", "job:sync", "tag:emea", "queue:slow", "queue:default", "task:other", "task:mail"];
    expect(await pause(...targets, `node:${id}`)).toMatchObject({ code: 0, err: "" });
  });

  test("is warned of for all, in a namespace that was not meant", async () => {
    await define("sync", "mail");
    const namespace = uniqueNamespace("typo");
    const said = await escapement(["pause", "all", "--reason", "x", "--json"], {
      ...env,
      ESCAPEMENT_NAMESPACE: namespace,
    });
    expect(said.err).toBe(`warning: there is no job and no node in namespace ${namespace} now${then}`);
    expect(JSON.parse(said.out)).toMatchObject([{ target: "all", paused: true }]);
  });
});

describe("a task that no running node has", () => {
  const warning = "warning: no running node has a handler for it; it waits until one does.";

  test("is warned of when a run is asked for, and the run is queued", async () => {
    await node.start();
    await define("typo", "maill");
    for (const args of [
      ["run", "enqueue", "maill"],
      ["job", "run", "typo"],
    ]) {
      const said = await escapement(args, env);
      expect(said).toMatchObject({ code: 0, err: warning });
      expect(await node.run(said.out).get()).toMatchObject({ unclaimed: true });
    }
    expect(await escapement(["run", "enqueue", "mail"], env)).toMatchObject({ code: 0, err: "" });
    expect((await escapement(["run", "list", "--job", "typo"], env)).out).toContain(
      "no running node has a handler for it",
    );
  });

  test("stands in job show, as do a queue that none serves and that no node runs", async () => {
    await define("typo", "maill");
    await define("slow", "mail", "slow");
    await define("good", "mail");
    const row = async (id: string) =>
      (await escapement(["job", "show", id], env)).out.split("\n").find((line) => /^not served/.test(line));
    expect(await row("good")).toMatch(/^not served +no node with the role worker is running$/);
    await node.start();
    expect(await row("good")).toBeUndefined();
    const [{ id } = { id: "" }] = await node.nodes();
    await node.pause({ node: id }, { reason: "new kernel" });
    expect(await row("good")).toMatch(/^not served +each node that could run it is drained$/);
    expect(await row("typo")).toMatch(/^not served +no running node has a handler for the task maill$/);
    expect(await row("slow")).toMatch(
      /^not served +no running node that has the task mail serves the queue slow$/,
    );
    expect(await asJson(["job", "show", "slow"], env)).toMatchObject({
      notServed: "no running node that has the task mail serves the queue slow",
    });
  });
});

test("a job that there is not cannot be run, and the namespace is named", async () => {
  const said = await escapement(["job", "run", "nope"], env);
  expect(said).toMatchObject({
    code: 1,
    err: `escapement: There is no job nope in namespace ${env["ESCAPEMENT_NAMESPACE"]}.`,
  });
});

test.each([
  [["leader", "--timeout", "5s"], "escapement: --timeout needs --resign."],
  [["job", "run", "sync", "--timeout", "5s"], "escapement: --timeout needs --wait."],
])("%j would ignore an option, and is refused", async (args, err) => {
  expect(await escapement(args, env)).toEqual({ code: 2, out: "", err });
});
