/** A change of a zone's offset: from `at` on the wall clock shows UTC + `after`, just before it UTC + `before` (ms). */
export interface Change {
  readonly at: number;
  readonly before: number;
  readonly after: number;
}

/** What the wall clock of a time zone shows, read from `Intl` alone: nothing of the engine under test takes part. */
export interface ZoneClock {
  readonly name: string;
  /** Wall clock minus UTC, in ms. */
  offsetAt(instant: number): number;
  /** The changes of a calendar year in UTC, ascending. */
  changesOf(year: number): readonly Change[];
}

const hour = 3_600_000;
const day = 24 * hour;
// From 1970 to 2100 the two closest changes of any zone lie 167 hours apart (America/Recife, October 2000).
const stride = 6 * day;
const rendered = /^(\d+)\/(\d+)\/(\d+), (\d+):(\d+):(\d+)$/;
const clocks = new Map<string, ZoneClock>();

/** The clock of an IANA zone, or of an offset such as `+05:30`. */
export function zoneClock(name: string): ZoneClock {
  const known = clocks.get(name) ?? createClock(name);
  clocks.set(name, known);
  return known;
}

function createClock(name: string): ZoneClock {
  const [, sign, hours, minutes] = /^([+-])(\d\d):(\d\d)$/.exec(name) ?? [];
  if (sign !== undefined) {
    const offset = (sign === "-" ? -1 : 1) * (Number(hours) * hour + Number(minutes) * 60_000);
    return { name, offsetAt: () => offset, changesOf: () => [] };
  }
  const offsetAt = intlOffset(name);
  const years = new Map<number, readonly Change[]>();
  return {
    name,
    offsetAt,
    changesOf: (year) => {
      const known = years.get(year) ?? findChanges(offsetAt, Date.UTC(year, 0, 1), Date.UTC(year + 1, 0, 1));
      years.set(year, known);
      return known;
    },
  };
}

function intlOffset(timeZone: string): (instant: number) => number {
  const numeric = "numeric";
  const format = new Intl.DateTimeFormat("en-US", {
    timeZone,
    hourCycle: "h23",
    year: numeric,
    month: numeric,
    day: numeric,
    hour: numeric,
    minute: numeric,
    second: numeric,
  });
  return (instant) => {
    const [, month = 1, date, year = 0, ...time] = rendered.exec(format.format(instant))?.map(Number) ?? [];
    return Date.UTC(year, month - 1, date, ...time) - Math.floor(instant / 1000) * 1000;
  };
}

function findChanges(offsetAt: (instant: number) => number, from: number, to: number): Change[] {
  const changes: Change[] = [];
  let before = offsetAt(from - 1);
  for (let start = from - 1; start < to - 1; start += stride) {
    const end = Math.min(start + stride, to - 1);
    const after = offsetAt(end);
    if (after !== before) changes.push({ at: bisect(offsetAt, start, end), before, after });
    before = after;
  }
  return changes;
}

/** The first instant in (start, end] with another offset than `start`; the two ends differ. */
function bisect(offsetAt: (instant: number) => number, start: number, end: number): number {
  const before = offsetAt(start);
  let [low, high] = [start, end];
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (offsetAt(middle) === before) low = middle;
    else high = middle;
  }
  return high;
}

/** The changes from `from` to `to`, both included, ascending. */
export function changesBetween(clock: ZoneClock, from: number, to: number): Change[] {
  const changes: Change[] = [];
  for (let year = new Date(from).getUTCFullYear(); year <= new Date(to).getUTCFullYear(); year += 1) {
    changes.push(...clock.changesOf(year).filter(({ at }) => at >= from && at <= to));
  }
  return changes;
}

/** What becomes of a wall-clock time on a zone: the instants that show it, or else the change that skips it. */
export interface Placed {
  readonly instants: readonly number[];
  readonly skippedBy: Change | null;
}

/** Finds the instants whose wall clock shows `wall` (ms as if it were UTC). */
export function placeOnZone(clock: ZoneClock, wall: number, near: readonly Change[]): Placed {
  const instants = new Set<number>();
  const offsets =
    near.length === 0 ? [clock.offsetAt(wall)] : near.flatMap((change) => [change.before, change.after]);
  for (const offset of offsets) {
    const instant = wall - offset;
    if (offsetAmong(near, offset, instant) === offset) instants.add(instant);
  }
  const skippedBy = near.find(({ at, before, after }) => wall >= at + before && wall < at + after) ?? null;
  return { instants: [...instants].sort((a, b) => a - b), skippedBy: instants.size === 0 ? skippedBy : null };
}

/** The offset at an instant, known from the changes around it. */
function offsetAmong(near: readonly Change[], otherwise: number, instant: number): number {
  const last = near.findLast(({ at }) => at <= instant);
  return last?.after ?? near[0]?.before ?? otherwise;
}

/** The changes within 36 hours of anything that the wall clock shows from `firstWall` to `lastWall`. */
export function changesNear(clock: ZoneClock, firstWall: number, lastWall: number): Change[] {
  return changesBetween(clock, firstWall - 36 * hour, lastWall + 36 * hour);
}

export { day, hour };
