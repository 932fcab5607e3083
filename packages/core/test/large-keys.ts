import { createKeys, partitionOf } from "@escapement/redis/internal";
import type { StoreClient } from "@escapement/testing";

/** More than two writes of a move take. */
const count = 450;
const time = 1_767_225_600_000;
const hour = 3_600_000;
const numbers = Array.from({ length: count }, (_, at) => at);

/** A job of another partition with each of these numbers of partitions. */
const job =
  numbers
    .map((at) => `job-${at}`)
    .find((id) => new Set([0, ...[2, 3].map((of) => partitionOf(id, of))]).size === 3) ?? "";
/** Enqueued runs, in the order in which they ended. */
const runs = numbers.map((at) => `run-${(at * 7) % count}`);
const startsOf = (partition: number): string[] =>
  numbers.slice(0, 250).map((at) => `${time - 16 * (at - (at % 2)) - partition}`);

/** What is in a key: members of a list or stream in their order, others by name; and when it is gone. */
interface Content {
  readonly items: readonly string[];
  /** Hours, rounded up; 0: never. */
  readonly hours: number;
}
type Contents = Record<string, Content>;

/**
 * Keys that one write of a move does not take, by partition and name: of a job, history, results and log; of a task, which runs ended, and
 * when; starts under a rate, of which each partition has its own.
 */
export function largeKeys(partitions: number): Contents {
  const at = partitionOf(job, partitions);
  const keys: Contents = {
    [`${at} history:${job}`]: { items: numbers.map((number) => `entry ${number}`), hours: 2 },
    [`${at} results:${job}`]: { items: numbers.flatMap((number) => [`${job}@${number}`, "1"]), hours: 3 },
    [`${at} log:${job}@${time}`]: { items: numbers.map((number) => `1-${number + 1}`), hours: 4 },
  };
  for (let partition = 0; partition < partitions; partition += 1) {
    const own = runs.filter((id) => partitionOf(id, partitions) === partition);
    const ends = own.flatMap((id) => [id, `${time} ${time} ${time + runs.indexOf(id)} s 1 1 node `]);
    keys[`${partition} history:~task`] = { items: own, hours: 0 };
    keys[`${partition} finished`] = { items: ends, hours: 0 };
    keys[`${partition} rate:task:task`] = { items: startsOf(partition), hours: 5 + partition };
  }
  return keys;
}

/** The same after a namespace of `from` partitions has come to have `to`: each partition counts all starts, until the last have passed. */
export function largeKeysMoved(from: number, to: number): Contents {
  const keys = largeKeys(to);
  const starts = Array.from({ length: from }, (_, partition) => startsOf(partition)).flat();
  const items = starts.sort((one, other) => Number(other) - Number(one));
  for (let partition = 0; partition < to; partition += 1)
    keys[`${partition} rate:task:task`] = { items, hours: 4 + from };
  return keys;
}

export async function writeLargeKeys(
  redis: StoreClient,
  namespace: string,
  partitions: number,
): Promise<void> {
  for (const [key, { items, hours }] of Object.entries(largeKeys(partitions))) {
    const [partition = "", name = ""] = key.split(" ");
    const full = createKeys(namespace, Number(partition)).prefix + name;
    if (name.startsWith("log:")) await Promise.all(items.map((id) => redis.xadd(full, id, "line", id)));
    else if (/^(results:|finished)/.test(name)) await redis.hset(full, ...items);
    else await redis.rpush(full, ...items);
    if (hours > 0) await redis.pexpire(full, hours * hour);
  }
}

/** What there is of such keys in a namespace, whatever its partitions, and of any that a move has left over. */
export async function readLargeKeys(redis: StoreClient, namespace: string): Promise<Contents> {
  const found: Contents = {};
  const all = await redis.keys(`escapement:{${namespace}*`);
  for (const full of all) {
    const [, partition = "0", name = ""] = /^escapement:\{[^:}]*(?::(\d+))?\}:(.*)$/.exec(full) ?? [];
    if (!/^(history:|results:|log:|finished$|rate:|moving:)/.test(name)) continue;
    const ttl = await redis.pttl(full);
    found[`${partition} ${name}`] = {
      items: await itemsOf(redis, full),
      hours: Math.max(0, Math.ceil(ttl / hour)),
    };
  }
  return found;
}

async function itemsOf(redis: StoreClient, key: string): Promise<string[]> {
  const type = await redis.type(key);
  if (type === "list") return redis.lrange(key, 0, -1);
  if (type === "stream") return (await redis.xrange(key, "-", "+")).map(([id]) => id);
  return Object.entries(await redis.hgetall(key)).flat();
}

/** What differs, of whatever key, in a few words each: nothing, if all is there, once and in order. */
export function differences(found: Contents, expected: Contents): string[] {
  const sizeOf = (key: string, keys: Contents): string =>
    keys[key] === undefined ? "nothing" : `${keys[key].items.length} for ${keys[key].hours} h`;
  const textOf = (key: string, { items, hours }: Content): string =>
    JSON.stringify([/ (results:|finished)/.test(key) ? [...items].sort() : items, hours]);
  return [...new Set([...Object.keys(expected), ...Object.keys(found)])]
    .filter((key) => {
      const [one, other] = [found[key], expected[key]];
      return one === undefined || other === undefined || textOf(key, one) !== textOf(key, other);
    })
    .map((key) => `${key}: ${sizeOf(key, found)}, not ${sizeOf(key, expected)}`);
}
