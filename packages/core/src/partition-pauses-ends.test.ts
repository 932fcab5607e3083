// How pauses of a namespace of several partitions end, whoever dies half-way: what is said of it holds in all of them.
import { eventually, type JobStore, startJobStore } from "@escapement/testing";
import { every, once } from "@escapement/triggers";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { fast } from "../test/cluster.js";
import { schedulerProcess } from "../test/node-process.js";
import { Spread } from "../test/spread.js";
import type { Scheduler } from "./index.js";
import type { JobOptions } from "./job.js";
import { passOverPage } from "./pass-over.js";
import { copyPauses, notePauses, resume } from "./scripts/index.js";
import { Store } from "./store.js";

let server: JobStore;
beforeAll(async () => {
  server = await startJobStore();
});
afterAll(() => server.stop());

const reason = { reason: "maintenance" };

/** What became of the one fire time of each of these jobs: it ran, or was recorded as missed under the pause. */
async function outcomes(node: Scheduler, ids: readonly string[]): Promise<string[]> {
  const all = await Promise.all(ids.map((id) => node.job(id).history()));
  return all.map((runs) => runs.map(({ state, reason }) => reason ?? state).join());
}

/** A job in each partition, each with one fire time, which has come under a pause of their tag and is held back. */
async function heldBack(
  spread: Spread,
  node: Scheduler,
  options: Partial<JobOptions> = {},
): Promise<string[]> {
  const ids = spread.ids("job");
  const at = new Date(Date.now() + 1000);
  for (const id of ids)
    await node.schedule("task", {
      id,
      trigger: once(at),
      tags: ["emea"],
      misfire: { grace: "1h" },
      ...options,
    });
  await spread.redis.set(spread.pause("tag:emea"), JSON.stringify(reason)); // as by one who died before he had made copies
  await spread.passes(at.getTime() - Date.now() + 1500);
  expect(spread.starts).toEqual([]);
  return ids;
}

/** The store of a partition, as whoever resumes has it. */
function storeOf(spread: Spread, partition = 0, family?: readonly Store[]): Store {
  return new Store({
    redis: server.url,
    namespace: spread.cluster.namespace,
    partitions: spread.partitions,
    partition,
    ...(family !== undefined && { family }),
    retention: { runs: 100, enqueued: 1000, age: 3_600_000, logAge: 3_600_000 },
    deadline: 5000,
    leaseDeadline: 5000,
  });
}

describe("what was held back", () => {
  const ends: Record<
    string,
    [Partial<JobOptions>, (node: Scheduler, spread: Spread) => Promise<unknown>, string]
  > = {
    "resumed with what was missed": [
      { resumeFrom: "now" },
      (node) => node.resume({ tag: "emea" }, { from: "missed" }),
      "succeeded",
    ],
    "resumed from now": [{}, (node) => node.resume({ tag: "emea" }, { from: "now" }), "paused"],
    "resumed from a date to come": [
      {},
      (node) => node.resume({ tag: "emea" }, { from: new Date(Date.now() + 60_000) }),
      "paused",
    ],
    "resumed from a date in the past": [
      {},
      (node) => node.resume({ tag: "emea" }, { from: new Date(Date.now() - 60_000) }),
      "succeeded",
    ],
    "resumed, and nobody says from where: as the jobs say": [
      { resumeFrom: "now" },
      (node) => node.resume({ tag: "emea" }),
      "paused",
    ],
    "deleted by hand: as the jobs say": [
      { resumeFrom: "now" },
      (_, spread) => spread.redis.del(spread.pause("tag:emea")),
      "paused",
    ],
    "deleted by hand, of jobs that say nothing": [
      {},
      (_, spread) => spread.redis.del(spread.pause("tag:emea")),
      "succeeded",
    ],
    "expired: as the jobs say": [
      { resumeFrom: "now" },
      (_, spread) => spread.redis.pexpire(spread.pause("tag:emea"), 1),
      "paused",
    ],
  };
  for (const [how, [options, end, outcome]] of Object.entries(ends))
    test(`${how}: is ${outcome} in each partition, once`, async () => {
      await using spread = new Spread(server);
      const node = await spread.node();
      const ids = await heldBack(spread, node, options);
      await end(node, spread);
      await eventually(async () => {
        expect(await outcomes(node, ids)).toEqual(ids.map(() => outcome));
      });
      expect(spread.starts).toHaveLength(outcome === "succeeded" ? 8 : 0);
      expect(await spread.pausedIn("tag:emea")).toEqual([]);
    });

  test("resume dies once the truth is gone: what it had said holds in each partition, and the copies go", async () => {
    await using spread = new Spread(server);
    const node = await spread.node();
    const ids = await heldBack(spread, node, { resumeFrom: "now" });
    using store = closing(storeOf(spread));
    const { prefix: _, ...keys } = store.keys;
    const args = {
      ...store.told,
      ...store.founding,
      name: "tag:emea",
      said: JSON.stringify({ from: "missed", by: "ops" }),
      batch: 500,
      again: 0,
    };
    await resume.run(store.commands, { keys, args });
    await eventually(async () => {
      expect(await outcomes(node, ids)).toEqual(ids.map(() => "succeeded"));
    });
    await eventually(async () => (await spread.pausedIn("tag:emea")).length === 0);
    // What was said is not taken for what is said of another pause.
    await node.pause({ tag: "emea" }, reason);
    expect(await spread.redis.exists(store.keys.resumed("tag:emea"))).toBe(0);
  });

  test("a leader killed when the pause ends: the next one lets it go, in each partition", async () => {
    await using spread = new Spread(server);
    const { logger: _, ...options } = fast;
    const leads = {
      ...options,
      redis: server.url,
      namespace: spread.cluster.namespace,
      partitions: 8,
      pollEvery: 60_000,
    };
    const leader = await schedulerProcess("node", { ...leads, roles: ["leader"] });
    await leader.waitForLine(/^started/);
    const node = await spread.node({ roles: ["worker"] });
    const ids = await heldBack(spread, node, { resumeFrom: "now" });
    expect(await spread.pausedIn("tag:emea")).toHaveLength(8);
    leader.kill();
    await leader.exited;
    await spread.redis.del(spread.pause("tag:emea"));
    const others = await spread.pausedIn("tag:emea");
    expect(others).toHaveLength(7);
    await spread.scheduler({ roles: ["leader"] }).start();
    await eventually(
      async () => {
        expect(await outcomes(node, ids)).toEqual(ids.map(() => "paused"));
      },
      { within: 10_000 },
    );
    expect(await spread.pausedIn("tag:emea")).toEqual([]);
  });
});

/** What `close` ends, for `using`. */
function closing(store: Store): Store & Disposable {
  return Object.assign(store, { [Symbol.dispose]: () => store.close() });
}

describe("a job that pauses itself", () => {
  async function broken(spread: Spread): Promise<{ readonly node: Scheduler; readonly id: string }> {
    const node = await spread.node({}, () => true);
    const id = spread.id("job", 3);
    await node.schedule("task", { id, trigger: every("100ms"), pauseAfterFailures: 2, overlap: "allow" });
    await eventually(async () => (await node.job(id).get())?.state === "errored", { within: 10_000 });
    return { node, id };
  }

  test("is told of in partition 0, once; goes on when its key there is deleted, and may pause itself again", async () => {
    await using spread = new Spread(server);
    const { node, id } = await broken(spread);
    const key = spread.pause(`job:${id}`);
    await eventually(async () => (await spread.redis.exists(key)) === 1);
    expect(JSON.parse(String(await spread.redis.get(key)))).toMatchObject({ by: "escapement", failures: 2 });
    expect((await node.job(id).get())?.pauses).toMatchObject([{ by: "escapement", failures: 2 }]);
    expect(await node.pauses()).toMatchObject([{ target: `job:${id}`, failures: 2 }]);
    const before = spread.starts.length;
    const [said] = [await spread.redis.get(key)];
    await spread.redis.del(key);
    await eventually(() => spread.starts.length >= before + 2);
    await eventually(async () => ![null, said].includes(await spread.redis.get(key)));
    const seen: string[] = [];
    for await (const event of node.events({ since: "start" })) {
      if ("target" in event) seen.push(event.type);
      if (seen.length === 3) break;
    }
    expect(seen).toEqual(["paused", "resumed", "paused"]);
    const own = JSON.stringify(await spread.redis.xrange(`${spread.prefix(3)}events`, "-", "+"));
    expect(own).toMatch(/autoPaused /);
    expect(own).not.toMatch(/(paused|resumed) job:/);
  });

  test("can be resumed as soon as it has been told of, before partition 0 has heard of it", async () => {
    await using spread = new Spread(server);
    const id = spread.id("job", 3);
    const node = await spread.node({}, () => true);
    const resumed: Promise<boolean>[] = [];
    node.on("autoPaused", () => resumed.push(node.job(id).resume()));
    await node.schedule("task", { id, trigger: every("100ms"), pauseAfterFailures: 2, overlap: "allow" });
    await eventually(() => resumed.length >= 3, { within: 10_000 });
    expect(await Promise.all(resumed.slice(0, 3))).toEqual([true, true, true]);
  });

  test("takes its key in partition 0 along when it is removed, but not one that somebody else has set", async () => {
    await using spread = new Spread(server);
    const { node, id } = await broken(spread);
    const key = spread.pause(`job:${id}`);
    await eventually(async () => (await spread.redis.exists(key)) === 1);
    await node.job(id).remove();
    await eventually(async () => (await spread.redis.exists(key)) === 0);
    await spread.redis.del(spread.pause(`job:${id}`, 3));
    await node.schedule("task", { id, trigger: every("100ms"), pauseAfterFailures: 2, overlap: "allow" });
    await eventually(async () => (await spread.redis.exists(key)) === 1);
    await spread.redis.set(key, "by an operator");
    await node.job(id).remove();
    await spread.passes(1500);
    expect(await spread.redis.get(key)).toBe("by an operator");
  });

  test("and is carried to partition 0 by a leader who dies before that is noted: the next one does not set it again", async () => {
    await using spread = new Spread(server);
    const { node, id } = await broken(spread);
    const [name, key] = [`job:${id}`, spread.pause(`job:${id}`)];
    await eventually(async () => (await spread.redis.hlen(`${spread.prefix(3)}carry`)) === 0);
    const said = `+${await spread.redis.get(key)}`;
    await node.job(id).update({ trigger: every("1h"), pauseAfterFailures: 1000 });
    await spread.redis.del(key);
    await eventually(async () => (await spread.pausedIn(name)).length === 0);
    await spread.redis.hset(`${spread.prefix(3)}carry`, name, said); // it is not known to have been carried
    await eventually(async () => (await spread.redis.hlen(`${spread.prefix(3)}carry`)) === 0);
    expect(await spread.pausedIn(name)).toEqual([]);
  });
});

test("a pause that would end by itself does not while fire times are passed over in another partition", async () => {
  await using spread = new Spread(server);
  const client = spread.scheduler();
  const id = spread.id("job", 1);
  await client.schedule("task", { id, trigger: every("1h"), tags: ["emea"] });
  await client.pause({ tag: "emea" }, { ...reason, for: 10_000 });
  const family: Store[] = [];
  using home = closing(storeOf(spread, 0, family));
  using own = closing(storeOf(spread, 1, family));
  family.push(home, own);
  const how = { name: "tag:emea", before: Date.now(), all: true };
  expect(await passOverPage(own, how, "0")).toBeUndefined();
  expect(await spread.redis.pttl(spread.pause("tag:emea"))).toBeGreaterThan(20_000);
  await spread.redis.del(spread.pause("tag:emea"));
  expect(await passOverPage(own, how, "0")).toBe(false); // though there is a copy
});

test("a key in a further partition is no truth: it goes, and what it held back goes on", async () => {
  await using spread = new Spread(server);
  const node = await spread.node();
  const id = spread.id("job", 2);
  await spread.redis.set(spread.pause(`job:${id}`, 2), "by somebody who has read half of the page");
  await node.schedule("task", { id, trigger: once(Date.now() + 300) });
  await eventually(() => spread.starts.length === 1);
  expect(await spread.pausedIn(`job:${id}`)).toEqual([]);
});

test("an end that is moved in partition 0 holds in the others", async () => {
  await using spread = new Spread(server);
  const node = await spread.node();
  const id = spread.id("job", 4);
  await node.job(id).pause({ ...reason, for: 1000 });
  await spread.redis.persist(spread.pause(`job:${id}`));
  await node.schedule("task", { id, trigger: once(Date.now() + 100), misfire: { grace: "1h" } });
  await spread.passes(2500);
  expect(spread.starts).toEqual([]);
  expect((await node.job(id).get())?.pauses).toMatchObject([{ ...reason, until: undefined }]);
  expect(await node.job(id).resume()).toBe(true);
  await eventually(() => spread.starts.length === 1);
});

test("a leader whose term is over deletes no copy", async () => {
  await using spread = new Spread(server);
  await spread.node();
  using store = closing(storeOf(spread, 1));
  const { prefix: _, ...keys } = store.keys;
  await spread.redis.set(spread.pause("all", 1), "a copy");
  await spread.redis.set(spread.pause("all"), "the truth");
  const args = { ...store.told, ...store.founding, mover: "", epoch: 0 };
  const lists = { there: [], gone: ["all", ""], carried: [] };
  await expect(copyPauses.run(store.commands, { keys, args, lists })).rejects.toMatchObject({
    code: "STALE_EPOCH",
  });
  expect(await spread.pausedIn("all")).toContain(1);
});

test("what a job has set itself meanwhile is deleted by no look from before that", async () => {
  await using spread = new Spread(server);
  using store = closing(storeOf(spread, 1));
  const { prefix: _, ...keys } = store.keys;
  await spread.redis.set(store.keys.epoch, 1);
  await spread.redis.set(store.keys.pause("job:job"), "said");
  await spread.redis.hset(store.keys.carry, "job:job", "+said");
  const args = { ...store.told, ...store.founding, mover: "", epoch: 1 };
  await copyPauses.run(store.commands, {
    keys,
    args,
    lists: { there: [], gone: ["job:job", ""], carried: [] },
  });
  expect(await spread.redis.get(store.keys.pause("job:job"))).toBe("said");
  await copyPauses.run(store.commands, {
    keys,
    args,
    lists: { there: [], gone: ["job:job", ""], carried: ["job:job", "+said"] },
  });
  expect(await spread.redis.exists(store.keys.pause("job:job"))).toBe(0);
});

test("a key of any type in partition 0 is a pause, and is left as it is", async () => {
  await using spread = new Spread(server);
  using store = closing(storeOf(spread));
  const { prefix: _, ...keys } = store.keys;
  await spread.redis.hset(store.keys.pause("all"), "who", "knows");
  const lists = { carried: ["all", "-"], names: ["all", "tag:none"] };
  const [, found] = await notePauses.run(store.commands, {
    keys,
    args: { ...store.told, ...store.founding, mover: "" },
    lists,
  });
  expect(found).toEqual(["all", ""]);
  expect(await spread.redis.type(store.keys.pause("all"))).toBe("hash");
});
