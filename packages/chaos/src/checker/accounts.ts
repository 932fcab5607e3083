import type { JobCase, Outcome } from "./case.js";

/** How each fire time of a job is accounted for in its history. */
export interface Accounts {
  /** Fire times with an outcome of their own: ended, lost or skipped. */
  readonly ended: ReadonlyMap<number, readonly Outcome[]>;
  /** Fire times that a `missed` entry stands for. */
  readonly missed: ReadonlySet<number>;
  /** Fire times that the history says nothing about. */
  readonly open: readonly number[];
}

/** Looks for each expected fire time in the job's history. */
export function accountFor({ fireTimes, history }: Pick<JobCase, "fireTimes" | "history">): Accounts {
  const ended = new Map<number, Outcome[]>();
  for (const outcome of history) {
    if (outcome.state === "missed") continue;
    const time = outcome.scheduledAt.getTime();
    ended.set(time, [...(ended.get(time) ?? []), outcome]);
  }
  const missed = new Set<number>();
  for (const { state, scheduledAt, count } of history) {
    if (state !== "missed") continue;
    // An entry names the first and how many; those between that did run are not among them.
    let left = count;
    for (const time of fireTimes) {
      if (left === 0) break;
      if (time < scheduledAt.getTime() || ended.has(time) || missed.has(time)) continue;
      missed.add(time);
      left -= 1;
    }
  }
  return { ended, missed, open: fireTimes.filter((time) => !ended.has(time) && !missed.has(time)) };
}
