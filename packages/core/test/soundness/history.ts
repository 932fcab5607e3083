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
  /** Runs of fire times that must not start: by the name of the pause that ended, and is to be noticed; by none, what has been passed over. */
  readonly #passed = new Map<string, Set<string>>();
  /** Jobs that go on from now by themselves. */
  readonly #fromNow = new Set<string>();
  #named = 0;

  constructor(bench: StoreBench) {
    this.bench = bench;
  }

  async fresh(index: number): Promise<void> {
    this.#named += 1;
    this.nodes[index] = { node: await this.bench.node(`node-${this.#named}`, 1e12), held: [] };
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
    // What its pauses are, and what it goes on with, may be others by now.
    for (const [name, runs] of this.#passed)
      if (name !== "") for (const run of runs) if (run.startsWith(`${id}@`)) runs.delete(run);
    if (options.resumeFrom === "now") this.#fromNow.add(id);
    else this.#fromNow.delete(id);
    this.counted.set(id, { most: maxRuns, runs: this.counted.get(id)?.runs ?? new Set() });
    this.names.set(id, [
      ...["all", "task:task", `job:${id}`, `queue:${options.queue ?? "default"}`],
      ...(options.tags ?? []).map((tag) => `tag:${tag}`),
    ]);
  }

  /** Runs of fire times that have come, under a pause that is about to end; `own`: only of jobs that go on from now by themselves. */
  async dueUnder(name: string, own: boolean): Promise<string[]> {
    const { redis, store } = this.bench;
    const now = await this.bench.now();
    return (await redis.zrange(store.keys.unstarted, 0, -1)).filter((run) => {
      const [job = "", time] = run.split("@");
      return Number(time) <= now && this.names.get(job)?.includes(name) && (!own || this.#fromNow.has(job));
    });
  }

  /** These must not start any more. */
  passOver(name: string, runs: readonly string[]): void {
    this.#passed.set(name, new Set([...(this.#passed.get(name) ?? []), ...runs]));
  }

  /** What was to be passed over by the end of a pause that has been set anew since waits for the end of that one. */
  async seePauses(): Promise<void> {
    const { redis, store } = this.bench;
    for (const name of this.#passed.keys())
      if (name !== "" && (await redis.exists(store.keys.pause(name))) === 1) this.#passed.delete(name);
  }

  /** Its runs are none any more: in its next life there may be others by the same names. */
  forget(job: string): void {
    for (const runs of this.#passed.values())
      for (const run of runs) if (run.startsWith(`${job}@`)) runs.delete(run);
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
      if (isFirst(item))
        for (const [name, runs] of this.#passed)
          expect(runs.has(item.run), `${item.run} started although passed over (${name})`).toBe(false);
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
