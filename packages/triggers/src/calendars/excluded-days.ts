import { dayLength } from "../wall/civil-date.js";
import type { ExcludedWalls } from "./excluded-times.js";

/** Excludes no more days at once than this: one asks again. */
const maxDays = 400;

/**
 * Excludes whole days.
 *
 * @param isExcluded whether the day of a number is (see `dayNumber`); not all may be, for searching would not end
 */
export function excludeDays(isExcluded: (day: number) => boolean): ExcludedWalls {
  const walk = (wall: number, step: number): number | null => {
    const start = Math.floor(wall / dayLength);
    let day = start;
    while (isExcluded(day) && Math.abs(day - start) < maxDays) day += step;
    return day === start ? null : day;
  };
  return {
    until: (wall) => {
      const day = walk(wall, 1);
      return day === null ? null : day * dayLength;
    },
    since: (wall) => {
      const day = walk(wall, -1);
      return day === null ? null : (day + 1) * dayLength;
    },
  };
}

/** Excludes whatever there is. */
export const excludeAll: ExcludedWalls = {
  until: () => Number.POSITIVE_INFINITY,
  since: () => Number.NEGATIVE_INFINITY,
};
