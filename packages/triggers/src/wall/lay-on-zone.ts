import type { FireTimes } from "../compiled-trigger.js";
import type { GapPolicy, OverlapPolicy } from "../trigger.js";
import { cycle, lastRead } from "../zone/foreseen.js";
import type { Segment, Zone } from "../zone/zone.js";
import type { WallSchedule } from "./wall-schedule.js";

/** What becomes of wall-clock times that a zone skips or repeats. */
export interface ZonePolicy {
  readonly gap: GapPolicy;
  readonly overlap: OverlapPolicy;
}

/** Fires whenever the wall clock shows a time of the schedule: never for a skipped one, twice for a repeated one. */
export const realTime: ZonePolicy = { gap: "skip", overlap: "both" };

// No wall clock was ever this far from UTC: it shows a time at most so much before or after UTC does.
const reach = 16 * 3_600_000;

/**
 * Lays wall-clock times onto the time line of a zone, whose segments are walked one by one: within a segment an instant is
 * its wall-clock time minus the offset. Which walls of a segment count is up to the policy; see {@link LaidSchedule}.
 */
export function layOnZone(schedule: WallSchedule, zone: Zone, policy: ZonePolicy): FireTimes {
  return new LaidSchedule(schedule, zone, policy);
}

/**
 * A segment shows the wall-clock times from `firstWall` to before `lastWall`. Where clocks go back, the repeated times are
 * taken from the later segment (`overlap: "first"`), from the earlier one (`"second"`) or from none (`"both"`). Where they go
 * forward, `gap: "next-valid"` makes the start of the segment a fire time if any of the skipped times is in the schedule.
 * Segments follow each other, so fire times always rise.
 */
class LaidSchedule implements FireTimes {
  readonly #schedule: WallSchedule;
  readonly #zone: Zone;
  readonly #nextValid: boolean;
  readonly #overlap: OverlapPolicy;

  constructor(schedule: WallSchedule, zone: Zone, policy: ZonePolicy) {
    this.#schedule = schedule;
    this.#zone = zone;
    this.#nextValid = policy.gap === "next-valid";
    this.#overlap = policy.overlap;
  }

  next(after: number): number | null {
    // What did not come in a whole cycle, all of it after the zone's last change of rules, never will.
    const last = Math.max(after, lastRead) + cycle;
    let from = after + 1;
    while (from <= last) {
      const segment = this.#zone.segmentAt(from);
      const { offset, end } = segment;
      if (from === segment.start && this.#hasSkipped(segment)) return from;
      const wall = this.#schedule.next(Math.max(from + offset, this.#firstWall(segment)) - 1);
      if (wall !== null && wall < this.#lastWall(segment)) return wall - offset;
      // The next segment may repeat times of this one; else nothing comes before the clock shows `wall`.
      const repeats = this.#overlap !== "first" && segment.after < offset;
      if (wall === null && !repeats) return null;
      from = wall === null || repeats ? end : Math.max(end, wall - reach);
    }
    return null;
  }

  previous(through: number): number | null {
    let upTo = through;
    for (;;) {
      const segment = this.#zone.segmentAt(upTo);
      const { offset, start, before } = segment;
      const wall = this.#schedule.previous(Math.min(upTo + offset, this.#lastWall(segment) - 1));
      if (wall !== null && wall >= this.#firstWall(segment)) return wall - offset;
      if (this.#hasSkipped(segment)) return start;
      // The segment before may show later times than this one; else nothing lies after the clock showed `wall`.
      const repeats = before > offset;
      if (wall === null && !repeats) return null;
      upTo = wall === null || repeats ? start - 1 : Math.min(start - 1, wall + reach);
      // Likewise: on to where rules did change.
      if (through - upTo > cycle) upTo = Math.min(upTo, lastRead + cycle);
    }
  }

  count(after: number, through: number): number {
    let count = 0;
    for (let from = after + 1; from <= through; ) {
      const segment = this.#zone.segmentAt(from);
      const { start, end, offset } = segment;
      const first = Math.max(from + offset, this.#firstWall(segment));
      const last = Math.min(through + offset, this.#lastWall(segment) - 1);
      if (first <= last) count += this.#schedule.count(first - 1, last);
      // The start of a segment that stands for skipped times is one fire time, also if it is in the schedule itself.
      if (
        from === start &&
        this.#hasSkipped(segment) &&
        this.#schedule.next(start + offset - 1) !== start + offset
      ) {
        count += 1;
      }
      from = end;
    }
    return count;
  }

  /** Whether the start of a segment stands for times that the clock skipped there. */
  #hasSkipped({ start, offset, before }: Segment): boolean {
    if (!this.#nextValid || offset <= before) return false;
    const skipped = this.#schedule.next(start + before - 1);
    return skipped !== null && skipped < start + offset;
  }

  #firstWall({ start, offset, before }: Segment): number {
    return start + (this.#overlap === "first" && before > offset ? before : offset);
  }

  #lastWall({ end, offset, after }: Segment): number {
    return end + (this.#overlap === "second" && after < offset ? after : offset);
  }
}
