import { aclRules } from "@escapement/redis";
import { eventually, redisWay, startRedis } from "@escapement/testing";
import { Cluster as RedisCluster } from "ioredis";
import { expect, test } from "vitest";
import { Cluster, partitions } from "../../test/cluster.js";

test.skipIf(redisWay() !== "process")(
  "on Redis Cluster nothing is wrong either, and a user who lacks something is told",
  async () => {
    const args = ["--cluster-enabled", "yes", "--cluster-announce-ip", "127.0.0.1"];
    await using redis = await startRedis({ appendonly: "everysec", args });
    const admin = redis.client();
    await admin.call("CLUSTER", "ADDSLOTSRANGE", 0, 16_383);
    await eventually(async () => (await admin.cluster("INFO")).includes("cluster_state:ok"));
    await admin.acl("SETUSER", "limited", "on", ">pass", "~*", "&*", "+@all", "-zadd");
    const as = (username?: string): RedisCluster =>
      new RedisCluster([{ host: "127.0.0.1", port: redis.port }], {
        redisOptions: username === undefined ? {} : { username, password: "pass" },
      });
    await using cluster = new Cluster(redis);
    const rules = aclRules({ namespace: cluster.namespace, role: "node", partitions });
    await admin.acl("SETUSER", "exact", "on", ">pass", ...rules);
    const [all, limited, exact] = [as(), as("limited"), as("exact")];
    try {
      // Leases that a slow machine keeps as well: what is wrong then is not what this is about.
      const node = cluster.scheduler({ redis: exact, nodeTtl: 10_000, leaderTtl: 5000, lookahead: 15_000 });
      await node.start();
      await eventually(async () => (await node.leader()) !== undefined);
      expect(await admin.acl("LOG")).toEqual([]);
      const wrong = async (client: RedisCluster): Promise<unknown[]> =>
        (await cluster.scheduler({ redis: client }).doctor()).filter(({ level }) => level !== "ok");
      expect(await wrong(all)).toEqual([]);
      expect(await wrong(limited)).toMatchObject([
        { check: "permissions", level: "error", message: expect.stringMatching(/granted as \+zadd\./) },
      ]);
    } finally {
      for (const client of [all, limited, exact]) client.disconnect();
    }
  },
);
