import type { JobStore } from "@escapement/testing";
import { expect } from "vitest";
import type { Claimed, Completion } from "../src/claim.js";
import { writeJobs } from "../src/define.js";
import type { JobOptions } from "../src/job.js";
import type { RunState } from "../src/run.js";
import { type BenchNode, later, type Place, StoreBench } from "./store-bench.js";

type Definition = Omit<Partial<JobOptions>, "trigger"> & {
  readonly trigger?: JobOptions["trigger"] | undefined;
};

/** A bench for jobs that depend on others: one node, whose claimed runs are ended by name. */
export class Following extends StoreBench {
  #node: BenchNode | undefined;
  readonly #claimed = new Map<string, Claimed>();

  constructor(server: JobStore, place?: Place) {
    super(server, { runs: 1000 }, place);
  }

  get node1(): BenchNode {
    if (this.#node === undefined) throw new Error("ready() first");
    return this.#node;
  }

  override async ready(): Promise<this> {
    await super.ready();
    this.#node = await this.node("node", 1_000_000_000);
    return this;
  }

  /** Defines a job, and others in the same call. `trigger: undefined`: it has none. */
  override async define(
    id: string,
    options: Definition = {},
    task = "task",
    others: readonly (readonly [string, Definition])[] = [],
  ): Promise<void> {
    const wanted = [[id, options] as const, ...others].map(([id, { trigger, ...rest }], index) => {
      const given = index === 0 && !("trigger" in options) ? later : trigger;
      return { task, options: { id, ...(given !== undefined && { trigger: given }), ...rest } };
    });
    await writeJobs(this.store, wanted, 65_536);
  }

  /** Jobs of whose runs any number runs at once. */
  async parents(...ids: readonly string[]): Promise<void> {
    for (const id of ids) await this.define(id, { overlap: "allow" });
  }

  /** Fire times that have just come, one ms apart, of all these jobs. */
  async fire(ids: readonly string[], count = 1): Promise<[number, number, ...number[]]> {
    const last = await this.advance(count + 1);
    const times = Array.from({ length: count }, (_, index) => last - count + 1 + index);
    for (const id of ids) await this.write(id, times);
    return times as [number, number, ...number[]];
  }

  /** Claims all that can start, and answers it. */
  async next(): Promise<string[]> {
    const { claimed } = await this.node1.claim({ slots: 500 });
    for (const item of claimed) this.#claimed.set(item.run, item);
    return claimed.map(({ run }) => run);
  }

  /** Ends a run that was claimed, or else can be. */
  async end(run: string, outcome: Completion["outcome"] = "s"): Promise<void> {
    if (!this.#claimed.has(run)) await this.next();
    const item = this.#claimed.get(run);
    if (item === undefined) throw new Error(`${run} cannot start`);
    this.#claimed.delete(run);
    expect(await this.node1.complete([item], outcome)).toEqual([true]);
  }

  async deadLetters(): Promise<string[]> {
    return this.redis.zrange(this.store.keys.deadLettersOf("default"), 0, 0);
  }

  async kill(node: string): Promise<void> {
    await this.redis.zadd(this.store.keys.nodes, 1, node);
    await this.recover();
  }

  async stateOf(run: string): Promise<RunState | undefined> {
    return (await this.run(run).get())?.state;
  }

  /** What became of a job's runs, latest first. */
  async historyOf(id: string): Promise<RunState[]> {
    return (await this.job(id).history()).map(({ state }) => state);
  }
}
