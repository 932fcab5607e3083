import fc from "fast-check";
import { type Change, changesBetween, day, hour, zoneClock } from "./zone-clock.test-util.js";

/** Zones with something to stumble over: half-hour changes, midnight gaps, a lost day, two changes a spring. */
export const hardZones: readonly string[] = [
  "Africa/Cairo",
  "Africa/Casablanca",
  "America/Havana",
  "America/Sao_Paulo",
  "America/St_Johns",
  "America/New_York",
  "Antarctica/Troll",
  "Asia/Beirut",
  "Asia/Gaza",
  "Asia/Kathmandu",
  "Asia/Tehran",
  "Australia/Lord_Howe",
  "Europe/Berlin",
  "Europe/Dublin",
  "Pacific/Apia",
  "UTC",
  "+05:30",
  "-03:00",
];

/** A place and a moment to ask for what comes next. */
export interface Situation {
  readonly timezone: string;
  readonly after: number;
}

const first = Date.UTC(1985, 0, 1);
const last = Date.UTC(2045, 0, 1);
const changes = new Map<string, readonly Change[]>();

function changesOf(timezone: string): readonly Change[] {
  const known = changes.get(timezone) ?? changesBetween(zoneClock(timezone), first, last);
  changes.set(timezone, known);
  return known;
}

/** A third of them within two days of a change of clocks, some to the millisecond; Apia's lost day is among them. */
export function situation(): fc.Arbitrary<Situation> {
  return fc
    .record({
      timezone: fc.constantFrom(...hardZones),
      mode: fc.constantFrom("anywhere", "anywhere", "near", "near", "edge"),
      instant: fc.integer({ min: first, max: last }),
      pick: fc.nat(),
      distance: fc.integer({ min: -2 * day, max: 2 * day }),
      edge: fc.constantFrom(
        -hour,
        -1800_000,
        -60_000,
        -1000,
        -1,
        0,
        1,
        999,
        60_000,
        1800_000,
        hour,
        2 * hour,
      ),
      whole: fc.boolean(),
    })
    .map(({ timezone, mode, instant, pick, distance, edge, whole }) => {
      const known = changesOf(timezone);
      const change = known[pick % Math.max(known.length, 1)];
      if (change === undefined || mode === "anywhere") return { timezone, after: instant };
      const near = change.at + (mode === "edge" ? edge : distance);
      return { timezone, after: whole && mode === "near" ? Math.floor(near / 60_000) * 60_000 : near };
    });
}
