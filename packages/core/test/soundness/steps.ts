// What may happen, a step at a time.
import fc from "fast-check";
import type { Claimed } from "../../src/claim.js";
import type { PauseTarget } from "../../src/pause.js";

/** `c` depends on the others, and has a trigger of its own or none. */
export const jobs = ["a", "b", "c"] as const;
export const queues = ["default", "second"] as const;
const overlaps = ["skip", "allow", "queue-one", "queue-all", "cancel-running", "replace"] as const;
const outcomes = ["s", "f", "t", "c", "F", "T", "b", "x", "l", "v"] as const;
export const lanes = queues.map((queue) => `${queue}@task`);
const job = fc.constantFrom(...jobs);
const node = fc.integer({ min: 0, max: 1 });
/** One of the runs that there have been. */
const run = fc.nat({ max: 30 });
const retry = fc.boolean();
export const pausable: readonly PauseTarget[] = [
  "all",
  ...jobs.map((id) => ({ job: id })),
  { tag: "tag" },
  { queue: "default" },
  { task: "task" },
];
const target = fc.constantFrom(...pausable);

const often = <T>(
  weight: number,
  arbitrary: fc.Arbitrary<T>,
): { weight: number; arbitrary: fc.Arbitrary<T> } => ({
  weight,
  arbitrary,
});
export const step = fc.oneof(
  often(
    4,
    fc.record({
      do: fc.constant("define" as const),
      job,
      overlap: fc.constantFrom(...overlaps),
      delivery: fc.constantFrom("at-least-once" as const, "at-most-once" as const),
      queue: fc.constantFrom(...queues),
      catchUp: fc.constantFrom("none" as const, "latest" as const, "earliest" as const, "all" as const),
      maxRuns: fc.option(fc.integer({ min: 1, max: 5 }), { nil: undefined }),
      deadLetter: fc.constantFrom(true, true, true, false),
      whenExhausted: fc.constantFrom("keep" as const, "remove" as const),
      tagged: fc.boolean(),
      pauseAfterFailures: fc.option(fc.integer({ min: 1, max: 3 }), { nil: undefined }),
      apart: fc.boolean(),
      fromNow: fc.boolean(),
      keyed: fc.option(fc.constantFrom("wait" as const, "skip" as const), { nil: undefined }),
      parents: fc.constantFrom<readonly string[]>([], ["a"], ["a", "b"]),
      fires: fc.boolean(),
    }),
  ),
  often(1, fc.record({ do: fc.constant("remove" as const), job })),
  often(
    4,
    fc.record({
      do: fc.constant("write" as const),
      which: fc.subarray([...jobs], { minLength: 1 }),
      ahead: fc.integer({ min: -3, max: 3 }),
    }),
  ),
  often(3, fc.record({ do: fc.constant("pause" as const), target })),
  often(
    3,
    fc.record({
      do: fc.constant("resume" as const),
      target,
      how: fc.constantFrom("asked", "from now", "gone"),
    }),
  ),
  often(1, fc.record({ do: fc.constant("watch" as const) })),
  often(1, fc.record({ do: fc.constant("sweep" as const) })),
  often(2, fc.record({ do: fc.constant("run now" as const), job, force: fc.boolean() })),
  often(
    1,
    fc.record({
      do: fc.constant("enqueue" as const),
      delay: fc.constantFrom(0, 30_000),
      priority: fc.integer({ min: -1, max: 1 }),
      queue: fc.constantFrom(...queues),
    }),
  ),
  often(
    5,
    fc.record({
      do: fc.constant("claim" as const),
      node,
      slots: fc.integer({ min: 1, max: 4 }),
      whenFull: fc.constantFrom(undefined, "w" as const, "s" as const),
    }),
  ),
  often(1, fc.record({ do: fc.constant("claim again" as const), node })),
  often(
    5,
    fc.record({
      do: fc.constant("end" as const),
      node,
      outcome: fc.constantFrom(...outcomes),
      count: fc.integer({ min: 1, max: 3 }),
      delay: fc.constantFrom(0, 0, 1000, 30_000),
    }),
  ),
  often(3, fc.record({ do: fc.constant("cancel" as const), run })),
  often(2, fc.record({ do: fc.constant("heartbeat" as const), node })),
  often(1, fc.record({ do: fc.constant("retry" as const), run })),
  often(
    2,
    fc.record({
      do: fc.constant("dead letters" as const),
      queue: fc.constantFrom(...queues),
      limit: fc.integer({ min: 1, max: 3 }),
      retry,
    }),
  ),
  often(1, fc.record({ do: fc.constant("kill" as const), node })),
  often(2, fc.record({ do: fc.constant("wait" as const), ms: fc.constantFrom(1, 20_000, 90_000) })),
);
export type Step = typeof step extends fc.Arbitrary<infer S> ? S : never;
export type Define = Extract<Step, { do: "define" }>;

export const jobOf = (id: string): string | undefined => (id.includes("@") ? id.split("@")[0] : undefined);
export const isFirst = ({ run: id, attempt }: Claimed): boolean => /@\d+$/.test(id) && attempt === 1;
