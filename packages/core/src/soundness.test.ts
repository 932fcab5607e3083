import { type RedisServer, startRedis } from "@escapement/testing";
import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type BenchNode, expectSound, StoreBench } from "../test/store-bench.js";
import type { Claimed, Completion } from "./claim.js";
import { enqueueRuns } from "./enqueue.js";

let server: RedisServer;
beforeAll(async () => {
  server = await startRedis();
});
afterAll(() => server.stop());

const jobs = ["a", "b"] as const;
const outcomes = ["s", "f", "t", "c", "b", "x", "l"] as const;
const lanes = ["default@task", "second@task"];
const job = fc.constantFrom(...jobs);
const node = fc.integer({ min: 0, max: 1 });

const step = fc.oneof(
  fc.record({
    do: fc.constant("define" as const),
    job,
    overlap: fc.constantFrom("skip" as const, "allow" as const),
    delivery: fc.constantFrom("at-least-once" as const, "at-most-once" as const),
    queue: fc.constantFrom("default", "second"),
    catchUp: fc.constantFrom("none" as const, "latest" as const, "earliest" as const, "all" as const),
  }),
  fc.record({ do: fc.constant("remove" as const), job }),
  fc.record({ do: fc.constant("write" as const), job, ahead: fc.integer({ min: -3, max: 3 }) }),
  fc.record({ do: fc.constant("write" as const), job, ahead: fc.integer({ min: -3, max: 3 }) }),
  fc.record({ do: fc.constant("run now" as const), job }),
  fc.record({
    do: fc.constant("enqueue" as const),
    delay: fc.constantFrom(0, 30_000),
    priority: fc.integer({ min: -1, max: 1 }),
  }),
  fc.record({ do: fc.constant("claim" as const), node, slots: fc.integer({ min: 1, max: 4 }) }),
  fc.record({ do: fc.constant("claim" as const), node, slots: fc.integer({ min: 1, max: 4 }) }),
  fc.record({ do: fc.constant("claim again" as const), node }),
  fc.record({
    do: fc.constant("end" as const),
    node,
    outcome: fc.constantFrom(...outcomes),
    count: fc.integer({ min: 1, max: 3 }),
  }),
  fc.record({
    do: fc.constant("end" as const),
    node,
    outcome: fc.constantFrom(...outcomes),
    count: fc.integer({ min: 1, max: 3 }),
  }),
  fc.record({ do: fc.constant("kill" as const), node }),
  fc.record({ do: fc.constant("wait" as const), ms: fc.constantFrom(1, 20_000, 90_000) }),
);
type Step = typeof step extends fc.Arbitrary<infer S> ? S : never;

/** What a run of the property keeps: two nodes, and which attempts were given out and accepted. */
class History {
  readonly bench: StoreBench;
  readonly nodes: { node: BenchNode; held: Claimed[] }[] = [];
  readonly started = new Set<string>();
  readonly accepted = new Set<string>();
  /** `<job>@<fire time>` of all that was written. */
  readonly written = new Set<string>();
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

  took(index: number, claimed: readonly Claimed[]): void {
    for (const item of claimed) {
      const name = `${item.run}#${item.attempt}`;
      // Only an attempt that was handed back unstarted is given out a second time.
      expect(this.started.has(name), `${name} started twice`).toBe(false);
      this.started.add(name);
      this.at(index).held.push(item);
    }
  }

  async end(index: number, outcome: Completion["outcome"], count: number): Promise<void> {
    const { node: by, held } = this.at(index);
    const ending = held.splice(0, count);
    const accepted = await by.complete(ending, outcome);
    expect(accepted).toEqual(ending.map(() => true));
    for (const { run, attempt } of ending) {
      const name = `${run}#${attempt}`;
      if (outcome === "b") this.started.delete(name);
      else {
        expect(this.accepted.has(name)).toBe(false);
        this.accepted.add(name);
      }
    }
  }
}

async function carryOut(history: History, what: Step): Promise<void> {
  const { bench } = history;
  switch (what.do) {
    case "define": {
      const { overlap, delivery, queue, catchUp } = what;
      return bench.define(what.job, { overlap, delivery, queue, misfire: { catchUp, max: 2 } });
    }
    case "remove":
      await bench.remove(what.job);
      return;
    case "write": {
      const now = await bench.now();
      const times = [0, 1].map((more) => now + what.ahead * 20_000 + more);
      // A fire time is written once: the cursor sees to that. (Time stands still after it was set ahead.)
      const fresh = times.filter((time) => !history.written.has(`${what.job}@${time}`));
      for (const time of fresh) history.written.add(`${what.job}@${time}`);
      if (fresh.length > 0) await bench.write(what.job, fresh);
      return;
    }
    case "run now":
      await bench
        .runNow(what.job)
        .catch((error: unknown) => expect(error).toMatchObject({ code: "JOB_NOT_FOUND" }));
      return;
    case "enqueue":
      await enqueueRuns(bench.store, "task", [{ delay: what.delay, priority: what.priority }], 65_536);
      return;
    case "claim": {
      const { claimed } = await history.at(what.node).node.claim({ slots: what.slots, lanes });
      return history.took(what.node, claimed);
    }
    case "claim again": {
      const { node: by, held } = history.at(what.node);
      if (by.number === 0) return;
      const { claimed } = await by.claim({ number: by.number, lanes });
      for (const { token } of claimed) expect(held.map((item) => item.token)).toContain(token);
      return;
    }
    case "end":
      return history.end(what.node, what.outcome, what.count);
    case "kill": {
      const { node: victim } = history.at(what.node);
      await bench.redis.zadd(bench.store.keys.nodes, 1, victim.id); // its lease is over
      while ((await bench.recover()).more);
      return history.fresh(what.node);
    }
    case "wait":
      await bench.advance(what.ms);
      return;
  }
}

test("S15, S16: whatever happens in whatever order, each run is in one place, and all of it comes to an end", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 40 }), async (steps) => {
      await using bench = await new StoreBench(server).ready();
      const history = new History(bench);
      await history.fresh(0);
      await history.fresh(1);
      for (const name of jobs) await bench.define(name);
      for (const what of steps) {
        await carryOut(history, what);
        await expectSound(bench);
      }
      // Everything ends when nodes go on: nothing is stuck behind anything.
      await bench.advance(10_000_000);
      for (let quiet = 0, rounds = 0; quiet < 2; rounds += 1) {
        expect(rounds, "it does not come to an end").toBeLessThan(200);
        let moved = 0;
        for (const index of [0, 1]) {
          const { held, node: by } = history.at(index);
          moved += held.length;
          await history.end(index, "s", 100);
          const { claimed } = await by.claim({ slots: 20, lanes });
          moved += claimed.length;
          history.took(index, claimed);
        }
        if ((await bench.redis.zcard(bench.store.keys.waiting)) > 0) await bench.advance(2e9);
        for (const index of [0, 1]) await history.at(index).node.join();
        quiet = moved === 0 ? quiet + 1 : 0;
      }
      await expectSound(bench);
      const left = (await bench.keysLeft()).filter((key) =>
        /^(waiting|ready|blocked|unstarted|running|runs|attempts|progress|active)/.test(key),
      );
      expect(left).toEqual([]);
    }),
    { numRuns: 60, endOnFailure: false },
  );
}, 60_000);
