import { Cluster } from "ioredis";
import type { Connection, RedisClient } from "./connection.js";
import { EscapementError } from "./errors.js";

/** What one start-up check found. */
export interface CheckResult {
  readonly check: "version" | "role" | "eviction" | "persistence" | "memory" | "cluster" | "clock";
  /** `error`: the scheduler refuses to start. `warning`: it works, with a risk that the message names. */
  readonly level: "ok" | "warning" | "error";
  readonly message: string;
}

/** Options of {@link checkServer}. */
export interface CheckOptions {
  /** Let an evicting `maxmemory-policy` pass as a warning. Jobs and locks can then vanish. @default false */
  readonly allowEviction?: boolean;
  /** Milliseconds that this machine's clock may differ from Redis' before that is worth a warning. @default 1000 */
  readonly maxClockOffset?: number;
}

/**
 * Looks at a Redis server before it is trusted: version, role, eviction, persistence, memory, cluster and clock.
 * One round trip each for INFO and TIME; writes nothing.
 */
export async function checkServer(
  connection: Connection,
  options: CheckOptions = {},
): Promise<CheckResult[]> {
  const text = await connection.run("reading INFO", (client) => infoOf(client));
  return [
    ...judgeInfo(text, options.allowEviction ?? false),
    await checkClock(connection, options.maxClockOffset ?? 1000),
  ];
}

/** The checks that need no more than the text that INFO answers. */
export function judgeInfo(text: string, allowEviction: boolean): CheckResult[] {
  const info = parseInfo(text);
  return [
    checkVersion(info),
    checkRole(info),
    checkEviction(info, allowEviction),
    checkPersistence(info),
    checkMemory(info),
    checkCluster(info),
  ];
}

/** Throws `REDIS_UNUSABLE` (or `REDIS_READONLY`) with all the errors among `results`, if there is one. */
export function assertUsable(results: readonly CheckResult[]): void {
  const errors = results.filter(({ level }) => level === "error");
  if (errors.length === 0) return;
  const code = errors.every(({ check }) => check === "role") ? "REDIS_READONLY" : "REDIS_UNUSABLE";
  throw new EscapementError(code, errors.map(({ message }) => message).join(" "));
}

async function infoOf(client: RedisClient): Promise<string> {
  if (!(client instanceof Cluster)) return client.info();
  const [master] = client.nodes("master");
  return master === undefined ? "" : master.info();
}

function parseInfo(text: string): Map<string, string> {
  const info = new Map<string, string>();
  for (const line of text.split("\r\n")) {
    const colon = line.indexOf(":");
    if (colon > 0) info.set(line.slice(0, colon), line.slice(colon + 1));
  }
  return info;
}

function checkVersion(info: Map<string, string>): CheckResult {
  const valkey = info.get("valkey_version");
  const [name, version, least] =
    valkey === undefined ? ["Redis", info.get("redis_version") ?? "?", "7.0"] : ["Valkey", valkey, "7.2"];
  const [major = 0, minor = 0] = version.split(".").map(Number);
  const [leastMajor = 0, leastMinor = 0] = least.split(".").map(Number);
  const enough = major > leastMajor || (major === leastMajor && minor >= leastMinor);
  return enough
    ? { check: "version", level: "ok", message: `${name} ${version}.` }
    : {
        check: "version",
        level: "error",
        message: `${name} ${version} is too old: Escapement needs Redis 7.0 or Valkey 7.2. Upgrade the server.`,
      };
}

function checkRole(info: Map<string, string>): CheckResult {
  if (info.get("role") !== "slave") return { check: "role", level: "ok", message: "The server is a master." };
  const master = `${info.get("master_host")}:${info.get("master_port")}`;
  return {
    check: "role",
    level: "error",
    message: `The server is a read-only replica of ${master}. Connect to the master.`,
  };
}

function checkEviction(info: Map<string, string>, allowed: boolean): CheckResult {
  const policy = info.get("maxmemory_policy") ?? "noeviction";
  if (policy === "noeviction")
    return { check: "eviction", level: "ok", message: "maxmemory-policy is noeviction." };
  const message =
    `maxmemory-policy is ${policy}: when memory runs out, Redis would delete jobs, queued runs and locks without a word. ` +
    "Set it to noeviction (CONFIG SET maxmemory-policy noeviction, and in redis.conf).";
  return allowed
    ? { check: "eviction", level: "warning", message: `${message} Going on, since allowEviction is set.` }
    : { check: "eviction", level: "error", message };
}

function checkPersistence(info: Map<string, string>): CheckResult {
  if (info.get("aof_enabled") === "1")
    return { check: "persistence", level: "ok", message: "The append-only file is on." };
  const message =
    "The append-only file is off: a restart of Redis loses what was written since the last snapshot, jobs and runs included. " +
    "Set appendonly yes.";
  return { check: "persistence", level: "warning", message };
}

function checkMemory(info: Map<string, string>): CheckResult {
  const [used, max] = [Number(info.get("used_memory") ?? 0), Number(info.get("maxmemory") ?? 0)];
  if (max === 0 || used < max * 0.9)
    return { check: "memory", level: "ok", message: `${Math.round(used / 2 ** 20)} MiB used.` };
  const share = Math.round((100 * used) / max);
  return {
    check: "memory",
    level: "warning",
    message: `${share}% of maxmemory is used. At 100% nothing can be scheduled: raise maxmemory.`,
  };
}

function checkCluster(info: Map<string, string>): CheckResult {
  const on = info.get("cluster_enabled") === "1";
  return {
    check: "cluster",
    level: "ok",
    message: on ? "Redis Cluster; a partition's keys share one slot." : "One server, no cluster.",
  };
}

async function checkClock(connection: Connection, most: number): Promise<CheckResult> {
  const before = Date.now();
  const [seconds, micros] = await connection.run("reading TIME", (client) => client.time());
  const here = (before + Date.now()) / 2;
  const offset = Math.round(Number(seconds) * 1000 + Number(micros) / 1000 - here);
  const message = `Redis' clock is ${Math.abs(offset)} ms ${offset < 0 ? "behind" : "ahead of"} this machine's.`;
  if (Math.abs(offset) <= most) return { check: "clock", level: "ok", message };
  return {
    check: "clock",
    level: "warning",
    message: `${message} Redis' clock decides; set both by NTP so that log times agree.`,
  };
}
