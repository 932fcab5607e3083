import { partitionOf } from "@escapement/redis/internal";
import { type JobStore, uniqueNamespace } from "@escapement/testing";
import { Carrier } from "../src/carrier.js";
import type { Claimed } from "../src/claim.js";
import { Store } from "../src/store.js";
import type { SequenceBench, SequenceNode } from "./dependency-sequence.js";
import { Following } from "./following.js";
import { expectSound } from "./store-bench.js";

/** Carries only what it is asked to carry, and waited for: what a step has left is left to the test. */
class IdleCarrier extends Carrier {
  /** What it was asked to carry and not waited for. */
  readonly begun: string[] = [];

  override begin(teller: number, receiver: number): void {
    this.begun.push(`${teller} to ${receiver}`);
  }
}

/** A bench for jobs that depend on others in other partitions: a {@link Following} for each. Messages go when the test says so. */
export class FollowingPartitions implements AsyncDisposable, SequenceBench {
  readonly all: readonly Following[];
  readonly carrier: IdleCarrier;
  readonly namespace: string = uniqueNamespace("spread");

  constructor(server: JobStore, partitions = 8) {
    this.all = Array.from(
      { length: partitions },
      (_, partition) => new Following(server, { namespace: this.namespace, partitions, partition }),
    );
    this.carrier = new IdleCarrier(this.at(0).events);
    for (const { store } of this.all) this.carrier.join(store);
  }

  async ready(): Promise<this> {
    await Promise.all(this.all.map((one) => one.ready()));
    return this;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const one of this.all) await one[Symbol.asyncDispose]();
  }

  at(partition: number): Following {
    const found = this.all[partition];
    if (found === undefined) throw new Error(`no partition ${partition}`);
    return found;
  }

  /** Where a job, or a run of one, lives. */
  of(id: string): Following {
    return this.at(partitionOf(id.split("@")[0] ?? "", this.all.length));
  }

  define(id: string, options?: Parameters<Following["define"]>[1]): Promise<void> {
    return this.of(id).define(id, options);
  }

  async parents(...ids: readonly string[]): Promise<void> {
    for (const id of ids) await this.define(id, { overlap: "allow" });
  }

  now(): Promise<number> {
    return this.at(0).now();
  }

  /** The time of all partitions jumps ahead to the same moment. */
  async advance(ms: number): Promise<number> {
    const now = Math.max(...(await Promise.all(this.all.map((one) => one.now())))) + ms;
    for (const { redis, store } of this.all) await redis.set(store.keys.clock, now);
    return now;
  }

  /** A fire time that has just come, of all these jobs. */
  async fire(...ids: readonly string[]): Promise<number> {
    const time = await this.advance(2);
    for (const id of ids) await this.of(id).write(id, [time]);
    return time;
  }

  write(id: string, times: readonly number[]): Promise<string[]> {
    return this.of(id).write(id, times);
  }

  run(id: string): ReturnType<Following["run"]> {
    return this.of(id).run(id);
  }

  job(id: string): ReturnType<Following["job"]> {
    return this.of(id).job(id);
  }

  /** A node of all partitions, whose slots go to one after the other. */
  async node(id: string, ttl: number): Promise<SequenceNode> {
    const nodes = await Promise.all(this.all.map((one) => one.node(id, ttl)));
    return {
      id,
      claim: async ({ slots }) => {
        const claimed: Claimed[] = [];
        for (const node of nodes)
          claimed.push(...(await node.claim({ slots: slots - claimed.length })).claimed);
        return { claimed };
      },
      complete: async (claimed, outcome) => {
        for (const [index, node] of nodes.entries()) {
          const own = claimed.filter(({ run }) => this.of(run) === this.at(index));
          if (own.length > 0) await node.complete(own, outcome);
        }
      },
    };
  }

  async deadLetters(): Promise<string[]> {
    const [first] = (await Promise.all(this.all.map((one) => one.deadLetters()))).flat();
    return first === undefined ? [] : [first];
  }

  async kill(node: string): Promise<void> {
    for (const one of this.all) await one.kill(node);
  }

  end(run: string, outcome?: Parameters<Following["end"]>[1]): Promise<void> {
    return this.of(run).end(run, outcome);
  }

  /** Carries all that there is, until there is no more. */
  async carryAll(carrier: Carrier = this.carrier): Promise<void> {
    const numbers = this.all.map((_, index) => index);
    for (let before = ""; ; ) {
      for (const teller of numbers)
        for (const receiver of numbers) if (teller !== receiver) await carrier.carry(teller, receiver);
      const ends = JSON.stringify(
        await Promise.all(
          numbers.map(async (one) => this.at(one).redis.hgetall(this.at(one).store.keys.inbox)),
        ),
      );
      if (ends === before) return;
      before = ends;
    }
  }

  async expectSound(): Promise<void> {
    for (const one of this.all) await expectSound(one);
  }
}

/** An id that lives in a partition, `<name>-<number>`. */
export function idIn(partition: number, name: string, partitions = 8): string {
  for (let number = 0; ; number += 1)
    if (partitionOf(`${name}-${number}`, partitions) === partition) return `${name}-${number}`;
}

/** Another process, with connections of its own. */
export function another(bench: FollowingPartitions): { readonly carrier: Carrier; close(): void } {
  const carrier = new Carrier(bench.at(0).events);
  for (const { store } of bench.all) {
    const { namespace, partitions, partition, retention } = store;
    carrier.join(
      new Store({
        ...{ redis: bench.at(partition).url, namespace, partitions, partition, retention },
        ...{ deadline: 5000, leaseDeadline: 5000 },
      }),
    );
  }
  return {
    carrier,
    close: () => {
      for (const store of carrier.stores) store.close();
    },
  };
}

/** The messages of a partition for another one. */
export const outboxOf = (bench: FollowingPartitions, teller: number, receiver: number) =>
  bench.at(teller).redis.xrange(bench.at(teller).store.keys.outbox(receiver), "-", "+");
/** What a partition has of ties. */
export const edgesOf = (bench: FollowingPartitions, partition: number) =>
  bench.at(partition).redis.zrange(bench.at(partition).store.keys.edges, 0, -1);

/** What a partition has, by key, as it can be put back. */
export async function copyOf(bench: FollowingPartitions, partition: number): Promise<Map<string, Buffer>> {
  const { redis, store } = bench.at(partition);
  const copy = new Map<string, Buffer>();
  for (const key of await redis.keys(`${store.keys.prefix}*`)) {
    const kept = await redis.dumpBuffer(key);
    if (kept !== null) copy.set(key, kept);
  }
  return copy;
}

/** A partition is as it was when that was taken, but for the time. */
export async function putBack(
  bench: FollowingPartitions,
  partition: number,
  copy: Map<string, Buffer>,
): Promise<void> {
  const { redis, store } = bench.at(partition);
  const now = await bench.at(partition).now();
  for (const key of await redis.keys(`${store.keys.prefix}*`)) await redis.del(key);
  for (const [key, kept] of copy) await redis.restore(key, 0, kept);
  await redis.set(store.keys.clock, now);
}
