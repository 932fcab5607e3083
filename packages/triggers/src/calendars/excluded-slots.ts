import type { WallSchedule } from "../wall/wall-schedule.js";
import type { ExcludedWalls } from "./excluded-times.js";

/** A longer stretch is cut. */
const longest = 400 * 86_400_000;

/**
 * Excludes the minute, or second, that each time of a schedule starts. In a row they may make up
 * whole days: where such a run ends is found by counting and halving, not by going through it.
 *
 * @param unit the length of what a time excludes, in ms; all times are multiples of it
 */
export function excludeSlots(schedule: WallSchedule, unit: number): ExcludedWalls {
  /** The time that excludes `wall`, or `null`. */
  const slotOf = (wall: number): number | null => {
    const slot = Math.floor(wall / unit) * unit;
    return schedule.previous(slot) === slot ? slot : null;
  };
  return {
    until: (wall) => {
      const slot = slotOf(wall);
      if (slot === null) return null;
      const more = longestRun(
        longest / unit,
        (length) => schedule.count(slot, slot + length * unit) === length,
      );
      return slot + (more + 1) * unit;
    },
    since: (wall) => {
      const slot = slotOf(wall);
      if (slot === null) return null;
      const more = longestRun(
        longest / unit,
        (length) => schedule.count(slot - length * unit - 1, slot - 1) === length,
      );
      return slot - more * unit;
    },
  };
}

/** The greatest length up to `most` that is a run, 0 if none is; each part of a run is one. */
function longestRun(most: number, isRun: (length: number) => boolean): number {
  let known = 0;
  let refuted = 1;
  while (refuted < most && isRun(refuted)) {
    known = refuted;
    refuted *= 2;
  }
  if (refuted >= most) {
    if (isRun(most)) return most;
    refuted = most;
  }
  while (refuted - known > 1) {
    const middle = Math.floor((known + refuted) / 2);
    if (isRun(middle)) known = middle;
    else refuted = middle;
  }
  return known;
}
