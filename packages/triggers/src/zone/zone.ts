import { InvalidTriggerError, quote } from "../invalid-trigger-error.js";
import { findSegments } from "./find-segments.js";
import { foreseen, lastRead } from "./foreseen.js";
import { openOffsetReader } from "./offset-reader.js";

/** A stretch of time during which the wall clock of a zone runs evenly. Instants and offsets are in ms. */
export interface Segment {
  /** Its first instant. */
  readonly start: number;
  /** The first instant after it. */
  readonly end: number;
  /** Wall clock minus UTC throughout. */
  readonly offset: number;
  /** The offset just before `start`: another one if clocks are changed there, else the same (a seam of the cache). */
  readonly before: number;
  /** The offset from `end` on. */
  readonly after: number;
}

/** A time zone: which offset holds when. */
export interface Zone {
  /** The name it was first asked for by. */
  readonly name: string;
  /** The segment that an instant lies in. Cached: the time zone database is asked once per zone and year. */
  segmentAt(instant: number): Segment;
  /** Wall clock minus UTC at an instant. */
  offsetAt(instant: number): number;
}

const fixedOffset = /^([+-])(0\d|1[0-4]):?([0-5]\d)$/;
const zones = new Map<string, Zone>();
// Names differ in case and have aliases, so that their number has no natural bound.
const maxNames = 2000;

/**
 * Looks a zone up: an IANA name, or an offset from `-14:59` to `+14:59`.
 *
 * @throws InvalidTriggerError `INVALID_TIMEZONE`
 */
export function findZone(name: string): Zone {
  const known = zones.get(name);
  if (known !== undefined) return known;
  const zone = createZone(name);
  if (zones.size >= maxNames) zones.clear();
  zones.set(name, zone);
  return zone;
}

function createZone(name: string): Zone {
  const [, sign, hours, minutes] = fixedOffset.exec(name) ?? [];
  if (sign !== undefined) {
    return createFixedZone(
      name,
      (Number(hours) * 60 + Number(minutes)) * (sign === "-" ? -60_000 : 60_000) + 0,
    );
  }
  const reader = openOffsetReader(name);
  if (reader === null) {
    throw new InvalidTriggerError(
      "INVALID_TIMEZONE",
      `${quote(name)} is not a time zone known here: give an IANA name such as "Europe/Berlin", or "+05:30"`,
      { field: "timezone", value: name },
    );
  }
  if (reader.canonicalName === "UTC") return createFixedZone(name, 0);
  const canonical = zones.get(reader.canonicalName);
  return canonical ?? createChangingZone(name, reader.offsetAt);
}

function createFixedZone(name: string, offset: number): Zone {
  const segment: Segment = {
    start: Number.NEGATIVE_INFINITY,
    end: Number.POSITIVE_INFINITY,
    offset,
    before: offset,
    after: offset,
  };
  return { name, segmentAt: () => segment, offsetAt: () => offset };
}

// Stretches of a little more than a year, so that which one an instant is in takes one division.
const stretch = 400 * 86_400_000;

function createChangingZone(name: string, read: (instant: number) => number): Zone {
  // At most one entry for each of the 210 stretches from 1900 to 2129.
  const stretches = new Map<number, readonly Segment[]>();
  let last: Segment = { start: 0, end: 0, offset: 0, before: 0, after: 0 };
  const segmentOf = (instant: number): Segment => {
    const index = Math.floor(instant / stretch);
    let segments = stretches.get(index);
    if (segments === undefined) {
      segments = findSegments(read, index * stretch, (index + 1) * stretch);
      stretches.set(index, segments);
    }
    let position = 0;
    while (instant >= (segments[position]?.end ?? Number.POSITIVE_INFINITY)) position += 1;
    const found = segments[position];
    if (found === undefined) throw new RangeError(`no offset of ${name} at ${instant}`);
    return found;
  };
  const segmentAt = (instant: number): Segment => {
    if (instant < last.start || instant >= last.end) {
      last = instant < lastRead ? segmentOf(instant) : foreseen(segmentOf, instant);
    }
    return last;
  };
  return { name, segmentAt, offsetAt: (instant) => segmentAt(instant).offset };
}
