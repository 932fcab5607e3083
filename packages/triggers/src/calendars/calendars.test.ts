import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { calendar } from "../builders/calendar.js";
import { except } from "../builders/combinators.js";
import { compileTrigger } from "../compile-trigger.js";
import { parseTrigger } from "../parse-trigger.js";
import { zoneClock } from "../proof/zone-clock.test-util.js";
import { anyCalendar, zoneNames } from "../testing/arbitraries.test-util.js";
import type { Calendar } from "../trigger.js";
import { compileCalendar, parseCalendar } from "./calendar.js";
import type { ExcludedTimes } from "./excluded-times.js";

const hour = 3_600_000;
const refused = (code: string): unknown => expect.objectContaining({ name: "InvalidTriggerError", code });
const iso = (instant: number | null): string | null =>
  instant === null ? null : Number.isFinite(instant) ? new Date(instant).toISOString() : String(instant);
const compile = (of: Calendar, timezone = "UTC"): ExcludedTimes => compileCalendar(of, timezone, undefined);

/** The stretch that is excluded around an instant, its end not included. */
function stretch(of: Calendar, timezone: string, instant: string): [string | null, string | null] {
  const times = compile(of, timezone);
  const at = Date.parse(instant);
  return [iso(times.excludedSince(at)), iso(times.excludedUntil(at))];
}

describe("days", () => {
  test("of 23 and 25 hours are excluded as a whole", () => {
    const days = calendar.dates("2030-03-31", "2030-10-27");
    expect(stretch(days, "Europe/Berlin", "2030-03-31T10:00:00Z")).toEqual([
      "2030-03-30T23:00:00.000Z",
      "2030-03-31T22:00:00.000Z",
    ]);
    expect(stretch(days, "Europe/Berlin", "2030-10-27T10:00:00Z")).toEqual([
      "2030-10-26T22:00:00.000Z",
      "2030-10-27T23:00:00.000Z",
    ]);
  });

  test("without a midnight start at the first instant that there is", () => {
    // Clocks went from 24:00 on Saturday to 01:00 on Sunday.
    expect(stretch(calendar.dates("2018-11-04"), "America/Sao_Paulo", "2018-11-04T12:00:00Z")).toEqual([
      "2018-11-04T03:00:00.000Z",
      "2018-11-05T02:00:00.000Z",
    ]);
  });

  test("with an hour that comes again after midnight end with its second pass", () => {
    // Clocks went back from 24:00 on Saturday to 23:00: the date of Sunday had not been shown yet.
    expect(stretch(calendar.dates("2018-02-17"), "America/Sao_Paulo", "2018-02-17T12:00:00Z")).toEqual([
      "2018-02-17T02:00:00.000Z",
      "2018-02-18T03:00:00.000Z",
    ]);
  });

  test("that a zone skipped take nothing away", () => {
    // Apia went from 29 December 2011 to the 31st.
    const change = "2011-12-30T10:00:00.000Z";
    const times = compile(calendar.dates("2011-12-30"), "Pacific/Apia");
    for (let at = Date.parse(change) - 48 * hour; at < Date.parse(change) + 48 * hour; at += hour) {
      expect(times.excludedUntil(at)).toBeNull();
    }
    const around = calendar.dates("2011-12-29", "2011-12-31");
    expect(stretch(around, "Pacific/Apia", "2011-12-30T09:59:59.999Z")).toEqual([
      "2011-12-29T10:00:00.000Z",
      "2011-12-31T10:00:00.000Z",
    ]);
  });

  test("of the year: the leap day only where there is one", () => {
    const times = compile(calendar.annual("02-29"));
    expect(times.excludedUntil(Date.UTC(2028, 1, 29))).toBe(Date.UTC(2028, 2, 1));
    expect(times.excludedUntil(Date.UTC(2027, 1, 28, 23, 59))).toBeNull();
    expect(times.excludedUntil(Date.UTC(2027, 2, 1))).toBeNull();
  });

  test("a list of ten thousand in a row is gone through in few stretches", () => {
    const first = Date.UTC(2030, 0, 1);
    const dates = Array.from({ length: 10_000 }, (_, index) => new Date(first + index * 24 * hour));
    const times = compile(calendar.dates(dates));
    let [until, stretches]: [number, number] = [first, 0];
    for (let end: number | null = first; end !== null; end = times.excludedUntil(until)) {
      until = end;
      stretches += 1;
    }
    expect(until).toBe(first + 10_000 * 24 * hour);
    expect(stretches).toBeLessThan(10);
    const since = times.excludedSince(first + 1000 * 24 * hour) ?? 0;
    expect(since).toBe(first);
  });
});

describe("windows", () => {
  test("exclude from on to before to", () => {
    const times = compile(calendar.window("12:00", "13:30"));
    expect(times.excludedUntil(Date.UTC(2030, 0, 1, 12) - 1)).toBeNull();
    expect(times.excludedUntil(Date.UTC(2030, 0, 1, 12))).toBe(Date.UTC(2030, 0, 1, 13, 30));
    expect(times.excludedSince(Date.UTC(2030, 0, 1, 13, 30) - 1)).toBe(Date.UTC(2030, 0, 1, 12));
    expect(times.excludedUntil(Date.UTC(2030, 0, 1, 13, 30))).toBeNull();
  });

  test("go over midnight, and over changes of clocks", () => {
    const night = calendar.window("22:00", "06:00");
    expect(stretch(night, "Europe/Berlin", "2030-03-30T23:00:00Z")).toEqual([
      "2030-03-30T21:00:00.000Z",
      "2030-03-31T04:00:00.000Z",
    ]);
    const repeated = calendar.window("02:30", "02:45");
    expect(stretch(repeated, "Europe/Berlin", "2030-10-27T00:30:00Z")[1]).toBe("2030-10-27T00:45:00.000Z");
    expect(stretch(repeated, "Europe/Berlin", "2030-10-27T01:30:00Z")[1]).toBe("2030-10-27T01:45:00.000Z");
    expect(stretch(repeated, "Europe/Berlin", "2030-03-31T01:00:00Z")[1]).toBeNull();
  });
});

describe("cron calendars", () => {
  test("exclude whole minutes, or seconds where seconds are named", () => {
    const at = Date.UTC(2030, 0, 1, 9);
    const minutes = compile(calendar.cron("0 9 * * *"));
    expect(minutes.excludedUntil(at + 59_999)).toBe(at + 60_000);
    expect(minutes.excludedUntil(at + 60_000)).toBeNull();
    const seconds = compile(calendar.cron("0 0 9 * * *"));
    expect(seconds.excludedUntil(at + 999)).toBe(at + 1000);
    expect(seconds.excludedUntil(at + 1000)).toBeNull();
    const quartz = compile(calendar.cron("0 0 9 ? * * 2030", { dialect: "quartz" }));
    expect(quartz.excludedUntil(at + 999)).toBe(at + 1000);
    expect(quartz.excludedUntil(at + 365 * 24 * hour)).toBeNull();
  });

  test("find the end of long stretches at once", () => {
    const june = compile(calendar.cron("* * * * 6 *"));
    expect(june.excludedUntil(Date.UTC(2030, 5, 10))).toBe(Date.UTC(2030, 6, 1));
    expect(june.excludedSince(Date.UTC(2030, 5, 10))).toBe(Date.UTC(2030, 5, 1));
    const always = compile(calendar.cron("* * * * *"), "Pacific/Apia");
    // Cut somewhere: one asks again from there.
    const year = 365 * 24 * hour;
    expect(always.excludedUntil(Date.UTC(2030, 0, 1)) ?? 0).toBeGreaterThan(Date.UTC(2030, 0, 1) + year);
    expect(always.excludedSince(Date.UTC(2030, 0, 1)) ?? 0).toBeLessThan(Date.UTC(2030, 0, 1) - year);
  });

  test("exclude both passes of what clocks repeat", () => {
    const half = calendar.cron("30 2 * * *");
    expect(stretch(half, "Europe/Berlin", "2030-10-27T00:30:00Z")[1]).toBe("2030-10-27T00:31:00.000Z");
    expect(stretch(half, "Europe/Berlin", "2030-10-27T01:30:00Z")[1]).toBe("2030-10-27T01:31:00.000Z");
  });

  test("refuse @every, and an expression that matches nothing", () => {
    expect(() => calendar.cron("@every 5m")).toThrow(refused("INVALID_EXPRESSION"));
    expect(() => calendar.cron("0 0 30 2 *")).toThrow(refused("NEVER_FIRES"));
    expect(calendar.cron("CRON_TZ=Asia/Tokyo @daily").timezone).toBe("Asia/Tokyo");
  });
});

/** Whether a calendar excludes what a wall clock shows: read from its rule, one field after the other. */
function excludes(of: Calendar, clock: string, weekday: number): boolean {
  const [day = "", time = ""] = clock.split("T");
  switch (of.type) {
    case "dates":
      return of.dates.includes(day);
    case "weekdays":
      return of.days.includes(weekday);
    case "annual":
      return of.days.includes(day.slice(5));
    case "window":
      return of.from < of.to ? time >= of.from && time < of.to : time >= of.from || time < of.to;
    case "cron":
      return matchesCron(of.expr, day, time, weekday);
  }
}

function matchesCron(expr: string, day: string, time: string, weekday: number): boolean {
  switch (expr) {
    case "* 2 * * *":
      return time.startsWith("02");
    case "0 9 * * *":
      return time.startsWith("09:00");
    case "* * * * 6":
      return weekday === 6;
    case "* * * 8 *":
      return day.slice(5, 7) === "08";
    case "*/20 30 * * * *":
      return time.slice(3, 5) === "30" && Number(time.slice(6, 8)) % 20 === 0;
    default:
      return time.startsWith("00:00");
  }
}

test("any calendar in any zone excludes what the zone's clock shows by Intl", () => {
  // Around changes of clocks as well as anywhere.
  const instant = fc.oneof(
    fc.integer({ min: 946_684_800, max: 2_524_608_000 }),
    ...[
      "2018-11-04T03:00Z",
      "2018-02-18T02:00Z",
      "2030-03-31T01:00Z",
      "2030-10-27T01:00Z",
      "2011-12-30T10:00Z",
    ].map((text) =>
      fc.integer({ min: -40 * 3600, max: 40 * 3600 }).map((offset) => Date.parse(text) / 1000 + offset),
    ),
  );
  fc.assert(
    fc.property(anyCalendar, fc.constantFrom(...zoneNames), instant, (any, zone, seconds) => {
      const times = compile(any, zone);
      const clock = zoneClock(any.timezone ?? zone);
      const excluded = (at: number): boolean => {
        const shown = new Date(at + clock.offsetAt(at));
        return excludes(any, shown.toISOString().slice(0, -1), shown.getUTCDay());
      };
      const at = seconds * 1000;
      const [since, until] = [times.excludedSince(at), times.excludedUntil(at)];
      expect(until !== null).toBe(excluded(at));
      expect(since !== null).toBe(excluded(at));
      if (since === null || until === null) return;
      expect([excluded(since - 1), excluded(since), excluded(until - 1), excluded(until)]).toEqual([
        false,
        true,
        true,
        false,
      ]);
    }),
    { numRuns: 2000 },
  );
});

describe("builders", () => {
  test("take arguments or a list, and options after them", () => {
    const timezone = "Asia/Tokyo";
    const dates = { type: "dates", dates: ["2030-01-01", "2030-05-01"], timezone };
    expect(calendar.dates("2030-05-01", "2030-01-01", "2030-01-01", { timezone })).toEqual(dates);
    expect(calendar.dates(["2030-05-01", "2030-01-01"], { timezone })).toEqual(dates);
    expect(calendar.weekdays()).toEqual({ type: "weekdays", days: [0, 6] });
    expect(calendar.weekdays({ timezone })).toEqual({ type: "weekdays", days: [0, 6], timezone });
    expect(calendar.weekdays(["friday", 7], { timezone })).toEqual({
      type: "weekdays",
      days: [0, 5],
      timezone,
    });
    expect(calendar.annual("12-25", "01-01")).toEqual({ type: "annual", days: ["01-01", "12-25"] });
    const night = { type: "window", from: "22:00", to: "06:00", timezone };
    expect(calendar.window("22:00", "06:00:00", { timezone })).toEqual(night);
    expect(calendar.window({ from: "22:00", to: "06:00", timezone })).toEqual(night);
  });

  test("take a Date for its day in the zone named, else in UTC", () => {
    const evening = new Date("2030-12-24T23:30:00Z");
    expect(calendar.dates(evening).dates).toEqual(["2030-12-24"]);
    expect(calendar.dates(evening, { timezone: "Europe/Berlin" }).dates).toEqual(["2030-12-25"]);
  });

  test("refuse days and windows that there are not", () => {
    expect(() => calendar.annual("02-30")).toThrow(refused("INVALID_DATE"));
    expect(() => calendar.annual("2-3")).toThrow(refused("INVALID_DATE"));
    expect(() => calendar.dates("2030-02-29")).toThrow(refused("INVALID_DATE"));
    expect(() => calendar.dates(new Date(Number.NaN))).toThrow(refused("INVALID_DATE"));
    expect(() => calendar.dates()).toThrow(refused("INVALID_FIELD"));
    expect(() => calendar.weekdays([])).toThrow(refused("INVALID_FIELD"));
    expect(() => calendar.window("09:00", "09:00")).toThrow(refused("INVALID_FIELD"));
    expect(() => calendar.window("9", "10:00")).toThrow(refused("INVALID_FIELD"));
    expect(() => calendar.weekdays("sat", { timezone: "Mars/Olympus" })).toThrow(refused("INVALID_TIMEZONE"));
    const dates = Array.from({ length: 10_001 }, () => "2030-01-01");
    expect(() => calendar.dates(dates)).toThrow(refused("INVALID_FIELD"));
  });

  test("what they give parses to the same again", () => {
    fc.assert(
      fc.property(anyCalendar, (any) => {
        expect(parseCalendar(any)).toEqual(any);
      }),
    );
    for (const json of [null, {}, { type: "lunar" }, [], "weekdays"]) {
      expect(() => parseCalendar(json)).toThrow(refused("INVALID_FIELD"));
    }
    const unknown = { type: "weekdays", days: [0], zone: "UTC" };
    expect(() => parseCalendar(unknown)).toThrow(refused("INVALID_TRIGGER"));
  });
});

test("a calendar within a calendar: an except of an except takes both away", () => {
  const hourly = parseTrigger({ type: "every", interval: hour, from: 0 });
  const both = except(except(hourly, calendar.weekdays()), calendar.window("09:00", "17:00"));
  const friday = Date.UTC(2030, 0, 4, 23);
  expect(iso(compileTrigger(both).next(friday))).toBe("2030-01-07T00:00:00.000Z");
  expect(iso(compileTrigger(both).next(Date.UTC(2030, 0, 7, 8)))).toBe("2030-01-07T17:00:00.000Z");
});
