import { type RedisServer, startRedis } from "@escapement/testing";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { assertUsable, type CheckResult, checkServer, judgeInfo } from "./checks.js";
import { type Connection, connect } from "./connection.js";
import { isTransient, RedisError } from "./errors.js";

let server: RedisServer;
let connection: Connection;

beforeAll(async () => {
  server = await startRedis();
  connection = connect(server.url, { profile: "commands" });
});
afterAll(async () => {
  connection.close();
  await server.stop();
});

const named = (results: readonly CheckResult[], check: string): CheckResult | undefined =>
  results.find((result) => result.check === check);

describe("the start-up checks", () => {
  it("find a server as it should be usable, and warn that it keeps nothing", async () => {
    const results = await checkServer(connection);
    expect(() => assertUsable(results)).not.toThrow();
    expect(named(results, "persistence")).toMatchObject({ level: "warning" });
    expect(named(results, "clock")).toMatchObject({ level: "ok" });
  });

  it("I8: refuse an evicting policy; an override is a warning that says what it risks", async () => {
    await connection.client.config("SET", "maxmemory-policy", "allkeys-lru");
    const strict = await checkServer(connection);
    expect(() => assertUsable(strict)).toThrow(expect.objectContaining({ code: "REDIS_UNUSABLE" }));
    const allowed = named(await checkServer(connection, { allowEviction: true }), "eviction");
    expect(allowed?.level).toBe("warning");
    expect(allowed?.message).toMatch(/would delete jobs.*Going on, since allowEviction is set/);
    await connection.client.config("SET", "maxmemory-policy", "noeviction");
  });

  it("I14: refuse a replica, naming its master", async () => {
    await using replica = await startRedis({ args: ["--replicaof", "127.0.0.1", String(server.port)] });
    const other = connect(replica.url, { profile: "commands" });
    const results = await checkServer(other);
    other.close();
    expect(named(results, "role")?.message).toContain(`127.0.0.1:${server.port}`);
    expect(() => assertUsable(results)).toThrow(expect.objectContaining({ code: "REDIS_READONLY" }));
  });

  it.each([
    ["redis_version:6.2.14", "error"],
    ["redis_version:7.0.0", "ok"],
    ["redis_version:8.2.1", "ok"],
    ["redis_version:7.2.4\r\nvalkey_version:7.2.4", "ok"],
    ["redis_version:7.2.4\r\nvalkey_version:7.1.9", "error"],
    ["redis_version:7.2.4\r\nvalkey_version:10.0.0", "ok"],
    ["nothing:known", "error"],
  ])("judge %j as %s by version", (text, level) => {
    expect(named(judgeInfo(text, false), "version")?.level).toBe(level);
  });

  it("I9: warn before the memory is full", () => {
    const at = (used: number): string | undefined =>
      named(judgeInfo(`used_memory:${used}\r\nmaxmemory:100`, false), "memory")?.level;
    expect([at(89), at(90), at(100)]).toEqual(["ok", "warning", "warning"]);
  });
});

it("errors that pass by themselves are told from those that do not", () => {
  expect(isTransient(new RedisError("REDIS_TIMEOUT", ""))).toBe(true);
  expect(isTransient(new RedisError("REDIS_AUTH", ""))).toBe(false);
  expect(isTransient(new Error("x"))).toBe(false);
});
