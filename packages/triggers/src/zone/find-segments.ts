import type { Segment } from "./zone.js";

const day = 86_400_000;
// A change must not hide between two probes. The closest two of all zones since 1900 are six days apart (Gaza, as foreseen for
// 2040, where Ramadan interrupts summer time); such rules are foreseen up to 2087, after which half a year is the least.
const probe = 4 * day;
const probeOfFuture = 16 * day;
const future = Date.UTC(2088, 0, 1);

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
    const through = Math.min(time + (time < future ? probe : probeOfFuture), end);
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
