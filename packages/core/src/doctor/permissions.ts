import { type Keys, type Refusal, refusalIn, tryCommands, type Words } from "@escapement/redis/internal";
import type { Store } from "../store.js";
import { about, type Finding, some } from "./finding.js";
import type { Inspection } from "./picture.js";

/** The commands that Escapement sends, or its scripts call, but for SUBSCRIBE and those that make transactions, each with arguments that it takes; `K` stands for a key, `C` for a channel. */
export const neededCommands: readonly string[] = `
  DEL K; UNLINK K; RENAME K K; EXISTS K; PEXPIRE K 1; PEXPIRETIME K; PTTL K; TYPE K; GET K; GETRANGE K 0 1; MGET K; SET K v; INCR K; INCRBY K 1
  HDEL K f; HEXISTS K f; HGET K f; HGETALL K; HINCRBY K f 1; HKEYS K; HLEN K; HMGET K f; HRANDFIELD K; HSCAN K 0; HSET K f v; HSETNX K f v
  LINDEX K 0; LPOP K; LPUSH K v; LRANGE K 0 1; LREM K 0 v; LTRIM K 0 1; RPUSH K v
  SADD K v; SCARD K; SISMEMBER K v; SMISMEMBER K v; SPOP K; SRANDMEMBER K; SREM K v; SSCAN K 0
  ZADD K 1 v; ZCARD K; ZLEXCOUNT K - +; ZMSCORE K v; ZPOPMIN K; ZRANGE K 0 1; ZRANGEBYLEX K - +; ZREM K v; ZREMRANGEBYLEX K - +; ZSCAN K 0
  ZSCORE K v; XADD K * f v; XINFO STREAM K; XRANGE K - +; XREAD STREAMS K 0; XREVRANGE K + -
  EVAL 0 1 K; EVALSHA 0 1 K; PUBLISH C v; INFO; PING; TIME`
  .trim()
  .split(/;\s+|\n\s+/);

/** Whether the user may do what Escapement needs: its commands, all keys of the namespace, its channels. Nothing is carried out for it. */
export async function examinePermissions({ store }: Inspection): Promise<Finding[]> {
  const { ok, error } = about("permissions");
  const { prefix, nodes, leader } = store.keys;
  const keys = keysOf(store.keys);
  const channels = [store.keys.wake, `${leader}:resigned`];
  const attempts: Words[] = [
    ...neededCommands.map((text) => wordsOf(text, nodes, store.keys.wake)),
    ...keys.flatMap((key): Words[] => [
      ["GET", key],
      ["SET", key, "v"],
    ]),
    ...channels.map((channel): Words => ["PUBLISH", channel, "v"]),
  ];
  const subscribing = await subscribe(store);
  const refusals = await attempt(store, attempts).catch((cause: unknown) => {
    if ((cause as { code?: string }).code === "REDIS_AUTH") return "MULTI" as const;
    throw cause;
  });
  if (refusals === "MULTI")
    return [
      error(
        "The user may not use transactions, which Escapement needs: grant +multi +exec, and ask again what else is missing.",
      ),
    ];
  const of = (what: Refusal, from: number, to: number): number[] =>
    refusals.slice(from, to).flatMap((refusal, index) => (refusal === what ? [from + index] : []));
  const [first, last] = [neededCommands.length, neededCommands.length + 2 * keys.length];
  const commands = of("command", 0, first).map((index) => attempts[index]?.[0].toLowerCase() ?? "");
  if (subscribing === "command") commands.push("subscribe");
  const refusedKeys = [...new Set(of("key", first, last).map((index) => attempts[index]?.[1] ?? ""))];
  const refusedChannels = of("channel", last, refusals.length).map((index) => attempts[index]?.[1] ?? "");
  if (subscribing === "channel") refusedChannels.push(store.keys.wake);
  const missing = [
    ...(commands.length === 0
      ? []
      : [`commands, to be granted as ${commands.map((name) => `+${name}`).join(" ")}`]),
    ...(refusedKeys.length === 0
      ? []
      : [`keys, such as ${some(refusedKeys, 3)}: grant ~${prefix}* (all keys of the namespace)`]),
    ...(refusedChannels.length === 0
      ? []
      : [`channels, ${[...new Set(refusedChannels)].join(", ")}: grant &${prefix}*`]),
  ];
  if (missing.length === 0) return [ok("The user may do all that Escapement needs.")];
  return [
    error(
      `The user lacks ${missing.join("; and ")}. See ACL SETUSER; what runs without them fails where they are needed.`,
    ),
  ];
}

async function attempt(store: Store, attempts: readonly Words[]): Promise<Refusal[]> {
  const own = store.openReader();
  try {
    await own.ready();
    return await tryCommands(own, attempts);
  } finally {
    store.closeReader(own);
  }
}

/** Cannot be queued; to subscribe harms nobody. */
async function subscribe(store: Store): Promise<Refusal> {
  const own = store.openReader();
  try {
    await own.ready();
    await own.run("subscribing", (client) => client.subscribe(store.keys.wake));
    return undefined;
  } catch (error) {
    return refusalIn((error as Error).cause);
  } finally {
    store.closeReader(own);
  }
}

function wordsOf(text: string, key: string, channel: string): Words {
  const [name = "", ...args] = text.split(" ");
  return [name, ...args.map((arg) => (arg === "K" ? key : arg === "C" ? channel : arg))];
}

/** One key of each kind. */
function keysOf(keys: Keys): string[] {
  const { prefix: _, wake: __, ...others } = keys;
  return Object.values(others).map((key: string | ((...parts: never[]) => string)) =>
    typeof key === "string" ? key : (key as (one: string, two: string) => string)("x", "1"),
  );
}
