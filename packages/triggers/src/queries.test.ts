import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { anyOf, everyRandom } from "./builders/combinators.js";
import { countFireTimes } from "./count-fire-times.js";
import { fireTimes } from "./fire-times.js";
import { matches, nextFireTimes } from "./next-fire-times.js";
import { parseTrigger } from "./parse-trigger.js";
import { previousFireTime } from "./previous-fire-time.js";
import { anyInstant, anyTrigger } from "./testing/arbitraries.test-util.js";
import type { Trigger } from "./trigger.js";

const refused = (code: string): unknown => expect.objectContaining({ name: "InvalidTriggerError", code });
const at = (text: string): Date => new Date(text);
const hourly: Trigger = { type: "every", interval: 3_600_000, from: 0 };
const noon = at("2030-01-01T12:00:00Z");
const afternoon = at("2030-01-01T15:00:00Z");

describe("nextFireTimes", () => {
  test("lists what lies strictly between after and before", () => {
    const times = nextFireTimes(hourly, { after: noon, before: afternoon, count: 10 });
    expect(times).toEqual([at("2030-01-01T13:00:00Z"), at("2030-01-01T14:00:00Z")]);
    expect(nextFireTimes(hourly, { after: noon, before: noon, count: 10 })).toEqual([]);
    expect(nextFireTimes(hourly, { after: noon, count: 0 })).toEqual([]);
  });

  test("takes now from the wall clock also within a combinator, unless an anchor is given", () => {
    const soon = anyOf({ type: "once", at: ["now"] });
    const start = Date.now();
    const [time] = nextFireTimes(soon, { after: noon, count: 1, anchor: afternoon });
    expect(time).toEqual(afternoon);
    const [now] = nextFireTimes(soon, { after: new Date(0), count: 1 });
    expect(Number(now)).toBeGreaterThanOrEqual(start);
  });
});

describe("previousFireTime", () => {
  test("is strictly earlier", () => {
    expect(previousFireTime(hourly, { before: noon })).toEqual(at("2030-01-01T11:00:00Z"));
    expect(previousFireTime(hourly, { before: new Date(0) })).toBeNull();
    expect(previousFireTime(hourly, { before: new Date(1) })).toEqual(new Date(0));
  });

  test("turns back the step that nextFireTimes made", () => {
    fc.assert(
      fc.property(anyTrigger, anyInstant, (trigger, ms) => {
        // What is drawn can only be walked through, and is for a bounded distance: fire times in common can lie further apart.
        fc.pre(!/allOf.*everyRandom/.test(JSON.stringify(trigger)));
        const options = { jobId: "a", anchor: new Date(ms - 3_600_000) };
        const [first, second] = nextFireTimes(trigger, { after: new Date(ms), count: 2, ...options });
        if (first === undefined || second === undefined) return;
        expect(previousFireTime(trigger, { before: second, ...options })).toEqual(first);
      }),
      { numRuns: 100 },
    );
  });
});

describe("countFireTimes", () => {
  test("leaves out both ends", () => {
    expect(countFireTimes(hourly, { after: noon, before: afternoon })).toEqual({ count: 2, exact: true });
    expect(countFireTimes(hourly, { after: afternoon, before: noon })).toEqual({ count: 0, exact: true });
    expect(countFireTimes(hourly, { after: noon, before: noon })).toEqual({ count: 0, exact: true });
  });

  test("counts what has a rule by arithmetic, the rest up to the limit", () => {
    const span = { after: at("1970-01-01T00:00:00Z"), before: at("9999-01-01T00:00:00Z") };
    const everySecond: Trigger = { type: "cron", expr: "* * * * * *" };
    expect(countFireTimes(everySecond, span)).toEqual({ count: 253_370_764_800 - 1, exact: true });
    const random = everyRandom(1000, 2000);
    expect(countFireTimes(random, { ...span, limit: 123 })).toEqual({ count: 123, exact: false });
  });

  test("agrees with going through them", () => {
    fc.assert(
      fc.property(anyTrigger, anyInstant, (trigger, ms) => {
        const options = {
          after: new Date(ms),
          before: new Date(ms + 5e8),
          jobId: "a",
          anchor: new Date(ms - 3_600_000),
        };
        const { count, exact } = countFireTimes(trigger, { ...options, limit: 100_000 });
        if (!exact || count > 20_000) return; // too many to go through, or too rare to find
        expect([...fireTimes(trigger, options)]).toHaveLength(count);
      }),
      { numRuns: 100 },
    );
  });
});

describe("fireTimes", () => {
  test("goes on as long as it is asked to", () => {
    const seen: Date[] = [];
    for (const time of fireTimes(hourly, { after: noon })) {
      seen.push(time);
      if (seen.length === 3) break;
    }
    expect(seen).toEqual(nextFireTimes(hourly, { after: noon, count: 3 }));
  });

  test("ends before an instant, or where the trigger does", () => {
    expect([...fireTimes(hourly, { after: noon, before: afternoon })]).toHaveLength(2);
    expect([...fireTimes({ type: "once", at: [5, 7] }, { after: new Date(5) })]).toEqual([new Date(7)]);
  });

  test("checks its arguments before anything is asked for", () => {
    expect(() => fireTimes(hourly, { after: new Date(Number.NaN) })).toThrow(refused("INVALID_DATE"));
    expect(() => fireTimes({ type: "every", interval: 0 }, { after: noon })).toThrow(
      refused("INVALID_INTERVAL"),
    );
  });
});

describe("matches", () => {
  test("tells fire times to the millisecond", () => {
    expect(matches(hourly, noon)).toBe(true);
    expect(matches(hourly, new Date(noon.getTime() + 1))).toBe(false);
  });
});

describe("what is refused", () => {
  // As from JavaScript, where no type says what may be passed.
  const untyped = (value: unknown): never => value as never;

  test("instants that are no Date, or none from 1900 to 9999", () => {
    const ms = untyped(5);
    const text = untyped("2030-01-01");
    for (const wrong of [ms, text, new Date(Number.NaN), new Date(8.64e15), untyped(null)]) {
      expect(() => nextFireTimes(hourly, { after: wrong, count: 1 })).toThrow(refused("INVALID_DATE"));
      expect(() => nextFireTimes(hourly, { after: noon, before: wrong, count: 1 })).toThrow(
        refused("INVALID_DATE"),
      );
      expect(() => previousFireTime(hourly, { before: wrong })).toThrow(refused("INVALID_DATE"));
      expect(() => countFireTimes(hourly, { after: noon, before: wrong })).toThrow(refused("INVALID_DATE"));
      expect(() => fireTimes(hourly, { after: noon, before: wrong })).toThrow(refused("INVALID_DATE"));
      expect(() => fireTimes(hourly, { after: noon, anchor: wrong })).toThrow(refused("INVALID_DATE"));
      expect(() => matches(hourly, wrong)).toThrow(refused("INVALID_DATE"));
    }
  });

  test("numbers of fire times that are none, and what is no job id", () => {
    for (const wrong of [-1, 1.5, 100_001, Number.NaN]) {
      expect(() => nextFireTimes(hourly, { after: noon, count: wrong })).toThrow(refused("INVALID_ARGUMENT"));
      expect(() => countFireTimes(hourly, { after: noon, before: noon, limit: wrong })).toThrow(
        refused("INVALID_ARGUMENT"),
      );
    }
    const jobId = "a".repeat(257);
    expect(() => previousFireTime(hourly, { before: noon, jobId })).toThrow(refused("INVALID_ARGUMENT"));
  });

  test("what is no trigger", () => {
    expect(() => previousFireTime(untyped("x"), { before: noon })).toThrow(refused("INVALID_TRIGGER"));
    expect(parseTrigger(hourly)).toEqual(hourly);
  });
});
