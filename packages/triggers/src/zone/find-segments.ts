import type { Segment } from "./zone.js";

const day = 86_400_000;
// A change must not hide between two probes. From 1970 on the closest two of all zones are just under seven days apart (Brazil in
// 2000; Gaza, whose summer time Ramadan interrupts, in years to come), before that four (Freetown in 1939). Such rules are foreseen
// up to 2087, after which months are the least. A test looks for closer ones.
const probes: readonly { readonly before: number; readonly every: number }[] = [
  { before: Date.UTC(1970, 0, 1), every: 3 * day },
  { before: Date.UTC(2088, 0, 1), every: 6 * day },
  { before: Number.POSITIVE_INFINITY, every: 30 * day },
];

/**
 * Cuts the time from `start` to `end` where the offset changes: probes every few days and halves where two probes differ.
 *
 * @param read the offset at an instant; both in ms
 */
export function findSegments(
  read: (instant: number) => number,
  start: number,
  end: number,
): readonly Segment[] {
  const segments: Segment[] = [];
  let from = start;
  let before = read(start - 1000);
  let offset = read(start);
  for (let time = start; time < end; ) {
    const every = probes.find(({ before }) => time < before)?.every ?? day;
    const through = Math.min(time + every, end);
    const after = read(through);
    if (after !== offset) {
      const change = findChange(read, time, through);
      // A change at the very end belongs to the next stretch.
      if (change === end) break;
      segments.push({ start: from, end: change, offset, before, after });
      from = change;
      before = offset;
      offset = after;
    }
    time = through;
  }
  segments.push({ start: from, end, offset, before, after: read(end) });
  return segments;
}

/** The first second of the later offset; the ends of (start, end] differ in it, and are whole days. */
function findChange(read: (instant: number) => number, start: number, end: number): number {
  const before = read(start);
  const quarter = 900_000;
  const change = bisect(read, before, start, end, quarter);
  // Clocks are changed at quarters of an hour nowadays, which halves the readings; in the past they were not.
  return read(change - 1000) === before ? change : bisect(read, before, change - quarter, change, 1000);
}

function bisect(
  read: (instant: number) => number,
  before: number,
  start: number,
  end: number,
  unit: number,
): number {
  let low = start / unit;
  let high = end / unit;
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (read(middle * unit) === before) low = middle;
    else high = middle;
  }
  return high * unit;
}
