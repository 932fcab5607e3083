import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { date, shownDate, shownExact, shownMinute, shownSecond } from "./dates.js";

const zone = process.env["TZ"];
beforeEach(() => {
  process.env["TZ"] = "Europe/Berlin";
});
afterEach(() => {
  if (zone === undefined) delete process.env["TZ"];
  else process.env["TZ"] = zone;
});

describe("a date on the command line", () => {
  test.each([
    ["2026-11-21 14:00", "2026-11-21T13:00:00.000Z"],
    ["2026-07-21 14:00", "2026-07-21T12:00:00.000Z"],
    ["2026-11-21", "2026-11-20T23:00:00.000Z"],
    ["2026-11-21T14:00:30.5", "2026-11-21T13:00:30.500Z"],
    ["2026-11-21 14:00Z", "2026-11-21T14:00:00.000Z"],
    ["2026-11-21 14:00 UTC", "2026-11-21T14:00:00.000Z"],
    ["2026-11-21T14:00:00-03:30", "2026-11-21T17:30:00.000Z"],
    ["2026-10-25 02:30", "2026-10-25T00:30:00.000Z"],
  ])("%s is of this machine's zone if it names none: %s", (text, instant) => {
    expect(date(text).toISOString()).toBe(instant);
  });

  test.each([
    "",
    "soon",
    "2026-02-30",
    "2026-13-01",
    "2026-11-21 24:01",
    "14:00",
    "21.11.2026",
    "1795242000000",
  ])("%j is refused", (text) => {
    expect(() => date(text)).toThrow(/Give a date such as "2026-11-21 14:00"/);
  });

  test("a time that the zone's clocks skip is refused, and the zone named", () => {
    expect(() => date("2026-03-29 02:30")).toThrow("There is no such time in Europe/Berlin");
  });
});

describe("a date on the screen", () => {
  test("is of this machine's zone, with its offset, and can be typed again", () => {
    const at = new Date("2026-11-21T13:00:00Z");
    expect(shownDate(at)).toBe("2026-11-21 14:00:00+01:00");
    expect(date(shownDate(at))).toEqual(at);
    const summer = new Date("2026-07-21T12:00:00.040Z");
    expect(shownDate(summer)).toBe("2026-07-21 14:00:00.040+02:00");
    expect(date(shownDate(summer))).toEqual(summer);
  });

  test("says Z for UTC", () => {
    process.env["TZ"] = "UTC";
    expect(shownDate(new Date("2026-11-21T13:00:00Z"))).toBe("2026-11-21 13:00:00Z");
  });

  test("is shorter to the second and to the minute", () => {
    const at = new Date("2026-11-21T13:00:59.999Z");
    expect(shownSecond(at)).toBe("2026-11-21 14:00:59+01:00");
    expect(shownMinute(at)).toBe("2026-11-21 14:00");
    expect(shownDate(undefined)).toBe("-");
    expect(shownExact(new Date("2026-11-21T13:00:00Z"))).toBe("2026-11-21 14:00:00.000+01:00");
    expect(shownExact(at)).toBe("2026-11-21 14:00:59.999+01:00");
  });
});
