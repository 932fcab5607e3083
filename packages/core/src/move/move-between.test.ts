import { createKeys, partitionOf } from "@escapement/redis/internal";
import { eventually, type JobStore, startJobStore } from "@escapement/testing";
import { every } from "@escapement/triggers";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Cluster } from "../../test/cluster.js";
import { FollowingPartitions, idIn } from "../../test/following-partitions.js";
import { stoppedAt } from "../../test/stopped-at.js";
import { later } from "../../test/store-bench.js";
import { movePartitions } from "../index.js";

let server: JobStore;
beforeAll(async () => {
  server = await startJobStore();
});
afterAll(() => server.stop());

const keysAt = (namespace: string, partition: number): ReturnType<typeof createKeys> =>
  createKeys(namespace, partition);

async function edgesAt(namespace: string, partitions: number): Promise<Record<number, string[]>> {
  const redis = server.client();
  const all: Record<number, string[]> = {};
  for (let at = 0; at < partitions; at += 1) {
    const edges = await redis.zrange(keysAt(namespace, at).edges, 0, -1);
    if (edges.length > 0) all[at] = edges;
  }
  redis.disconnect();
  return all;
}

/** Keys of what partitions had to tell or lend one another. */
async function between(namespace: string): Promise<string[]> {
  const redis = server.client();
  const keys = await redis.keys(`escapement:{${namespace}*`);
  redis.disconnect();
  return keys.filter((key) => /\}:(outbox:|inbox|lent:|borrowed:|carry$)/.test(key));
}

async function bury(namespace: string, partitions: number): Promise<void> {
  const redis = server.client();
  for (let at = 0; at < partitions; at += 1) {
    const { nodes } = keysAt(namespace, at);
    for (const node of await redis.zrange(nodes, 0, -1)) await redis.zadd(nodes, 1, node);
  }
  redis.disconnect();
}

describe("what partitions have between them, when a namespace is moved", () => {
  test("ties of jobs stand where these are, with whatever number, and children follow", {
    timeout: 60_000,
  }, async () => {
    await using cluster = new Cluster(server);
    const { namespace } = cluster;
    const options = { redis: server.url, namespace };
    const one = cluster.scheduler();
    await one.schedule("any", { id: "parent", trigger: later });
    await one.schedule("any", { id: "child", dependsOn: ["parent"] });
    for (const to of [8, 3, 16, 2, 1, 8]) {
      await movePartitions(options, { to });
      const [parent, child] = [partitionOf("parent", to), partitionOf("child", to)];
      const [up, down] = parent === child ? ["", ""] : [` ${parent}`, ` ${child}`];
      const texts = [
        [child, `<child parent d${up}`],
        [parent, `>parent child d${down}`],
      ] as const;
      const expected: Record<number, string[]> = {};
      for (const [at, text] of texts) expected[at] = [...(expected[at] ?? []), text];
      expect(await edgesAt(namespace, to)).toEqual(expected);
    }
    const node = cluster.scheduler({ partitions: 8 });
    node.task("any", () => "done");
    await node.start();
    await node.job("parent").update({ trigger: every("1s") });
    await eventually(async () => (await node.job("child").history()).length > 0, { within: 15_000 });
    expect((await node.job("child").history()).map(({ state }) => state)).toContain("succeeded");
    await node.stop();
    expect(await between(namespace)).not.toEqual([]);
    await movePartitions(options, { to: 2 });
    expect(await between(namespace)).toEqual([]);
    const after = cluster.scheduler({ partitions: 2 });
    expect((await after.job("child").get())?.dependsOn).toEqual(["parent"]);
  });

  test("what was told and not heard is heard first, also by a move that goes on with another", {
    timeout: 60_000,
  }, async () => {
    await using bench = await new FollowingPartitions(server).ready();
    const { namespace } = bench;
    const [a, b, c] = [idIn(1, "a"), idIn(2, "b"), idIn(3, "c")];
    await bench.parents(a, b);
    await bench.define(c, { trigger: undefined, dependsOn: [a, b] });
    const t = await bench.fire(a, b);
    await bench.end(`${a}@${t}`);
    await bench.end(`${b}@${t}`);
    expect(await bench.at(3).stateOf(`${c}@${t}`)).toBeUndefined();
    await bury(namespace, 8);
    const options = { redis: server.url, namespace };
    await expect(movePartitions(options, { to: 3, signal: stoppedAt(2) })).rejects.toMatchObject({
      code: "ABORTED",
    });
    await movePartitions(options, { to: 3 });
    const redis = server.client();
    const { unstarted } = keysAt(namespace, partitionOf(c, 3));
    expect(await redis.zrange(unstarted, 0, -1)).toContain(`${c}@${t}`);
    expect(await between(namespace)).toEqual([]);
    redis.disconnect();
  });

  test("a pause that a job has set itself is the first partition's, one that is over there comes not back", {
    timeout: 60_000,
  }, async () => {
    await using cluster = new Cluster(server);
    const { namespace } = cluster;
    const [own, over] = [idIn(3, "own", 4), idIn(2, "over", 4)];
    const client = cluster.scheduler({ partitions: 4 });
    for (const id of [own, over]) await client.schedule("any", { id, trigger: later });
    // As the steps leave it whose leader is dead: carried to nobody, and deleted in the first partition only.
    const redis = server.client();
    const said = JSON.stringify({ reason: "failures" });
    const [third, second] = [keysAt(namespace, 3), keysAt(namespace, 2)];
    await redis.set(third.pause(`job:${own}`), said);
    await redis.hset(third.carry, `job:${own}`, `+${said}`);
    await redis.set(second.pause(`job:${over}`), said);
    await movePartitions({ redis: server.url, namespace }, { to: 1 });
    const first = keysAt(namespace, 0);
    expect(await redis.get(first.pause(`job:${own}`))).toBe(said);
    expect(await redis.get(first.pause(`job:${over}`))).toBeNull();
    expect(await between(namespace)).toEqual([]);
    redis.disconnect();
  });
});

test("places that runs of a dead node hold are in use with the new number too", {
  timeout: 60_000,
}, async () => {
  await using cluster = new Cluster(server);
  const { namespace } = cluster;
  const redis = server.client();
  const home = partitionOf("task:any", 8);
  const away = (home + 1) % 8;
  await cluster.scheduler({ partitions: 1 }).schedule("other", { id: "other", trigger: later });
  // As a node has left them that died. There is no leader, so nobody takes its runs over.
  await redis.sadd(keysAt(namespace, 0).held("task:any"), idIn(away, "a"), idIn(away, "b"));
  await movePartitions({ redis: server.url, namespace }, { to: 8 });
  expect(await redis.scard(keysAt(namespace, away).held("task:any"))).toBe(2);
  let [most, running] = [0, 0];
  const node = cluster.scheduler({ partitions: 8, roles: ["worker"] });
  node.task("any", { limit: 3 }, async () => {
    running += 1;
    most = Math.max(most, running);
    await new Promise((resolve) => setTimeout(resolve, 50));
    running -= 1;
  });
  await node.enqueueMany(
    "any",
    Array.from({ length: 6 }, (_, at) => ({ id: idIn(home, `more${at}`) })),
  );
  await node.start();
  await eventually(async () => (await node.finishedRuns("any")).length === 6, { within: 15_000 });
  expect(most).toBe(1);
  redis.disconnect();
});

test("a job's pause that has ended by itself while nothing ran is over with the new number too", {
  timeout: 60_000,
}, async () => {
  await using cluster = new Cluster(server);
  const { namespace } = cluster;
  const [over, lasting] = [idIn(2, "over", 4), idIn(3, "lasting", 4)];
  const client = cluster.scheduler({ partitions: 4 });
  for (const id of [over, lasting]) await client.schedule("any", { id, trigger: later });
  await client.pause({ job: over }, { reason: "for a while", for: 200 });
  await client.pause({ job: lasting }, { reason: "until somebody says so" });
  const redis = server.client();
  await eventually(async () => (await redis.exists(keysAt(namespace, 0).pause(`job:${over}`))) === 0);
  await client.stop();
  for (const to of [8, 3, 1]) {
    await movePartitions({ redis: server.url, namespace }, { to });
    const after = cluster.scheduler({ partitions: to });
    expect((await after.pauses()).map(({ target }) => target)).toEqual([`job:${lasting}`]);
    expect((await after.job(over).get())?.pauses).toEqual([]);
    expect(await redis.exists(keysAt(namespace, partitionOf(lasting, to)).pause(`job:${lasting}`))).toBe(1);
  }
  redis.disconnect();
});
