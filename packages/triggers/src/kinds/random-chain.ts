import type { FireTimes } from "../compiled-trigger.js";
import { spend } from "./search-budget.js";

/** So many members are computed at a time, and of the others only each so many-th is kept. */
const blockLength = 100;
/** What a block costs of the steps of a search. */
const stepsPerBlock = 10;

/**
 * Fire times that each follow from the one before. What was reached is remembered, so that going on costs one step and going
 * back a block.
 *
 * @param start counts as the member before the first
 * @param follow the member after one: later by at least 1 ms
 * @param limit by how many members one computation goes on at most. Where they do not suffice, `previous` answers with the last
 *   one reached, and `next` takes `after` itself for a member
 */
export function createRandomChain(
  start: number,
  follow: (member: number) => number,
  limit: number,
): FireTimes {
  /** What the blocks start after: the last member of the block before. */
  const starts = [start];
  const maxBlocks = Math.ceil(limit / blockLength);
  let known: { readonly index: number; readonly members: readonly number[] } | null = null;

  const blockAt = (index: number): readonly number[] => {
    if (known?.index === index) return known.members;
    const members: number[] = [];
    let member = starts[index] ?? start;
    for (let count = 0; count < blockLength; count += 1) {
      member = follow(member);
      members.push(member);
    }
    known = { index, members };
    starts[index + 1] ??= member;
    return members;
  };
  /** Computes blocks until one ends later than an instant; `false` if none does. */
  const reach = (instant: number): boolean => {
    for (let blocks = 0; (starts.at(-1) ?? start) <= instant; blocks += 1) {
      if (blocks === maxBlocks || !spend(stepsPerBlock)) return false;
      blockAt(starts.length - 1);
    }
    return true;
  };
  return {
    next: (after) => {
      if (after < start) return blockAt(0)[0] ?? null;
      if (!reach(after)) return follow(after);
      const members = blockAt(countUpTo(starts, after) - 1);
      return members[countUpTo(members, after)] ?? null;
    },
    previous: (through) => {
      if (through <= start) return null;
      if (!reach(through)) return starts.length === 1 ? null : (starts.at(-1) ?? null);
      const block = countUpTo(starts, through) - 1;
      const members = blockAt(block);
      const count = countUpTo(members, through);
      if (count > 0) return members[count - 1] ?? null;
      // The block before ends with what this one starts after; before the first there is nothing.
      return block === 0 ? null : (starts[block] ?? null);
    },
  };
}

/** How many of some ascending numbers are at or before another. */
function countUpTo(numbers: readonly number[], limit: number): number {
  let low = 0;
  let high = numbers.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((numbers[middle] ?? limit) <= limit) low = middle + 1;
    else high = middle;
  }
  return low;
}
