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
