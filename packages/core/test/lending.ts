import { partitionOf } from "@escapement/redis/internal";
import { type JobStore, uniqueNamespace } from "@escapement/testing";
import type { ClaimAnswer, Claimed } from "../src/claim.js";
import { enqueueRuns } from "../src/enqueue.js";
import { Events } from "../src/events.js";
import { Lender } from "../src/lender.js";
import type { ScopedLimit, ScopedRate } from "../src/limit.js";
import type { Store } from "../src/store.js";
import { silentLogger } from "./silent-logger.js";
import { type BenchNode, StoreBench } from "./store-bench.js";

/** What becomes of a carrier's call: it is sent; its answer is lost; it is never sent; it arrives later; it arrives twice. */
export type Fate = "sent" | "unheard" | "unsent" | "late" | "twice";

/** What is limited, and how. */
export interface Limited {
  readonly scope: string;
  readonly limits?: readonly ScopedLimit[];
  readonly rates?: readonly ScopedRate[];
  /** Of each run. */
  readonly options?: object;
}

/** Partitions, each on a server of its own if there are as many, with one node each; and the carrier of a process, of whose calls the test says what becomes. */
export class Partitions implements AsyncDisposable {
  readonly benches: readonly StoreBench[];
  readonly lender: Lender;
  readonly limited: Limited;
  readonly #nodes: BenchNode[] = [];
  readonly #late: (() => Promise<unknown>)[] = [];
  readonly #running: Claimed[][];
  readonly #kept: ReadonlyMap<string, Buffer>[] = [];
  /** Of the next calls. */
  fates: Fate[] = [];

  constructor(servers: readonly JobStore[], limited: Limited, count = servers.length) {
    this.limited = limited;
    const namespace = uniqueNamespace("lending");
    this.benches = Array.from(
      { length: count },
      (_, partition) =>
        new StoreBench(
          servers[partition % servers.length] as JobStore,
          {},
          { namespace, partition, partitions: count },
        ),
    );
    this.#running = this.benches.map(() => []);
    this.lender = new Lender(new Events(silentLogger));
    for (const { store } of this.benches) this.lender.join(this.#carried(store));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.lender.close();
    for (const bench of this.benches) await bench[Symbol.asyncDispose]();
  }

  async ready(): Promise<this> {
    for (const bench of this.benches) {
      await bench.ready();
      this.#nodes.push(await bench.node("node", 10 ** 9));
    }
    return this;
  }

  get home(): number {
    return partitionOf(this.limited.scope, this.benches.length);
  }

  /** The partitions that borrow, the first one first. */
  get borrowers(): number[] {
    return this.benches.map((_, index) => index).filter((index) => index !== this.home);
  }

  bench(partition: number): StoreBench {
    return this.benches[partition] as StoreBench;
  }

  async enqueue(partition: number, count: number): Promise<string[]> {
    const runs = Array.from({ length: count }, () => this.limited.options ?? {});
    return enqueueRuns(this.bench(partition).store, "task", runs, 1000);
  }

  /** One claim, and what the carrier makes of it. */
  async claim(partition: number, slots: number, limited: Partial<Limited> = {}): Promise<ClaimAnswer> {
    const { limits, rates } = { ...this.limited, ...limited };
    const answer = await this.#node(partition).claim({
      slots,
      ...(limits !== undefined && { limits }),
      ...(rates !== undefined && { rates }),
    });
    this.#running[partition]?.push(...answer.claimed);
    await this.carry(partition, answer);
    return answer;
  }

  async carry(partition: number, { wanted }: ClaimAnswer): Promise<void> {
    if (wanted !== undefined) this.lender.see(partition, wanted);
    await this.lender.settled();
  }

  /** The first of its runs ends. */
  async complete(partition: number): Promise<void> {
    const [first, ...rest] = this.#running[partition] ?? [];
    if (first === undefined) return;
    this.#running[partition] = rest;
    const completions = [
      { run: first.run, token: first.token, outcome: "s" as const, detail: '{"task":"task"}', result: "" },
    ];
    const { limits, rates } = this.limited;
    const answer = await this.#node(partition).claim({
      ...{ slots: 0, completions },
      ...(limits !== undefined && { limits }),
      ...(rates !== undefined && { rates }),
    });
    await this.carry(partition, answer);
  }

  async completeAll(partition: number): Promise<void> {
    while ((this.#running[partition]?.length ?? 0) > 0) await this.complete(partition);
  }

  /** A call that is on its way arrives: the one that was sent first. */
  async arrive(): Promise<void> {
    await this.#late
      .shift()?.()
      .catch(() => undefined);
  }

  async advance(ms: number): Promise<void> {
    for (const bench of this.benches) await bench.advance(ms);
  }

  /** How many places are in use in a partition. */
  async inUse(partition: number): Promise<number> {
    const { redis, store } = this.bench(partition);
    const { scope, rates } = this.limited;
    if (rates === undefined) return redis.scard(store.keys.held(scope));
    const [now, starts] = [await store.now(), await redis.lrange(`${store.keys.prefix}${scope}`, 0, -1)];
    return starts.filter((at) => Number(at) > now - (rates[0]?.per ?? 0)).length;
  }

  async inUseOfAll(): Promise<number> {
    let sum = 0;
    for (const index of this.benches.keys()) sum += await this.inUse(index);
    return sum;
  }

  #numbersOf(partition: number): string[] {
    const { keys } = this.bench(partition).store;
    return [keys.lent(this.limited.scope), keys.borrowed(this.limited.scope), keys.lending];
  }

  /** What a replica of the partition has heard of so far. */
  async replicate(partition: number): Promise<void> {
    const { redis } = this.bench(partition);
    const kept = new Map<string, Buffer>();
    for (const key of this.#numbersOf(partition)) {
      const value = await redis.dumpBuffer(key);
      if (value !== null) kept.set(key, value);
    }
    this.#kept[partition] = kept;
  }

  /** That replica becomes the master: the numbers go back, and the history of writes is another. */
  async failOver(partition: number): Promise<void> {
    const { redis } = this.bench(partition);
    for (const key of this.#numbersOf(partition)) {
      await redis.del(key);
      const value = this.#kept[partition]?.get(key);
      if (value !== undefined) await redis.restore(key, 0, value);
    }
    await redis.call("DEBUG", "CHANGE-REPL-ID");
  }

  /** Whether what the partition has written of the scope is known to be of its present history. */
  async isKnown(partition: number): Promise<boolean> {
    const { redis, store } = this.bench(partition);
    const { lent, borrowed } = store.keys;
    const { scope } = this.limited;
    const of = await redis.hget(partition === this.home ? lent(scope) : borrowed(scope), "history");
    const [, now = ""] = /master_replid:(\w+)/.exec(await redis.info("replication")) ?? [];
    return of === now;
  }

  /** Numbers that are even have not been used for so long that they are forgotten. */
  async forget(partition: number): Promise<void> {
    const { redis, store } = this.bench(partition);
    for (const key of [store.keys.lent(this.limited.scope), store.keys.borrowed(this.limited.scope)]) {
      if ((await redis.pttl(key)) < 0) continue;
      await redis.del(key);
      await this.bench(partition).advance(660_000);
    }
  }

  #node(partition: number): BenchNode {
    return this.#nodes[partition] as BenchNode;
  }

  /** A store as the carrier sees it. */
  #carried(store: Store): Store {
    const run = async <R>(...call: Parameters<Store["lease"]["run"]>): Promise<R> => {
      const send = (): Promise<R> => store.lease.run(...call) as Promise<R>;
      const fate = this.fates.shift() ?? "sent";
      if (fate === "late") this.#late.push(send);
      if (fate === "late" || fate === "unsent") throw new Error("The carrier is dead.");
      if (fate === "twice") await send();
      const answer = await send();
      if (fate === "unheard") throw new Error("The carrier is dead.");
      return answer;
    };
    const timed = (call: () => Promise<unknown>): Promise<unknown> => call();
    return { keys: store.keys, partition: store.partition, lease: { run }, timed } as unknown as Store;
  }
}
