// The rules of docs/semantics.md that speak of the whole cluster, by the name of their row: each with several instances.
import { eventually, type JobStore, startJobStore } from "@escapement/testing";
import { cron, every } from "@escapement/triggers";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Cluster, gate, heard, idsTogether } from "../test/cluster.js";
import { all, clients, counted, is, nodesOf, team, times } from "../test/team.js";
import type { RunHandle } from "./index.js";

let server: JobStore;
beforeAll(async () => {
  server = await startJobStore();
});
afterAll(() => server.stop());

const job = { id: "job", trigger: every("1h") };

describe("id", () => {
  test("defined by three instances at once there is one job, and one of them has added it", async () => {
    await using cluster = new Cluster(server);
    const three = await clients(cluster);
    const added = three.map((one) => heard(one, "jobAdded"));
    const jobs = await Promise.all(three.map((one) => one.schedule("task", job)));
    expect(added.flat()).toHaveLength(1);
    expect(new Set(jobs.map(({ createdAt, version }) => `${createdAt.getTime()} ${version}`)).size).toBe(1);
    expect((await three[0]?.job("job").get())?.version).toBe(1);
  });
});

test("onConflict: error: of three instances that define it at once one succeeds", async () => {
  await using cluster = new Cluster(server);
  const three = await clients(cluster);
  const tried = await Promise.allSettled(
    three.map((one, priority) => one.schedule("task", { ...job, priority, onConflict: "error" })),
  );
  expect(tried.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
  for (const one of tried)
    if (one.status === "rejected") expect(one.reason).toMatchObject({ code: "JOB_EXISTS" });
});

test("id of a run: enqueued by three instances at once: it is queued once, and all have its result", async () => {
  await using cluster = new Cluster(server);
  let starts = 0;
  const { nodes } = await team(cluster, () => {
    starts += 1;
    return starts;
  });
  const runs = await Promise.all(nodes.map((node) => node.enqueue("task", { id: "one" })));
  expect(await all(runs)).toEqual([1, 1, 1]);
  const again = await Promise.all(nodes.map((node) => node.enqueue("task", { id: "one" })));
  const another = await nodes[0]?.enqueue("task", { priority: -1 });
  await another?.result({ timeout: 5000 });
  expect(await all(again)).toEqual([1, 1, 1]);
  expect(starts).toBe(2);
});

test("update: by three instances at once loses no change", async () => {
  await using cluster = new Cluster(server);
  const three = await clients(cluster);
  await three[0]?.schedule("task", { id: "job", trigger: every("1h") });
  const changes = [{ priority: 3 }, { timeout: 5000 }, { tags: ["a"] }];
  await Promise.all(three.map((one, index) => one.job("job").update(changes[index] ?? {})));
  expect(await three[0]?.job("job").get()).toMatchObject({
    version: 4,
    priority: 3,
    timeout: 5000,
    tags: ["a"],
  });
});

test("schedule, apply: prune by three instances at once removes each job once, and none that is declared", async () => {
  await using cluster = new Cluster(server);
  const three = await clients(cluster);
  const jobs = ["a", "b", "c"].map((id) => ({ id, task: "task", trigger: every("1h"), tags: ["set"] }));
  await three[0]?.apply(jobs);
  const reports = await Promise.all(three.map((one) => one.apply(jobs.slice(1), { prune: { tag: "set" } })));
  expect(reports.flatMap(({ removed }) => removed)).toEqual(["a"]);
  expect(reports.flatMap(({ added, updated }) => [...added, ...updated])).toEqual([]);
});

describe("limit", () => {
  const run = { concurrencyKey: "key", concurrencyLimit: 2 };
  test.each([
    ["scheduler", { limit: 2 }, {}],
    ["queue", { queues: [{ name: "default", limit: 2 }] }, {}],
    ["task", { task: { limit: 2 } }, {}],
    ["concurrencyKey", {}, run],
  ] as const)("of a %s: counted over all nodes", async (_, options, each) => {
    await using cluster = new Cluster(server);
    const { handler, most } = counted(15);
    const { client } = await team(cluster, handler, options);
    const runs = await client.enqueueMany("task", times(16, each));
    await all(runs);
    // Each node runs one at a time: two at once were on two nodes, and the third had to wait.
    expect(most()).toBe(2);
    expect((await nodesOf(runs)).size).toBeGreaterThan(1);
  });

  test("whenFull skip: the place that is taken may be on another node", async () => {
    await using cluster = new Cluster(server);
    const held = gate();
    const options = { limit: { max: 1, whenFull: "skip" } } as const;
    const { client } = await team(cluster, () => held.opened, options);
    const first = await client.enqueue("task");
    await is(first, "active");
    // Its node has no slot left: whoever skips the second one is another.
    const second = await client.enqueue("task");
    await is(second, "skipped");
    held.open();
    await first.result({ timeout: 5000 });
    await (await client.enqueue("task")).result({ timeout: 5000 });
  });
});

test.each([
  ["queue", { queues: [{ name: "default", rateLimit: { max: 2, per: 150 } }] }, {}],
  ["task", { task: { rateLimit: { max: 2, per: 150 } } }, {}],
  ["concurrencyKey", {}, { concurrencyKey: "key", rateLimit: { max: 2, per: 150 } }],
] as const)("rateLimit of a %s: counted over all nodes", async (_, options, each) => {
  await using cluster = new Cluster(server);
  const { client } = await team(cluster, () => new Promise((resolve) => setTimeout(resolve, 30)), options);
  const runs = await client.enqueueMany("task", times(8, each));
  await all(runs);
  const begun = await Promise.all(runs.map(async (run) => (await run.get())?.startedAt?.getTime() ?? 0));
  begun.sort((a, b) => a - b);
  for (const [index, start] of begun.entries())
    expect(start - (begun[index - 2] ?? 0), String(index)).toBeGreaterThanOrEqual(150);
  expect((await nodesOf(runs)).size).toBeGreaterThan(1);
});

test("priority: whichever node has a free slot takes the highest", async () => {
  await using cluster = new Cluster(server);
  const held = gate();
  const { client } = await team(cluster, (run) => (run.input === "busy" ? held.opened : undefined));
  const busy = await client.enqueueMany("task", times(3, { input: "busy" }));
  await Promise.all(busy.map((run) => is(run, "active")));
  // Priorities order what is of one partition.
  const options = idsTogether(8).map((id, index) => ({ id, priority: index < 4 ? -1 : 1 }));
  const low = await client.enqueueMany("task", options.slice(0, 4));
  const high = await client.enqueueMany("task", options.slice(4));
  held.open();
  await all([...low, ...high]);
  const tokens = async (runs: readonly RunHandle[]): Promise<bigint[]> =>
    Promise.all(runs.map(async (run) => (await run.get())?.fencingToken ?? 0n));
  const [highs, lows] = [await tokens(high), await tokens(low)];
  expect(highs.every((token) => lows.every((other) => token < other))).toBe(true);
});

describe("overlap", () => {
  const trigger = cron("@yearly");

  test("skip: a run on one node keeps the others from starting another", async () => {
    await using cluster = new Cluster(server);
    const held = gate();
    const { nodes, client } = await team(cluster, () => held.opened);
    await client.schedule("task", { id: "job", trigger });
    const first = await client.job("job").runNow();
    await is(first, "active");
    const others = await Promise.all(nodes.map((node) => node.job("job").runNow()));
    await Promise.all(others.map((run) => is(run, "skipped")));
    held.open();
  });

  test("allow: runs of a job run on several nodes at once", async () => {
    await using cluster = new Cluster(server);
    const held = gate();
    const { nodes, client } = await team(cluster, () => held.opened);
    await client.schedule("task", { id: "job", trigger, overlap: "allow" });
    const runs = await Promise.all(nodes.map((node) => node.job("job").runNow()));
    await Promise.all(runs.map((run) => is(run, "active")));
    expect((await nodesOf(runs)).size).toBe(3);
    held.open();
  });

  test("queue-one: one waits, whichever node has the other; those after it are skipped", async () => {
    await using cluster = new Cluster(server);
    const held = gate();
    const { nodes, client } = await team(cluster, () => held.opened);
    await client.schedule("task", { id: "job", trigger, overlap: "queue-one" });
    const first = await client.job("job").runNow();
    await is(first, "active");
    const others = await Promise.all(nodes.map((node) => node.job("job").runNow()));
    const states = async (): Promise<string> =>
      (await Promise.all(others.map(async (run) => (await run.get())?.state))).sort().join();
    await eventually(async () => (await states()) === "ready,skipped,skipped");
    held.open();
    await eventually(async () => (await states()) === "skipped,skipped,succeeded");
    const next = (await client.job("job").history({ limit: 1 }))[0];
    expect(next?.startedAt?.getTime()).toBeGreaterThanOrEqual(
      (await first.get())?.finishedAt?.getTime() ?? 0,
    );
  });

  test("queue-all: one after the other, whichever node takes them", async () => {
    await using cluster = new Cluster(server);
    const { handler, most } = counted(10);
    const { nodes, client } = await team(cluster, handler);
    await client.schedule("task", { id: "job", trigger, overlap: "queue-all" });
    const runs = await Promise.all([...nodes, ...nodes, ...nodes].map((node) => node.job("job").runNow()));
    await all(runs);
    expect(most()).toBe(1);
  });

  test.each(["cancel-running", "replace"] as const)(
    "%s: the run that is asked to end may be on another node than the next",
    async (overlap) => {
      await using cluster = new Cluster(server);
      const ended = gate();
      const { client } = await team(
        cluster,
        async (run) => {
          if (run.input === "second") return;
          await new Promise((resolve) => run.signal.addEventListener("abort", resolve));
          // Its node stays busy until the other one has ended, unless that is to wait for it.
          if (overlap === "replace") await ended.opened;
          throw run.signal.reason;
        },
        { abortGrace: "10s" },
      );
      await client.schedule("task", { id: "job", trigger, overlap });
      const first = await client.job("job").runNow();
      await is(first, "active");
      const node = (await first.get())?.node;
      await client.job("job").update({ input: "second" });
      const second = await client.job("job").runNow();
      await second.result({ timeout: 5000 });
      ended.open();
      await is(first, "cancelled");
      expect((await first.get())?.reason).toBe("overlap");
      if (overlap === "replace") expect((await second.get())?.node).not.toBe(node);
    },
  );
});

test("maxRuns: counted over all nodes", async () => {
  await using cluster = new Cluster(server);
  let starts = 0;
  const { client } = await team(cluster, async () => {
    starts += 1;
    await new Promise((resolve) => setTimeout(resolve, 40));
  });
  await client.schedule("task", { id: "job", trigger: every("15ms"), overlap: "allow", maxRuns: 7 });
  await eventually(async () => (await client.job("job").history()).length >= 7);
  await eventually(async () => (await client.job("job").get())?.state === "exhausted");
  expect(starts).toBe(7);
  expect((await client.job("job").get())?.startedRuns).toBe(7);
});

test("every, after completion: the next one comes after the end, on whichever node that was", async () => {
  await using cluster = new Cluster(server);
  const { handler, most } = counted(20);
  const { client } = await team(cluster, handler);
  await client.schedule("task", {
    id: "job",
    trigger: every("30ms", { after: "completion" }),
    overlap: "allow",
  });
  await eventually(async () => (await client.job("job").history()).length >= 8, { within: 10_000 });
  await client.job("job").remove();
  const runs = (await client.job("job").history()).toReversed();
  for (const [index, run] of runs.entries()) {
    const before = runs[index - 1]?.finishedAt?.getTime() ?? 0;
    if (index > 0) expect(run.scheduledAt.getTime()).toBe(before + 30);
  }
  expect(most()).toBe(1);
});

describe("runNow, result, progress", () => {
  test("asked for by a client, read by every instance", async () => {
    await using cluster = new Cluster(server);
    const held = gate();
    const { nodes, client } = await team(cluster, async (run) => {
      await run.progress({ done: 1 });
      await held.opened;
      return { answer: 42 };
    });
    await client.schedule("task", { id: "job", trigger: cron("@yearly") });
    const { id } = await client.job("job").runNow();
    const readers = [...nodes, client].map((one) => one.run(id));
    for (const reader of readers)
      await eventually(async () => JSON.stringify((await reader.get())?.progress) === '{"done":1}');
    const results = all(readers);
    held.open();
    expect(await results).toEqual(times(4, { answer: 42 }));
  });
});

test("cancel: from any instance, the node that runs it included", async () => {
  await using cluster = new Cluster(server);
  const { nodes, client } = await team(cluster, async (run) => {
    await new Promise((resolve) => run.signal.addEventListener("abort", resolve));
    throw run.signal.reason;
  });
  for (const [index, asker] of [...nodes, client].entries()) {
    const run = await client.enqueue("task");
    await is(run, "active");
    expect(await asker.run(run.id).cancel({ reason: `by ${index}` })).toBe(true);
    await is(run, "cancelled");
    expect((await run.get())?.reason).toBe(`by ${index}`);
  }
});

test("retry: the next attempt is had on another node when the first one's has left", async () => {
  await using cluster = new Cluster(server);
  const { nodes, client } = await team(cluster, (run) => {
    if (run.attempt === 1) throw new Error("not here");
    return run.attempt;
  });
  const run = await client.enqueue("task", { retry: { attempts: 2, backoff: "2s" } });
  await is(run, "waiting-retry");
  const first = (await run.get())?.attempts[0]?.node;
  await nodes.find(({ nodeId }) => nodeId === first)?.stop();
  expect(await run.result({ timeout: 10_000 })).toBe(2);
  expect((await run.get())?.attempts.map(({ node }) => node === first)).toEqual([true, false]);
});

test("dead letters: redriven by three instances at once, a run has one further attempt", async () => {
  await using cluster = new Cluster(server);
  const starts: string[] = [];
  const { nodes, client } = await team(cluster, (run) => {
    starts.push(`${run.id}#${run.attempt}`);
    if (run.attempt === 1) throw new Error("not yet");
  });
  const runs = await client.enqueueMany("task", times(6, {}));
  await Promise.all(runs.map((run) => is(run, "failed")));
  const redriven = (await Promise.all(nodes.map((node) => node.redrive()))).flat();
  expect(redriven.toSorted()).toEqual(runs.map(({ id }) => id).sort());
  await Promise.all(runs.map((run) => is(run, "succeeded")));
  expect(new Set(starts).size).toBe(12);
  expect(starts).toHaveLength(12);
});

test("backfill: asked for by a client, one fire time after the other, whichever node takes them", async () => {
  await using cluster = new Cluster(server);
  const order: number[] = [];
  const { handler, most } = counted(10);
  const { client } = await team(cluster, (run) => {
    order.push(run.scheduledAt.getTime());
    return handler(run);
  });
  await client.schedule("task", { id: "job", trigger: every("1h", { from: "2020-01-01T00:00:00Z" }) });
  const runs = await client.job("job").backfill({ from: "2020-03-01T00:00:00Z", to: "2020-03-01T07:00:00Z" });
  await all(runs);
  expect(most()).toBe(1);
  expect(order).toEqual(order.toSorted((a, b) => a - b));
  expect(order).toHaveLength(8);
});

test("remove: from one instance takes back what waits on all, and lets what runs go on", async () => {
  await using cluster = new Cluster(server);
  const held = gate();
  const { nodes, client } = await team(cluster, () => held.opened);
  await client.schedule("task", { id: "job", trigger: cron("@yearly"), overlap: "queue-all" });
  const runs = [await client.job("job").runNow(), await client.job("job").runNow()];
  await eventually(async () => (await client.activeRuns()).length === 1);
  const [active] = await client.activeRuns(); // either, where both were asked for within one millisecond
  const first = runs.find(({ id }) => id === active?.id);
  const second = runs.find(({ id }) => id !== active?.id);
  expect(await nodes[2]?.job("job").remove()).toBe(true);
  expect(await nodes[1]?.job("job").remove()).toBe(false);
  held.open();
  await first?.result({ timeout: 5000 });
  expect([first?.id, await second?.get()]).toEqual([active?.id, undefined]);
});
