// What jobs are defined as, and what limits a cluster has, drawn at random.
import fc from "fast-check";
import type { Bound, Definition, Setting } from "./entities.js";

/** Whether and how runs of a job may overlap. */
export const overlap: fc.Arbitrary<Definition["overlap"]> = fc.constantFrom<Definition["overlap"]>(
  ...(["skip", "allow", "queue-one", "queue-all", "cancel-running", "replace"] as const),
);
const bound: fc.Arbitrary<Bound> = fc.record({
  max: fc.integer({ min: 1, max: 3 }),
  whenFull: fc.constantFrom("wait", "skip"),
});
const perhaps = <T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> =>
  fc.option(arbitrary, { nil: undefined, freq: 2 });
const fields: { [K in keyof Definition]: fc.Arbitrary<Definition[K]> } = {
  overlap,
  maxRuns: perhaps(fc.integer({ min: 1, max: 5 })),
  grace: fc.constantFrom(5000, 15_000, 30_000),
  catchUp: fc.constantFrom("latest", "none", "earliest", "all"),
  max: fc.integer({ min: 1, max: 3 }),
  attempts: fc.integer({ min: 1, max: 3 }),
  backoff: fc.constantFrom(0, 30_000),
  delivery: fc.constantFrom("at-least-once", "at-least-once", "at-most-once"),
  maxLost: fc.integer({ min: 0, max: 2 }),
  priority: fc.constantFrom(0, 0, 5),
  pauseAfterFailures: perhaps(fc.integer({ min: 1, max: 3 })),
  keyed: fc.boolean(),
};

/** What a job may be defined as. */
export const definition: fc.Arbitrary<Definition> = fc.record(fields);

/** What limits a cluster may have. */
export const setting: fc.Arbitrary<Setting> = fc.record({
  ...{ all: perhaps(bound), task: perhaps(bound), queue: perhaps(bound), key: bound },
});
