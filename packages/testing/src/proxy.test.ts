import { once } from "node:events";
import { createConnection } from "node:net";
import { Redis, type RedisOptions } from "ioredis";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import {
  eventually,
  type RedisServer,
  startProxy,
  startRedis,
  type TcpProxy,
  uniqueNamespace,
} from "./index.js";

let server: RedisServer;
let direct: Redis;
let proxy: TcpProxy;
let key: string;
const opened: Redis[] = [];

beforeAll(async () => {
  server = await startRedis();
  direct = server.client();
});

afterAll(async () => {
  await server?.stop();
});

beforeEach(async () => {
  key = uniqueNamespace("proxy");
  proxy = await startProxy(server.url);
});

afterEach(async () => {
  for (const client of opened.splice(0)) client.disconnect();
  await proxy.stop();
  await direct.del(key);
});

/** A client through the proxy that neither reconnects nor repeats a command by itself. */
async function connect(options: RedisOptions = {}): Promise<Redis> {
  const client = new Redis(proxy.url, { lazyConnect: true, retryStrategy: () => null, ...options });
  client.on("error", () => {});
  opened.push(client);
  await client.connect();
  return client;
}

describe("the proxy", () => {
  test("carries requests and replies of any size in both directions", async () => {
    const client = await connect();
    const big = "x".repeat(3_000_000);
    await client.set(key, big);
    expect(await client.get(key)).toBe(big);
  });

  test("resets all connections when they are cut, and takes new ones", async () => {
    const client = await connect();
    const socket = createConnection(proxy.port, "127.0.0.1");
    await once(socket, "connect");
    await eventually(() => proxy.connections === 2);
    const reset = once(socket, "error");
    proxy.cut();
    expect((await reset)[0]).toMatchObject({ code: "ECONNRESET" });
    await expect(client.ping()).rejects.toThrow("closed");
    expect(proxy.connections).toBe(0);
    expect(await (await connect()).ping()).toBe("PONG");
  });

  test("withholds replies of requests that the server has executed, and lets them through later", async () => {
    const client = await connect();
    proxy.blockReplies(true);
    let replied = false;
    const reply = client.incr(key).finally(() => {
      replied = true;
    });
    await eventually(async () => (await direct.get(key)) === "1");
    expect(replied).toBe(false);
    proxy.blockReplies(false);
    expect(await reply).toBe(1);
  });

  test("loses the reply of an executed request when it is cut before the reply went through", async () => {
    const client = await connect({ autoResendUnfulfilledCommands: false });
    proxy.blockReplies(true);
    const reply = client.incr(key);
    const outcome = reply.then(
      () => "replied",
      () => "unknown",
    );
    await eventually(async () => (await direct.get(key)) === "1");
    proxy.cut();
    expect(await outcome).toBe("unknown");
    expect(await direct.get(key)).toBe("1");
  });

  test("lets no byte through while paused, and delivers what waited afterwards", async () => {
    const client = await connect();
    proxy.pause();
    const reply = client.incr(key);
    await expect(eventually(() => direct.exists(key), { within: 150 })).rejects.toThrow("Not so within");
    expect(client.status).toBe("ready");
    proxy.resume();
    expect(await reply).toBe(1);
  });

  test("withholds requests while what the server says goes through, and delivers them late", async () => {
    const client = await connect();
    const heard: string[] = [];
    client.on("message", (_, text: string) => heard.push(text));
    await client.subscribe(key);
    proxy.blockRequests(true);
    const second = client.subscribe(`${key}:2`);
    await eventually(() => proxy.traffic().requests.held > 0);
    await direct.publish(key, "news");
    await eventually(() => heard.includes("news"));
    expect(await direct.publish(`${key}:2`, "early")).toBe(0);
    proxy.blockRequests(false);
    expect(await second).toBe(2);
  });

  test("loses requests that it withholds when it is cut, and counts their bytes", async () => {
    const client = await connect({ autoResendUnfulfilledCommands: false });
    proxy.blockRequests(true);
    const outcome = client.incr(key).then(String, () => "unknown");
    await eventually(() => proxy.traffic().requests.held > 0);
    const { held } = proxy.traffic().requests;
    proxy.cut();
    proxy.blockRequests(false);
    expect(await outcome).toBe("unknown");
    expect(proxy.traffic().requests).toMatchObject({ held: 0, dropped: held });
    await (await connect()).ping();
    expect(await direct.exists(key)).toBe(0);
  });

  test("counts the bytes of replies that a cut has lost", async () => {
    const client = await connect({ autoResendUnfulfilledCommands: false });
    proxy.blockReplies(true);
    const outcome = client.incr(key).catch(() => "unknown");
    await eventually(() => proxy.traffic().replies.held === ":1\r\n".length);
    proxy.cut();
    expect(await outcome).toBe("unknown");
    expect(proxy.traffic().replies.dropped).toBe(":1\r\n".length);
  });

  test("makes all late by at least the latency each way, in the order in which it was sent", async () => {
    const client = await connect();
    const before = proxy.traffic();
    proxy.slow({ least: 40, most: 120 });
    const begun = performance.now();
    const all = Promise.all(
      Array.from({ length: 30 }, async (_, index) => {
        await new Promise((resolve) => setImmediate(resolve));
        return client.rpush(key, index);
      }),
    );
    expect(await all).toEqual(Array.from({ length: 30 }, (_, index) => index + 1));
    expect(performance.now() - begun).toBeGreaterThanOrEqual(80);
    expect(await direct.lrange(key, 0, -1)).toEqual(Array.from({ length: 30 }, (_, index) => String(index)));
    const { requests, replies } = proxy.traffic();
    for (const [now, then] of [
      [requests, before.requests],
      [replies, before.replies],
    ] as const)
      expect((now.waited - then.waited) / (now.pieces - then.pieces)).toBeGreaterThanOrEqual(40);
    proxy.slow(undefined);
    expect(await client.ping()).toBe("PONG");
  });

  test("lets no more bytes a second through than it is told", async () => {
    const client = await connect();
    await client.set(key, "x".repeat(20_000));
    proxy.throttle(50_000);
    const begun = performance.now();
    expect(await client.get(key)).toHaveLength(20_000);
    expect(performance.now() - begun).toBeGreaterThanOrEqual(300);
    proxy.throttle(undefined);
    expect(await client.get(key)).toHaveLength(20_000);
  });

  test("cuts after a chosen request, which was executed, and leaves all others alone", async () => {
    const [client, other] = [await connect({ autoResendUnfulfilledCommands: false }), await connect()];
    const armed = proxy.cutAfter(`${key}:chosen`);
    expect(await client.set(key, "1")).toBe("OK");
    const [chosen, behind] = [client.set(`${key}:chosen`, "1", "PX", 60_000), other.get(key)];
    await expect(chosen).rejects.toThrow("closed");
    expect(await behind).toBe("1");
    expect(await direct.get(`${key}:chosen`)).toBe("1");
    expect(armed.hit).toMatchObject({ lostReplyBytes: "+OK\r\n".length });
    expect(await other.set(`${key}:chosen`, "2", "PX", 60_000)).toBe("OK");
  });

  test("finds the text of a chosen request across pieces", async () => {
    const armed = proxy.cutAfter("chosen");
    const socket = createConnection({ port: proxy.port, host: "127.0.0.1", noDelay: true });
    const reset = once(socket, "error");
    socket.write("ECHO cho");
    await eventually(() => proxy.traffic().requests.passed === "ECHO cho".length);
    socket.write("sen\r\n");
    expect((await reset)[0]).toMatchObject({ code: "ECONNRESET" });
    expect(armed.hit).toEqual({ requestBytes: 5, lostReplyBytes: "$6\r\nchosen\r\n".length });
  });

  test("cuts after no request any more once it was told not to", async () => {
    const client = await connect();
    const armed = proxy.cutAfter(key);
    armed.disarm();
    expect(await client.set(key, "1")).toBe("OK");
    expect(armed.hit).toBeUndefined();
  });

  test("keeps a connection that either end has closed until it may tell the other", async () => {
    const client = await connect();
    const id = await client.client("ID");
    proxy.pause();
    client.disconnect();
    const there = async (): Promise<boolean> =>
      String(await direct.client("LIST")).includes(`id=${String(id)} `);
    const gone = eventually(async () => !(await there()), { within: 150 });
    await expect(gone).rejects.toThrow("Not so within");
    proxy.resume();
    await eventually(async () => !(await there()));
  });

  test("accepts connections while paused that then hear nothing", async () => {
    proxy.pause();
    const client = new Redis(proxy.url, { commandTimeout: 100, retryStrategy: () => null });
    opened.push(client);
    client.on("error", () => {});
    await expect(client.ping()).rejects.toThrow("timed out");
    expect(proxy.connections).toBe(1);
  });

  test("refuses new connections while the old ones go on, and takes new ones again", async () => {
    const client = await connect();
    await proxy.refuse(true);
    expect(await client.ping()).toBe("PONG");
    const socket = createConnection(proxy.port, "127.0.0.1");
    const [error] = await once(socket, "error");
    expect(error).toMatchObject({ code: "ECONNREFUSED" });
    await proxy.refuse(false);
    expect(await (await connect()).ping()).toBe("PONG");
  });

  test("closes the client's connection when the server closes its own", async () => {
    const client = await connect();
    const ended = once(client, "close");
    await direct.client("KILL", "ID", await client.client("ID"));
    await ended;
    await eventually(() => proxy.connections === 0);
  });

  test("refuses all once stopped", async () => {
    await proxy.stop();
    const socket = createConnection(proxy.port, "127.0.0.1");
    const [error] = await once(socket, "error");
    expect(error).toMatchObject({ code: "ECONNREFUSED" });
  });
});
