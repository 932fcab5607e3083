import { EscapementError } from "./errors.js";
import { createKeys, type Keys } from "./keys.js";

/**
 * Who connects to Redis, and with what rights.
 *
 * - `node`: leads and runs tasks. All keys and channels of the namespace.
 * - `client`: defines, triggers, cancels, pauses and reads. Cannot lead, hand out fencing tokens, or hold or report on runs.
 * - `observer`: reads everything, changes nothing.
 * - `voter`: a node at a server that only votes on locks.
 * - `operator`: pauses and resumes by `redis-cli`: the keys `pause:*` and nothing else.
 */
export type AclRole = "node" | "client" | "observer" | "voter" | "operator";

/** All roles, the widest first. */
export const aclRoles: readonly AclRole[] = ["node", "client", "observer", "voter", "operator"];

/** Options of {@link aclRules}. */
export interface AclOptions {
  /** As in the scheduler's options. */
  readonly namespace: string;
  readonly role: AclRole;
  /** Over how many partitions the namespace is spread, as in the scheduler's options. @default 1 */
  readonly partitions?: number;
}

// Each command with arguments that it takes; `K` stands for a key, `C` for a channel.
const listOf = (text: string): readonly string[] => text.trim().split(/;\s+|\n\s+/);

/** What a connection sends before anything else. Another database and a Redis Cluster want more, which harms nobody. */
const greeting = ["ping", "info", "select", "client|setname", "cluster|slots", "cluster|info"];

/** Commands that read. */
export const readingCommands: readonly string[] = listOf(`
  EXISTS K; GET K; GETRANGE K 0 1; MGET K; PEXPIRETIME K; PTTL K; TYPE K
  HEXISTS K f; HGET K f; HGETALL K; HKEYS K; HLEN K; HMGET K f; HRANDFIELD K; HSCAN K 0; LINDEX K 0; LLEN K; LRANGE K 0 1
  SCARD K; SISMEMBER K v; SMISMEMBER K v; SRANDMEMBER K; SSCAN K 0
  ZCARD K; ZCOUNT K 0 1; ZLEXCOUNT K - +; ZMSCORE K v; ZRANGE K 0 1; ZRANGEBYLEX K - +; ZSCAN K 0; ZSCORE K v
  XINFO STREAM K; XRANGE K - +; XREAD STREAMS K 0; XREVRANGE K + -
  EVAL_RO 0 1 K; EVALSHA_RO 0 1 K; INFO; PING; TIME`);

/** Commands that write, of those that define, trigger and pause. */
export const writingCommands: readonly string[] = listOf(`
  DEL K; UNLINK K; PEXPIRE K 1; SET K v; HDEL K f; HSET K f v; HSETNX K f v; LPOP K; LREM K 0 v; RPUSH K v
  SADD K v; SPOP K; SREM K v; ZADD K 1 v; ZPOPMIN K; ZREM K v; ZREMRANGEBYLEX K - +; XADD K * f v`);

/** Commands that define, trigger and pause, beside those that read. */
const definingCommands = [...writingCommands, ...listOf("EVAL 0 1 K; EVALSHA 0 1 K; PUBLISH C v")];

/** Commands that only nodes send, beside those of {@link listening}. */
export const nodeCommands: readonly string[] = listOf(
  "HINCRBY K f 1; LPUSH K v; MSETNX K v; LTRIM K 0 1; PERSIST K; RENAME K K; XLEN K; XTRIM K MINID 0; ZREMRANGEBYRANK K 0 1",
);

/** How nodes hear what is published. */
const listening = ["subscribe", "unsubscribe"];

/** Everything that nodes send and their scripts call, but for what cannot be tried in a transaction. */
export const neededCommands: readonly string[] = [...readingCommands, ...definingCommands, ...nodeCommands];

/** Kinds of keys that a client reads at most: the leader's lease, tokens, locks, and what nodes say of themselves and of what they hold. */
export const keysOfNodes: readonly (keyof Keys)[] = [
  "leader",
  "fence",
  "mended",
  "nodeInfo",
  "progress",
  "active",
  "request",
  "lending",
  "lent",
  "borrowed",
  "lock",
  "log",
];

/** What the operator's commands are: those of the page on pausing, and those that look at a pause. */
const pausing = [
  "ping",
  "set",
  "get",
  "del",
  "unlink",
  "exists",
  "expire",
  "pexpire",
  "persist",
  "ttl",
  "pttl",
];
const voting = ["ping", "info", "select", "eval", "exists", "get", "set", "del", "pexpire"];

/**
 * The rules of `ACL SETUSER` for a user who may do what a role needs in one namespace, and nothing else. They replace earlier rules, and
 * leave passwords and whether the user is on as they were.
 *
 * @example await redis.acl("SETUSER", "billing-node", "on", ">secret", ...aclRules({ namespace: "billing", role: "node" }));
 * @throws EscapementError `INVALID_NAME` for a namespace that cannot be; `INVALID_OPTION` for a number of partitions that cannot be
 */
export function aclRules({ namespace, role, partitions = 1 }: AclOptions): string[] {
  if (!Number.isInteger(partitions) || partitions < 1 || partitions > 256)
    throw new EscapementError("INVALID_OPTION", "partitions must be a whole number from 1 to 256.");
  const keys = createKeys(namespace);
  return [
    "resetkeys",
    "resetchannels",
    "clearselectors",
    "-@all",
    ...patternsOf(role, keys).flatMap((pattern) => inPartitions(pattern, namespace, partitions)),
    ...commandsOf(role),
  ];
}

/**
 * A pattern of partition 0, and those of as many further ones: by their number of digits, so that another number seldom needs other rules. They fit no other
 * namespace, since none ends in a colon and digits.
 */
function inPartitions(pattern: string, namespace: string, partitions: number): string[] {
  const digits = String(partitions - 1).length;
  const numbers = ["[1-9]", "[1-9][0-9]", "[1-9][0-9][0-9]"].slice(0, partitions === 1 ? 0 : digits);
  const further = numbers.map((number) => pattern.replace(`{${namespace}}`, `{${namespace}:${number}}`));
  return [pattern, ...further];
}

function patternsOf(role: AclRole, keys: Keys): string[] {
  const { prefix } = keys;
  if (role === "node") return [`~${prefix}*`, `&${prefix}*`];
  if (role === "observer") return [`%R~${prefix}*`];
  if (role === "voter") return [`~${prefix}lock:*`];
  if (role === "operator") return [`~${prefix}pause:*`];
  // The channel `wake` is among the keys: scripts are handed its name as one.
  const { prefix: _, ...kinds } = keys;
  const written = (Object.keys(kinds) as (keyof typeof kinds)[]).filter(
    (kind) => !keysOfNodes.includes(kind),
  );
  return [`%R~${prefix}*`, ...new Set(written.map((kind) => `~${patternOf(keys[kind])}`)), `&${prefix}*`];
}

/** The pattern of all keys of a kind: what a name is put behind stands in for the rest. */
function patternOf(key: string | ((...parts: never[]) => string)): string {
  return typeof key === "string" ? key : (key as (name: string) => string)("*").replace(/\*.*$/, "*");
}

function commandsOf(role: AclRole): string[] {
  const names = (commands: readonly string[]): string[] =>
    commands.map((text) => (text.split(" ", 1)[0] ?? "").toLowerCase());
  const of: Record<AclRole, () => readonly string[]> = {
    node: () => [...greeting, "multi", ...listening, ...names(neededCommands)],
    client: () => [...greeting, "multi", ...names([...readingCommands, ...definingCommands])],
    observer: () => [...greeting, "multi", ...names(readingCommands)],
    voter: () => voting,
    operator: () => pausing,
  };
  return [...new Set(of[role]())].map((name) => `+${name}`);
}
