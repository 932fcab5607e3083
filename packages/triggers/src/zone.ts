import { InvalidTriggerError, quote } from "./invalid-trigger-error.js";

/** A time zone as the function from an instant to the offset of its wall clock. */
export interface Zone {
  /** The name it was asked for by. */
  readonly name: string;
  /** Whether the offset never changes. */
  readonly fixed: boolean;
  /** Wall clock minus UTC at an instant; both in ms. */
  readonly offsetAt: (instant: number) => number;
}

const week = 7 * 86_400_000;
const fixedOffset = /^([+-])(0\d|1[0-4]):?([0-5]\d)$/;
const zoneName = /^[A-Za-z][A-Za-z0-9_+\-/]{0,63}$/;
const rendered = /^(\d+)\/(\d+)\/(\d+), (\d+):(\d+):(\d+)$/;
const zones = new Map<string, Zone>();
const maxZones = 1000; // names differ in case, so that their number has no natural bound
const maxWeeks = 2000;

/**
 * Looks a zone up: an IANA name, or an offset such as `+05:30`.
 *
 * @throws InvalidTriggerError `INVALID_TIMEZONE`
 */
export function findZone(name: string): Zone {
  const known = zones.get(name);
  if (known !== undefined) return known;
  const zone = createZone(name);
  if (zones.size >= maxZones) zones.clear();
  zones.set(name, zone);
  return zone;
}

function createZone(name: string): Zone {
  const [, sign, hours, minutes] = fixedOffset.exec(name) ?? [];
  if (sign !== undefined) {
    const offset = (Number(hours) * 60 + Number(minutes)) * (sign === "-" ? -60_000 : 60_000);
    return { name, fixed: true, offsetAt: () => offset };
  }
  const format = createFormat(name);
  if (format.resolvedOptions().timeZone === "UTC") return { name, fixed: true, offsetAt: () => 0 };
  return { name, fixed: false, offsetAt: rememberWeeks((instant) => readOffset(format, instant)) };
}

/**
 * Asks for the offset only at the ends of weeks, counted from the epoch, and for the change between two ends that differ:
 * a time zone database is slow, and no zone has changed its offset twice in a week for many decades.
 */
function rememberWeeks(read: (instant: number) => number): (instant: number) => number {
  const weeks = new Map<number, { change: number; before: number; after: number }>();
  return (instant) => {
    const index = Math.floor(instant / week);
    let known = weeks.get(index);
    if (known === undefined) {
      const [start, end] = [index * week, (index + 1) * week];
      const [before, after] = [read(start), read(end)];
      known = { change: before === after ? end : bisect(read, start, end), before, after };
      if (weeks.size >= maxWeeks) weeks.clear();
      weeks.set(index, known);
    }
    return instant < known.change ? known.before : known.after;
  };
}

function createFormat(name: string): Intl.DateTimeFormat {
  try {
    if (!zoneName.test(name)) throw new RangeError("not a name");
    return new Intl.DateTimeFormat("en-US", {
      timeZone: name,
      hourCycle: "h23",
      year: "numeric",
      month: "numeric",
      day: "numeric",
      hour: "numeric",
      minute: "numeric",
      second: "numeric",
    });
  } catch {
    throw new InvalidTriggerError(
      "INVALID_TIMEZONE",
      `${quote(name)} is not a time zone known here: give an IANA name such as "Europe/Berlin", or "+05:30"`,
      { field: "timezone", value: name },
    );
  }
}

function readOffset(format: Intl.DateTimeFormat, instant: number): number {
  const [, month, day, year, hour, minute, second] = rendered.exec(format.format(instant))?.map(Number) ?? [];
  const wall = Date.UTC(year ?? Number.NaN, (month ?? 1) - 1, day, hour, minute, second);
  return wall - Math.floor(instant / 1000) * 1000;
}

/** The first instant in (after, through] from which the offset is another than just before, or `null`. */
export function firstTransition(zone: Zone, after: number, through: number): number | null {
  if (zone.fixed) return null;
  const offset = zone.offsetAt(after);
  for (let start = after; start < through; start += week) {
    const end = Math.min(start + week, through);
    if (zone.offsetAt(end) !== offset) return bisect(zone.offsetAt, start, end);
  }
  return null;
}

/** The last instant in (after, through] from which the offset is another than just before, or `null`. */
export function lastTransition(zone: Zone, after: number, through: number): number | null {
  if (zone.fixed) return null;
  const offset = zone.offsetAt(through);
  for (let end = through; end > after; end -= week) {
    const start = Math.max(end - week, after);
    if (zone.offsetAt(start) !== offset) return bisect(zone.offsetAt, start, end);
  }
  return null;
}

/** Halves (start, end], whose ends differ in offset, down to the instant of the change. */
function bisect(read: (instant: number) => number, start: number, end: number): number {
  const before = read(start);
  let low = start;
  let high = end;
  while (high - low > 1) {
    const middle = low + Math.floor((high - low) / 2);
    if (read(middle) === before) low = middle;
    else high = middle;
  }
  return high;
}
