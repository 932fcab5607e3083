import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  compileTrigger,
  cron,
  every,
  InvalidTriggerError,
  matches,
  nextFireTimes,
  type Trigger,
} from "./index.js";

function times(trigger: Trigger, after: string, count: number, jobId?: string): string[] {
  return nextFireTimes(trigger, { after: new Date(after), count, jobId }).map((date) => date.toISOString());
}

function refusal(build: () => unknown): InvalidTriggerError {
  try {
    build();
  } catch (error) {
    if (error instanceof InvalidTriggerError) return error;
    throw error;
  }
  throw new Error("nothing was refused");
}

describe("a cron expression", () => {
  test("with five fields fires at second 0, with six at the second named", () => {
    expect(times(cron("30 9 * * *"), "2030-01-01T00:00:00Z", 1)).toEqual(["2030-01-01T09:30:00.000Z"]);
    expect(times(cron("15 30 9 * * *"), "2030-01-01T00:00:00Z", 1)).toEqual(["2030-01-01T09:30:15.000Z"]);
  });

  test("takes 0, 7 and sun for Sunday", () => {
    for (const sunday of ["0", "7", "sun", "SUN", "7-7", "*/7"]) {
      expect(times(cron(`0 0 * * ${sunday}`), "2024-01-01T00:00:00Z", 2)).toEqual([
        "2024-01-07T00:00:00.000Z",
        "2024-01-14T00:00:00.000Z",
      ]);
    }
  });

  test("takes names, lists, ranges, steps, N/step and repeated values", () => {
    const trigger = cron("50/5,50 1-2,1 1 jan-feb,feb *");
    expect(times(trigger, "2030-01-01T00:00:00Z", 3)).toEqual([
      "2030-01-01T01:50:00.000Z",
      "2030-01-01T01:55:00.000Z",
      "2030-01-01T02:50:00.000Z",
    ]);
  });

  test("matches either day field when both are restricted, both when one starts with *", () => {
    expect(times(cron("0 0 13 * 5"), "2024-01-10T00:00:00Z", 2)).toEqual([
      "2024-01-12T00:00:00.000Z",
      "2024-01-13T00:00:00.000Z",
    ]);
    expect(times(cron("0 0 1-7 * */7"), "2024-01-10T00:00:00Z", 2)).toEqual([
      "2024-02-04T00:00:00.000Z",
      "2024-03-03T00:00:00.000Z",
    ]);
    expect(matches(cron("0 0 */10 * sun"), new Date("2012-07-15T00:00:00Z"))).toBe(false);
  });

  test("knows the macros, and @every as an interval", () => {
    expect(times(cron("@weekly"), "2024-01-01T00:00:00Z", 1)).toEqual(["2024-01-07T00:00:00.000Z"]);
    expect(times(cron("@midnight"), "2024-01-01T00:00:00Z", 1)).toEqual(["2024-01-02T00:00:00.000Z"]);
    expect(cron("@every 1h30m")).toEqual(every("1h30m"));
  });

  test("takes a CRON_TZ= prefix as its time zone, and refuses another beside it", () => {
    expect(cron("CRON_TZ=Europe/Berlin 0 9 * * *")).toEqual(cron("0 9 * * *", { timezone: "Europe/Berlin" }));
    expect(refusal(() => cron("TZ=Europe/Berlin 0 9 * * *", { timezone: "UTC" })).code).toBe(
      "INVALID_TIMEZONE",
    );
  });

  test("goes by UTC when it names no zone, and by an offset when it names one", () => {
    expect(times(cron("0 9 * * *"), "2030-07-01T00:00:00Z", 1)).toEqual(["2030-07-01T09:00:00.000Z"]);
    const offset = cron("14 14 * * *", { timezone: "+05:30" });
    expect(times(offset, "2030-07-01T00:00:00Z", 1)).toEqual(["2030-07-01T08:44:00.000Z"]);
  });
});

describe("what is refused", () => {
  test.each([
    ["T6: the empty expression, which cron-parser takes for every minute", "", "INVALID_EXPRESSION"],
    ["T6: a blank expression", " \t\n ", "INVALID_EXPRESSION"],
    ["four fields", "* * * *", "INVALID_EXPRESSION"],
    ["seven fields", "* * * * * * *", "INVALID_EXPRESSION"],
    ["more than 1024 characters", `0 0 * * ${"1,".repeat(600)}1`, "INVALID_EXPRESSION"],
    ["a macro that there is not", "@reboot", "INVALID_EXPRESSION"],
    ["a minute out of bounds", "60 * * * *", "INVALID_FIELD"],
    ["a range that goes back", "* * 5-1 * *", "INVALID_FIELD"],
    ["a step of 0", "*/0 * * * *", "INVALID_FIELD"],
    ["a date that no year has", "0 0 31 2 *", "NEVER_FIRES"],
    ["a week that the day is never in", "0 0 */40 * 1#2", "NEVER_FIRES"],
    ["W, which is to come", "0 0 15W * *", "UNSUPPORTED"],
  ])("%s", (_what, expr, code) => {
    expect(refusal(() => cron(expr)).code).toBe(code);
  });

  test("an unknown zone, dialect quartz and the policies to come", () => {
    expect(refusal(() => cron("0 9 * * *", { timezone: "Mars/Olympus" })).code).toBe("INVALID_TIMEZONE");
    expect(refusal(() => cron("0 9 * * *", { timezone: "local" })).code).toBe("INVALID_TIMEZONE");
    expect(refusal(() => cron("0 9 * * *", { dialect: "quartz" })).code).toBe("UNSUPPORTED");
    expect(refusal(() => cron("0 9 * * *", { gap: "skip" })).code).toBe("UNSUPPORTED");
    expect(refusal(() => cron("0 9 * * *", { overlap: "both" })).code).toBe("UNSUPPORTED");
    expect(cron("0 9 * * *", { gap: "next-valid", overlap: "first", dialect: "vixie" }).type).toBe("cron");
  });

  test("with the field, the value and its position", () => {
    expect(refusal(() => cron("0 9 * * mon,fry"))).toMatchObject({
      field: "dayOfWeek",
      value: '"fry"',
      position: 12,
    });
  });

  test("X5: without control characters or long input in the message", () => {
    const error = refusal(() => cron(`\u001b[31m\u202e${"x".repeat(500)}`));
    expect(error.message).toMatch(/^[\x20-\x7e…]*$/);
    expect(error.message.length).toBeLessThan(400);
  });
});

describe("T6: H", () => {
  test("is the same at each parse for a job, and differs between jobs", () => {
    const hashed = cron("H H * * *");
    const seen = new Set<string>();
    for (let job = 0; job < 50; job += 1) {
      const [time = ""] = times(hashed, "2030-01-01T00:00:00Z", 1, `job-${job}`);
      expect(times(hashed, "2030-01-01T00:00:00Z", 1, `job-${job}`)).toEqual([time]);
      seen.add(time);
    }
    expect(seen.size).toBeGreaterThan(40);
  });

  test("goes by the seed before the job, and by the expression when there is neither", () => {
    const seeded = cron("H H * * *", { seed: "tuesday" });
    expect(times(seeded, "2030-01-01T00:00:00Z", 3, "a")).toEqual(
      times(seeded, "2030-01-01T00:00:00Z", 3, "b"),
    );
    const bare = cron("H H(0-7) * * *");
    expect(times(bare, "2030-01-01T00:00:00Z", 3)).toEqual(times(bare, "2030-01-01T00:00:00Z", 3));
  });

  test("never falls on a day that a month lacks", () => {
    for (let job = 0; job < 100; job += 1) {
      expect(times(cron("0 0 H 2 *"), "2030-01-01T00:00:00Z", 1, `job-${job}`)).toHaveLength(1);
    }
  });
});

test("each of a cron trigger's fire times is a match, and the instants around it are none", () => {
  const field = fc.constantFrom("*", "*/7", "5", "1-9/4", "3,8", "H");
  fc.assert(
    fc.property(field, field, fc.integer({ min: 0, max: 4e12 }), (minute, hour, after) => {
      const compiled = compileTrigger(cron(`${minute} ${hour} * * *`, { timezone: "Europe/Berlin" }));
      const next = compiled.next(after);
      expect(next).not.toBeNull();
      if (next === null) return;
      expect(next).toBeGreaterThan(after);
      expect(compiled.previous(next)).toBe(next);
      expect(compiled.previous(next - 1) ?? 0).toBeLessThanOrEqual(after);
      expect(compiled.next(next - 1)).toBe(next);
    }),
    { numRuns: 150 },
  );
});
