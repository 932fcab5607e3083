import type { Connection } from "./connection.js";
import { checkEncryption } from "./encryption.js";
import { EscapementError } from "./errors.js";

/** What one check of a server found. */
export interface CheckResult {
  readonly check:
    | "connection"
    | "version"
    | "role"
    | "eviction"
    | "persistence"
    | "memory"
    | "cluster"
    | "clock"
    | "permissions"
    | "encryption";
  /** `error`: something has to be done; {@link assertUsable} says what keeps a scheduler from starting. `warning`: it works, with a risk. */
  readonly level: "ok" | "warning" | "error";
  /** What was found, and what to do about it. */
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
 * One round trip each for INFO, TIME and, where it depends on whether snapshots are taken, CONFIG GET; writes nothing.
 */
export async function checkServer(
  connection: Connection,
  options: CheckOptions = {},
): Promise<CheckResult[]> {
  const text = await connection.run("reading INFO", (client) => client.info());
  const asks = !/^aof_enabled:1/m.test(text) || /^rdb_last_bgsave_status:err/m.test(text);
  const snapshots = asks ? await readSnapshots(connection) : undefined;
  return [
    ...checkEncryption(connection.client),
    ...judgeInfo(text, options.allowEviction ?? false, snapshots),
    await checkClock(connection, options.maxClockOffset ?? 1000),
  ];
}

/**
 * The checks that need no more than the text that INFO answers.
 *
 * @param snapshots the setting `save`, empty: none are taken; `undefined` if it is not known
 */
export function judgeInfo(text: string, allowEviction: boolean, snapshots?: string): CheckResult[] {
  const info = parseInfo(text);
  return [
    checkVersion(info),
    checkRole(info),
    checkEviction(info, allowEviction),
    checkPersistence(info, snapshots),
    checkMemory(info),
    checkCluster(info),
  ];
}

/**
 * Throws what among `results` keeps a scheduler from starting: every error but one of persistence, which is a risk that a test, say, takes.
 *
 * @throws EscapementError `REDIS_UNUSABLE`; `REDIS_READONLY` for a replica and `REDIS_FULL` for a full memory, if there is nothing else
 */
export function assertUsable(results: readonly CheckResult[]): void {
  const errors = results.filter(({ check, level }) => level === "error" && check !== "persistence");
  if (errors.length === 0) return;
  const all = (check: CheckResult["check"]): boolean => errors.every((error) => error.check === check);
  const code = all("role") ? "REDIS_READONLY" : all("memory") ? "REDIS_FULL" : "REDIS_UNUSABLE";
  throw new EscapementError(code, errors.map(({ message }) => message).join(" "));
}

/** The setting `save`; `undefined` where CONFIG is refused, as many hosted servers do. */
async function readSnapshots(connection: Connection): Promise<string | undefined> {
  try {
    const found = await connection.run("reading CONFIG", (client) => client.config("GET", "save"));
    return (found as string[])[1];
  } catch (error) {
    if (error instanceof EscapementError && /^REDIS_(AUTH|FAILED)$/.test(error.code)) return undefined;
    throw error;
  }
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

function checkPersistence(info: Map<string, string>, snapshots: string | undefined): CheckResult {
  const aof = info.get("aof_enabled") === "1";
  const problem = (level: CheckResult["level"], message: string): CheckResult => ({
    check: "persistence",
    level,
    message,
  });
  if (aof && info.get("aof_last_write_status") === "err")
    return problem(
      "error",
      "Redis cannot write its append-only file, and refuses writes until it can. Look at its log and at the disk.",
    );
  // With an append-only file as well: where snapshots are to be taken, one that fails stops writes.
  if (snapshots !== "" && info.get("rdb_last_bgsave_status") === "err")
    return problem(
      "error",
      "Redis' last snapshot failed, and it may refuse writes until one succeeds. Look at its log and at the disk.",
    );
  if (aof) return problem("ok", "The append-only file is on.");
  if (snapshots === "")
    return problem(
      "error",
      "Nothing is kept: the append-only file is off, and no snapshots are taken. A restart of Redis loses all jobs and runs. " +
        "Set appendonly yes (CONFIG SET appendonly yes, and in redis.conf).",
    );
  return problem(
    "warning",
    `The append-only file is off: a restart of Redis loses what was written since the last snapshot${
      snapshots === undefined ? ", if any are taken" : ""
    }, jobs and runs included. Set appendonly yes (CONFIG SET appendonly yes, and in redis.conf).`,
  );
}

function checkMemory(info: Map<string, string>): CheckResult {
  const number = (name: string): number => Number(info.get(name) ?? 0);
  const [used, max] = [number("used_memory") - number("mem_not_counted_for_evict"), number("maxmemory")];
  if (max === 0 || used < max * 0.9)
    return { check: "memory", level: "ok", message: `${Math.round(used / 2 ** 20)} MiB used.` };
  const share = Math.round((100 * used) / max);
  // With another policy Redis makes room, of which the check of evictions says what that costs.
  if (used >= max && (info.get("maxmemory_policy") ?? "noeviction") === "noeviction")
    return {
      check: "memory",
      level: "error",
      message:
        `Redis' memory is full: ${share}% of maxmemory is used, and every write is refused (OOM). Nothing is scheduled, ` +
        "started or completed. Raise maxmemory (CONFIG SET maxmemory), or remove what is not needed.",
    };
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
