import fc from "fast-check";
import { expect, describe as group, test } from "vitest";
import {
  compileTrigger,
  cron,
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
    ["a type that there is not", { type: "hourly", at: "09:00" }, "INVALID_TRIGGER"],
    ["a version that is to come", { type: "once", at: [1], version: 2 }, "UNSUPPORTED"],
    [
      "a completion within a combination",
      { type: "anyOf", triggers: [{ type: "every", interval: 1, after: "completion" }] },
      "INVALID_FIELD",
    ],
    ["an expression that is no text", { type: "cron", expr: 5 }, "INVALID_EXPRESSION"],
    ["a zone that is no text", { type: "cron", expr: "* * * * *", timezone: ["UTC"] }, "INVALID_TIMEZONE"],
    ["an interval without a unit", { type: "every", interval: "90" }, "INVALID_INTERVAL"],
    ["a phase as long as the interval", { type: "every", interval: 5, phase: 5 }, "INVALID_INTERVAL"],
    ["an instant that is none", { type: "once", at: "soon" }, "INVALID_DATE"],
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

  test("S10: a year of seconds is counted by arithmetic, changes of clocks included", () => {
    const compiled = compileTrigger(cron("* * * * * *", { timezone: "Europe/Berlin" }));
    const [start, end] = [Date.UTC(2030, 0, 1) - 1, Date.UTC(2031, 0, 1) - 1];
    expect(compiled.count(start, end)).toEqual({ count: 365 * 86_400, exact: true });
    const nightly = compileTrigger(cron("*/10 30 2 * * *", { timezone: "Europe/Berlin" }));
    // In spring the six of the skipped hour become one.
    expect(nightly.count(start, end)).toEqual({ count: 365 * 6 - 5, exact: true });
  });

  test("time never makes a compiled trigger throw, and it ends with the year 9999", () => {
    const compiled = compileTrigger(cron("0 0 1 1 *", { timezone: "Europe/Berlin" }));
    expect(compiled.next(Number.POSITIVE_INFINITY)).toBeNull();
    expect(compiled.next(Date.UTC(9999, 5, 1))).toBe(Date.UTC(9999, 11, 31, 23));
    expect(compiled.next(Number.NEGATIVE_INFINITY)).not.toBeNull();
    expect(compiled.previous(Number.NEGATIVE_INFINITY)).toBeNull();
  });
});
