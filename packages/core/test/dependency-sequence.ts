import fc from "fast-check";
import { expect } from "vitest";
import type { Claimed, Completion } from "../src/claim.js";
import type { JobOptions } from "../src/job.js";
import type { Following } from "./following.js";

/** A node as far as a sequence needs one. */
export interface SequenceNode {
  readonly id: string;
  claim(options: { readonly slots: number }): Promise<{ readonly claimed: readonly Claimed[] }>;
  complete(claimed: readonly Claimed[], outcome: Completion["outcome"]): Promise<unknown>;
}

/** What a sequence happens to: a {@link Following}, or several as one. */
export interface SequenceBench extends Pick<Following, "define" | "advance" | "write" | "run" | "job"> {
  node(id: string, ttl: number): Promise<SequenceNode>;
  /** Some run that failed for good, if there is one. */
  deadLetters(): Promise<string[]>;
  /** A node is dead, and the leader has taken over what it held. */
  kill(node: string): Promise<void>;
}

const parents = ["p", "q"] as const;
const options: Pick<JobOptions, "overlap" | "misfire"> = {
  overlap: "allow",
  misfire: { grace: "2d", catchUp: "all", max: 1000 },
};
/** One child of each kind, and one of the next generation. */
const children: Readonly<Record<string, readonly string[]>> = {
  own: ["p", "q"],
  free: ["p", "q"],
  next: ["free", "own"],
};

const which = fc.integer({ min: 0, max: 1 });
/** What can happen to runs that depend on others. */
export const steps = [
  { weight: 3, arbitrary: fc.record({ do: fc.constant("fire" as const), own: fc.boolean() }) },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant("claim" as const),
      node: which,
      slots: fc.integer({ min: 1, max: 6 }),
    }),
  },
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constant("end" as const),
      node: which,
      outcome: fc.constantFrom("s", "s", "s", "f", "t", "c", "F", "b", "l"),
      count: fc.integer({ min: 1, max: 3 }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant("cancel" as const), parent: fc.constantFrom(...parents) }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("redrive" as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("kill" as const), node: which }) },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant("redefine" as const), priority: fc.integer({ min: 0, max: 2 }) }),
  },
] as const;
export type Step = (typeof steps)[number]["arbitrary"] extends fc.Arbitrary<infer S> ? S : never;

/** Jobs of each kind, what happens to them, and what must have become of them. */
export class Sequence {
  readonly bench: SequenceBench;
  readonly nodes: { node: SequenceNode; held: Claimed[] }[] = [];
  readonly started = new Set<string>();
  /** Fire times, and whether the child with a trigger has them too. */
  readonly times = new Map<number, boolean>();
  #named = 0;

  constructor(bench: SequenceBench) {
    this.bench = bench;
  }

  async begin(): Promise<void> {
    for (const id of parents) await this.bench.define(id, options);
    await this.define(0);
    for (const index of [0, 1]) await this.fresh(index);
  }

  async define(priority: number): Promise<void> {
    const { bench } = this;
    await bench.define("own", { ...options, priority, dependsOn: ["p", "q"] });
    const follows = { ...options, priority, trigger: undefined };
    await bench.define("free", { ...follows, dependsOn: ["p", "q"] });
    await bench.define("next", { ...follows, dependsOn: ["free", "own"] });
  }

  async fresh(index: number): Promise<void> {
    this.#named += 1;
    this.nodes[index] = { node: await this.bench.node(`node-${this.#named}`, 1e9), held: [] };
  }

  at(index: number): { node: SequenceNode; held: Claimed[] } {
    const found = this.nodes[index];
    if (found === undefined) throw new Error(`no node ${index}`);
    return found;
  }

  async claim(index: number, slots: number): Promise<number> {
    const { node, held } = this.at(index);
    const { claimed } = await node.claim({ slots });
    for (const item of claimed) {
      const name = `${item.run}#${item.attempt}`;
      expect(this.started.has(name), `${name} started twice`).toBe(false);
      this.started.add(name);
      held.push(item);
    }
    return claimed.length;
  }

  async end(index: number, outcome: "s" | "f" | "t" | "c" | "F" | "b" | "l", count: number): Promise<void> {
    const { node, held } = this.at(index);
    const ending = held.splice(0, count);
    await node.complete(ending, outcome);
    if (outcome === "b") for (const { run, attempt } of ending) this.started.delete(`${run}#${attempt}`);
  }

  async carryOut(what: Step): Promise<void> {
    const { bench } = this;
    if (what.do === "claim") await this.claim(what.node, what.slots);
    else if (what.do === "end") await this.end(what.node, what.outcome as "s", what.count);
    else if (what.do === "redefine") await this.define(what.priority);
    else if (what.do === "fire") {
      const t = await bench.advance(5);
      if (this.times.has(t)) return;
      this.times.set(t, what.own);
      for (const id of what.own ? [...parents, "own"] : parents) await bench.write(id, [t]);
    } else if (what.do === "cancel") {
      const [t] = [...this.times.keys()].slice(-1);
      if (t !== undefined)
        await bench
          .run(`${what.parent}@${t}`)
          .cancel()
          .catch(() => undefined);
    } else if (what.do === "redrive") {
      for (const run of await bench.deadLetters()) await bench.run(run).retry();
    } else {
      const { node, held } = this.at(what.node);
      held.length = 0;
      await bench.kill(node.id);
      await this.fresh(what.node);
    }
  }

  /** All that can start has started, and succeeded. */
  async drain(inBetween: () => Promise<void> = async () => undefined): Promise<void> {
    for (let round = 0; round < 100; round += 1) {
      for (const index of [0, 1]) await this.end(index, "s", 1000);
      await inBetween();
      await this.bench.advance(1000);
      if ((await this.claim(0, 500)) === 0) return;
    }
    throw new Error("there is no end of it");
  }

  /** Each child did at each fire time what its parents' ends say. */
  async judge(): Promise<void> {
    const seen = new Map<string, string[]>();
    for (const id of [...parents, ...Object.keys(children)])
      for (const run of await this.bench.job(id).history({ limit: 1000 }))
        seen.set(run.id, [
          ...(seen.get(run.id) ?? []),
          run.reason === "dependency" ? "dependency" : run.state,
        ]);
    for (const [t, own] of this.times) {
      for (const [child, named] of Object.entries(children)) {
        const ends = seen.get(`${child}@${t}`) ?? [];
        const told = named.map((parent) => seen.get(`${parent}@${t}`) ?? []);
        if (child === "own" && !own) expect(ends).toEqual([]);
        else this.#judge(`${child}@${t}`, ends, told);
      }
    }
  }

  #judge(run: string, ends: readonly string[], told: readonly (readonly string[])[]): void {
    const failed = told.some((states) => states.some((state) => state !== "succeeded"));
    const met = told.every((states) => states.includes("succeeded"));
    const skipped = ends.filter((state) => state === "dependency").length;
    expect(skipped, `skipped entries of ${run}`).toBe(failed ? 1 : 0);
    expect(ends.length > skipped, `whether ${run} ran`).toBe(met);
  }
}
