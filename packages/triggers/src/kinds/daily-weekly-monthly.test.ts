import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  type DailyOptions,
  daily,
  type MonthlyOptions,
  monthly,
  type WeeklyOptions,
  weekly,
} from "../builders/wall-clock.js";
import type { FireTimes } from "../compiled-trigger.js";
import { InvalidTriggerError } from "../invalid-trigger-error.js";
import { dailyKind } from "./daily.js";
import { monthlyKind } from "./monthly.js";
import { weeklyKind } from "./weekly.js";

const instant = (text: string): number => Date.parse(text);
const iso = (time: number | null): string | null => (time === null ? null : new Date(time).toISOString());
const noNested = (): never => {
  throw new Error("no trigger within this one");
};
const job = (anchor: string) => ({ jobId: undefined, anchor: instant(anchor) });
const dailyTimes = (options: DailyOptions, anchor = "2030-01-01T12:00:00Z"): FireTimes =>
  dailyKind.compile(daily(options), job(anchor), noNested);
const weeklyTimes = (options: WeeklyOptions, anchor = "2030-01-01T12:00:00Z"): FireTimes =>
  weeklyKind.compile(weekly(options), job(anchor), noNested);
const monthlyTimes = (options: MonthlyOptions, anchor = "2030-01-01T12:00:00Z"): FireTimes =>
  monthlyKind.compile(monthly(options), job(anchor), noNested);

/** The first fire times after an instant, to the minute. */
function list(times: FireTimes, after: string, count: number): string[] {
  const found: string[] = [];
  for (
    let time = times.next(instant(after));
    time !== null && found.length < count;
    time = times.next(time)
  ) {
    found.push(new Date(time).toISOString().slice(0, 16));
  }
  return found;
}

describe("daily", () => {
  test("fires at each of its times, sorted", () => {
    const times = dailyTimes({ at: ["17:00", "09:00", "17:00:00"] });
    expect(list(times, "2030-01-01T09:00:00Z", 3)).toEqual([
      "2030-01-01T17:00",
      "2030-01-02T09:00",
      "2030-01-02T17:00",
    ]);
  });

  test("has no beginning without from", () => {
    const times = dailyTimes({ at: "09:00" });
    expect(iso(times.next(instant("1899-12-31T00:00:00Z")))).toBe("1900-01-01T09:00:00.000Z");
    expect(iso(times.previous(instant("1950-01-01T00:00:00Z")))).toBe("1949-12-31T09:00:00.000Z");
    expect(iso(times.previous(instant("9999-12-31T23:00:00Z")))).toBe("9999-12-31T09:00:00.000Z");
    expect(times.next(instant("9999-12-31T09:00:00Z"))).toBeNull();
  });

  test("every third day counts from the day of from, across the end of a leap year", () => {
    const times = dailyTimes({ every: 3, at: "09:00", from: "2028-12-30" });
    expect(list(times, "2028-01-01T00:00:00Z", 3)).toEqual([
      "2028-12-30T09:00",
      "2029-01-02T09:00",
      "2029-01-05T09:00",
    ]);
    expect(times.previous(instant("2028-12-30T08:59:59Z"))).toBeNull();
  });

  test("from as an instant counts from its local day, and nothing fires before it", () => {
    // 23:30 UTC on the 1st is 08:30 on the 2nd in Tokyo.
    const from = new Date("2030-01-01T23:30:00Z");
    const times = dailyTimes({ every: 2, at: ["08:00", "09:00"], from, timezone: "Asia/Tokyo" });
    expect(list(times, "2029-01-01T00:00:00Z", 3)).toEqual([
      "2030-01-02T00:00",
      "2030-01-03T23:00",
      "2030-01-04T00:00",
    ]);
    expect(times.count?.(0, instant("2030-01-04T00:00:00Z"))).toBe(3);
  });

  test("from as an instant is itself a fire time", () => {
    const times = dailyTimes({ at: "09:00", from: "2030-01-01T09:00:00Z" });
    expect(iso(times.next(0))).toBe("2030-01-01T09:00:00.000Z");
  });

  test("every second day without from counts from the anchor's local day, to both sides", () => {
    const times = dailyTimes({ every: 2, at: "06:00", timezone: "Asia/Tokyo" }, "2030-01-01T23:30:00Z");
    expect(iso(times.next(instant("2030-01-01T12:00:00Z")))).toBe("2030-01-01T21:00:00.000Z");
    expect(iso(times.previous(instant("2030-01-01T12:00:00Z")))).toBe("2029-12-30T21:00:00.000Z");
  });

  test("a day as from begins in the zone of the trigger", () => {
    const times = dailyTimes({ at: "00:00", from: "2030-06-01", timezone: "Asia/Tokyo" });
    expect(iso(times.next(0))).toBe("2030-05-31T15:00:00.000Z");
  });
});

describe("daily where clocks are changed", () => {
  const berlin = { at: "02:30", timezone: "Europe/Berlin" };
  const newYork = { at: ["01:30", "02:30"], timezone: "America/New_York" };

  test("keeps its local time through both changes", () => {
    const times = dailyTimes({ at: "09:00", timezone: "Europe/Berlin" });
    expect(list(times, "2026-03-28T00:00:00Z", 2)).toEqual(["2026-03-28T08:00", "2026-03-29T07:00"]);
    expect(list(times, "2026-10-24T00:00:00Z", 2)).toEqual(["2026-10-24T07:00", "2026-10-25T08:00"]);
  });

  test("fires at the first valid instant after a gap by default", () => {
    const after = "2026-03-28T12:00:00Z";
    expect(list(dailyTimes(berlin), after, 2)).toEqual(["2026-03-29T01:00", "2026-03-30T00:30"]);
    expect(list(dailyTimes({ ...berlin, gap: "next-valid" }), after, 1)).toEqual(["2026-03-29T01:00"]);
    expect(list(dailyTimes(newYork), "2026-03-08T05:00:00Z", 3)).toEqual([
      "2026-03-08T06:30",
      "2026-03-08T07:00",
      "2026-03-09T05:30",
    ]);
  });

  test("fires once for all times within one gap", () => {
    const times = dailyTimes({ at: ["02:00", "02:15", "02:45", "03:00"], timezone: "Europe/Berlin" });
    expect(list(times, "2026-03-28T12:00:00Z", 2)).toEqual(["2026-03-29T01:00", "2026-03-30T00:00"]);
  });

  test("leaves the day out with gap skip", () => {
    const times = dailyTimes({ ...berlin, gap: "skip" });
    expect(list(times, "2026-03-28T00:00:00Z", 2)).toEqual(["2026-03-28T01:30", "2026-03-30T00:30"]);
    expect(list(dailyTimes({ ...newYork, gap: "skip" }), "2026-03-08T05:00:00Z", 2)).toEqual([
      "2026-03-08T06:30",
      "2026-03-09T05:30",
    ]);
  });

  test.each([
    ["first", ["2026-10-25T00:30", "2026-10-26T01:30"], ["2026-11-01T05:30", "2026-11-01T07:30"]],
    ["second", ["2026-10-25T01:30", "2026-10-26T01:30"], ["2026-11-01T06:30", "2026-11-01T07:30"]],
    ["both", ["2026-10-25T00:30", "2026-10-25T01:30"], ["2026-11-01T05:30", "2026-11-01T06:30"]],
  ] as const)("a repeated time fires on its pass %s", (overlap, inBerlin, inNewYork) => {
    expect(list(dailyTimes({ ...berlin, overlap }), "2026-10-24T12:00:00Z", 2)).toEqual(inBerlin);
    expect(list(dailyTimes({ ...newYork, overlap }), "2026-10-31T12:00:00Z", 2)).toEqual(inNewYork);
  });

  test("from an instant within the repeated hour, the pass before it does not fire", () => {
    const times = dailyTimes({ ...berlin, from: "2026-10-25T01:00:00Z" });
    expect(iso(times.next(0))).toBe("2026-10-26T01:30:00.000Z");
  });
});

describe("weekly", () => {
  test("fires on each of its weekdays", () => {
    const times = weeklyTimes({ on: ["monday", "thu"], at: "00:00" });
    expect(list(times, "2000-01-03T00:00:00Z", 2)).toEqual(["2000-01-06T00:00", "2000-01-10T00:00"]);
  });

  test("every second week goes on across the ends of years", () => {
    const times = weeklyTimes({ every: 2, on: "fri", at: "17:00", from: "2026-12-18" });
    expect(list(times, "2026-12-01T00:00:00Z", 3)).toEqual([
      "2026-12-18T17:00",
      "2027-01-01T17:00",
      "2027-01-15T17:00",
    ]);
    expect(iso(times.next(instant("2032-12-20T00:00:00Z")))).toBe("2032-12-24T17:00:00.000Z");
  });

  test("the week of from counts as a whole, but for its days before from", () => {
    // 2030-01-02 is a Wednesday.
    const times = weeklyTimes({ every: 2, on: ["tue", "thu"], at: "09:00", from: "2030-01-02" });
    expect(list(times, "2029-01-01T00:00:00Z", 3)).toEqual([
      "2030-01-03T09:00",
      "2030-01-15T09:00",
      "2030-01-17T09:00",
    ]);
  });

  test("weekStart decides which week a Sunday belongs to", () => {
    // 2030-01-06 is a Sunday: the first of a week from then on, or the last of the week of the 2nd.
    const options: WeeklyOptions = { every: 2, on: ["wed", "sun"], at: "09:00", from: "2030-01-02" };
    expect(list(weeklyTimes(options), "2030-01-02T10:00:00Z", 2)).toEqual([
      "2030-01-13T09:00",
      "2030-01-16T09:00",
    ]);
    expect(list(weeklyTimes({ ...options, weekStart: "mon" }), "2030-01-02T10:00:00Z", 2)).toEqual([
      "2030-01-06T09:00",
      "2030-01-16T09:00",
    ]);
  });

  test("0 and 7 are Sunday", () => {
    expect(weekly({ on: 7, at: "09:00" })).toEqual(weekly({ on: 0, at: "09:00" }));
    expect(weekly({ on: [7, "Sunday" as "sunday", 1, 0], at: "09:00", weekStart: 7 })).toEqual({
      type: "weekly",
      on: [0, 1],
      at: ["09:00"],
      weekStart: 0,
    });
  });
});

describe("monthly", () => {
  test("counts days from either end of a month", () => {
    const times = monthlyTimes({ on: [1, -1], at: "06:00" });
    expect(list(times, "2028-02-01T12:00:00Z", 3)).toEqual([
      "2028-02-29T06:00",
      "2028-03-01T06:00",
      "2028-03-31T06:00",
    ]);
  });

  test("skips months without the day", () => {
    expect(list(monthlyTimes({ on: 31, at: "06:00" }), "2030-01-31T06:00:00Z", 2)).toEqual([
      "2030-03-31T06:00",
      "2030-05-31T06:00",
    ]);
    expect(list(monthlyTimes({ on: -31, at: "06:00" }), "2030-01-31T06:00:00Z", 2)).toEqual([
      "2030-03-01T06:00",
      "2030-05-01T06:00",
    ]);
  });

  test("the 29th every twelve months from a February is the leap day, 2100 left out", () => {
    const times = monthlyTimes({ every: 12, on: 29, at: "06:00", from: "2092-02-01" });
    expect(list(times, "2092-01-01T00:00:00Z", 3)).toEqual([
      "2092-02-29T06:00",
      "2096-02-29T06:00",
      "2104-02-29T06:00",
    ]);
  });

  test("every second month counts from the month of from", () => {
    const times = monthlyTimes({ every: 2, on: 1, at: "05:30", from: "2000-01-15" });
    expect(list(times, "1999-01-01T00:00:00Z", 2)).toEqual(["2000-03-01T05:30", "2000-05-01T05:30"]);
  });

  test("is refused when none of its months has the day", () => {
    const never = { every: 12, on: [30, 31], at: "06:00" };
    const refusal = expect.objectContaining({ code: "NEVER_FIRES" });
    expect(() => monthly({ ...never, from: "2030-02-14" })).toThrow(refusal);
    expect(() => monthlyTimes(never, "2030-02-14T00:00:00Z")).toThrow(refusal);
    expect(list(monthlyTimes(never, "2030-03-14T00:00:00Z"), "2030-01-01T00:00:00Z", 1)).toEqual([
      "2030-03-30T06:00",
    ]);
  });
});

describe("daily, weekly and monthly", () => {
  test("count exactly what next finds, and previous finds it again", () => {
    const on = fc.uniqueArray(fc.integer({ min: 0, max: 6 }), { minLength: 1 });
    const at = fc.uniqueArray(fc.constantFrom("00:00", "01:30", "02:00", "02:30", "03:00", "23:59"), {
      minLength: 1,
    });
    const shared = {
      every: fc.integer({ min: 1, max: 4 }),
      at,
      timezone: fc.constantFrom("Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "UTC"),
      gap: fc.constantFrom("next-valid", "skip"),
      overlap: fc.constantFrom("first", "second", "both"),
    };
    const built = fc.oneof(
      fc.record(shared).map((options) => dailyTimes(options)),
      fc.record({ ...shared, on }).map((options) => weeklyTimes(options)),
      fc
        .record({ ...shared, on: on.map((days) => days.map((day) => day + 22)) })
        .map((options) => monthlyTimes(options)),
    );
    const start = fc.integer({ min: instant("2025-12-01T00:00:00Z"), max: instant("2026-12-01T00:00:00Z") });
    fc.assert(
      fc.property(built, start, fc.integer({ min: 1, max: 400 * 86_400_000 }), (times, after, length) => {
        const found: number[] = [];
        for (let time = times.next(after); time !== null && time <= after + length; time = times.next(time)) {
          expect(time).toBeGreaterThan(found.at(-1) ?? after);
          expect(times.previous(time)).toBe(time);
          if (found.length > 0) expect(times.previous(time - 1)).toBe(found.at(-1));
          found.push(time);
        }
        expect(times.count?.(after, after + length)).toBe(found.length);
      }),
      { numRuns: 60 },
    );
  });

  test("are plain JSON in canonical form, and reading that gives the same again", () => {
    const from = new Date("2030-01-01T00:00:00Z");
    const triggers = [
      [dailyKind, daily({ every: 2, at: "09:00:00.000", from, timezone: "+05:30", gap: "skip" })],
      [
        weeklyKind,
        weekly({ every: 2, on: ["fri", 1], at: ["09:00:30", "08:00"], from: "2030-01-01", weekStart: 1 }),
      ],
      [
        monthlyKind,
        monthly({ on: [15, -1, 1], at: "09:00:00.5", from: "2030-01-01T00:00:00Z", overlap: "both" }),
      ],
    ] as const;
    expect(triggers.map(([, trigger]) => trigger)).toEqual([
      { type: "daily", every: 2, at: ["09:00"], from: from.getTime(), timezone: "+05:30", gap: "skip" },
      { type: "weekly", every: 2, on: [1, 5], at: ["08:00", "09:00:30"], weekStart: 1, from: "2030-01-01" },
      { type: "monthly", on: [-1, 1, 15], at: ["09:00:00.500"], from: from.getTime(), overlap: "both" },
    ]);
    for (const [kind, trigger] of triggers) {
      const { type: _, ...properties } = JSON.parse(JSON.stringify(trigger));
      expect(kind.parse(new Map(Object.entries(properties)), noNested)).toEqual(trigger);
    }
  });

  const kinds = { daily: dailyKind, weekly: weeklyKind, monthly: monthlyKind };
  const at = "09:00";
  test.each([
    ["daily", {}, "INVALID_FIELD", "at"],
    ["daily", { at: [] }, "INVALID_FIELD", "at"],
    ["daily", { at: "24:00" }, "INVALID_FIELD", "at"],
    ["daily", { at: "9:0" }, "INVALID_FIELD", "at"],
    ["daily", { at: "09:60" }, "INVALID_FIELD", "at"],
    ["daily", { at: ["09:00", 9] }, "INVALID_FIELD", "at"],
    ["daily", { at: Array.from({ length: 1001 }, () => at) }, "INVALID_FIELD", "at"],
    ["daily", { at, every: 0 }, "INVALID_FIELD", "every"],
    ["daily", { at, every: 1.5 }, "INVALID_FIELD", "every"],
    ["daily", { at, every: "2" }, "INVALID_FIELD", "every"],
    ["daily", { at, every: 10_001 }, "INVALID_FIELD", "every"],
    ["daily", { at, from: "2030-02-29" }, "INVALID_DATE", "from"],
    ["daily", { at, from: "1899-12-31" }, "INVALID_DATE", "from"],
    ["daily", { at, from: "2030-01-01T09:00:00" }, "INVALID_DATE", "from"],
    ["daily", { at, from: Number.NaN }, "INVALID_DATE", "from"],
    ["daily", { at, from: "9999-12-31T09:00:01Z" }, "NEVER_FIRES", undefined],
    ["daily", { at, timezone: "Europe/Atlantis" }, "INVALID_TIMEZONE", "timezone"],
    ["daily", { at, timezone: 1 }, "INVALID_TIMEZONE", "timezone"],
    ["daily", { at, gap: "first" }, "INVALID_FIELD", "gap"],
    ["daily", { at, overlap: "skip" }, "INVALID_FIELD", "overlap"],
    ["weekly", { at }, "INVALID_FIELD", "on"],
    ["weekly", { at, on: [] }, "INVALID_FIELD", "on"],
    ["weekly", { at, on: 8 }, "INVALID_FIELD", "on"],
    ["weekly", { at, on: "mo" }, "INVALID_FIELD", "on"],
    ["weekly", { at, on: "1" }, "INVALID_FIELD", "on"],
    ["weekly", { at, on: 1, weekStart: -1 }, "INVALID_FIELD", "weekStart"],
    ["weekly", { at, on: 1, every: 1001 }, "INVALID_FIELD", "every"],
    ["monthly", { at, on: 0 }, "INVALID_FIELD", "on"],
    ["monthly", { at, on: [1, 32] }, "INVALID_FIELD", "on"],
    ["monthly", { at, on: -32 }, "INVALID_FIELD", "on"],
    ["monthly", { at, on: "1" }, "INVALID_FIELD", "on"],
    ["monthly", { at, on: 1, every: 1001 }, "INVALID_FIELD", "every"],
  ] as [keyof typeof kinds, object, string, string | undefined][])(
    "%s with %o is refused with %s of %s",
    (kind, options, code, field) => {
      expect(() => kinds[kind].parse(new Map(Object.entries(options)), noNested)).toThrow(
        expect.objectContaining({ code, ...(field !== undefined && { field }) }),
      );
    },
  );

  test("options that they do not have are refused by name", () => {
    const misspelt = { at, timeZone: "UTC" } as DailyOptions;
    expect(() => daily(misspelt)).toThrow(InvalidTriggerError);
    expect(() => daily(misspelt)).toThrow(/"timeZone"/);
  });
});
