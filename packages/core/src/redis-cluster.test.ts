import { type Cluster, eventually, redisWay, startCluster } from "@escapement/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Ticking } from "../test/ticking.js";

describe.skipIf(redisWay() !== "process")("schedulers on Redis Cluster", () => {
  let cluster: Cluster;
  beforeAll(async () => {
    cluster = await startCluster();
  });
  afterAll(() => cluster?.stop());

  const url = (): string => `redis+cluster://${cluster.nodes.map(({ port }) => `127.0.0.1:${port}`)}`;

  test("start every fire time once while their slot is moved to another master and back", async () => {
    await using ticking = await Ticking.start(() => cluster.client({ lazyConnect: true }));
    const from = await cluster.masterOf(ticking.key);
    const to = cluster.servers.slice(0, 3).find((server) => server !== from) ?? from;
    for (const target of [to, from]) {
      // Some keys are on one side and some on the other for a while: nodes ask for both.
      const meanwhile = (moved: number): unknown =>
        moved > 0 && new Promise((resolve) => setTimeout(resolve, 50));
      await cluster.migrateSlot(ticking.key, target, { batch: 4, meanwhile });
      await ticking.goesOn();
    }
    await ticking.isWhole();
    expect(ticking.odd()).toEqual({ missing: 0, twice: 0 });
  });

  test("start every fire time once when a replica takes over in agreement with its master", async () => {
    await using ticking = await Ticking.start(url);
    const [replica] = await cluster.replicasOf(await cluster.masterOf(ticking.key));
    if (replica === undefined) throw new Error("There is no replica");
    await cluster.failover({ replica });
    await ticking.goesOn();
    await ticking.isWhole();
    expect(ticking.odd()).toEqual({ missing: 0, twice: 0 });
    await eventually(() => ticking.nodes.every((node) => node.health().ready), { within: 20_000 });
  });

  test("go on by themselves when the master that they use is killed", async () => {
    await using ticking = await Ticking.start(url);
    await cluster.inOrder();
    await (await cluster.masterOf(ticking.key)).kill();
    await ticking.goesOn();
    await ticking.nodes[1]?.job("tick").pause({ reason: "over" });
    expect((await ticking.nodes[0]?.pauses())?.map(({ reason }) => reason)).toEqual(["over"]);
  });
});
