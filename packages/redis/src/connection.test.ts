import { once } from "node:events";
import { createConnection, createServer, type Socket } from "node:net";
import { inspect } from "node:util";
import {
  eventually,
  type RedisServer,
  startProxy,
  startRedis,
  type TcpProxy,
  uniqueNamespace,
} from "@escapement/testing";
import { Cluster, Redis } from "ioredis";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type Connection, type ConnectOptions, connect } from "./connection.js";
import { reconnectDelay } from "./open-client.js";

let server: RedisServer;
let proxy: TcpProxy;
let key: string;
const open: Connection[] = [];

beforeAll(async () => {
  server = await startRedis();
});
afterAll(() => server.stop());
beforeEach(async () => {
  proxy = await startProxy(server.url);
  key = uniqueNamespace("connection");
});
afterEach(async () => {
  for (const connection of open.splice(0)) connection.close();
  await proxy.stop();
});

async function connected(url: string, options: Partial<ConnectOptions> = {}): Promise<Connection> {
  const connection = connect(url, { profile: "commands", deadline: 500, ...options });
  open.push(connection);
  await connection.ready(5000);
  return connection;
}

const increment = (connection: Connection): Promise<unknown> =>
  connection.run("counting", (client) => client.eval("return redis.call('INCR', KEYS[1])", 1, key));

describe("a connection", () => {
  it("leaves a server that was demoted once, however many calls that refuses", async () => {
    await using replica = await startRedis();
    const connection = await connected(replica.url, { profile: "lease" });
    const warnings: Error[] = [];
    const note = (warning: Error): unknown => warnings.push(warning);
    process.on("warning", note);
    await replica.client().replicaof("127.0.0.1", 1);
    const lost = once(connection, "lost");
    const calls = Array.from({ length: 20 }, () => increment(connection));
    const codes = (await Promise.allSettled(calls)).map(
      (call) => (call as { reason?: { code: string } }).reason?.code,
    );
    expect(new Set(codes)).toEqual(new Set(["REDIS_READONLY"]));
    await lost;
    process.off("warning", note);
    expect(warnings).toEqual([]);
    await connection.ready(5000);
    const again = once(connection, "lost"); // also the next time
    await expect(increment(connection)).rejects.toMatchObject({ code: "REDIS_READONLY" });
    await again;
  });

  it("does not repeat a call whose deadline went by while the process stood still", async () => {
    const connection = await connected(server.url, { deadline: 100 });
    let calls = 0;
    const reply = connection.run("asking", async () => {
      calls += 1;
      setImmediate(() => {
        for (const since = performance.now(); performance.now() - since < 200; );
      });
      throw new Error("TRYAGAIN Multiple keys request during rehashing of slot");
    });
    await expect(reply).rejects.toMatchObject({ code: "REDIS_UNAVAILABLE" });
    expect(calls).toBe(1);
  });

  it("I1: does not apply a command twice when it breaks between request and reply", async () => {
    const connection = await connected(proxy.url, { deadline: 5000 });
    proxy.blockReplies(true);
    const reply = increment(connection);
    const settled = expect(reply).rejects.toMatchObject({ code: "REDIS_TIMEOUT" });
    await eventually(async () => (await server.client().get(key)) === "1");
    proxy.cut();
    proxy.blockReplies(false);
    const from = performance.now();
    await settled;
    expect(performance.now() - from, "it is told at once, not at the deadline").toBeLessThan(2000);
    await connection.ready(5000);
    expect(await connection.run("asking", (client) => client.get(key))).toBe("1");
  });

  it("I12: sends each command as it is asked for, even on behalf of a client that gathers them", async () => {
    for (const source of [server.url, server.client({ enableAutoPipelining: true })]) {
      const connection = connect(source, { profile: "commands" });
      await connection.ready();
      const order: string[] = [];
      await connection.run("asking", async (client) => {
        const first = client.ping().then(() => order.push("first"));
        // Gathered, it would be sent only at the end of this turn, and its buffer would be empty now.
        expect((client as Redis).autoPipelineQueueSize).toBe(0);
        await first;
      });
      expect(order).toEqual(["first"]);
      connection.close();
    }
  });

  it("I2: settles every call, whatever becomes of the connection", async () => {
    const connection = await connected(proxy.url);
    proxy.blockReplies(true);
    const calls = Array.from({ length: 50 }, () => increment(connection));
    proxy.cut();
    const late = Array.from({ length: 50 }, () => increment(connection));
    const results = await Promise.allSettled([...calls, ...late]);
    for (const result of results) {
      if (result.status === "rejected") expect(result.reason.code).toMatch(/^REDIS_(UNAVAILABLE|TIMEOUT)$/);
    }
    proxy.blockReplies(false);
    await eventually(() => connection.isReady);
  });

  it("I3: gives a half-open socket up at the deadline and works on with a new one", async () => {
    const connection = await connected(proxy.url);
    proxy.pause();
    const from = performance.now();
    await expect(increment(connection)).rejects.toMatchObject({ code: "REDIS_TIMEOUT" });
    expect(performance.now() - from).toBeLessThan(1500);
    expect(connection.isReady).toBe(false);
    proxy.cut();
    proxy.resume();
    await connection.ready(5000);
    expect(await increment(connection)).toBe(1);
  });

  it("I3: gives up a socket on which the greeting is never answered", async () => {
    const sockets: Socket[] = [];
    // The first connections end in a black hole, the later ones at the server.
    const door = createServer((socket) => {
      sockets.push(socket.on("error", () => {}));
      if (sockets.length < 3) return;
      socket.pipe(createConnection(server.port, "127.0.0.1").on("error", () => {})).pipe(socket);
    });
    await new Promise<void>((resolve) => door.listen(0, "127.0.0.1", resolve));
    const address = door.address();
    const port = typeof address === "object" ? address?.port : undefined;
    const connection = connect(`redis://127.0.0.1:${port}`, { profile: "lease", deadline: 200 });
    open.push(connection);
    await eventually(() => connection.isReady, { within: 10_000 });
    expect(await increment(connection)).toBe(1);
    connection.close();
    for (const socket of sockets) socket.destroy();
    door.close();
  });

  it("I4: says of a write without a reply that it is unknown, and the write may be applied later", async () => {
    await using own = await startRedis();
    const connection = await connected(own.url);
    await own.freeze();
    const set = connection.run("locking", (client) => client.set(key, "me", "PX", 60_000, "NX"));
    await expect(set).rejects.toMatchObject({
      code: "REDIS_TIMEOUT",
      message: expect.stringContaining("may or may not"),
    });
    await own.thaw();
    await eventually(async () => (await own.client().get(key)) === "me");
  });

  it("I5: lets a bounded number of calls wait for a connection, for a bounded time, and refuses more at once", async () => {
    await using own = await startRedis();
    const connection = await connected(own.url, { maxWaiting: 3, deadline: 1000 });
    await own.kill();
    await eventually(() => !connection.isReady);
    let refused = 0;
    const calls = Array.from({ length: 10 }, () =>
      increment(connection).catch(() => {
        refused += 1;
      }),
    );
    await eventually(() => refused === 7, { within: 500 });
    await Promise.all(calls);
    expect(refused).toBe(10);
    const waits = connected(own.url, { deadline: 10_000 }).then((other) => increment(other));
    await own.restart();
    expect(await waits).toBe(1);
  });

  it("I5: never waits in the profile for leases", async () => {
    await using own = await startRedis();
    const connection = await connected(own.url, { profile: "lease", deadline: 10_000 });
    await own.kill();
    await eventually(() => !connection.isReady);
    const from = performance.now();
    await expect(increment(connection)).rejects.toMatchObject({ code: "REDIS_UNAVAILABLE" });
    expect(performance.now() - from).toBeLessThan(500);
  });

  it("I6: connects again after pauses that grow, differ and have a bound", () => {
    expect([1, 2, 3, 20].map((attempt) => reconnectDelay(attempt, () => 0))).toEqual([25, 50, 100, 1000]);
    expect([1, 2, 3, 20].map((attempt) => reconnectDelay(attempt, () => 1))).toEqual([50, 100, 200, 2000]);
    expect(new Set(Array.from({ length: 100 }, () => reconnectDelay(10))).size).toBeGreaterThan(50);
  });

  it("I9: tells that Redis is full, and goes on when there is room again", async () => {
    await using own = await startRedis({ maxmemory: "3mb" });
    const connection = await connected(own.url);
    const fill = (name: string): Promise<unknown> =>
      connection.run("filling", (client) => client.set(name, "x".repeat(100_000)));
    await expect(
      (async () => {
        for (let index = 0; index < 100; index++) await fill(`${key}:${index}`);
      })(),
    ).rejects.toMatchObject({ code: "REDIS_FULL" });
    await connection.run("emptying", (client) => client.flushall());
    expect(await increment(connection)).toBe(1);
  });

  it("I14: tells that the server became a replica, leaves it, and works when it is a master again", async () => {
    await using own = await startRedis();
    const connection = await connected(own.url);
    await own.client().replicaof("127.0.0.1", server.port);
    await eventually(async () => (await own.client().role())[0] === "slave");
    await eventually(async () => {
      await expect(increment(connection)).rejects.toMatchObject({ code: "REDIS_READONLY" });
    });
    await own.client().replicaof("NO", "ONE");
    await eventually(async () => (await increment(connection)) === 1, { within: 10_000 });
  });

  it("I14: says to who waits in a master that becomes a replica that it passes, and leaves it", async () => {
    await using own = await startRedis();
    const connection = await connected(own.url, { profile: "lease" });
    const waits = connection.run(
      "waiting",
      (client) => client.xread("BLOCK", 0, "STREAMS", key, "$"),
      10_000,
    );
    const told = expect(waits).rejects.toMatchObject({ code: "REDIS_UNAVAILABLE" });
    const admin = own.client();
    await eventually(async () => /^blocked_clients:1/m.test(await admin.info("clients")));
    await admin.replicaof("127.0.0.1", server.port);
    await told;
    await eventually(() => !connection.isReady);
  });

  it("tells of its losing and regaining the server", async () => {
    const connection = await connected(proxy.url);
    const heard: string[] = [];
    connection.on("lost", () => heard.push("lost"));
    connection.on("restored", () => heard.push("restored"));
    proxy.cut();
    await eventually(() => expect(heard).toEqual(["lost", "restored"]));
  });

  it("X5: names a wrong password as the reason, and shows it nowhere", async () => {
    await using own = await startRedis({ password: "right" });
    const connection = connect(own.url.replace("right", "wrong-secret"), {
      profile: "commands",
      deadline: 500,
    });
    open.push(connection);
    const error = await increment(connection).then(
      () => undefined,
      (thrown: Error) => thrown,
    );
    expect(error).toMatchObject({ code: "REDIS_AUTH" });
    expect(inspect(error, { depth: 20 })).not.toContain("wrong-secret");
    expect(inspect(connection.lastError, { depth: 20 })).not.toContain("wrong-secret");
  });

  it("X5: a refused password ends the waiting at once, not at the deadline", async () => {
    await using own = await startRedis({ password: "right" });
    for (const url of [own.url.replace(":right@", ":wrong@"), own.url.replace(":right@", "")]) {
      const connection = connect(url, { profile: "commands", deadline: 20_000 });
      open.push(connection);
      const from = performance.now();
      await expect(increment(connection)).rejects.toMatchObject({ code: "REDIS_AUTH" });
      await expect(connection.ready()).rejects.toMatchObject({ code: "REDIS_AUTH" });
      expect(performance.now() - from).toBeLessThan(5000);
    }
  });

  it("names the ACL as the reason for a channel that must not be used, also in a script", async () => {
    await using own = await startRedis();
    await own.client().acl("SETUSER", "deaf", "on", ">pass", "~*", "resetchannels", "+@all");
    const connection = await connected(own.url.replace("redis://", "redis://deaf:pass@"));
    const refused = { code: "REDIS_AUTH", message: expect.stringContaining("ACL") };
    await expect(
      connection.run("publishing", (client) => client.publish("channel", "text")),
    ).rejects.toMatchObject(refused);
    const script = "return redis.call('PUBLISH', 'channel', 'text')";
    await expect(connection.run("publishing", (client) => client.eval(script, 0))).rejects.toMatchObject(
      refused,
    );
    const other = "return redis.call('SELECT', '1')";
    await own.client().acl("SETUSER", "deaf", "-select");
    await expect(connection.run("choosing", (client) => client.eval(other, 0))).rejects.toMatchObject(
      refused,
    );
  });

  it.each(["commands", "lease", "subscriber"] as const)(
    "never uses another database than the one that was asked for (%s)",
    async (profile) => {
      for (const source of [
        `${server.url}/99`,
        { host: "127.0.0.1", port: server.port, db: 99, enableReadyCheck: false, disableClientInfo: true },
      ]) {
        const connection = connect(source, { profile, deadline: 20_000 });
        open.push(connection);
        const unusable = { code: "REDIS_UNUSABLE", message: expect.stringContaining("out of range") };
        await expect(connection.ready()).rejects.toMatchObject(unusable);
        await eventually(() => connection.client.status === "ready");
        expect(connection.isReady).toBe(false);
        await expect(increment(connection)).rejects.toMatchObject(unusable);
        expect(await server.client().get(key)).toBe(null);
      }
    },
  );

  it("uses the database that was asked for", async () => {
    const connection = await connected(`${server.url}/3`);
    expect(await increment(connection)).toBe(1);
    expect(await server.client().get(key)).toBe(null);
  });

  it("refuses a prefix of keys, which scripts would not put before the names that they make", () => {
    const client = new Redis({ lazyConnect: true, keyPrefix: "app:" });
    const nodes = [{ host: "127.0.0.1", port: 1 }];
    const cluster = new Cluster(nodes, { lazyConnect: true, keyPrefix: "app:" });
    const inner = new Cluster(nodes, { lazyConnect: true, redisOptions: { keyPrefix: "app:" } });
    for (const source of [{ keyPrefix: "app:" }, client, cluster, inner])
      expect(() => connect(source, { profile: "commands" })).toThrow(
        expect.objectContaining({
          code: "INVALID_OPTION",
          message: expect.stringMatching(/^redis\.keyPrefix: .*namespace/),
        }),
      );
    for (const source of [client, cluster, inner]) source.disconnect();
  });

  it("takes a reply that came while the event loop was blocked for longer than the deadline", async () => {
    const connection = await connected(server.url, { deadline: 100 });
    const reply = increment(connection);
    await new Promise<void>((resolve) => setImmediate(resolve));
    for (const end = performance.now() + 300; performance.now() < end; );
    expect(await reply).toBe(1);
    expect(connection.isReady).toBe(true);
  });

  it("refuses calls once closed", async () => {
    const connection = await connected(server.url);
    connection.close();
    await expect(increment(connection)).rejects.toMatchObject({ code: "REDIS_UNAVAILABLE" });
  });

  it("leaves a client that it was given alone", async () => {
    const client = server.client();
    await client.ping();
    const connection = connect(client, { profile: "lease" });
    await connection.ready();
    connection.close();
    expect(await client.ping()).toBe("PONG");
  });
});
