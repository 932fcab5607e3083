import { RedisError } from "@escapement/redis";
import { eventually, type JobStore, onEach, startJobStore, startProxy } from "@escapement/testing";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Cluster, heard } from "../test/cluster.js";
import { BenchNode, StoreBench } from "../test/store-bench.js";
import { monotonic } from "./clock.js";
import { Joining } from "./joining.js";
import { join } from "./scripts/index.js";

let server: JobStore;
beforeAll(async () => {
  server = await startJobStore();
});
afterAll(() => server.stop());

/** What the cluster was told of nodes, in order. */
async function toldOf(cluster: Cluster): Promise<string[]> {
  const entries = await server.client().xrange(`escapement:{${cluster.namespace}}:events`, "-", "+");
  return entries.flatMap(([, fields]) => (fields[3] ?? "").split("\n")).filter((line) => /^node/.test(line));
}

test("an identity whose joining was not answered, and that was declared dead and forgotten meanwhile, never works: the process goes on under another", async () => {
  await using proxy = await startProxy(server.url);
  await using cluster = new Cluster(server);
  // In one partition: in others it goes on under its former name.
  const leader = cluster.scheduler({ roles: ["leader"], partitions: 1 });
  const node = cluster.scheduler({ redis: proxy.url, deadline: 400, roles: ["worker"], partitions: 1 });
  const starts = heard(node, "beforeRun");
  node.task("task", () => undefined);
  await leader.start();
  await node.start();
  const [redis, key] = [server.client(), `escapement:{${cluster.namespace}}:`];
  const first = node.nodeId ?? "";
  // It is taken off the list and joins anew; the answer is lost, and it cannot ask again for longer than a lease.
  await proxy.refuse(true);
  const lost = proxy.cutAfter(join.sha);
  await redis.zrem(`${key}nodes`, first);
  await eventually(() => lost.hit !== undefined, { within: 20_000 });
  const isNew = (line: string): boolean => /^nodeJoined/.test(line) && !line.endsWith(first);
  const joined = (await toldOf(cluster)).filter(isNew).at(-1)?.split(" ")[1] ?? "";
  const hasDied = async (): Promise<boolean> => (await toldOf(cluster)).includes(`nodeDead ${joined}`);
  await eventually(hasDied, { within: 20_000 });
  expect(await redis.zscore(`${key}dead`, joined)).toBeNull();
  await proxy.refuse(false);
  await eventually(() => node.nodeId !== first, { within: 20_000 });

  expect(node.nodeId).not.toBe(joined);
  await (await node.enqueue("task")).result({ timeout: 10_000 });
  expect(starts.map((start) => start.node)).toEqual([node.nodeId]);
  expect((await toldOf(cluster)).filter((line) => line.endsWith(joined))).toEqual([
    `nodeJoined ${joined}`,
    `nodeDead ${joined}`,
  ]);
});

test("a node whose first joining was not answered for longer than a lease can be started all the same", async () => {
  await using proxy = await startProxy(server.url);
  await using cluster = new Cluster(server);
  const node = cluster.scheduler({ redis: proxy.url, deadline: 1000, nodeTtl: 800, roles: ["worker"] });
  node.task("task", () => "done");
  // Redis knows the script: its first sending is no answer's loss.
  await onEach(server, (redis) => redis.script("LOAD", join.source));
  const lost = proxy.cutAfter(join.sha);
  const refusing = eventually(() => lost.hit !== undefined).then(() => proxy.refuse(true));
  await expect(node.start()).rejects.toMatchObject({ code: "REDIS_TIMEOUT" });
  await refusing;
  const [told = ""] = await toldOf(cluster);
  expect(node.nodeId).toBeUndefined();
  const [redis, nodes] = [server.client(), `escapement:{${cluster.namespace}}:nodes`];
  const hasEnded = async (): Promise<boolean> =>
    Number(await redis.zscore(nodes, told.split(" ")[1] ?? "")) < Date.now();
  await eventually(hasEnded);
  await proxy.refuse(false);
  const starts = (): Promise<boolean> =>
    node.start().then(
      () => true,
      () => false,
    );
  await eventually(starts, { within: 10_000 });
  expect(told).toMatch(/^nodeJoined /);
  expect(told).not.toBe(`nodeJoined ${node.nodeId}`);
  expect(await (await node.enqueue("task")).result({ timeout: 5000 })).toBe("done");
});

test("a node joins, and comes back, although the store's clock has jumped ahead by an hour meanwhile", async () => {
  await using cluster = new Cluster(server);
  const node = cluster.scheduler();
  node.task("task", () => "done");
  await node.start();
  const first = node.nodeId;
  await server.client().set(`escapement:{${cluster.namespace}}:clock`, Date.now() + 3_600_000);
  await eventually(() => node.nodeId !== first, { within: 10_000 });
  expect(await (await node.enqueue("task")).result({ timeout: 5000 })).toBe("done");
});

test("a copy of a request to join that arrives when its identity was declared dead and forgotten is refused", async () => {
  await using bench = await new StoreBench(server).ready();
  const node = new BenchNode(bench, "node", 1000);
  const began = await bench.now();
  await node.join(0, [], began);
  await bench.advance(1001);
  await bench.recover();
  const { dead: isDead, nodes, nodeInfo } = bench.store.keys;
  expect(await bench.redis.zcard(isDead)).toBe(0);
  await expect(node.join(0, [], began)).rejects.toMatchObject({ code: "NODE_DEAD" });
  expect([await bench.redis.zcard(nodes), await bench.redis.hlen(nodeInfo)]).toEqual([0, 0]);
});

test("a lease that has ended is not prolonged by a copy of the request to join, though nobody has declared the death yet", async () => {
  await using bench = await new StoreBench(server).ready();
  const node = await bench.node("node", 1000);
  await bench.advance(1001);
  await expect(node.join()).rejects.toMatchObject({ code: "NODE_DEAD" });
});

test("a request to join that was begun within the lease is taken as often as it comes, and told once", async () => {
  await using bench = await new StoreBench(server).ready();
  const node = new BenchNode(bench, "node", 60_000);
  const began = await bench.now();
  await node.join(0, [], began);
  await bench.advance(59_000);
  await node.join(0, [], began);
  const told = await bench.redis.xrange(bench.store.keys.events, "-", "+");
  expect(JSON.stringify(told).match(/nodeJoined node/g)).toHaveLength(1);
});

test("a copy of a request to join that arrives after its node has left stands on the list for a lease at most, and is given nothing", async () => {
  await using bench = await new StoreBench(server).ready();
  const node = new BenchNode(bench, "node", 1000);
  const began = await bench.now();
  await node.join(0, [], began);
  await node.leave();
  await node.join(0, [], began);
  await bench.advance(1001);
  await bench.recover();
  expect(await bench.redis.zcard(bench.store.keys.nodes)).toBe(0);
  await expect(node.join(0, [], began)).rejects.toMatchObject({ code: "NODE_DEAD" });
});

test.each([["first"], ["second"]])(
  "a drained process is drained under its next identity, if its %s name was the last that the store heard",
  async (drained) => {
    await using bench = await new StoreBench(server).ready();
    const { prefix } = bench.store.keys;
    await bench.redis.set(`${prefix}pause:node:${drained}`, "a new machine");
    await new BenchNode(bench, "third", 60_000).join(0, ["first", "second"]);
    expect(await bench.redis.keys(`${prefix}pause:*`)).toEqual([`${prefix}pause:node:third`]);
  },
);

test("an answer to joining that comes later than the lease which it may tell of is not taken", async () => {
  await using bench = await new StoreBench(server).ready();
  const joining = new Joining(50);
  const late = async (): Promise<void> => {
    const end = monotonic() + 50;
    await eventually(() => monotonic() > end, { every: 5 });
  };
  await expect(joining.ask(bench.store, late)).rejects.toMatchObject({ code: "NODE_DEAD" });
  let sent = false;
  const again = joining.ask(bench.store, async () => {
    sent = true;
  });
  await expect(again).rejects.toMatchObject({ code: "NODE_DEAD" });
  expect(sent).toBe(false);
});

test("the time for joining begins with the first request that may have been applied, and not with one that surely was not", async () => {
  await using bench = await new StoreBench(server).ready();
  const joining = new Joining(60_000);
  const began: number[] = [];
  for (const code of ["REDIS_FULL", "REDIS_TIMEOUT", "REDIS_FULL"] as const) {
    const asking = joining.ask(bench.store, async (time) => {
      began.push(time);
      await bench.advance(1000);
      throw new RedisError(code, code);
    });
    await expect(asking).rejects.toMatchObject({ code });
  }
  const [refused = 0, unanswered = 0, after = 0] = began;
  expect(unanswered).toBeGreaterThanOrEqual(refused + 1000);
  expect(after).toBe(unanswered);
});
