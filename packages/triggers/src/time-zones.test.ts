import { describe, expect, test } from "vitest";
import { compileTrigger, cron, nextFireTimes } from "./index.js";

function times(expr: string, timezone: string, after: string, count: number): string[] {
  const listed = nextFireTimes(cron(expr, { timezone }), { after: new Date(after), count });
  return listed.map((date) => date.toISOString().slice(0, 16));
}

describe("a fixed time of day", () => {
  test("within a gap fires once at the first valid instant after it", () => {
    expect(times("30 2 * * *", "America/New_York", "2024-03-09T17:00:00Z", 2)).toEqual([
      "2024-03-10T07:00",
      "2024-03-11T06:30",
    ]);
  });

  test("within an overlap fires once, at the first pass", () => {
    expect(times("30 1 * * *", "America/New_York", "2024-11-02T16:00:00Z", 2)).toEqual([
      "2024-11-03T05:30",
      "2024-11-04T06:30",
    ]);
  });

  test("at a midnight that a zone skips fires when the day begins", () => {
    expect(times("0 0 * * *", "America/Sao_Paulo", "2018-11-03T15:00:00Z", 1)).toEqual(["2018-11-04T03:00"]);
  });

  test("on the day that Apia left out fires once, as that day would have begun", () => {
    expect(times("0 12 * * *", "Pacific/Apia", "2011-12-29T12:00:00Z", 3)).toEqual([
      "2011-12-29T22:00",
      "2011-12-30T10:00",
      "2011-12-30T22:00",
    ]);
  });
});

test("an expression whose minute or hour starts with * goes by real time through gap and overlap", () => {
  expect(times("*/30 * * * *", "Europe/Riga", "2021-03-28T00:00:00Z", 3)).toEqual([
    "2021-03-28T00:30",
    "2021-03-28T01:00",
    "2021-03-28T01:30",
  ]);
  expect(times("0 * * * *", "Europe/Riga", "2021-10-30T23:30:00Z", 3)).toEqual([
    "2021-10-31T00:00",
    "2021-10-31T01:00",
    "2021-10-31T02:00",
  ]);
});

test("T1: 0 2 * * * in Lord_Howe, where cron-parser gives up, keeps firing daily for ten years", () => {
  const compiled = compileTrigger(cron("0 2 * * *", { timezone: "Australia/Lord_Howe" }));
  const start = Date.UTC(2020, 0, 1);
  const end = Date.UTC(2030, 0, 1);
  expect(compiled.count(start, end)).toEqual({ count: (end - start) / 86_400_000, exact: true });
});

describe("T2: each fire time is later than the one before, forwards and backwards alike", () => {
  const zones = [
    "Australia/Lord_Howe",
    "Antarctica/Troll",
    "Pacific/Apia",
    "America/Sao_Paulo",
    "Africa/Casablanca",
  ];
  const expressions = ["*/20 * * * *", "15 1-3 * * *", "0 0 * * *", "* 2 * * *", "45 23 30 12 *"];
  test.each(zones.flatMap((zone) => expressions.map((expr) => [expr, zone] as const)))(
    "%s in %s",
    (expr, timezone) => {
      const compiled = compileTrigger(cron(expr, { timezone }));
      let previous: number | null = null;
      let time = compiled.next(Date.UTC(2011, 11, 1));
      for (let step = 0; step < 200 && time !== null; step += 1) {
        expect(compiled.previous(time)).toBe(time);
        if (previous !== null) {
          expect(time).toBeGreaterThan(previous);
          expect(compiled.previous(time - 1)).toBe(previous);
        }
        previous = time;
        time = compiled.next(time);
      }
      expect(previous).not.toBeNull();
    },
  );
});
