/** The most items in one call, and the most characters, unless a single item has more: a step of a few ms at the most. */
export interface Most {
  readonly count: number;
  readonly size: number;
}

/** Items in order, in as few batches as one call each can take. @param sizeOf the characters of one */
export function batchesOf<T>(items: readonly T[], most: Most, sizeOf: (item: T) => number): T[][] {
  const batches: T[][] = [];
  let room = 0;
  for (const item of items) {
    const batch = batches.at(-1);
    const size = sizeOf(item);
    if (batch !== undefined && batch.length < most.count && size <= room) batch.push(item);
    else {
      batches.push([item]);
      room = most.size;
    }
    room -= size;
  }
  return batches;
}
