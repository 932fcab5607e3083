import type { FireTimes } from "../compiled-trigger.js";
import { parseDay, parseStart, parseTimeOfDay, parseTimesOfDay } from "../input/local-time.js";
import { InvalidTriggerError } from "../invalid-trigger-error.js";
import { maxInstant, minInstant } from "../limits.js";
import type { WallClockOptions } from "../trigger.js";
import { dayLength } from "../wall/civil-date.js";
import { daysFrom } from "../wall/days-from.js";
import { layOnZone } from "../wall/lay-on-zone.js";
import { listTimes } from "../wall/list-times.js";
import { startingAt } from "../wall/starting-at.js";
import { createWallSchedule, type Days } from "../wall/wall-schedule.js";
import type { Zone } from "../zone/zone.js";
import type { JobContext } from "./kind.js";
import { parseWallClockOptions, policyOf, wallClockProperties, zoneOf } from "./wall-clock-options.js";

/** What triggers that fire on days of the calendar have in common. */
export interface CalendarOptions extends WallClockOptions {
  /** The first day (`YYYY-MM-DD` in the zone) or instant (ms). Default: the days go on to both sides of the anchor. */
  readonly from?: string | number;
}

/** The properties that {@link parseCalendarOptions} reads, and `at`. */
export const calendarProperties: readonly string[] = ["at", "from", ...wallClockProperties];

/**
 * Reads `from`, `timezone`, `gap` and `overlap`; one that is not given is left out of the result.
 *
 * @throws InvalidTriggerError `INVALID_DATE`, `INVALID_TIMEZONE`, `INVALID_FIELD`
 */
export function parseCalendarOptions(properties: ReadonlyMap<string, unknown>): CalendarOptions {
  const from = properties.get("from");
  return {
    ...(from !== undefined && { from: parseStart(from, "from") }),
    ...parseWallClockOptions(properties),
  };
}

/**
 * Reads `at`, which must be given: one time of day or a list.
 *
 * @throws InvalidTriggerError `INVALID_FIELD`
 */
export function parseAt(properties: ReadonlyMap<string, unknown>): readonly string[] {
  return parseTimesOfDay(properties.get("at"), "at");
}

/**
 * The fire times of a trigger: some days, at its times of day, in its zone, from `from` on. If `from` is an instant, none
 * lies before it; if it is a day, none is on a day before it.
 *
 * @param daysSince the days, counted from the one whose number is given: that of `from`, else of the anchor, in the zone
 * @throws InvalidTriggerError `NEVER_FIRES`
 */
export function calendarTimes(
  trigger: CalendarOptions & { readonly at: readonly string[] },
  context: JobContext,
  daysSince: (day: number) => Days,
): FireTimes {
  const { from } = trigger;
  const zone = zoneOf(trigger);
  const start = typeof from === "string" ? parseDay(from, "from") : localDay(zone, from ?? context.anchor);
  const days = typeof from === "string" ? daysFrom(start, daysSince(start)) : daysSince(start);
  const times = listTimes(trigger.at.map((time) => parseTimeOfDay(time, "at")));
  const unbounded = layOnZone(createWallSchedule(days, times), zone, policyOf(trigger));
  const fireTimes = typeof from === "number" ? startingAt(from, unbounded) : unbounded;
  requireFireTime(fireTimes, start * dayLength);
  return fireTimes;
}

/**
 * Gives back a trigger after it was compiled if it has a `from`: whether it ever fires is certain then, whatever its anchor.
 *
 * @throws InvalidTriggerError `NEVER_FIRES`
 */
export function checkStart<T extends CalendarOptions>(
  trigger: T,
  compile: (trigger: T, context: JobContext) => FireTimes,
): T {
  if (trigger.from !== undefined) compile(trigger, { jobId: undefined, anchor: 0 });
  return trigger;
}

/** The time that the wall clock of a zone shows, in ms since the epoch as if it showed UTC. */
export function wallTime(zone: Zone, instant: number): number {
  return instant + zone.offsetAt(instant);
}

function localDay(zone: Zone, instant: number): number {
  return Math.floor(wallTime(zone, instant) / dayLength);
}

function requireFireTime(times: FireTimes, near: number): void {
  const next = times.next(Math.max(near - dayLength, minInstant - 1));
  if (next !== null && next <= maxInstant) return;
  const previous = times.previous(Math.min(near, maxInstant));
  if (previous !== null && previous >= minInstant) return;
  throw new InvalidTriggerError(
    "NEVER_FIRES",
    "this trigger has no fire time up to the end of the year 9999: its days never come, or not after from",
  );
}
