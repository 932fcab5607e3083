import type { Outcome } from "./redlock.js";

/** The most items that one script call handles. */
const largest = 500;

/** What became of each item. */
export interface Sorted<T> {
  readonly done: T[];
  readonly held: T[];
  readonly unavailable: T[];
}

/**
 * Votes on many items at once. A batch that fails since a lock stands against it is halved until the ones to blame are
 * found; a batch for which no majority answered is given up, and so is all that comes after it.
 *
 * @param voteOn votes on one batch; its answer holds for all of it
 */
export async function inBatches<T>(
  items: readonly T[],
  voteOn: (batch: readonly T[]) => Promise<Outcome>,
): Promise<Sorted<T>> {
  const sorted: Sorted<T> = { done: [], held: [], unavailable: [] };
  for (let at = 0; at < items.length; at += largest) {
    const batch = items.slice(at, at + largest);
    if (sorted.unavailable.length > 0) sorted.unavailable.push(...batch);
    else await sortBatch(batch, voteOn, sorted);
  }
  return sorted;
}

async function sortBatch<T>(
  batch: readonly T[],
  voteOn: (batch: readonly T[]) => Promise<Outcome>,
  sorted: Sorted<T>,
): Promise<void> {
  const outcome = await voteOn(batch);
  if (outcome !== "held" || batch.length === 1) {
    sorted[outcome].push(...batch);
    return;
  }
  const middle = Math.ceil(batch.length / 2);
  await Promise.all([
    sortBatch(batch.slice(0, middle), voteOn, sorted),
    sortBatch(batch.slice(middle), voteOn, sorted),
  ]);
}
