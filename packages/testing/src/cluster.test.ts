import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Cluster, eventually, redisWay, startCluster } from "./index.js";

describe.skipIf(redisWay() !== "process")("a cluster", () => {
  let cluster: Cluster;

  beforeAll(async () => {
    cluster = await startCluster();
  });
  afterAll(() => cluster?.stop());

  test("is of three masters with a replica each that has all they have", async () => {
    const client = cluster.client();
    const masters = new Set();
    for (const key of ["a", "b", "c", "d", "e", "f"]) {
      const master = await cluster.masterOf(key);
      masters.add(master);
      const [replica, ...others] = await cluster.replicasOf(master);
      expect(others).toEqual([]);
      await client.set(key, "kept");
      const copy = replica?.client({ readOnly: true });
      await eventually(async () => (await copy?.get(key)) === "kept");
    }
    expect(masters.size).toBe(3);
  });

  test("moves a slot key by key, while whoever asks the wrong side hears ASK, TRYAGAIN and then MOVED", async () => {
    const keys = Array.from({ length: 4 }, (_, index) => `{moved}${index}`);
    const [some = ""] = keys;
    await cluster.client().mset(...keys.flatMap((key) => [key, "kept"]));
    const from = await cluster.masterOf(some);
    const to = cluster.servers.slice(0, 3).find((server) => server !== from) ?? from;
    const errors = new Set<string>();
    const listen = from.client();
    const meanwhile = async (): Promise<void> => {
      for (const wanted of [[some], keys, ["{moved}never"]])
        await listen.mget(...wanted).catch((error: Error) => errors.add(error.message.split(" ")[0] ?? ""));
    };
    await cluster.migrateSlot(some, to, { batch: 1, meanwhile });
    await meanwhile();
    expect([...errors].sort()).toEqual(["ASK", "MOVED", "TRYAGAIN"]);
    expect(await cluster.masterOf(some)).toBe(to);
    expect(await cluster.client().mget(...keys)).toEqual(keys.map(() => "kept"));
  });

  test.each(["default", "force", "takeover"] as const)("lets a replica take over (%s)", async (how) => {
    await cluster.inOrder();
    const master = await cluster.masterOf("a");
    const [replica] = await cluster.replicasOf(master);
    if (replica === undefined) throw new Error("There is no replica");
    await cluster.failover({ replica, how });
    await eventually(async () => (await cluster.masterOf("a")) === replica);
    await eventually(async () => expect(await cluster.replicasOf(replica)).toEqual([master]));
  });

  test("replaces a master that was killed, which comes back as a replica", async () => {
    await cluster.inOrder();
    // Not the master of "a": one that was just elected would be again, by the same votes, and the old one would win over it.
    const master = await cluster.masterOf("b");
    const [replica] = await cluster.replicasOf(master);
    await master.kill();
    await eventually(async () => (await cluster.masterOf("b")) === replica, { within: 20_000 });
    await master.restart();
    await eventually(
      async () => {
        if (replica !== undefined) expect(await cluster.replicasOf(replica)).toEqual([master]);
      },
      { within: 20_000 },
    );
    await cluster.inOrder();
  });
});

test.skipIf(redisWay() === "process")("clusters are for child processes", async () => {
  await expect(startCluster()).rejects.toMatchObject({ code: "UNSUPPORTED" });
});
