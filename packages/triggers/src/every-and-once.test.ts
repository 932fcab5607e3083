import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  assertFires,
  compileTrigger,
  every,
  InvalidTriggerError,
  nextFireTimes,
  once,
  parseDuration,
} from "./index.js";

const created = Date.UTC(2030, 0, 1);
const refused = (code: string): unknown => expect.objectContaining({ name: "InvalidTriggerError", code });

describe("every", () => {
  test("without from fires first one interval after the anchor, and keeps the cadence", () => {
    const compiled = compileTrigger(every("90s"), { anchor: created });
    expect(compiled.next(created - 1)).toBe(created + 90_000);
    expect(compiled.next(created + 90_000)).toBe(created + 180_000);
    expect(compiled.previous(created + 89_999)).toBeNull();
  });

  test("with from fires first then, with phase so much later", () => {
    expect(compileTrigger(every("1h", { from: new Date(created) })).next(0)).toBe(created);
    expect(compileTrigger(every("1h", { from: created, phase: "15m" })).next(0)).toBe(created + 900_000);
    expect(compileTrigger(every("1h", { phase: 1 }), { anchor: created }).next(0)).toBe(created + 1);
  });

  test("previews count from after", () => {
    const [first] = nextFireTimes(every(1_000_000), { after: new Date("2000-01-01T00:00:00Z"), count: 1 });
    expect(first?.toISOString()).toBe("2000-01-01T00:16:40.000Z");
  });

  test("S10: counts a century of milliseconds by arithmetic", () => {
    const compiled = compileTrigger(every(1), { anchor: created });
    const century = 3_155_760_000_000;
    expect(compiled.count(created, created + century)).toEqual({ count: century, exact: true });
    expect(compiled.previous(created + century)).toBe(created + century);
  });

  test("next, previous and count agree", () => {
    const instant = fc.integer({ min: 0, max: 4e12 });
    const phase = fc.double({ min: 0, max: 0.99, noNaN: true });
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 1e9 }),
        phase,
        instant,
        instant,
        (interval, share, from, after) => {
          const compiled = compileTrigger(every(interval, { from, phase: Math.floor(interval * share) }));
          const next = compiled.next(after) ?? 0;
          expect(next).toBeGreaterThan(after);
          expect(compiled.previous(next)).toBe(next);
          expect(compiled.count(after, next)).toEqual({ count: 1, exact: true });
          expect(compiled.previous(next - 1) ?? after).toBeLessThanOrEqual(after);
        },
      ),
    );
  });

  test.each([
    0,
    -1,
    1.5,
    Number.NaN,
    2 ** 53,
    "",
    "90",
    "s",
    "1m1h",
    "1h1h",
    "P1Y",
    "PT",
    "P",
    "1e3s",
    "-5s",
    null,
    {},
  ])("refuses %o as a duration", (value) => {
    expect(() => parseDuration(value)).toThrow(refused("INVALID_INTERVAL"));
  });

  test("reads durations in each form", () => {
    expect(
      ["90s", "1h30m", "PT90S", "P1DT12H", "1.5h", "0.1s", "250ms", "2w", 5].map((value) =>
        parseDuration(value),
      ),
    ).toEqual([90_000, 5_400_000, 90_000, 129_600_000, 5_400_000, 100, 250, 1_209_600_000, 5]);
  });
});

describe("once", () => {
  test("sorts its instants and drops repeats", () => {
    const trigger = once("2030-01-02T01:00:00+01:00", created, new Date(created), "2030-01-02");
    expect(trigger.at).toEqual([created, created + 86_400_000]);
    expect(compileTrigger(trigger).next(created)).toBe(created + 86_400_000);
    expect(compileTrigger(trigger).next(created + 86_400_000)).toBeNull();
    expect(compileTrigger(trigger).previous(created - 1)).toBeNull();
    expect(compileTrigger(trigger).count(0, created)).toEqual({ count: 1, exact: true });
  });

  test("keeps now as a word, which is the job's creation, and fires then", () => {
    const trigger = once("now", created + 5);
    expect(trigger.at).toEqual(["now", created + 5]);
    const compiled = compileTrigger(trigger, { anchor: created });
    expect(compiled.next(created - 1)).toBe(created);
    expect(() => assertFires(once("now"), { after: created })).not.toThrow();
  });

  test("all in the past is refused when the time is known", () => {
    expect(() => assertFires(once(created - 1), { after: created })).toThrow(refused("ALL_IN_PAST"));
    expect(() => assertFires(once(created), { after: created })).not.toThrow();
    expect(() => assertFires(every("1h"), { after: created })).not.toThrow();
  });

  test.each(["2030-02-30", "2030-01-01T00:00:00", "tomorrow", "", Number.NaN, 1.5, 8.64e15])(
    "refuses %o as an instant",
    (value) => {
      expect(() => once(value)).toThrow(refused("INVALID_DATE"));
    },
  );

  test("refuses none, and more than 10,000", () => {
    expect(() => once()).toThrow(InvalidTriggerError);
    expect(() => once(...Array.from({ length: 10_001 }, (_, index) => created + index))).toThrow(
      refused("INVALID_DATE"),
    );
  });
});
