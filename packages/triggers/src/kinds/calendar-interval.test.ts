import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type CalendarIntervalOptions, calendarInterval } from "../builders/wall-clock.js";
import type { FireTimes } from "../compiled-trigger.js";
import { calendarIntervalKind } from "./calendar-interval.js";

const instant = (text: string): number => Date.parse(text);
const noNested = (): never => {
  throw new Error("no trigger within this one");
};
const timesOf = (options: CalendarIntervalOptions): FireTimes =>
  calendarIntervalKind.compile(calendarInterval(options), { jobId: undefined, anchor: 0 }, noNested);

/** The first fire times after an instant, to the minute. */
function list(times: FireTimes, count: number, after = "1900-01-01T00:00:00Z"): string[] {
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

describe("calendarInterval", () => {
  test("fires first on from, at midnight if that is a day", () => {
    const times = timesOf({ weeks: 1, days: 3, from: "2030-01-01" });
    expect(list(times, 3)).toEqual(["2030-01-01T00:00", "2030-01-11T00:00", "2030-01-21T00:00"]);
    expect(times.previous(instant("2030-01-01T00:00:00Z") - 1)).toBeNull();
  });

  test("takes the time of day from an instant, by the clock of its zone", () => {
    const times = timesOf({ days: 1, from: "2026-03-28T08:00:00.250Z", timezone: "Europe/Berlin" });
    expect(times.next(0)).toBe(instant("2026-03-28T09:00:00.250+01:00"));
    expect(times.next(instant("2026-03-28T12:00:00Z"))).toBe(instant("2026-03-29T09:00:00.250+02:00"));
  });

  test("fires at a time of day of its own, not before from", () => {
    const times = timesOf({ days: 2, at: "07:00", from: "2030-01-01T08:00:00Z" });
    expect(list(times, 2)).toEqual(["2030-01-03T07:00", "2030-01-05T07:00"]);
  });

  test("reckons each month from the first, so that the 31st stays and is skipped where missing", () => {
    const times = timesOf({ months: 1, at: "09:00", from: "2030-01-31" });
    expect(list(times, 3)).toEqual(["2030-01-31T09:00", "2030-03-31T09:00", "2030-05-31T09:00"]);
  });

  test("a year from a leap day is the next leap day, not in 2100", () => {
    const times = timesOf({ years: 1, from: "2092-02-29" });
    expect(list(times, 3)).toEqual(["2092-02-29T00:00", "2096-02-29T00:00", "2104-02-29T00:00"]);
  });

  test("adds months first, then days", () => {
    const times = timesOf({ months: 1, days: 1, from: "2030-01-30" });
    // k = 1 would be the 30th of February and a day.
    expect(list(times, 3)).toEqual(["2030-01-30T00:00", "2030-04-01T00:00", "2030-05-03T00:00"]);
  });

  test("does not drift over changes of the clock", () => {
    const times = timesOf({ weeks: 2, at: "18:30", from: "2000-01-03", timezone: "America/New_York" });
    const wall = new Intl.DateTimeFormat("en-GB", { timeZone: "America/New_York", timeStyle: "short" });
    let time = times.next(0);
    for (let found = 0; found < 700 && time !== null; found += 1) {
      expect(wall.format(time)).toBe("18:30");
      time = times.next(time);
    }
    expect(time).toBeGreaterThan(instant("2026-10-01T00:00:00Z"));
  });

  test("follows its policies through gap and overlap", () => {
    const spring = { days: 1, at: "02:30", from: "2026-03-29", timezone: "Europe/Berlin" };
    expect(list(timesOf(spring), 2)).toEqual(["2026-03-29T01:00", "2026-03-30T00:30"]);
    expect(list(timesOf({ ...spring, gap: "skip" }), 1)).toEqual(["2026-03-30T00:30"]);
    const autumn = { days: 1, at: "02:30", from: "2026-10-25", timezone: "Europe/Berlin" };
    expect(list(timesOf(autumn), 2)).toEqual(["2026-10-25T00:30", "2026-10-26T01:30"]);
    expect(list(timesOf({ ...autumn, overlap: "second" }), 2)).toEqual([
      "2026-10-25T01:30",
      "2026-10-26T01:30",
    ]);
    expect(list(timesOf({ ...autumn, overlap: "both" }), 2)).toEqual([
      "2026-10-25T00:30",
      "2026-10-25T01:30",
    ]);
  });

  test("finds any time as the walk from the first does, and counts it", () => {
    const options = fc.record({
      months: fc.integer({ min: 0, max: 14 }),
      days: fc.integer({ min: 1, max: 40 }),
      from: fc.constantFrom("2000-01-31", "2000-02-29", "2003-10-15"),
      timezone: fc.constantFrom("UTC", "Europe/Berlin", "America/New_York"),
      at: fc.constantFrom("00:00", "02:30"),
    });
    fc.assert(
      fc.property(options, fc.integer({ min: 1, max: 40 }), (given, steps) => {
        const times = timesOf(given);
        const walked = [times.next(0) ?? 0];
        for (let step = 0; step < steps; step += 1) walked.push(times.next(walked.at(-1) ?? 0) ?? 0);
        const last = walked.at(-1) ?? 0;
        expect(times.previous(last)).toBe(last);
        expect(times.previous(last - 1)).toBe(walked.at(-2));
        expect(times.count?.(0, last)).toBe(walked.length);
        expect(times.count?.(0, last - 1)).toBe(walked.length - 1);
      }),
    );
  });

  test("is read back from its JSON as it was", () => {
    const trigger = calendarInterval({ years: 0, months: 3, from: "2030-01-31T09:00:00Z", at: "07:30:00" });
    expect(trigger).toEqual({
      type: "calendarInterval",
      months: 3,
      at: "07:30",
      from: instant("2030-01-31T09:00:00Z"),
    });
    const { type: _, ...properties } = JSON.parse(JSON.stringify(trigger));
    expect(calendarIntervalKind.parse(new Map(Object.entries(properties)), noNested)).toEqual(trigger);
  });

  const from = "2030-01-01";
  test.each([
    [{ from }, "INVALID_FIELD", "days"],
    [{ from, days: 0, weeks: 0 }, "INVALID_FIELD", "days"],
    [{ from, days: -1 }, "INVALID_FIELD", "days"],
    [{ from, days: 0.5 }, "INVALID_FIELD", "days"],
    [{ from, years: 101 }, "INVALID_FIELD", "years"],
    [{ from, months: 1201 }, "INVALID_FIELD", "months"],
    [{ from, weeks: 5219 }, "INVALID_FIELD", "weeks"],
    [{ from, days: 36_526 }, "INVALID_FIELD", "days"],
    [{ from, days: "1" }, "INVALID_FIELD", "days"],
    [{ from, days: 1, at: ["09:00"] }, "INVALID_FIELD", "at"],
    [{ days: 1 }, "INVALID_DATE", "from"],
    [{ days: 1, from: "2030-13-01" }, "INVALID_DATE", "from"],
    [{ days: 1, from, timezone: "" }, "INVALID_TIMEZONE", "timezone"],
    [{ days: 1, from, gap: null }, "INVALID_FIELD", "gap"],
  ])("%o is refused with %s of %s", (options, code, field) => {
    expect(() => calendarIntervalKind.parse(new Map(Object.entries(options)), noNested)).toThrow(
      expect.objectContaining({ code, field }),
    );
  });

  test("one that begins after its last possible time is refused", () => {
    const never = { days: 1, at: "09:00", from: "9999-12-31T10:00:00Z" };
    expect(() => calendarInterval(never)).toThrow(expect.objectContaining({ code: "NEVER_FIRES" }));
  });
});
