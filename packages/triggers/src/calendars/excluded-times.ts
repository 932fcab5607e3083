import type { Zone } from "../zone/zone.js";

/** The instants that a calendar takes away, in ms since the epoch. */
export interface ExcludedTimes {
  /**
   * An instant up to which all are excluded from one on, itself not of them: the end of the stretch, or, as it is a long one,
   * one to ask again from. `Infinity` if there is no end; `null`: the instant is not excluded.
   */
  excludedUntil(instant: number): number | null;
  /** An instant from which all are excluded up to one, itself of them, likewise; `null`: the instant is not excluded. */
  excludedSince(instant: number): number | null;
}

/** The same by the wall clock, in ms as if it showed UTC. A stretch may be cut short: then one asks again. */
export interface ExcludedWalls {
  /** The end of an excluded stretch, itself not of it; `null` if `wall` is not excluded. */
  until(wall: number): number | null;
  /** The start of an excluded stretch, itself of it; `null` if `wall` is not excluded. */
  since(wall: number): number | null;
}

/** After so many segments of a zone, or stretches of a calendar, one asks again. */
const mostSegments = 4;

/**
 * Excludes each instant at which the wall clock of a zone shows an excluded time: what clocks repeat twice, what they skip
 * never. Goes on from one change of clocks to the next, so that days of 23 and 25 hours, days without a midnight and
 * skipped days need no care.
 */
export function excludeByWallClock(walls: ExcludedWalls, zone: Zone): ExcludedTimes {
  return {
    excludedUntil: (instant) => {
      for (let time = instant, segments = 0; ; segments += 1) {
        const { offset, end } = zone.segmentAt(time);
        const until = walls.until(time + offset);
        if (until === null) return time === instant ? null : time;
        if (segments === mostSegments) return time;
        if (until === Number.POSITIVE_INFINITY) return until;
        time = Math.min(until - offset, end);
      }
    },
    excludedSince: (instant) => {
      for (let time = instant, segments = 0; ; segments += 1) {
        const { offset, start } = zone.segmentAt(time);
        const since = walls.since(time + offset);
        if (since === null) return time === instant ? null : time + 1;
        if (segments === mostSegments) return time + 1;
        if (since === Number.NEGATIVE_INFINITY) return since;
        time = Math.max(since - offset, start) - 1;
      }
    },
  };
}
