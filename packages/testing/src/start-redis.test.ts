import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Redis } from "ioredis";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { eventually, type RedisServer, redisWay, startRedis } from "./index.js";

describe.skipIf(redisWay() === "url")("a started server", () => {
  let server: RedisServer;

  beforeEach(async () => {
    server = await startRedis({ appendonly: "always" });
  });

  afterEach(async () => {
    await server.stop();
  });

  test("answers, evicts nothing and saves no snapshots by itself", async () => {
    const client = server.client();
    expect(await client.ping()).toBe("PONG");
    expect(await client.config("GET", "maxmemory-policy")).toEqual(["maxmemory-policy", "noeviction"]);
    expect(await client.config("GET", "save")).toEqual(["save", ""]);
    expect(await client.config("GET", "appendfsync")).toEqual(["appendfsync", "always"]);
  });

  test("keeps its append-only file over a SIGKILL and a restart on the same port", async () => {
    const { port, pid } = server;
    const client = server.client();
    await client.set("kept", "yes");
    await server.kill();
    if (pid !== undefined) expect(() => process.kill(pid, 0)).toThrow("ESRCH");
    await server.restart();
    expect(server.port).toBe(port);
    // The old connection finds its way back, too.
    expect(await client.get("kept")).toBe("yes");
    if (pid !== undefined) expect(server.pid).not.toBe(pid);
  });

  test("keeps its data over a restart while it runs", async () => {
    await server.client().set("kept", "yes");
    await server.restart();
    expect(await server.client().get("kept")).toBe("yes");
  });

  test("is gone after a shutdown and comes back on restart", async () => {
    await server.client().set("kept", "yes");
    await server.shutdown();
    expect(server.pid).toBeUndefined();
    await expect(server.client({ maxRetriesPerRequest: 0 }).ping()).rejects.toThrow();
    await server.restart();
    expect(await server.client().get("kept")).toBe("yes");
  });

  test("answers nothing while frozen, and answers what it was asked meanwhile after the thaw", async () => {
    const client = server.client();
    await client.set("counter", 1);
    await server.freeze();
    await expect(server.client({ commandTimeout: 100 }).ping()).rejects.toThrow("timed out");
    let replied = false;
    const reply = client.incr("counter").finally(() => {
      replied = true;
    });
    await expect(eventually(() => replied, { within: 200 })).rejects.toThrow("Not so within");
    await server.thaw();
    expect(await reply).toBe(2);
  });

  test("can be killed, shut down and stopped while frozen", async () => {
    await server.freeze();
    await server.kill();
    await server.restart();
    await server.freeze();
    await server.shutdown();
    await server.restart();
    await server.freeze();
    await server.stop();
    expect(server.pid).toBeUndefined();
  });

  test("brings back an old state, forgetting what was acknowledged since, and keeps what comes after", async () => {
    const client = server.client();
    await client.set("old", "1");
    const rdb = await server.save();
    await client.set("old", "2");
    await client.set("new", "1");
    await server.restore(rdb);
    expect(await client.mget("old", "new")).toEqual(["1", null]);
    await client.set("later", "1");
    await server.kill();
    await server.restart();
    expect(await client.mget("old", "new", "later")).toEqual(["1", null, "1"]);
    // A snapshot can be brought back more than once.
    await server.restore(rdb);
    expect(await client.mget("old", "new", "later")).toEqual(["1", null, null]);
  });

  test("is disposed at the end of its block, with its clients", async () => {
    let pid: number | undefined;
    let client: ReturnType<RedisServer["client"]>;
    {
      await using block = await startRedis();
      pid = block.pid;
      client = block.client();
      await client.ping();
    }
    if (pid !== undefined) expect(existsSync(`/proc/${pid}`)).toBe(false);
    await eventually(() => client.status === "end");
  });
});

test.skipIf(redisWay() !== "process")("a given folder stays, with the data in it, after stop", async () => {
  const dir = await mkdtemp(join(tmpdir(), "escapement-given-"));
  try {
    const first = await startRedis({ dir, appendonly: "everysec" });
    await first.client().set("kept", "yes");
    await first.stop();
    await using second = await startRedis({ dir, appendonly: "everysec" });
    expect(await second.client().get("kept")).toBe("yes");
  } finally {
    await rm(dir, { recursive: true });
  }
});

describe.skipIf(redisWay() === "url")("starting a server", () => {
  test("restores into a server without an append-only file", async () => {
    await using server = await startRedis();
    await server.client().set("old", "1");
    const rdb = await server.save();
    await server.client().flushall();
    await server.restore(rdb);
    expect(await server.client().get("old")).toBe("1");
  });

  test("asks for the password that was given", async () => {
    await using server = await startRedis({ password: "p@ss:word" });
    expect(await server.client().ping()).toBe("PONG");
    const stranger = new Redis(server.port, { lazyConnect: true, enableReadyCheck: false });
    await expect(stranger.ping()).rejects.toThrow("NOAUTH");
    stranger.disconnect();
  });

  test("bounds the memory", async () => {
    await using server = await startRedis({ maxmemory: "3mb" });
    const client = server.client();
    const fill = async (): Promise<void> => {
      for (let key = 0; key < 1000; key++) await client.set(`${key}`, "x".repeat(10_000));
    };
    await expect(fill()).rejects.toThrow("OOM");
    expect(await client.get("0")).toHaveLength(10_000);
  });

  test("tells from the server's own log why it did not start", async () => {
    const start = startRedis({ args: ["--no-such-option", "1"] });
    await expect(start).rejects.toMatchObject({ code: "START_FAILED" });
    await expect(start).rejects.toThrow(/no-such-option/);
  });

  test("does not take a server of somebody else at the same port for its own", async () => {
    await using other = await startRedis();
    await expect(startRedis({ port: other.port })).rejects.toMatchObject({ code: "START_FAILED" });
    expect(await other.client().ping()).toBe("PONG");
  });

  test("gives each of many started at once a port and data of its own", async () => {
    const servers = await Promise.all(Array.from({ length: 6 }, () => startRedis()));
    await Promise.all(servers.map((server, index) => server.client().set("me", index)));
    const seen = await Promise.all(servers.map((server) => server.client().get("me")));
    await Promise.all(servers.map((server) => server.stop()));
    expect(seen).toEqual(["0", "1", "2", "3", "4", "5"]);
  });
});
