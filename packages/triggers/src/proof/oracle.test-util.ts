import { type Change, changesNear, day, hour, placeOnZone, type ZoneClock } from "./zone-clock.test-util.js";

/** A cron field as it was made up: the values are known beforehand, so that nothing here reads the text. */
export interface PlainField {
  readonly text: string;
  /** The values that match, ascending. */
  readonly values: readonly number[];
}

/** The days of the month that match. */
export interface MonthDays {
  readonly text: string;
  readonly values: readonly number[];
  /** Days before the last one: 0 is `L`, 3 is `L-3`. */
  readonly beforeLast: readonly number[];
  /** `15W`: the weekday nearest to a day, within the month. */
  readonly nearest: readonly number[];
  /** `LW`. */
  readonly lastWorkday: boolean;
}

/** The weekdays that match, 0 being Sunday. */
export interface Weekdays {
  readonly text: string;
  readonly values: readonly number[];
  /** `5L`. */
  readonly last: readonly number[];
  /** `5#2` as [5, 2]. */
  readonly nth: readonly (readonly [number, number])[];
}

/** A cron expression together with its meaning. */
export interface KnownCron {
  readonly expr: string;
  readonly second: PlainField;
  readonly minute: PlainField;
  readonly hour: PlainField;
  readonly monthDays: MonthDays;
  readonly month: PlainField;
  readonly weekdays: Weekdays;
  /** Whether a list names a value twice. */
  readonly repeats: boolean;
}

/** How wall-clock times become fire times. Ours is one of them; the others are what peers are known to do. */
export interface Rules {
  /** What a skipped time becomes: the first valid instant after the gap, nothing, or as much later as the gap is long. */
  readonly gap: "next-valid" | "skip" | "shift";
  readonly overlap: "first" | "second" | "both";
  /** Whether both day fields must match, or one is enough. */
  readonly bothDays: boolean;
}

/** Whether an expression goes by real time: its minute or hour field starts with `*`. */
export function isWild(cron: KnownCron): boolean {
  return cron.minute.text.startsWith("*") || cron.hour.text.startsWith("*");
}

/** Vixie's rule for the two day fields: if either starts with `*` (or is `?`), both must match. */
export function needsBothDays(cron: KnownCron): boolean {
  return [cron.monthDays, cron.weekdays].some(({ text }) => text.startsWith("*") || text === "?");
}

/** The rules for an expression under a zone policy. */
export function rulesFor(
  cron: KnownCron,
  gap: "next-valid" | "skip" = "next-valid",
  overlap: Rules["overlap"] = "first",
): Rules {
  const bothDays = needsBothDays(cron);
  return isWild(cron) ? { gap: "skip", overlap: "both", bothDays } : { gap, overlap, bothDays };
}

// 40 years of days hold each combination of date and weekday; the leap day that 2100 lacks makes it 8 more.
const horizon = 50 * 366 * day;

/** The first fire time later than `after` by the rules, or `null`: found day by day, time by time. */
export function nextByOracle(cron: KnownCron, clock: ZoneClock, after: number, rules: Rules): number | null {
  let best: number | null = null;
  const firstDay = Math.floor((after - 26 * hour) / day) * day;
  for (let date = firstDay; date < firstDay + horizon; date += day) {
    if (best !== null && date - 26 * hour > best) break;
    if (!matchesDate(cron, date, rules.bothDays)) continue;
    const found = firstOfDate(cron, clock, date, after, rules);
    if (found !== null && (best === null || found < best)) best = found;
  }
  return best;
}

function firstOfDate(
  cron: KnownCron,
  clock: ZoneClock,
  date: number,
  after: number,
  rules: Rules,
): number | null {
  const near = changesNear(clock, date, date + day);
  const offsets =
    near.length === 0 ? [clock.offsetAt(date)] : near.flatMap((change) => [change.before, change.after]);
  // No instant later than `after` shows a time before this one, and none that shows a later time can come before `best`.
  const earliest = after + Math.min(...offsets);
  const spread = Math.max(...offsets);
  let best: number | null = null;
  for (const time of timesFrom(cron, earliest - date)) {
    const wall = date + time;
    if (best !== null && wall - spread > best) break;
    for (const instant of fireTimesOf(clock, wall, near, rules)) {
      if (instant > after && (best === null || instant < best)) best = instant;
    }
  }
  return best;
}

/** The times of day of an expression from one on, ascending. */
function* timesFrom(cron: KnownCron, earliest: number): Generator<number> {
  for (const hours of cron.hour.values) {
    if ((hours + 1) * hour <= earliest) continue;
    for (const minutes of cron.minute.values) {
      const time = hours * hour + minutes * 60_000;
      if (time + 60_000 <= earliest) continue;
      for (const seconds of cron.second.values) {
        if (time + seconds * 1000 >= earliest) yield time + seconds * 1000;
      }
    }
  }
}

/** The fire times that one wall-clock time gives. */
export function fireTimesOf(
  clock: ZoneClock,
  wall: number,
  near: readonly Change[],
  { gap, overlap }: Rules,
): readonly number[] {
  const { instants, skippedBy } = placeOnZone(clock, wall, near);
  if (skippedBy !== null) {
    if (gap === "skip") return [];
    return [gap === "shift" ? wall - skippedBy.before : skippedBy.at];
  }
  if (overlap === "both" || instants.length < 2) return instants;
  return overlap === "first" ? instants.slice(0, 1) : instants.slice(-1);
}

/** All fire times later than `from` and not later than `to`, ascending. */
export function listByOracle(
  cron: KnownCron,
  clock: ZoneClock,
  from: number,
  to: number,
  rules: Rules,
): readonly number[] {
  const found = new Set<number>();
  const firstDay = Math.floor((from - 26 * hour) / day) * day;
  for (let date = firstDay; date <= to + 26 * hour; date += day) {
    if (!matchesDate(cron, date, rules.bothDays)) continue;
    const near = changesNear(clock, date, date + day);
    for (const time of timesFrom(cron, 0)) {
      for (const instant of fireTimesOf(clock, date + time, near, rules)) {
        if (instant > from && instant <= to) found.add(instant);
      }
    }
  }
  return [...found].sort((a, b) => a - b);
}

/** Whether the instant's own wall clock is one that the expression names, in a zone, to the millisecond. */
export function showsMatch(cron: KnownCron, clock: ZoneClock, instant: number, bothDays: boolean): boolean {
  return namesWall(cron, instant + clock.offsetAt(instant), bothDays);
}

/** Whether a wall-clock time (ms as if it were UTC) is one that the expression names. */
export function namesWall(cron: KnownCron, time: number, bothDays: boolean): boolean {
  const wall = new Date(time);
  return (
    wall.getUTCMilliseconds() === 0 &&
    cron.second.values.includes(wall.getUTCSeconds()) &&
    cron.minute.values.includes(wall.getUTCMinutes()) &&
    cron.hour.values.includes(wall.getUTCHours()) &&
    matchesDate(cron, Math.floor(wall.getTime() / day) * day, bothDays)
  );
}

/** Whether a date (midnight, as if UTC) is one that the expression names. */
export function matchesDate(cron: KnownCron, date: number, bothDays: boolean): boolean {
  const when = new Date(date);
  if (!cron.month.values.includes(when.getUTCMonth() + 1)) return false;
  const last = new Date(Date.UTC(when.getUTCFullYear(), when.getUTCMonth() + 1, 0)).getUTCDate();
  const byDay = matchesMonthDay(cron.monthDays, when, last);
  const byWeekday = matchesWeekday(cron.weekdays, when, last);
  return bothDays ? byDay && byWeekday : byDay || byWeekday;
}

function matchesMonthDay(days: MonthDays, when: Date, last: number): boolean {
  const number = when.getUTCDate();
  if (days.values.includes(number) || days.beforeLast.includes(last - number)) return true;
  if (days.lastWorkday && number === workdayNear(when, last, last)) return true;
  return days.nearest.some((wanted) => wanted <= last && number === workdayNear(when, wanted, last));
}

/** The day from Monday to Friday that is nearest to a day and in the same month. */
function workdayNear(month: Date, wanted: number, last: number): number {
  const weekday = (number: number): number =>
    new Date(Date.UTC(month.getUTCFullYear(), month.getUTCMonth(), number)).getUTCDay();
  for (const number of [wanted, wanted - 1, wanted + 1, wanted - 2, wanted + 2]) {
    if (number >= 1 && number <= last && weekday(number) % 6 !== 0) return number;
  }
  throw new Error("a month without a workday");
}

function matchesWeekday(weekdays: Weekdays, when: Date, last: number): boolean {
  const [weekday, number] = [when.getUTCDay(), when.getUTCDate()];
  if (weekdays.values.includes(weekday)) return true;
  if (weekdays.last.includes(weekday) && number + 7 > last) return true;
  return weekdays.nth.some(([wanted, nth]) => wanted === weekday && Math.ceil(number / 7) === nth);
}
