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
  it("find a server as it should be usable, although it keeps nothing, which is told", async () => {
    const results = await checkServer(connection);
    expect(() => assertUsable(results)).not.toThrow();
    expect(named(results, "persistence")).toMatchObject({ level: "error" });
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

  it.each([
    ["aof_enabled:1", "", "ok"],
    ["aof_enabled:1\r\naof_last_write_status:err", "", "error"],
    ["aof_enabled:0", "3600 1", "warning"],
    ["aof_enabled:0", undefined, "warning"],
    ["aof_enabled:0", "", "error"],
    ["aof_enabled:0\r\nrdb_last_bgsave_status:err", "3600 1", "error"],
    ["aof_enabled:1\r\nrdb_last_bgsave_status:err", "3600 1", "error"],
    ["aof_enabled:1\r\nrdb_last_bgsave_status:err", "", "ok"],
  ])("judge %j with the setting save %j as %s by persistence", (text, save, level) => {
    const results = judgeInfo(`redis_version:7.0.0\r\n${text}`, false, save);
    expect(named(results, "persistence")?.level).toBe(level);
    expect(() => assertUsable(results)).not.toThrow();
  });

  it("take a server that lets nobody read its settings for one that may take snapshots", async () => {
    await using guarded = await startRedis();
    await guarded.client().acl("SETUSER", "half", "on", ">pass", "~*", "&*", "+@all", "-config");
    const other = connect(guarded.url.replace("redis://", "redis://half:pass@"), { profile: "commands" });
    const results = await checkServer(other);
    other.close();
    expect(named(results, "persistence")).toMatchObject({
      level: "warning",
      message: expect.stringContaining("snapshot, if any are taken"),
    });
  });

  it("I9: warn before the memory is full, and refuse one that is, unless Redis makes room", () => {
    const text = (used: number): string => `redis_version:7.0.0\r\nused_memory:${used}\r\nmaxmemory:100`;
    const at = (used: number, more = ""): string | undefined =>
      named(judgeInfo(`${text(used)}${more}`, true), "memory")?.level;
    expect([at(89), at(90), at(100)]).toEqual(["ok", "warning", "error"]);
    expect(at(105, "\r\nmem_not_counted_for_evict:10")).toBe("warning");
    expect(at(100, "\r\nmaxmemory_policy:allkeys-lru")).toBe("warning");
    expect(() => assertUsable(judgeInfo(text(100), false))).toThrow(
      expect.objectContaining({ code: "REDIS_FULL" }),
    );
  });
});

it("errors that pass by themselves are told from those that do not", () => {
  expect(isTransient(new RedisError("REDIS_TIMEOUT", ""))).toBe(true);
  expect(isTransient(new RedisError("REDIS_AUTH", ""))).toBe(false);
  expect(isTransient(new Error("x"))).toBe(false);
});
