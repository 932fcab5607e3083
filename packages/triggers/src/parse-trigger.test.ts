import fc from "fast-check";
import { expect, describe as group, test } from "vitest";
import {
  compileTrigger,
  cron,
  describe,
  every,
  InvalidTriggerError,
  nextFireTimes,
  once,
  parseTrigger,
} from "./index.js";

group("parseTrigger", () => {
  test("returns what the builders build, through JSON and back", () => {
    const built = [
      cron("0 9 * * 1-5", { timezone: "Asia/Tokyo", seed: "x" }),
      every("1h", { from: 5, phase: 3 }),
      once("now", 7),
    ];
    for (const trigger of built) expect(parseTrigger(JSON.parse(JSON.stringify(trigger)))).toEqual(trigger);
  });

  test("brings instants in ISO 8601 into canonical form", () => {
    expect(parseTrigger({ type: "every", interval: 1, from: "1970-01-01T00:00:01Z" })).toEqual({
      type: "every",
      interval: 1,
      from: 1000,
    });
  });

  test.each([
    ["X3: an own __proto__", JSON.parse('{"type":"once","at":[1],"__proto__":{"x":1}}'), "INVALID_TRIGGER"],
    ["X3: an inherited type", Object.create({ type: "once", at: [1] }), "INVALID_TRIGGER"],
    ["X3: constructor as the type", { type: "constructor" }, "INVALID_TRIGGER"],
    ["an unknown property", { type: "once", at: [1], extra: true }, "INVALID_TRIGGER"],
    ["a list", [{ type: "once" }], "INVALID_TRIGGER"],
    ["null", null, "INVALID_TRIGGER"],
    ["a type that is to come", { type: "daily", at: "09:00" }, "UNSUPPORTED"],
    ["an expression that is no text", { type: "cron", expr: 5 }, "INVALID_EXPRESSION"],
    ["a zone that is no text", { type: "cron", expr: "* * * * *", timezone: ["UTC"] }, "INVALID_TIMEZONE"],
    ["an interval as text", { type: "every", interval: "90s" }, "INVALID_INTERVAL"],
    ["a phase as long as the interval", { type: "every", interval: 5, phase: 5 }, "INVALID_INTERVAL"],
    ["instants beside a list", { type: "once", at: 5 }, "INVALID_DATE"],
  ])("refuses %s", (_what, json, code) => {
    expect(() => parseTrigger(json)).toThrow(expect.objectContaining({ code }));
  });

  test("throws nothing but InvalidTriggerError, whatever it is given", () => {
    const type = fc.constantFrom("cron", "every", "once", "daily");
    const likely = fc.record(
      { type, expr: fc.string(), interval: fc.anything(), at: fc.anything() },
      { requiredKeys: ["type"] },
    );
    fc.assert(
      fc.property(fc.oneof(fc.anything(), likely), (json) => {
        try {
          parseTrigger(json);
        } catch (error) {
          expect(error).toBeInstanceOf(InvalidTriggerError);
        }
      }),
      { numRuns: 500 },
    );
  });
});

group("describe", () => {
  test.each([
    [
      cron("0 9 * * mon-fri", { timezone: "Europe/Berlin" }),
      "At 09:00, Monday through Friday (Europe/Berlin)",
    ],
    [cron("30 8,20 1 1,7 *"), "At 08:30, 20:30, on day 1 of the month, in January, July (UTC)"],
    [cron("@hourly"), "Every hour (UTC)"],
    [cron("*/5 * * * *"), 'On the cron expression "*/5 * * * *" (UTC)'],
    [every("1h30m"), "Every 1 hour 30 minutes"],
    [every("1d"), "Every day"],
    [once("now"), "Once, when created"],
    [once(0, 5), "2 times, first at 1970-01-01T00:00:00.000Z"],
  ])("%o", (trigger, sentence) => {
    expect(describe(trigger)).toBe(sentence);
  });
});

group("nextFireTimes", () => {
  test("lists those strictly between after and before, count at most", () => {
    const hourly = cron("@hourly");
    const after = new Date("2030-01-01T01:00:00Z");
    expect(nextFireTimes(hourly, { after, count: 9, before: new Date("2030-01-01T04:00:00Z") })).toHaveLength(
      2,
    );
    expect(nextFireTimes(hourly, { after, count: 0 })).toEqual([]);
    expect(() => nextFireTimes(hourly, { after, count: 100_001 })).toThrow(InvalidTriggerError);
    expect(() => nextFireTimes(hourly, { after: new Date(Number.NaN), count: 1 })).toThrow(
      InvalidTriggerError,
    );
  });

  test("S10: a cron trigger stops counting at the limit and says so", () => {
    const compiled = compileTrigger(cron("* * * * *"));
    expect(compiled.count(0, 60_000 * 50, 20)).toEqual({ count: 20, exact: false });
    expect(compiled.count(0, 60_000 * 20, 20)).toEqual({ count: 20, exact: true });
    expect(compiled.previous(4e12)).toBe(Math.floor(4e12 / 60_000) * 60_000);
  });

  test("time never makes a compiled trigger throw, and it ends with the year 9999", () => {
    const compiled = compileTrigger(cron("0 0 1 1 *", { timezone: "Europe/Berlin" }));
    expect(compiled.next(Number.POSITIVE_INFINITY)).toBeNull();
    expect(compiled.next(Date.UTC(9999, 5, 1))).toBe(Date.UTC(9999, 11, 31, 23));
    expect(compiled.next(Number.NEGATIVE_INFINITY)).not.toBeNull();
    expect(compiled.previous(Number.NEGATIVE_INFINITY)).toBeNull();
  });
});
