import { expect } from "vitest";
import type { Claimed, Completion } from "../../src/claim.js";
import { writeJobs } from "../../src/define.js";
import type { JobOptions } from "../../src/job.js";
import { type BenchNode, later, type StoreBench } from "../store-bench.js";
import { isFirst } from "./steps.js";

/** What a sequence keeps: two nodes, and which attempts were given out and accepted. */
export class History {
  readonly bench: StoreBench;
  readonly nodes: { node: BenchNode; held: Claimed[] }[] = [];
  readonly started = new Set<string>();
  readonly accepted = new Set<string>();
  /** Runs that were cancelled, and not retried since. */
  readonly cancelled = new Set<string>();
  /** `<job>@<fire time>` of all that was written. */
  readonly written = new Set<string>();
  /** Of each job: its `maxRuns`, and the fire times that have started under one. */
  readonly counted = new Map<string, { most: number | undefined; runs: Set<string> }>();
  readonly removed = new Set<string>();
  /** Names of pauses that there are. */
  readonly paused = new Set<string>();
  /** Of each job: the names of pauses that hold it back. */
  readonly names = new Map<string, readonly string[]>();
  #named = 0;

  constructor(bench: StoreBench) {
    this.bench = bench;
  }

  async fresh(index: number): Promise<void> {
    this.#named += 1;
    this.nodes[index] = { node: await this.bench.node(`node-${this.#named}`, 1e9), held: [] };
  }

  at(index: number): { node: BenchNode; held: Claimed[] } {
    const found = this.nodes[index];
    if (found === undefined) throw new Error(`no node ${index}`);
    return found;
  }

  /** Defines a job; one that depends on others with a trigger only if it `fires`. Of those that it names, the ones that there are. */
  async define(
    id: string,
    { maxRuns, dependsOn = [], ...options }: Partial<JobOptions> = {},
    fires = true,
  ): Promise<void> {
    const known = await this.bench.redis.hkeys(this.bench.store.keys.jobs);
    const parents = id === "c" ? dependsOn.filter((parent) => known.includes(parent)) : [];
    const given = {
      ...{ id, ...options },
      ...(maxRuns !== undefined && { maxRuns }),
      ...(parents.length > 0 && { dependsOn: parents }),
      // In a second life without a trigger it may have what it had in its first.
      ...((fires || parents.length === 0 || this.removed.has(id)) && { trigger: later }),
    };
    await writeJobs(this.bench.store, [{ task: "task", options: given }], 65_536);
    this.counted.set(id, { most: maxRuns, runs: this.counted.get(id)?.runs ?? new Set() });
    this.names.set(id, [
      ...["all", "task:task", `job:${id}`, `queue:${options.queue ?? "default"}`],
      ...(options.tags ?? []).map((tag) => `tag:${tag}`),
    ]);
  }

  took(index: number, claimed: readonly Claimed[]): void {
    for (const item of claimed) {
      const name = `${item.run}#${item.attempt}`;
      // Only an attempt that was handed back unstarted is given out a second time.
      expect(this.started.has(name), `${name} started twice`).toBe(false);
      this.started.add(name);
      expect(this.cancelled.has(item.run), `${item.run} started although it was cancelled`).toBe(false);
      this.at(index).held.push(item);
      if (/@\d+-\w{8}f$/.test(item.run) && item.attempt === 1) continue; // by force
      const held = (this.names.get(item.job ?? "") ?? ["all", "task:task"]).filter((name) =>
        this.paused.has(name),
      );
      expect(held, `pauses under which ${item.run} started`).toEqual([]);
      const { most, runs } = this.counted.get(item.job ?? "") ?? {};
      if (most === undefined || runs === undefined || !isFirst(item)) continue;
      runs.add(item.run);
      expect(runs.size, `started runs of ${item.job}`).toBeLessThanOrEqual(most);
    }
  }

  /** Ends the first `count` attempts that a node holds, or those of `only`. */
  async end(
    index: number,
    outcome: Completion["outcome"],
    { count = 100, delay = 0, only }: { count?: number; delay?: number; only?: readonly string[] } = {},
  ): Promise<void> {
    const { node: by, held } = this.at(index);
    const ending = held.filter(({ run: id }) => only?.includes(id) ?? true).slice(0, count);
    this.at(index).held = held.filter((item) => !ending.includes(item));
    const result = outcome === "F" || outcome === "T" ? String(delay) : "";
    const accepted = await by.complete(ending, outcome, result);
    expect(accepted).toEqual(ending.map(() => true));
    for (const item of ending) {
      const name = `${item.run}#${item.attempt}`;
      if (outcome === "b") {
        this.started.delete(name);
        if (isFirst(item)) this.counted.get(item.job ?? "")?.runs.delete(item.run);
      } else {
        if (outcome === "v" && isFirst(item)) this.counted.get(item.job ?? "")?.runs.delete(item.run);
        expect(this.accepted.has(name)).toBe(false);
        this.accepted.add(name);
      }
    }
  }

  /** Tells a node what it is to cancel, and ends that. */
  async heartbeat(index: number): Promise<void> {
    const { node: by, held } = this.at(index);
    const told = (await by.heartbeat()).filter((_, at) => at % 2 === 0);
    const mine = held.map((item) => item.run);
    for (const id of told) expect(mine, "a node cancels what it holds").toContain(id);
    await this.end(index, "c", { only: told });
  }
}
