import type { EnqueueOptions } from "@escapement/core";
import type { WorkInput } from "../nodes/node-config.js";
import type { Random } from "../random.js";
import { onceIn } from "./choices.js";

/** A run to be enqueued, under an id of ours so that nobody has to be told it. */
export type PlannedRun = EnqueueOptions<WorkInput> & { readonly id: string };

/** Draws runs of one task: at once or delayed, of several queues, some of which fail, take long, are limited or listen to nothing. */
export function plannedRuns(
  random: Random,
  number: number,
  count: number,
): { readonly task: string; readonly runs: readonly PlannedRun[] } {
  if (onceIn(random, 3)) return briefRuns(random, number, count);
  const task = random.pick(["tick", "tick", "tick", "tick", "chime", "pair", "solo", "rated"]);
  const runs = Array.from({ length: count }, (_, index) => plannedRun(random, `run-${number + index}`));
  return { task, runs };
}

function plannedRun(random: Random, id: string): PlannedRun {
  const timeout = onceIn(random, 10) ? random.between(50, 600) : undefined;
  const tooLong = timeout !== undefined && onceIn(random, 2);
  const usual = onceIn(random, 15) ? random.between(1000, 4000) : random.between(0, 150);
  const work = tooLong ? timeout + random.between(200, 1500) : usual;
  const fails = onceIn(random, 6);
  return {
    id,
    queue: random.pick(["default", "default", "default", "mail", "mail", "narrow"]),
    // None below that of jobs: what is limited would wait behind all of theirs for as long as the machine is too slow for it.
    priority: random.between(0, 3),
    input: {
      work,
      ...(fails && { fails: onceIn(random, 2) ? [1] : [1, 2] }),
      ...(onceIn(random, 2) && { listens: true }),
      ...(onceIn(random, 10) && { padding: "x".repeat(random.between(1, 4000)) }),
    },
    ...(onceIn(random, 2) && { delay: random.between(0, 4000) }),
    ...(fails && { retry: { attempts: 2, backoff: random.between(50, 800) } }),
    ...(onceIn(random, 6) && { delivery: "at-most-once" as const }),
    ...(timeout !== undefined && { timeout }),
    ...(onceIn(random, 12) && { concurrencyKey: "customer", concurrencyLimit: 2 }),
  };
}

/** Draws runs that start at once and take no time: they have ended, and may be forgotten, before their request is answered or sent again. */
export function briefRuns(random: Random, number: number, count: number): ReturnType<typeof plannedRuns> {
  const brief = (_: unknown, index: number): PlannedRun => ({ id: `run-${number + index}`, priority: 4 });
  return { task: random.pick(["tick", "chime"]), runs: Array.from({ length: count }, brief) };
}
