// Pauses of a namespace of several partitions: what the first of them says holds in all.
import { eventually, type JobStore, startJobStore } from "@escapement/testing";
import { every } from "@escapement/triggers";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { heard } from "../test/cluster.js";
import { Spread } from "../test/spread.js";
import type { PauseTarget } from "./pause.js";

let server: JobStore;
beforeAll(async () => {
  server = await startJobStore();
});
afterAll(() => server.stop());

const reason = { reason: "maintenance" };

/** All fire times of these jobs that have started lie a step apart, none is missing, and each started once. */
function expectWhole(spread: Spread, ids: readonly string[], step: number): void {
  for (const id of ids) {
    const times = spread.starts
      .flatMap(({ run }) => (run.startsWith(`${id}@`) ? [Number(run.slice(id.length + 1))] : []))
      .sort((one, other) => one - other);
    const all = times.map((_, index) => Number(times[0]) + index * step);
    expect(times, id).toEqual(all);
  }
}

/** Sets the key, and waits until long after nothing may begin any more. Answers what has begun too late. */
async function lateUnder(spread: Spread, key: string, isNamed: (run: string) => boolean): Promise<string[]> {
  await spread.redis.set(key, "by an operator");
  const at = performance.now();
  await spread.passes(2500);
  return spread.starts.filter((start) => isNamed(start.run) && start.at > at + 1000).map(({ run }) => run);
}

describe("a key that an operator sets in partition 0", () => {
  const names: Record<string, (spread: Spread, node: string | undefined) => string> = {
    all: () => "all",
    tag: () => "tag:emea",
    queue: () => "queue:default",
    task: () => "task:task",
    job: (spread) => `job:${spread.id("job", 5)}`,
    node: (_, node) => `node:${node}`,
  };
  for (const [kind, nameOf] of Object.entries(names))
    test(`${kind}: nothing begins a second after it; what was held back goes on after its end, whole, and once`, async () => {
      await using spread = new Spread(server);
      const node = await spread.node();
      if (kind !== "node") await spread.node();
      const ids = kind === "job" ? [spread.id("job", 5)] : spread.ids("job");
      const name = nameOf(spread, node.nodeId);
      const options = { trigger: every("250ms"), tags: ["emea"], overlap: "allow" } as const;
      for (const id of ids)
        await node.schedule("task", { id, ...options, misfire: { grace: "1h", catchUp: "all" } });
      const other = kind === "job" ? [spread.id("other", 5)] : [];
      for (const id of other)
        await node.schedule("task", { id, ...options, misfire: { grace: "1h", catchUp: "all" } });
      const begun = (id: string): number =>
        spread.starts.filter(({ run }) => run.startsWith(`${id}@`)).length;
      await eventually(() => [...ids, ...other].every((id) => begun(id) >= 2), { within: 10_000 });
      const before = other.map(begun);
      const isNamed = (run: string): boolean => ids.some((id) => run.startsWith(`${id}@`));
      expect(await lateUnder(spread, spread.pause(name), isNamed)).toEqual([]);
      for (const [at, id] of other.entries()) expect(begun(id)).toBeGreaterThan(Number(before[at]) + 3);
      const held = ids.map(begun);
      await spread.redis.del(spread.pause(name));
      await eventually(() => ids.every((id, at) => begun(id) > Number(held[at]) + 12), { within: 10_000 });
      expectWhole(spread, [...ids, ...other], 250);
      await eventually(async () => (await spread.pausedIn(name)).length === 0);
    });

  test("runs that are enqueued wait, and one that ends by itself lets them go", async () => {
    await using spread = new Spread(server);
    const node = await spread.node();
    const before = performance.now();
    await spread.redis.set(spread.pause("queue:default"), "for a moment", "PX", 1500);
    const runs = await node.enqueueMany(
      "task",
      Array.from({ length: 40 }, () => ({})),
    );
    await eventually(async () => (await spread.redis.exists(spread.pause("queue:default"))) === 0);
    await Promise.all(runs.map((run) => run.result({ timeout: 5000 })));
    expect(spread.starts.map(({ run }) => run).sort()).toEqual(runs.map(({ id }) => id).sort());
    expect(Math.min(...spread.starts.map(({ at }) => at)) - before).toBeGreaterThan(1490);
  });
});

test("what an operator has just set shows at once, and its end as well, though nothing has noticed either", async () => {
  await using spread = new Spread(server);
  const client = spread.scheduler();
  const id = spread.id("job", 6);
  await client.schedule("task", { id, trigger: every("1h"), tags: ["emea"] });
  for (const name of ["tag:emea", `job:${id}`, "all"]) {
    await spread.redis.set(spread.pause(name), "by an operator", "PX", 60_000);
    const pause = { target: name, reason: "by an operator", until: expect.any(Date) };
    expect(await client.job(id).get()).toMatchObject({ state: "paused", pauses: [pause] });
    expect(await client.pauses()).toMatchObject([pause]);
    await expect(client.job(id).runNow()).rejects.toMatchObject({ code: "JOB_PAUSED" });
    await spread.redis.del(spread.pause(name));
    expect(await client.job(id).get()).toMatchObject({ state: "scheduled", pauses: [] });
    expect(await client.pauses()).toEqual([]);
  }
});

describe("pause, resume", () => {
  const targets: PauseTarget[] = ["all", { tag: "emea" }, { queue: "default" }, { task: "task" }];
  for (const target of targets)
    test(`${JSON.stringify(target)} hold and let go in all partitions, and are told of once`, async () => {
      await using spread = new Spread(server);
      const node = await spread.node();
      const ids = spread.ids("job");
      // None of its fire times is near.
      const trigger = every("1h", { from: new Date(Date.now() - 37_800_000) });
      for (const id of ids) await node.schedule("task", { id, trigger, tags: ["emea"] });
      const past = { from: new Date(Date.now() - 5_000_000), to: new Date() };
      const [paused, resumed] = [heard(node, "paused"), heard(node, "resumed")];
      const runs: string[] = [];
      await node.pause(target, reason);
      const name = target === "all" ? "all" : Object.entries(target).flat().join(":");
      expect(await spread.pausedIn(name)).toHaveLength(8);
      for (const id of ids) {
        expect(await node.job(id).get()).toMatchObject({ state: "paused", pauses: [reason] });
        await expect(node.job(id).runNow()).rejects.toMatchObject({ code: "JOB_PAUSED" });
        runs.push(...(await node.job(id).backfill(past)).map((run) => run.id));
      }
      expect(await node.pauses()).toMatchObject([{ target: name, ...reason }]);
      await eventually(async () => {
        const { due, paused } = await node.load();
        return due + paused >= runs.length;
      });
      expect(spread.starts).toEqual([]);
      expect(await node.resume(target)).toBe(true);
      expect(await spread.pausedIn(name)).toEqual([]);
      await eventually(() => spread.starts.length === runs.length);
      expect(spread.starts.map(({ run }) => run).sort()).toEqual(runs.sort());
      expect(await node.resume(target)).toBe(false);
      expect([paused.length, resumed.length]).toEqual([1, 1]);
    });
});
