import type { WallSchedule } from "./wall-schedule.js";
import { firstTransition, lastTransition, type Zone } from "./zone.js";

// The longest time by which clocks were ever changed at once, and some more.
const reach = 25 * 3_600_000;

/** The first fire time later than `after`, or `null`: wall-clock matches laid onto the time line of a zone. */
export function nextCronTime(schedule: WallSchedule, zone: Zone, after: number): number | null {
  if (schedule.realTime) return nextInRealTime(schedule, zone, after);
  const wall = schedule.next(coveredWall(zone, after));
  return wall === null ? null : toInstant(zone, wall);
}

/** The last fire time at or before `through`, or `null`. */
export function previousCronTime(schedule: WallSchedule, zone: Zone, through: number): number | null {
  if (schedule.realTime) return previousInRealTime(schedule, zone, through);
  const wall = schedule.previous(coveredWall(zone, through));
  return wall === null ? null : toInstant(zone, wall);
}

/** The latest wall-clock time whose instant has come at `instant`, counting a skipped hour as come when it was skipped. */
function coveredWall(zone: Zone, instant: number): number {
  const wall = instant + zone.offsetAt(instant);
  const transition = lastTransition(zone, instant - reach, instant);
  if (transition === null) return wall;
  // In the second pass of an overlap, all that the first pass showed has come.
  return Math.max(wall, transition + zone.offsetAt(transition - 1) - 1);
}

/** The instant of a wall-clock time: the first pass of an overlap; the end of the gap for a time within one. */
function toInstant(zone: Zone, wall: number): number {
  const early = zone.offsetAt(wall - reach);
  const late = zone.offsetAt(wall + reach);
  if (early === late) return wall - early;
  const transition = firstTransition(zone, wall - reach, wall + reach);
  if (transition === null || wall - early < transition) return wall - early;
  return Math.max(wall - late, transition);
}

function nextInRealTime(schedule: WallSchedule, zone: Zone, after: number): number | null {
  let start = after;
  for (;;) {
    const offset = zone.offsetAt(start + 1);
    const wall = schedule.next(start + offset);
    if (wall === null) return null;
    const transition = firstTransition(zone, start + 1, wall - offset);
    if (transition === null) return wall - offset;
    start = transition - 1; // nothing before it; look on from it by its own offset
  }
}

function previousInRealTime(schedule: WallSchedule, zone: Zone, through: number): number | null {
  let end = through;
  for (;;) {
    const offset = zone.offsetAt(end);
    const wall = schedule.previous(end + offset);
    if (wall === null) return null;
    const transition = lastTransition(zone, wall - offset, end);
    if (transition === null) return wall - offset;
    end = transition - 1;
  }
}
