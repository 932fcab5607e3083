// Rules about a run: what it is given, how long it may take, which states it goes through. By the name of their row.
import { eventually, type JobStore, startJobStore } from "@escapement/testing";
import { cron, once } from "@escapement/triggers";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Cluster, gate } from "../test/cluster.js";
import { all, is, team } from "../test/team.js";
import type { Run, RunHandle } from "./index.js";

let server: JobStore;
beforeAll(async () => {
  server = await startJobStore();
});
afterAll(() => server.stop());

const trigger = cron("@yearly");

describe("input", () => {
  const schema = {
    "~standard": {
      version: 1 as const,
      vendor: "test",
      validate: (value: unknown) =>
        typeof value === "string"
          ? { value: value.toUpperCase() }
          : { issues: [{ message: "must be text" }] },
    },
  };

  test("a schema is asked where the task is known when a job is defined or changed, or a run is enqueued", async () => {
    await using cluster = new Cluster(server);
    const { nodes, client } = await team(cluster, () => undefined, { task: { input: schema } });
    const refused = { code: "INVALID_INPUT", path: "input" };
    for (const node of nodes) {
      await expect(node.schedule("task", { id: "job", trigger, input: 7 })).rejects.toMatchObject(refused);
      await expect(node.enqueue("task", { input: 7 })).rejects.toMatchObject(refused);
    }
    expect(await client.job("job").get()).toBeUndefined();
    await nodes[0]?.schedule("task", { id: "job", trigger, input: "text" });
    await expect(nodes[1]?.job("job").update({ input: 7 })).rejects.toMatchObject(refused);
    // What it makes of an input is the handler's; stored is what was given.
    expect(await client.job("job").get()).toMatchObject({ version: 1, input: "text" });
    expect(await client.unfinishedRuns({ task: "task" })).toEqual([]);
  });

  test("it is asked again before each attempt, whose handler gets what it answers", async () => {
    await using cluster = new Cluster(server);
    const seen: unknown[] = [];
    const task = { input: schema };
    const { client } = await team(cluster, ({ input }) => seen.push(input), { task });
    // Defined by somebody who does not know the task, nor what it takes.
    await client.schedule("task", { id: "good", trigger, input: "text" });
    await client.schedule("task", { id: "bad", trigger, input: 7 });
    await (await client.job("good").runNow()).result({ timeout: 5000 });
    const bad = await client.job("bad").runNow();
    await is(bad, "failed");
    expect((await bad.get())?.error).toMatchObject({ code: "INVALID_INPUT" });
    expect(seen).toEqual(["TEXT"]);
  });
});

test("metadata, tags: come back as they were in every process, and find the job", async () => {
  await using cluster = new Cluster(server);
  const [writer, reader] = [cluster.scheduler(), cluster.scheduler()];
  const metadata = { owner: "ops", list: [1, null, { deep: true }] };
  await writer.schedule("task", { id: "one", trigger, tags: ["emea", "daily"], metadata });
  await writer.schedule("task", { id: "two", trigger, tags: ["daily"] });
  expect(await reader.job("one").get()).toMatchObject({ metadata, tags: ["emea", "daily"] });
  const found = async (tag: string): Promise<string[]> => {
    const ids: string[] = [];
    for await (const { id } of reader.jobs({ tag })) ids.push(id);
    return ids.sort();
  };
  expect([await found("emea"), await found("daily"), await found("none")]).toEqual([
    ["one"],
    ["one", "two"],
    [],
  ]);
  await writer.job("one").update({ tags: ["daily"] });
  expect(await found("emea")).toEqual([]);
});

describe("timeout", () => {
  test("aborts the signal, and after the grace frees slot and places, though the handler goes on", async () => {
    await using cluster = new Cluster(server);
    const held = gate();
    const aborted: unknown[] = [];
    const handler = async ({ input, signal }: { input: unknown; signal: AbortSignal }): Promise<unknown> => {
      if (input !== "stuck") return "went on";
      signal.addEventListener("abort", () => aborted.push(signal.reason));
      return held.opened;
    };
    // Nobody has another slot, and there is one place in the cluster.
    const { client } = await team(cluster, handler, { limit: 3 });
    const stuck = await client.enqueueMany(
      "task",
      [1, 2, 3].map(() => ({ input: "stuck", timeout: 100 })),
    );
    await Promise.all(stuck.map((run) => is(run, "active")));
    const others = await client.enqueueMany("task", [{}, {}, {}]);
    expect(await all(others)).toEqual(["went on", "went on", "went on"]);
    for (const run of stuck) expect(await run.get()).toMatchObject({ state: "timed-out", attempt: 1 });
    expect(aborted).toMatchObject([1, 2, 3].map(() => ({ code: "RUN_TIMEOUT" })));
    // What the handlers answer now is of no account.
    held.open();
    expect(await Promise.all(stuck.map(async (run) => (await run.get())?.state))).not.toContain("succeeded");
  });
});

/** One place in the whole cluster. */
const one = { limit: { max: 1, whenFull: "wait" } } as const;

describe("limit", () => {
  test("whenFull wait: a fire time waits until its misfire grace, a run that was enqueued for as long as it takes", async () => {
    await using cluster = new Cluster(server);
    const held = gate();
    const { client } = await team(cluster, ({ input }) => (input === "busy" ? held.opened : "went on"), one);
    const busy = await client.enqueue("task", { input: "busy" });
    await is(busy, "active");
    const enqueued = await client.enqueue("task");
    const at = once("now");
    await client.schedule("task", { id: "gives-up", trigger: at, misfire: { grace: 300, catchUp: "none" } });
    await client.schedule("task", { id: "waits", trigger: at, misfire: { grace: "1h" } });
    for (const job of ["gives-up", "waits"])
      await eventually(async () => (await client.unfinishedRuns({ job })).length === 1);
    const over = Date.now() + 400;
    await eventually(() => Date.now() > over);
    expect((await enqueued.get())?.state).toBe("ready");
    expect(await client.job("waits").history()).toEqual([]);
    held.open();
    expect(await enqueued.result({ timeout: 5000 })).toBe("went on");
    await eventually(async () => (await client.job("waits").history())[0]?.state === "succeeded");
    await eventually(async () => (await client.job("gives-up").history())[0]?.state === "missed");
    expect(await client.job("gives-up").history()).toHaveLength(1);
  });
});

test("runNow: a run by hand needs a place as well", async () => {
  await using cluster = new Cluster(server);
  const held = gate();
  const { client } = await team(cluster, ({ input }) => (input === "busy" ? held.opened : "went on"), one);
  const busy = await client.enqueue("task", { input: "busy" });
  await is(busy, "active");
  await client.schedule("task", { id: "job", trigger });
  const next = (await client.job("job").get())?.nextFireTime;
  const byHand = await client.job("job").runNow();
  await is(byHand, "ready");
  await (await client.enqueue("other")).cancel();
  expect((await byHand.get())?.state).toBe("ready");
  held.open();
  expect(await byHand.result({ timeout: 5000 })).toBe("went on");
  expect((await client.job("job").get())?.nextFireTime).toEqual(next);
});

describe("states", () => {
  test("each of them is reached, and read alike by all", async () => {
    await using cluster = new Cluster(server);
    const held = gate();
    const { nodes, client } = await team(
      cluster,
      async ({ input, signal }) => {
        if (input === "fails") throw new Error("on purpose");
        if (input !== "waits") return;
        await Promise.race([
          held.opened,
          new Promise((resolve) => signal.addEventListener("abort", resolve)),
        ]);
        signal.throwIfAborted();
      },
      { concurrency: 10 },
    );
    const reads = async (run: RunHandle, state: Run["state"], more: object = {}): Promise<void> => {
      await is(run, state);
      for (const one of [...nodes, client])
        expect(await one.run(run.id).get()).toMatchObject({ id: run.id, state, ...more });
    };
    await reads(await client.enqueue("task", { delay: 60_000 }), "scheduled", { attempts: [] });
    await reads(await client.enqueue("unknown"), "ready", { unclaimed: true });
    const active = await client.enqueue("task", { input: "waits" });
    await reads(active, "active", { attempt: 1 });
    const retry = { attempts: 2, backoff: "1h" } as const;
    await reads(await client.enqueue("task", { input: "fails", retry }), "waiting-retry", { attempt: 1 });
    await reads(await client.enqueue("task"), "succeeded");
    await reads(await client.enqueue("task", { input: "fails" }), "failed");
    await reads(await client.enqueue("task", { input: "waits", timeout: 50 }), "timed-out");
    const cancelled = await client.enqueue("task", { input: "waits" });
    await cancelled.cancel({ reason: "changed my mind" });
    await reads(cancelled, "cancelled", { reason: "changed my mind" });

    await client.schedule("task", { id: "job", trigger, input: "waits" });
    await is(await client.job("job").runNow(), "active");
    await reads(await client.job("job").runNow(), "skipped", { reason: "overlap", attempts: [] });
    held.open();
    await reads(active, "succeeded");
  });

  test("missed: read with its reason", async () => {
    await using cluster = new Cluster(server);
    const client = cluster.scheduler();
    const redis = server.client();
    const { clock } = cluster.keysOf("job");
    const at = Date.UTC(2090, 0, 1);
    await redis.set(clock, at - 1);
    await client.schedule("task", { id: "job", trigger: once(at, at + 60_000) });
    await redis.set(clock, at + 61_000 + 60_000);
    await team(cluster, () => undefined);
    const fired = await eventually(async () => {
      const entries = await client.job("job").history();
      expect(entries).toHaveLength(2);
      return entries;
    });
    expect(fired.map(({ state, reason }) => [state, reason]).sort()).toEqual([
      ["missed", "misfire"],
      ["succeeded", undefined],
    ]);
    redis.disconnect();
  });

  test("lost: read with the node that had it", async () => {
    await using cluster = new Cluster(server);
    const held = gate();
    const { nodes, client } = await team(cluster, () => held.opened);
    const lost = await client.enqueue("task", { delivery: "at-most-once" });
    await is(lost, "active");
    const node = (await lost.get())?.node;
    await nodes.find(({ nodeId }) => nodeId === node)?.stop({ timeout: 1 });
    await is(lost, "lost");
    expect(await lost.get()).toMatchObject({ attempts: [{ state: "lost", node }] });
    held.open();
  });
});
