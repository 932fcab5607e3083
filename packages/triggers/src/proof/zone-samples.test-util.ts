import { fuzzRuns, fuzzSeed } from "./fuzz-flag.test-util.js";
import type { KnownCron, PlainField } from "./oracle.test-util.js";
import { type Change, changesBetween, day, hour, type ZoneClock, zoneClock } from "./zone-clock.test-util.js";

/** A change of clocks with the time around it, and an expression whose times lie on both sides and within. */
export interface Sample {
  readonly clock: ZoneClock;
  readonly change: Change;
  readonly from: number;
  readonly to: number;
  /** Fixed times of day: each quarter of the hours around the change. */
  readonly fixed: KnownCron;
}

/** Every time zone of this runtime, and offsets. */
export const allZones: readonly string[] = [
  ...Intl.supportedValuesOf("timeZone"),
  "+05:30",
  "-03:00",
  "+14:00",
];

const everyDay = { beforeLast: [], nearest: [], lastWorkday: false } as const;
const range = (min: number, max: number): number[] =>
  Array.from({ length: max - min + 1 }, (_, n) => min + n);

/** An expression for each day, from the fields of its times of day. */
export function dailyCron(second: PlainField, minute: PlainField, hours: PlainField): KnownCron {
  return {
    expr: [...(second.text === "0" ? [] : [second.text]), minute.text, hours.text, "*", "*", "*"].join(" "),
    second,
    minute,
    hour: hours,
    monthDays: { ...everyDay, text: "*", values: range(1, 31) },
    month: { text: "*", values: range(1, 12) },
    weekdays: { text: "*", values: range(0, 6), last: [], nth: [] },
    repeats: false,
  };
}

/** A list field. */
export function listed(...values: number[]): PlainField {
  const ascending = [...new Set(values)].sort((a, b) => a - b);
  return { text: ascending.join(","), values: ascending };
}

/** Each twenty minutes, by real time. */
export const wild: KnownCron = dailyCron(
  listed(0),
  { text: "*/20", values: [0, 20, 40] },
  { text: "*", values: range(0, 23) },
);

function sample(clock: ZoneClock, change: Change): Sample {
  const wallHour = Math.floor((change.at + change.before) / hour);
  const hours = [-1, 0, 1, 2].map((step) => (((wallHour + step) % 24) + 24) % 24);
  const fixed = dailyCron(listed(0), listed(0, 15, 30, 45), listed(...hours));
  return { clock, change, fixed, from: change.at - 1.5 * day, to: change.at + 1.5 * day };
}

/** Numbers that look random, from the seed. */
export function* randomNumbers(seed: number): Generator<number, never> {
  let state = seed;
  while (true) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    yield state / 0x1_0000_0000;
  }
}

/** Changes of all zones from 1970 to 2100: all of them in a long run, else those of a few years of each zone. */
export function* samples(): Generator<Sample> {
  const random = randomNumbers(fuzzSeed);
  for (const zone of allZones) {
    const clock = zoneClock(zone);
    if (fuzzRuns !== undefined) {
      const changes = changesBetween(clock, Date.UTC(1970, 0, 2), Date.UTC(2100, 11, 30));
      for (const change of changes) yield sample(clock, change);
      continue;
    }
    for (let drawn = 0; drawn < 2; drawn += 1) {
      const year = 1970 + Math.floor(random.next().value * 131);
      for (const change of clock.changesOf(year)) yield sample(clock, change);
    }
  }
}
