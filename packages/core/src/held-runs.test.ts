import { execFileSync } from "node:child_process";
import { eventually, type JobStore, startJobStore, startProxy, startVoters } from "@escapement/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Cluster, gate, heard, idsTogether, many } from "../test/cluster.js";
import { Ahead } from "./ahead.js";
import type { Claimed } from "./claim.js";
import type { RunHandle } from "./index.js";
import type { Logger } from "./logger.js";

let server: JobStore;
beforeAll(async () => {
  server = await startJobStore();
});
afterAll(() => server.stop());

/** Longer, in ms, than a run may have been claimed for when it begins. */
const tooLong = 150;

/** Computes for so many ms, and lets nothing else be done meanwhile. */
function block(ms: number): void {
  const until = performance.now() + ms;
  while (performance.now() < until);
}

/** What another process does: it waits until all of these runs are claimed, and sets a pause. */
const pausing = `
  import { createScheduler } from "@escapement/core";
  const [options, ...runs] = JSON.parse(process.argv[1]);
  const client = createScheduler(options);
  for (const run of runs) while ((await client.run(run).get()).state !== "active");
  await client.pause("all", { reason: "while the loop was blocked" });
  await client.stop();
`;

/** Blocks this process until another one has seen all of these runs claimed, and has set a pause. */
function blockUntilPaused(cluster: Cluster, handles: readonly RunHandle[]): void {
  const options = { redis: cluster.server.url, namespace: cluster.namespace };
  const given = JSON.stringify([options, ...handles.map(({ id }) => id)]);
  const args = ["--input-type=module", "--eval", pausing, given];
  execFileSync(process.execPath, args, { cwd: import.meta.dirname, timeout: 20_000 });
}

const statesOf = (handles: readonly RunHandle[]): Promise<(string | undefined)[]> =>
  Promise.all(handles.map(async (handle) => (await handle.get())?.state));

describe("a pause that is set after runs were claimed, and before they begin", () => {
  test("keeps those from beginning that waited while a handler blocked the event loop, in this process and in its socket", async () => {
    await using cluster = new Cluster(server);
    const [node, client] = [cluster.scheduler({ concurrency: 4, nodeTtl: 60_000 }), cluster.scheduler()];
    const begun: string[] = [];
    const back = heard(node, "handedBack");
    // The first answer brings two; when the first of these begins, the request for two more is on its way.
    const handles = await client.enqueueMany(
      "task",
      idsTogether(4).map((id) => ({ id })),
    );
    node.task("task", ({ id, attempt }) => {
      begun.push(`${id}#${attempt}`);
      if (begun.length > 1) return;
      blockUntilPaused(cluster, handles);
      block(tooLong);
    });
    await node.start();
    const states = ["ready", "ready", "ready", "succeeded"];
    await eventually(async () => expect((await statesOf(handles)).sort()).toEqual(states), {
      within: 20_000,
    });
    expect(begun).toHaveLength(1);
    expect(new Set(back.map(({ runId }) => runId)).size).toBe(3);
    await client.resume("all");
    await Promise.all(handles.map((handle) => handle.result({ timeout: 10_000 })));
    expect(begun.sort()).toEqual(handles.map(({ id }) => `${id}#1`).sort());
  });

  test.each([false, true])(
    "keeps one from beginning of which the node hears only when it asks again, since the first answer was lost (voters: %s)",
    async (withVoters) => {
      await using proxy = await startProxy(server.url);
      await using voters = await startVoters(3);
      await using cluster = new Cluster(server);
      const node = cluster.scheduler({
        ...{ redis: proxy.url, roles: ["worker"], nodeTtl: 60_000, pollEvery: 60_000 },
        ...(withVoters && { voters: voters.urls }),
      });
      const client = cluster.scheduler();
      const begun: string[] = [];
      const back = heard(node, "handedBack");
      node.task("task", ({ id, attempt }) => {
        begun.push(`${id}#${attempt}`);
      });
      node.task("probe", () => undefined);
      await node.start();
      const [probe = "", id = ""] = idsTogether(2);
      await (await client.enqueue("probe", { id: probe })).result({ timeout: 5000 }); // now it asks for nothing until it is told
      await proxy.refuse(true);
      const answer = proxy.cutAfter("default@task");
      const handle = await client.enqueue("task", { id });
      await eventually(() => answer.hit !== undefined);
      expect(await handle.get()).toMatchObject({ state: "active", attempt: 1 });
      await client.pause("all", { reason: "before it asks again" });
      const paused = performance.now();
      await eventually(() => performance.now() - paused > tooLong);
      await proxy.refuse(false);
      await eventually(async () => (await handle.get())?.state === "ready");
      expect(begun).toEqual([]);
      expect(back.map(({ runId, attempt }) => [runId, attempt])).toEqual([[handle.id, 1]]);
      await client.resume("all");
      await handle.result({ timeout: 10_000 });
      expect(begun).toEqual([`${handle.id}#1`]);
    },
  );
});

test("what waits for a slot goes back by when it was claimed, not by when the node heard of it", () => {
  const late: string[] = [];
  const ahead = new Ahead((runs) => late.push(...runs.map(({ run }) => run)));
  const now = performance.now();
  ahead.add([{ run: "old" } as Claimed], now - tooLong);
  ahead.add([{ run: "new" } as Claimed], now + 10_000); // however slow this test is
  expect([ahead.next()?.run, ahead.next()?.run]).toEqual(["new", undefined]);
  expect(late).toEqual(["old"]);
});

test("a node whose connection has become slow begins what it is given all the same, though each answer comes late", async () => {
  await using proxy = await startProxy(server.url);
  await using cluster = new Cluster(server);
  const node = cluster.scheduler({ redis: proxy.url, roles: ["worker"], nodeTtl: 60_000 });
  const client = cluster.scheduler();
  const back = heard(node, "handedBack");
  node.task("task", ({ attempt }) => attempt);
  await node.start();
  const [first = "", second = ""] = idsTogether(2);
  expect(await (await client.enqueue("task", { id: first })).result({ timeout: 5000 })).toBe(1);
  proxy.slow({ least: tooLong, most: tooLong });
  expect(await (await client.enqueue("task", { id: second })).result({ timeout: 10_000 })).toBe(1);
  expect(back.length).toBeGreaterThan(0);
});

test("a node whose handlers block the event loop, each for far less than its lease, takes them one at a time and lives", async () => {
  await using cluster = new Cluster(server);
  const node = cluster.scheduler({ concurrency: 20, nodeTtl: 2000 });
  const [dead, lost, back] = [heard(node, "nodeDead"), heard(node, "lost"), heard(node, "handedBack")];
  const attempts: number[] = [];
  node.task("task", ({ attempt }) => {
    attempts.push(attempt);
    block(250);
  });
  // One answer brings ten of them: together they take longer than the lease.
  const handles = await node.enqueueMany(
    "task",
    idsTogether(12).map((id) => ({ id, maxLost: 0 })),
  );
  await node.start();
  await Promise.all(handles.map((handle) => handle.result({ timeout: 20_000 })));
  expect({ dead, lost, attempts }).toEqual({ dead: [], lost: [], attempts: Array(12).fill(1) });
  // Those of that answer, and of the one that was under way by then; each of the others is claimed once it can begin.
  expect(back.length).toBeLessThan(30);
});

test("the slot of a handler of an identity that is dead is the next one's as soon as that handler ends", async () => {
  await using proxy = await startProxy(server.url);
  await using cluster = new Cluster(server);
  // Neither a poll nor a look at what this node holds comes before the test is over.
  const rare = { nodeTtl: 20_000, pollEvery: 60_000 } as const;
  const node = cluster.scheduler({ ...rare, redis: proxy.url, roles: ["worker"], concurrency: 1 });
  const client = cluster.scheduler();
  const [started, release] = [gate(), gate()];
  node.task("former", async () => {
    started.open();
    await release.opened;
  });
  node.task("next", () => "begun");
  await node.start();
  const former = node.nodeId ?? "";
  await client.enqueue("former", { delivery: "at-most-once" });
  await started.opened;
  await server.client().zrem(`escapement:{${cluster.namespace}}:nodes`, former);
  proxy.cut(); // once it is back it asks at once whether it still has its lease
  await eventually(() => node.nodeId !== former, { within: 10_000 });
  const next = await client.enqueue("next");
  await expect(next.result({ timeout: 500 })).rejects.toMatchObject({ code: "RESULT_TIMEOUT" });
  release.open();
  expect(await next.result({ timeout: 5000 })).toBe("begun");
});

test("a logger that throws as it is told of a refused outcome keeps nothing from beginning that the same answer brought", async () => {
  await using cluster = new Cluster(server);
  const warnings: string[] = [];
  const logger: Logger = {
    debug: () => undefined,
    info: () => undefined,
    warn: (_: object, message?: string) => {
      warnings.push(message ?? "");
      throw new Error("the disk is full");
    },
    error: () => undefined,
    child: () => logger,
  };
  const node = cluster.scheduler({ roles: ["worker"], concurrency: 1, logger });
  const client = cluster.scheduler();
  const handles: RunHandle[] = [];
  const [forgotten = "", ...others] = idsTogether(3); // one answer is of one partition
  node.task("forgotten", async ({ id }) => {
    await server.client().hdel(cluster.keysOf(id).active(node.nodeId ?? ""), id);
    const next = others.map((other) => ({ id: other, delivery: "at-most-once" }) as const);
    handles.push(...(await client.enqueueMany("task", next)));
  });
  node.task("task", ({ attempt }) => attempt);
  await node.start();
  await client.enqueue("forgotten", { id: forgotten });
  await eventually(() => handles.length === 2);
  const results = await Promise.all(handles.map((handle) => handle.result({ timeout: 10_000 })));
  expect(results).toEqual([1, 1]);
  expect(warnings[0]).toMatch(/^the outcome was refused/);
});

test("where most slots are taken for long, no more is claimed ahead than the others work off", {
  timeout: 40_000,
}, async () => {
  await using cluster = new Cluster(server);
  const node = cluster.scheduler({ concurrency: 100, nodeTtl: 20_000 });
  const ends: (() => void)[] = [];
  let ended = 0;
  node.task("slow", () => new Promise<void>((resolve) => ends.push(resolve)));
  node.task("quick", async () => {
    await new Promise((resolve) => setTimeout(resolve, 2));
    ended += 1;
  });
  const back = heard(node, "handedBack");
  await node.enqueueMany("slow", many(95));
  await node.start();
  await eventually(() => ends.length === 95);
  await node.enqueueMany("quick", many(1500));
  await eventually(() => ended === 1500, { within: 30_000 });
  for (const end of ends) end();
  expect(back.length).toBeLessThan(300); // with all slots counted: thousands
});
