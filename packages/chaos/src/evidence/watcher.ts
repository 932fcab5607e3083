import type { Cluster, Redis } from "ioredis";
import { prefixOf } from "../partitions.js";
import type { EvidenceWriter } from "./evidence.js";

/** One entry of the cluster's stream of events. */
type Entry = [id: string, fields: string[]];

/** A partition: what its keys start with, what evidence says of which it is, and what each entry of its stream said. */
interface Partition {
  readonly prefix: string;
  readonly own: { readonly partition?: number };
  readonly seen: Map<string, string>;
}

const sampleEvery = 150; // ms
const readEvery = 20; // ms; of several partitions each more seldom

// All at one moment by Redis' clock.
const leases = `
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
return { now, redis.call('ZRANGE', KEYS[1], 0, -1, 'WITHSCORES'), redis.call('GET', KEYS[2]) or '', redis.call('PTTL', KEYS[2]),
  redis.call('GET', KEYS[3]) or '0' }`;

/**
 * Takes down what the store tells, as it tells it: each partition's stream of events, entry by entry, and who has which lease until when. It reads the
 * keys themselves, as docs/redis-layout.md has them, and goes on after errors.
 */
export class Watcher {
  readonly #redis: Redis | Cluster;
  readonly #evidence: EvidenceWriter;
  readonly #partitions: readonly Partition[];
  readonly #loops: Promise<void>[] = [];
  readonly #servers: readonly Redis[];
  #open = true;

  /** @param servers where a store has several, each by itself: one that was deposed goes on telling what will be lost */
  constructor(
    redis: Redis | Cluster,
    namespace: string,
    evidence: EvidenceWriter,
    servers: readonly Redis[] = [],
    partitions = 1,
  ) {
    this.#servers = servers;
    this.#redis = redis;
    this.#partitions = Array.from({ length: partitions }, (_, partition) => ({
      prefix: prefixOf(namespace, partition),
      own: partitions === 1 ? {} : { partition },
      seen: new Map<string, string>(),
    }));
    this.#evidence = evidence;
  }

  start(): void {
    const several = this.#partitions.length > 1 ? 3 : 1;
    for (const partition of this.#partitions) {
      for (const source of [this.#redis, ...this.#servers]) {
        let last = "0-0";
        this.#loops.push(
          this.#repeat(readEvery * several, async () => {
            last = await this.#readMore(partition, source, last);
          }),
        );
      }
      this.#loops.push(this.#repeat(sampleEvery, () => this.#sample(partition)));
    }
  }

  /** To be called when all nodes have been stopped. */
  async stop(): Promise<void> {
    this.#open = false;
    await Promise.all(this.#loops);
    await this.readAgain();
  }

  /**
   * Reads what is left of the stream, and which entries of it the store has lost. For a while there may have been two masters, each with an
   * entry of the same id: such an entry is told twice, and the store has kept the second.
   */
  async readAgain(): Promise<void> {
    for (const partition of this.#partitions) await this.#readAll(partition);
  }

  async #readAll(partition: Partition): Promise<void> {
    const [known, kept] = [[...partition.seen.keys()], new Set<string>()];
    const key = `${partition.prefix}events`;
    for (let from = "-"; ; ) {
      const page = (await this.#redis.xrange(key, from, "+", "COUNT", 2000)) as Entry[];
      this.#take(partition, page);
      for (const [id] of page) kept.add(id);
      const last = page.at(-1)?.[0];
      if (last === undefined) break;
      from = `(${last}`;
    }
    const unkept = known.filter((id) => !kept.has(id));
    if (unkept.length > 0) this.#evidence.write({ kind: "unkept", entries: unkept, ...partition.own });
  }

  async #repeat(rest: number, step: () => Promise<void>): Promise<void> {
    while (this.#open) {
      await step().catch(() => undefined);
      await new Promise((resolve) => setTimeout(resolve, rest));
    }
  }

  async #readMore(partition: Partition, source: Redis | Cluster, last: string): Promise<string> {
    const key = `${partition.prefix}events`;
    const entries = (await source.xrange(key, `(${last}`, "+", "COUNT", 1000)) as Entry[];
    this.#take(partition, entries);
    return entries.at(-1)?.[0] ?? last;
  }

  /** What has not been taken down yet; replicas tell the same as their master. */
  #take({ seen, own }: Partition, entries: readonly Entry[]): void {
    for (const [entry, fields] of entries) {
      if (seen.get(entry) === fields.join(" ")) continue;
      seen.set(entry, fields.join(" "));
      const [t, lines] = ["t", "e"].map((name) => fields[fields.indexOf(name) + 1] ?? "");
      this.#evidence.write({ kind: "told", entry, t: Number(t), lines: (lines ?? "").split("\n"), ...own });
    }
  }

  async #sample({ prefix, own }: Partition): Promise<void> {
    const keys = ["nodes", "leader", "epoch"].map((name) => prefix + name);
    const [t, flat, leader, ttl, epoch] = (await this.#redis.eval(leases, keys.length, ...keys)) as [
      number,
      string[],
      string,
      number,
      string,
    ];
    const nodes: Record<string, number> = {};
    for (let at = 0; at + 1 < flat.length; at += 2) nodes[flat[at] ?? ""] = Number(flat[at + 1]);
    this.#evidence.write({
      kind: "leases",
      t,
      nodes,
      leader: leader === "" ? null : leader,
      epoch: Number(epoch),
      until: t + Math.max(0, ttl),
      ...own,
    });
  }
}
