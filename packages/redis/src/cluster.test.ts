import {
  type Cluster,
  eventually,
  redisWay,
  startCluster,
  startProxy,
  type TcpProxy,
} from "@escapement/testing";
import { Cluster as ClusterClient } from "ioredis";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { type Connection, type ConnectOptions, connect } from "./connection.js";
import { isTransient } from "./errors.js";
import type { RedisSource } from "./source.js";

const key = "{slot}:counter";
const other = (cluster: Cluster, than: unknown) => cluster.servers.find((server) => server !== than);

describe.skipIf(redisWay() !== "process")("a connection to a cluster", () => {
  let cluster: Cluster;
  const open: Connection[] = [];
  const clients: ClusterClient[] = [];
  const proxies: TcpProxy[] = [];

  beforeAll(async () => {
    cluster = await startCluster({ replicas: 0 });
  });
  afterAll(() => cluster?.stop());
  afterEach(async () => {
    for (const connection of open.splice(0)) connection.close();
    for (const client of clients.splice(0)) client.disconnect();
    await Promise.all(proxies.splice(0).map((proxy) => proxy.stop()));
    await (await cluster.masterOf(key)).client().del(key);
  });

  const connected = async (
    source: RedisSource,
    options: Partial<ConnectOptions> = {},
  ): Promise<Connection> => {
    const connection = connect(source, { profile: "commands", deadline: 1000, key, ...options });
    open.push(connection);
    await connection.ready(5000);
    return connection;
  };
  const url = (): string => `redis+cluster://${cluster.nodes.map(({ host, port }) => `${host}:${port}`)}`;
  const increment = (connection: Connection): Promise<unknown> =>
    connection.run("counting", (client) => client.eval("return redis.call('INCR', KEYS[1])", 1, key));

  /** A client that knows the servers by their proxies only. */
  const behindProxies = async (): Promise<ClusterClient> => {
    const natMap: Record<string, { host: string; port: number }> = {};
    for (const { port, url: target } of cluster.servers) {
      const proxy = await startProxy(target);
      proxies.push(proxy);
      natMap[`127.0.0.1:${port}`] = { host: "127.0.0.1", port: proxy.port };
    }
    const client = new ClusterClient(Object.values(natMap), { natMap, lazyConnect: true });
    clients.push(client);
    return client;
  };

  it("is one to the master of its slot, by URL or by a client, which may be one that never connected", async () => {
    const master = await cluster.masterOf(key);
    for (const source of [url(), url().replace(/,.*/, ""), await behindProxies()]) {
      const connection = await connected(source);
      const text = await connection.run("asking", (client) => client.info("server"));
      expect(text).toContain(`process_id:${master.pid}\r\n`);
      expect(connection.isCluster).toBe(true);
    }
  });

  it("asks for its slot whatever the client's options for connections say of queues", async () => {
    const redisOptions = { enableOfflineQueue: false } as object; // for who writes no types; a cluster client pays no heed to it either
    const client = new ClusterClient([...cluster.nodes], { redisOptions, lazyConnect: true });
    clients.push(client);
    expect((await connected(client)).isReady).toBe(true);
  });

  it("needs a key, by which to know the slot", () => {
    expect(() => connect(url(), { profile: "commands" })).toThrow(
      expect.objectContaining({ code: "INVALID_OPTION", message: expect.stringContaining("single server") }),
    );
    const services = new ClusterClient([{ host: "127.0.0.1" }], { lazyConnect: true, useSRVRecords: true });
    expect(() => connect(services, { profile: "commands", key })).toThrow(/useSRVRecords/);
    services.disconnect();
  });

  it("I1: does not apply a command twice when it breaks between request and reply", async () => {
    const connection = await connected(await behindProxies(), { deadline: 5000 });
    for (const proxy of proxies) proxy.blockReplies(true);
    const settled = expect(increment(connection)).rejects.toMatchObject({ code: "REDIS_TIMEOUT" });
    const counter = (await cluster.masterOf(key)).client();
    await eventually(async () => (await counter.get(key)) === "1");
    for (const proxy of proxies) {
      proxy.cut();
      proxy.blockReplies(false);
    }
    await settled;
    await connection.ready(5000);
    expect(await connection.run("asking", (client) => client.get(key))).toBe("1");
  });

  it("I3: gives a half-open socket to a master up at the deadline and works on with a new one", async () => {
    const connection = await connected(await behindProxies());
    for (const proxy of proxies) proxy.pause();
    await expect(increment(connection)).rejects.toMatchObject({ code: "REDIS_TIMEOUT" });
    expect(connection.isReady).toBe(false);
    for (const proxy of proxies) {
      proxy.cut();
      proxy.resume();
    }
    await connection.ready(5000);
    expect(await increment(connection)).toBe(1);
  });

  it("waits until a slot has moved, as far as it may wait, and says otherwise that nothing was applied", async () => {
    const connection = await connected(await behindProxies(), { deadline: 10_000 });
    const lease = await connected(url(), { profile: "lease" });
    const from = await cluster.masterOf(key);
    const [here, gone] = [key, "{slot}:gone"];
    await from.client().mset(here, "1", gone, "1");
    const waiting: Promise<unknown>[] = [];
    const refused: unknown[] = [];
    const meanwhile = async (moved: number): Promise<void> => {
      if (moved !== 1) return;
      waiting.push(increment(connection));
      waiting.push(connection.run("asking", (client) => client.mget(here, gone)));
      await lease.run("asking", (client) => client.mget(here, gone)).catch((error) => refused.push(error));
    };
    await cluster.migrateSlot(key, other(cluster, from) ?? from, { batch: 1, meanwhile });
    expect(await Promise.all(waiting)).toEqual([2, [expect.anything(), "1"]]);
    expect(refused).toMatchObject([{ code: "REDIS_UNAVAILABLE" }]);
    expect(isTransient(refused[0])).toBe(true);
    // The lease hears MOVED once, and is at the right place from then on.
    await eventually(async () => expect(await increment(lease)).toBe(3));
  });

  it("lets no script begin in a slot on its way that declares a key which is never there", async () => {
    const from = await cluster.masterOf(key);
    const client = from.client();
    await client.set(key, "1");
    const makesNames = "redis.call('INCR', KEYS[1]) return redis.call('SET', '{slot}:made', 'up')";
    const said: string[] = [];
    const meanwhile = async (moved: number): Promise<void> => {
      if (moved > 0) return;
      for (const keys of [[key], [key, "{slot}:never"]])
        await client.eval(makesNames, keys.length, ...keys).catch((error: Error) => said.push(error.message));
    };
    await cluster.migrateSlot(key, other(cluster, from) ?? from, { meanwhile });
    // The first was broken off after it had written: what scripts of ours are kept from.
    expect(said).toEqual([expect.stringContaining("non local key"), expect.stringMatching(/^TRYAGAIN/)]);
    expect(await (await cluster.masterOf(key)).client().get(key)).toBe("2");
  });

  it("tells in time that no server of the cluster answers, and goes on when they are back", async () => {
    const connection = await connected(await behindProxies());
    for (const proxy of proxies) {
      await proxy.refuse(true);
      proxy.cut();
    }
    await eventually(() => !connection.isReady);
    await expect(increment(connection)).rejects.toMatchObject({ code: "REDIS_UNAVAILABLE" });
    for (const proxy of proxies) await proxy.refuse(false);
    await connection.ready(10_000);
    expect(await increment(connection)).toBe(1);
  });
});
