import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { assertFires } from "../assert-fires.js";
import { calendar } from "../builders/calendar.js";
import { allOf, anyOf, except } from "../builders/combinators.js";
import { daily, weekly } from "../builders/wall-clock.js";
import { compileQuery } from "../compile-query.js";
import { compileTrigger } from "../compile-trigger.js";
import type { CompiledTrigger } from "../compiled-trigger.js";
import { nextFireTimes } from "../next-fire-times.js";
import { parseTrigger } from "../parse-trigger.js";
import { anyInstant, anyTrigger } from "../testing/arbitraries.test-util.js";
import type { Trigger } from "../trigger.js";

const base = Date.UTC(2030, 0, 1);
const every = (interval: number, from: number = base): Trigger => ({ type: "every", interval, from });
const once = (...at: number[]): Trigger => parseTrigger({ type: "once", at });
const isSimple = ({ type }: Trigger): boolean => type !== "allOf" && type !== "except" && type !== "anyOf";
const refused = (code: string): unknown => expect.objectContaining({ name: "InvalidTriggerError", code });

/** All fire times from 0 to 200, forwards and backwards. */
function walk(compiled: CompiledTrigger): { forwards: number[]; backwards: number[] } {
  const forwards: number[] = [];
  for (let time = compiled.next(-1); time !== null && time <= 200; time = compiled.next(time)) {
    forwards.push(time);
  }
  const backwards: number[] = [];
  for (let time = compiled.previous(200); time !== null && time >= 0; time = compiled.previous(time - 1)) {
    backwards.unshift(time);
  }
  return { forwards, backwards };
}

const times = fc.uniqueArray(fc.integer({ min: 0, max: 200 }), { minLength: 1, maxLength: 40 });
const several = fc.array(times, { minLength: 1, maxLength: 4 });

describe("anyOf", () => {
  test("fires at each instant at which one of its triggers does, once", () => {
    fc.assert(
      fc.property(several, (sets) => {
        const expected = [...new Set(sets.flat())].sort((a, b) => a - b);
        const { forwards, backwards } = walk(compileTrigger(anyOf(sets.map((set) => once(...set)))));
        expect(forwards).toEqual(expected);
        expect(backwards).toEqual(expected);
      }),
      { numRuns: 200 },
    );
  });

  test("counts by arithmetic if it holds one trigger, else step by step", () => {
    const century = 3_155_760_000_000;
    expect(compileTrigger(anyOf(every(1))).count(base - 1, base + century).exact).toBe(true);
    expect(compileTrigger(anyOf(every(2), every(2))).count(base - 1, base + century, 50)).toEqual({
      count: 50,
      exact: false,
    });
  });
});

describe("allOf", () => {
  test("fires at the first instant of each group within the tolerance", () => {
    const tolerance = fc.integer({ min: 0, max: 12 });
    fc.assert(
      fc.property(several, tolerance, (sets, reach) => {
        const expected = [...new Set(sets.flat())]
          .sort((a, b) => a - b)
          .filter((time) => sets.every((set) => set.some((other) => other >= time && other <= time + reach)));
        const trigger = allOf(
          sets.map((set) => once(...set)),
          { tolerance: reach },
        );
        const { forwards, backwards } = walk(compileTrigger(trigger));
        expect(forwards).toEqual(expected);
        expect(backwards).toEqual(expected);
      }),
      { numRuns: 500 },
    );
  });

  test("leaps over what cannot coincide", () => {
    const compiled = compileTrigger(allOf(every(1), every(86_400_000 * 365)));
    expect(compiled.next(base)).toBe(base + 86_400_000 * 365);
    expect(compiled.previous(base + 86_400_000 * 364)).toBe(base);
  });

  test("finds the Mondays that are the first of a month", () => {
    const compiled = compileTrigger(
      allOf(weekly({ on: "mon", at: "09:00" }), { type: "monthly", on: [1], at: ["09:00"] }),
    );
    expect(new Date(compiled.next(base) ?? 0).toISOString()).toBe("2030-04-01T09:00:00.000Z");
  });

  test("gives up in bounded time on triggers that never coincide", () => {
    const compiled = compileTrigger(allOf(every(1000), every(1000, base + 1)));
    expect(() => compiled.next(base)).toThrow(refused("SEARCH_LIMIT"));
    expect(() => compiled.previous(base + 1e12)).toThrow(refused("SEARCH_LIMIT"));
    const previewed = nextFireTimes(allOf(every(1000), every(1000, base + 1)), {
      after: new Date(base),
      count: 1,
    });
    expect(previewed).toEqual([]);
  });

  test("searches within searches share one budget", () => {
    // Each of these finds something after many steps: multiplied with each other they would take hours.
    const slow = (shift: number): Trigger => allOf(every(9973, base + shift), every(9967));
    const nested = allOf(allOf(slow(0), slow(1)), allOf(slow(2), slow(3)));
    expect(() => compileTrigger(nested).next(base)).toThrow(refused("SEARCH_LIMIT"));
    const many = anyOf(Array.from({ length: 80 }, () => allOf(every(1000), every(1000, base + 1))));
    expect(compileTrigger(anyOf(many, once(base + 5))).next(base)).toBe(base + 5);
  });
});

describe("except", () => {
  test("takes away what each of several calendars excludes", () => {
    const trigger = except(daily({ at: "09:00" }), calendar.weekdays(), calendar.annual("01-07"));
    const times = nextFireTimes(trigger, { after: new Date(Date.UTC(2030, 0, 4, 9)), count: 1 });
    expect(times).toEqual([new Date("2030-01-08T09:00:00.000Z")]);
  });

  test("of a calendar for all times of many years ends soon", () => {
    const options = { dialect: "quartz", timezone: "Europe/Berlin" } as const;
    const centuries = except(daily({ at: "09:00" }), calendar.cron("* * * ? * * 2000-2199", options));
    const times = nextFireTimes(centuries, { after: new Date(base), count: 1 });
    expect(times).toEqual([new Date("2200-01-01T09:00:00.000Z")]);
  });

  test("leaves out what the calendar excludes", () => {
    const workdays = except(daily({ at: "09:00" }), calendar.weekdays());
    const compiled = compileTrigger(workdays);
    const friday = Date.UTC(2030, 0, 4, 9);
    expect(new Date(compiled.next(friday) ?? 0).toISOString()).toBe("2030-01-07T09:00:00.000Z");
    expect(compiled.previous(Date.UTC(2030, 0, 7, 8))).toBe(friday);
  });

  test("goes by the zone of the trigger, found within combinators too, unless the calendar names one", () => {
    // 23:30 UTC on Friday is Saturday in Berlin.
    const late = { type: "once", at: [Date.UTC(2030, 0, 4, 23, 30)] } as const;
    const inBerlin = anyOf(late, daily({ at: "12:00", timezone: "Europe/Berlin" }));
    const noon = Date.UTC(2030, 0, 7, 11);
    const after = Date.UTC(2030, 0, 4, 20);
    expect(compileTrigger(except(inBerlin, calendar.weekdays())).next(after)).toBe(noon);
    expect(compileTrigger(except(late, calendar.weekdays())).next(after)).toBe(late.at[0]);
    const inUtc = calendar.weekdays("sat", "sun", { timezone: "UTC" });
    expect(compileTrigger(except(inBerlin, inUtc)).next(after)).toBe(late.at[0]);
  });

  test("jumps over a weekend of seconds", () => {
    const compiled = compileTrigger(except(every(1), calendar.weekdays()));
    const saturday = Date.UTC(2030, 0, 5);
    const monday = Date.UTC(2030, 0, 7);
    expect(compiled.next(saturday - 1)).toBe(monday);
    expect(compiled.previous(monday - 1)).toBe(saturday - 1);
  });

  test("fires never if all is excluded, and says so in bounded time", () => {
    const all = except(every(1), calendar.weekdays([0, 1, 2, 3, 4, 5, 6]));
    const never = refused("SEARCH_LIMIT");
    expect(compileTrigger(all).next(base)).toBeNull();
    expect(compileTrigger(all).previous(base + 10)).toBeNull();
    const mornings = except(daily({ at: "09:00" }), calendar.window("08:00", "10:00"));
    expect(() => compileTrigger(mornings).next(base)).toThrow(never);
    expect(() => compileTrigger(mornings).previous(base)).toThrow(never);
    const minutes = except(every(1000), calendar.cron("* * * * *", { timezone: "Europe/Berlin" }));
    expect(() => compileTrigger(minutes).next(base)).toThrow(never);
    expect(() => assertFires(minutes, { after: base })).toThrow(refused("NEVER_FIRES"));
  });
});

describe("all triggers", () => {
  test("next and previous agree, and time goes forward", () => {
    fc.assert(
      fc.property(anyTrigger, anyInstant, (trigger, after) => {
        const compiled = compileQuery(
          trigger,
          { jobId: "a", anchor: new Date(after - 3_600_000) },
          undefined,
        );
        let last = after;
        for (let step = 0; step < 5; step += 1) {
          const time = compiled.next(last);
          if (time === null) return;
          expect(time).toBeGreaterThan(last);
          expect(compiled.previous(time)).toBe(time);
          expect(compiled.previous(time - 1) ?? last).toBeLessThanOrEqual(last);
          last = time;
        }
      }),
      { numRuns: 300 },
    );
  });

  test("S10: counting what is rare among much ends early, and says so", () => {
    // Each second of the one is compared with the minutes of the other, and few are both.
    const rare = compileTrigger(allOf(every(1000), every(60_000, base + 7), every(61_000, base + 7)));
    expect(rare.count(base, base + 1e13)).toEqual({ count: 0, exact: false });
    const some = compileTrigger(allOf(every(7, 0), every(1_000_003, 0)));
    expect(some.count(0, 1e9)).toEqual({ count: Math.floor(1e9 / 7_000_021), exact: true });
  });

  test("count says how often next goes on", () => {
    fc.assert(
      fc.property(anyTrigger, anyInstant, (trigger, after) => {
        const compiled = compileQuery(
          trigger,
          { jobId: "a", anchor: new Date(after - 3_600_000) },
          undefined,
        );
        const through = after + 5 * 86_400_000;
        let count = 0;
        for (let time = compiled.next(after); time !== null && time <= through; time = compiled.next(time)) {
          if (count === 30_000) return; // too many to go through
          count += 1;
        }
        const counted = compiled.count(after, through, 100_000);
        if (counted.exact) expect(counted.count).toBe(count);
        else expect(counted.count).toBeLessThanOrEqual(count);
        // What is not counted exactly is much, or rare among much.
        if (count < 1000 && isSimple(trigger)) expect(counted.exact).toBe(true);
      }),
      { numRuns: 100 },
    );
  });
});

describe("what is refused", () => {
  test("no triggers, too many, and what is none", () => {
    expect(() => anyOf()).toThrow(refused("INVALID_FIELD"));
    expect(() => allOf([])).toThrow(refused("INVALID_FIELD"));
    expect(() => anyOf(Array.from({ length: 101 }, () => every(5)))).toThrow(refused("INVALID_FIELD"));
    expect(() => parseTrigger({ type: "anyOf", triggers: "x" })).toThrow(refused("INVALID_FIELD"));
    expect(() => parseTrigger({ type: "anyOf", triggers: [{}] })).toThrow(refused("INVALID_TRIGGER"));
    expect(() => parseTrigger({ type: "except", trigger: every(5) })).toThrow(refused("INVALID_FIELD"));
    expect(() => parseTrigger({ type: "except", calendar: calendar.weekdays() })).toThrow(
      refused("INVALID_TRIGGER"),
    );
  });

  test("a tolerance below 0 or above a day", () => {
    for (const tolerance of [-1, 86_400_001, 1.5, Number.NaN, "soon"]) {
      expect(() => allOf(every(5), { tolerance })).toThrow(refused("INVALID_INTERVAL"));
    }
    expect(allOf(every(5), { tolerance: "1h" }).tolerance).toBe(3_600_000);
  });

  test("options that do not exist", () => {
    const misspelt: object = { tolerence: 5 };
    expect(() => allOf(every(5), misspelt)).toThrow(refused("INVALID_TRIGGER"));
  });

  test("triggers too deep within each other, already when they are built", () => {
    let trigger = every(5);
    for (let depth = 0; depth < 16; depth += 1) trigger = anyOf(trigger);
    expect(() => anyOf(trigger)).toThrow(refused("INVALID_TRIGGER"));
  });
});
