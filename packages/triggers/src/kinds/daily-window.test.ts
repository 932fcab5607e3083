import { describe, expect, test } from "vitest";
import { type DailyWindowOptions, dailyWindow } from "../builders/wall-clock.js";
import type { FireTimes } from "../compiled-trigger.js";
import { nextFireTimes } from "../next-fire-times.js";
import { dailyWindowKind } from "./daily-window.js";

const instant = (text: string): number => Date.parse(text);
const noNested = (): never => {
  throw new Error("no trigger within this one");
};
const timesOf = (options: DailyWindowOptions): FireTimes =>
  dailyWindowKind.compile(dailyWindow(options), { jobId: undefined, anchor: 0 }, noNested);

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

describe("dailyWindow", () => {
  test("counts from its start, its end included", () => {
    const times = timesOf({ from: "08:00", to: "09:00", every: "20m" });
    expect(list(times, "2030-01-01T08:00:00Z", 4)).toEqual([
      "2030-01-01T08:20",
      "2030-01-01T08:40",
      "2030-01-01T09:00",
      "2030-01-02T08:00",
    ]);
  });

  test("leaves its end out when the cadence passes it by", () => {
    const times = timesOf({ from: "08:00", to: "09:00", every: "25m" });
    expect(list(times, "2030-01-01T08:25:00Z", 2)).toEqual(["2030-01-01T08:50", "2030-01-02T08:00"]);
  });

  test("goes over midnight when it ends earlier than it starts, on the weekday that it starts on", () => {
    // 2030-01-04 is a Friday.
    const times = timesOf({ from: "22:00", to: "02:00", every: "2h", on: "fri" });
    expect(list(times, "2030-01-01T00:00:00Z", 4)).toEqual([
      "2030-01-04T22:00",
      "2030-01-05T00:00",
      "2030-01-05T02:00",
      "2030-01-11T22:00",
    ]);
    expect(times.previous(instant("2030-01-11T21:59:59Z"))).toBe(instant("2030-01-05T02:00:00Z"));
    expect(times.count?.(instant("2030-01-04T22:00:00Z"), instant("2030-01-11T22:00:00Z"))).toBe(3);
  });

  test("fires on its weekdays alone", () => {
    const times = timesOf({
      from: "08:00",
      to: "18:00",
      every: "10h",
      on: ["mon", "tue", "wed", "thu", "fri"],
    });
    expect(list(times, "2030-01-04T08:00:00Z", 2)).toEqual(["2030-01-04T18:00", "2030-01-07T08:00"]);
  });

  test("an interval longer than the window leaves its start", () => {
    const times = timesOf({ from: "08:00", to: "09:00", every: "2h" });
    expect(list(times, "2030-01-01T00:00:00Z", 2)).toEqual(["2030-01-01T08:00", "2030-01-02T08:00"]);
  });

  test("of every millisecond is counted by arithmetic", () => {
    const times = timesOf({ from: "00:00", to: "23:59:59.999", every: 1 });
    const start = instant("2030-01-01T00:00:00Z");
    expect(times.next(start + 12_345)).toBe(start + 12_346);
    expect(times.previous(start + 12_345)).toBe(start + 12_345);
    expect(times.count?.(start, instant("2040-01-01T00:00:00Z"))).toBe(3652 * 86_400_000);
  });

  test("leaves skipped times out and fires at repeated ones twice", () => {
    const berlin = timesOf({ from: "01:00", to: "03:00", every: "30m", timezone: "Europe/Berlin" });
    expect(list(berlin, "2026-03-28T22:00:00Z", 4)).toEqual([
      "2026-03-29T00:00",
      "2026-03-29T00:30",
      "2026-03-29T01:00",
      "2026-03-29T23:00",
    ]);
    const day = list(berlin, "2026-10-24T12:00:00Z", 7);
    expect(day).toEqual([
      "2026-10-24T23:00",
      "2026-10-24T23:30",
      "2026-10-25T00:00",
      "2026-10-25T00:30",
      "2026-10-25T01:00",
      "2026-10-25T01:30",
      "2026-10-25T02:00",
    ]);
    const newYork = timesOf({ from: "02:00", to: "02:30", every: "30m", timezone: "America/New_York" });
    expect(list(newYork, "2026-03-07T12:00:00Z", 1)).toEqual(["2026-03-09T06:00"]);
  });

  test("is read back from its JSON as it was", () => {
    const trigger = dailyWindow({
      from: "08:00:00",
      to: "18:00",
      every: "PT5M",
      on: [7, 1],
      timezone: "UTC",
    });
    expect(trigger).toEqual({
      type: "dailyWindow",
      from: "08:00",
      to: "18:00",
      every: 300_000,
      on: [0, 1],
      timezone: "UTC",
    });
    const { type: _, ...properties } = JSON.parse(JSON.stringify(trigger));
    expect(dailyWindowKind.parse(new Map(Object.entries(properties)), noNested)).toEqual(trigger);
  });

  const window = { from: "08:00", to: "18:00", every: "5m" };
  test("ends with the day at 24:00", () => {
    const trigger = dailyWindow({ from: "23:00", to: "24:00", every: "30m" });
    const times = nextFireTimes(trigger, { after: new Date("2030-01-01T12:00:00Z"), count: 4 });
    expect(times.map((time) => time.toISOString().slice(8, 16))).toEqual([
      "01T23:00",
      "01T23:30",
      "02T00:00",
      "02T23:00",
    ]);
  });

  test.each([
    [{ ...window, from: undefined }, "INVALID_FIELD", "from"],
    [{ ...window, to: "24:01" }, "INVALID_FIELD", "to"],
    [{ ...window, to: "08:00:00.000" }, "INVALID_FIELD", "to"],
    [{ ...window, every: 0 }, "INVALID_INTERVAL", "every"],
    [{ ...window, every: "often" }, "INVALID_INTERVAL", "every"],
    [{ ...window, every: 0.5 }, "INVALID_INTERVAL", "every"],
    [{ ...window, on: [] }, "INVALID_FIELD", "on"],
    [{ ...window, on: "weekdays" }, "INVALID_FIELD", "on"],
    [{ ...window, timezone: "Mars/Olympus" }, "INVALID_TIMEZONE", "timezone"],
  ])("%o is refused with %s of %s", (options, code, field) => {
    expect(() => dailyWindowKind.parse(new Map(Object.entries(options)), noNested)).toThrow(
      expect.objectContaining({ code, field }),
    );
  });

  test("has no gap and overlap to choose", () => {
    const options = { ...window, gap: "skip" } as DailyWindowOptions;
    expect(() => dailyWindow(options)).toThrow(expect.objectContaining({ code: "INVALID_TRIGGER" }));
  });
});
