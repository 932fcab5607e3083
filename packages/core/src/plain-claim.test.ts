import { type JobStore, startJobStore } from "@escapement/testing";
import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { drawn } from "../test/drawn.js";
import { type BenchNode, StoreBench } from "../test/store-bench.js";
import type { ClaimAnswer, Claimed, Completion } from "./claim.js";
import { enqueueRuns } from "./enqueue.js";
import { readEntry } from "./event-line.js";
import type { JobOptions } from "./job.js";

// The usual request is answered by a part of the script of its own: what it answers and leaves in the store is what the whole script would have.

let server: JobStore;
beforeAll(async () => {
  server = await startJobStore();
});
afterAll(() => server.stop());

const jobs: Readonly<Record<string, Partial<JobOptions>>> = {
  usual: {},
  beside: { overlap: "allow" },
  tagged: { tags: ["red", "blue"], input: { n: 1 } },
  urgent: { priority: 7, queue: "second" },
  kept: { retain: { runs: 1 } },
  counted: { maxRuns: 3 },
  keyed: { concurrencyKey: "one" },
  unsteady: { pauseAfterFailures: 2, retry: { attempts: 2, backoff: "1ms" } },
  late: { misfire: { grace: "5ms", catchUp: "none" } },
};
const names = Object.keys(jobs);
const pauses = ["all", "queue:default", "task:other", "job:usual", "node:node"];
const lanes = ["default@task", "second@task", "default@other"];

type Step =
  | { readonly does: "write"; readonly job: number; readonly before: number }
  | { readonly does: "enqueue"; readonly count: number; readonly priority: number; readonly other: boolean }
  | {
      readonly does: "claim";
      readonly slots: number;
      readonly keep: boolean;
      readonly outcomes: readonly Completion["outcome"][];
    }
  | { readonly does: "pause"; readonly name: string }
  | { readonly does: "advance"; readonly ms: number };

const outcome = fc.constantFrom<Completion["outcome"]>(
  ...(["s", "s", "s", "s", "s", "x", "f", "F", "b", "c", "l", "v"] as const),
);
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      does: fc.constant("write" as const),
      job: fc.nat(names.length - 1),
      before: fc.integer({ min: -2000, max: 3000 }),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      ...{ does: fc.constant("enqueue" as const), count: fc.integer({ min: 1, max: 5 }) },
      ...{ priority: fc.integer({ min: 0, max: 2 }), other: fc.boolean() },
    }),
  },
  {
    weight: 8,
    arbitrary: fc.record({
      ...{ does: fc.constant("claim" as const), slots: fc.constantFrom(0, 1, 3, 4, 6) },
      keep: fc.boolean(),
      outcomes: fc.oneof(
        { weight: 3, arbitrary: fc.constant([]) },
        {
          weight: 2,
          arbitrary: fc.array(fc.constantFrom("s" as const, "s" as const, "x" as const), { maxLength: 4 }),
        },
        { weight: 1, arbitrary: fc.array(outcome, { maxLength: 4 }) },
      ),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      does: fc.constant("pause" as const),
      name: fc.constantFrom(...pauses),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ does: fc.constant("advance" as const), ms: fc.constantFrom(1, 10, 1500) }),
  },
);

const unknown = { run: "never", token: "1", job: undefined };

/** A store, its node, and what that holds. `whole`: in which the usual request is never taken for one. */
class Side {
  readonly bench: StoreBench;
  readonly whole: boolean;
  readonly held: Claimed[] = [];
  readonly kinds: readonly string[];
  #ended: Pick<Claimed, "run" | "token" | "job"> | undefined;
  #node: BenchNode | undefined;

  constructor(whole: boolean, kinds: readonly string[]) {
    this.kinds = kinds;
    this.bench = new StoreBench(server, { enqueued: 6, runs: 4 });
    this.whole = whole;
  }

  async begin(): Promise<void> {
    await this.bench.ready();
    const { redis, store } = this.bench;
    // A time that only the test moves on: Redis' own never gets there.
    await redis.set(store.keys.clock, 4_000_000_000_000);
    // A run that waits for a key is looked after with each request.
    if (this.whole) await redis.hset(store.keys.limited, "nobody", "nothing");
    for (const name of this.kinds) await this.bench.define(name, jobs[name]);
    this.#node = await this.bench.node("node", 1_000_000_000);
  }

  async do(step: Step, number: number): Promise<unknown> {
    const { redis, store } = this.bench;
    const node = this.#node as BenchNode;
    if (step.does === "write") {
      const job = this.kinds[step.job % this.kinds.length] ?? "";
      return this.bench.write(job, [(await this.bench.now()) - step.before]);
    }
    if (step.does === "enqueue") {
      const task = step.other ? "other" : "task";
      const at = new Date(await this.bench.now());
      const ids = Array.from({ length: step.count }, (_, index) => `${task}-${number}-${index}`);
      return enqueueRuns(
        store,
        task,
        ids.map((id, index) => ({ id, at, priority: step.priority, input: { index } })),
        1000,
      );
    }
    if (step.does === "pause") {
      const key = store.keys.pause(this.kinds.includes("tagged") ? "tag:red" : step.name);
      for (const job of this.kinds) await this.bench.write(job, [await this.bench.now()]);
      await redis.set(key, "by hand");
      const { claimed } = await node.claim({ slots: 4, lanes });
      this.held.push(...claimed);
      await redis.del(key);
      await this.bench.watch();
      return claimed;
    }
    if (step.does === "advance") {
      await this.bench.write(this.kinds[0] ?? "", [(await this.bench.now()) + 1]);
      return this.bench.advance(step.ms);
    }
    const completions = step.outcomes.flatMap((outcome): Completion[] => {
      // What has ended is said once more now and then, as by a node that the store has forgotten something of.
      const claimed = outcome === "x" ? (this.#ended ?? unknown) : this.held.shift();
      this.#ended = claimed ?? this.#ended;
      if (claimed === undefined) return [];
      const { run, token, job } = claimed;
      const detail = job === undefined ? '{"task":"task"}' : "";
      return [
        {
          ...{ run, token, detail: outcome === "b" ? "" : detail, result: outcome === "s" ? "7" : "" },
          outcome: outcome === "x" ? "s" : outcome,
        },
      ];
    });
    const answer: ClaimAnswer = await node.claim({ slots: step.slots, completions, lanes });
    this.held.push(...answer.claimed);
    return answer;
  }

  /** All that the store has, but for what makes this side the one that it is. */
  async content(): Promise<Record<string, unknown>> {
    const { redis, store } = this.bench;
    const { prefix } = store.keys;
    const found: Record<string, unknown> = {};
    for (const key of (await redis.keys(`${prefix}*`)).sort()) {
      const name = key.slice(prefix.length);
      if (name.startsWith("caller:")) continue;
      found[name] = await contentOf(this.bench, key);
    }
    const limited = { ...(found["limited"] as Record<string, string> | undefined) };
    delete limited["nobody"];
    return { ...found, limited };
  }
}

async function contentOf({ redis }: StoreBench, key: string): Promise<unknown> {
  const type = await redis.type(key);
  if (type === "string") return { value: await redis.get(key), goes: (await redis.pttl(key)) >= 0 };
  if (type === "hash") return redis.hgetall(key);
  if (type === "list") return redis.lrange(key, 0, -1);
  if (type === "set") return (await redis.smembers(key)).sort();
  if (type === "zset") return redis.zrange(key, 0, -1, "WITHSCORES");
  return (await redis.xrange(key, "-", "+")).map(([, fields]) => eventsOf(fields));
}

/** What an entry tells. What ended in one step is told by the claims that it was of, elsewhere in the order in which it was reported. */
function eventsOf(fields: readonly string[]): object[] {
  const events = readEntry(fields);
  expect(events).not.toContain(undefined);
  const [ends, others] = [
    events.filter((event) => event?.type === "afterRun"),
    events.filter((event) => event?.type !== "afterRun"),
  ];
  const id = (event: (typeof events)[number]): string => (event?.type === "afterRun" ? event.runId : "");
  return [ends.sort((one, other) => id(one).localeCompare(id(other))), others];
}

test("a usual request is answered as the whole script would, and leaves the same", {
  timeout: 120_000,
}, async () => {
  let plain = 0;
  // With few others around, as each has rules by which a request is no usual one.
  const kinds = fc.oneof(
    fc.subarray(names, { minLength: 1, maxLength: 3 }),
    fc.constantFrom(["late", "usual"], ["tagged"], ["usual", "beside", "urgent"]),
  );
  const steps = fc.array(step, { minLength: 15, maxLength: 30 });
  await fc.assert(
    fc.asyncProperty(kinds, steps, async (kinds, steps) => {
      const sides = [new Side(false, kinds), new Side(true, kinds)] as const;
      try {
        for (const side of sides) await side.begin();
        for (const [number, step] of steps.entries()) {
          // What takes turns ends in the order in which it was claimed, and most of it succeeds.
          const all =
            step.does === "claim" && step.outcomes.length === 0 && !step.keep ? sides[0].held.length : 0;
          const done: Step =
            all > 0 && step.does === "claim" ? { ...step, outcomes: Array(all).fill("s") } : step;
          const [first, second] = [await sides[0].do(done, number), await sides[1].do(done, number)];
          expect(first, `step ${number}`).toEqual(second);
          expect(await sides[0].content(), `after step ${number}`).toEqual(await sides[1].content());
          plain += 1;
        }
      } finally {
        for (const { bench } of sides) await bench[Symbol.asyncDispose]();
      }
    }),
    drawn("CLAIM", 60),
  );
  expect(plain).toBeGreaterThan(1000);
});
