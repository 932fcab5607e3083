import type { SchedulerOptions, TaskOptions } from "@escapement/core";

/** For so many ms a handler that was told to stop has time to do so. */
export const abortGrace = 1000;

/**
 * How many finished enqueued runs of each task the store keeps in the trial of a seed: of every other one next to none, so that a request that
 * is repeated since its answer was lost comes when what it asked for has ended and is forgotten.
 */
export function keptRuns(seed: number): number {
  return seed % 2 === 0 ? 2 : 100_000;
}

/** Options of every node of the seeded mode, but for where it finds the store. */
export function nodeOptions(seed: number, partitions: number): typeof shared {
  return { ...shared, partitions, retain: { runs: 10_000, enqueued: keptRuns(seed) } };
}

const shared: Omit<SchedulerOptions, "redis" | "namespace" | "voters" | "logger"> = {
  queues: [
    "default",
    "mail",
    { name: "narrow", limit: 3 },
    { name: "slow", rateLimit: { max: 5, per: "1s" } },
  ],
  abortGrace,
  // Longer than any trial takes: what voters hold in the end says which attempts they had granted.
  lockTtl: "30m",
  events: { max: 1_000_000 },
};

/** Tasks with limits of their own: every node has a handler for them, beside those of all trials. */
export const limitedTasks: Readonly<Record<string, Pick<TaskOptions<unknown>, "limit" | "rateLimit">>> = {
  pair: { limit: { max: 2, whenFull: "wait" } },
  solo: { limit: { max: 1, whenFull: "skip" } },
  rated: { rateLimit: { max: 4, per: "1s" } },
};

/** The limits that these come to, by scope. */
export const limits: Readonly<Record<string, { readonly max: number; readonly whenFull: "wait" | "skip" }>> =
  {
    "queue:narrow": { max: 3, whenFull: "wait" },
    "task:pair": { max: 2, whenFull: "wait" },
    "task:solo": { max: 1, whenFull: "skip" },
  };

/** The rates that these come to, by scope; `per` in ms. */
export const rates: Readonly<Record<string, { readonly max: number; readonly per: number }>> = {
  "queue:slow": { max: 5, per: 1000 },
  "task:rated": { max: 4, per: 1000 },
};
