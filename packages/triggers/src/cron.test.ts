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

  test("takes a range of names that ends with Sunday", () => {
    const days = (expr: string): string[] =>
      times(cron(`0 0 * * ${expr}`), "2024-01-04T00:00:00Z", 4).map((time) => time.slice(8, 10));
    expect(days("fri-sun")).toEqual(["05", "06", "07", "12"]);
    expect(days("thu-SUN/2")).toEqual(["06", "11", "13", "18"]);
    expect(days("sun-mon")).toEqual(["07", "08", "14", "15"]);
    expect(refusal(() => cron("0 0 * * sat-mon")).code).toBe("INVALID_FIELD");
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
    ["a weekday nearest to a day that no month has", "0 0 32W * *", "INVALID_FIELD"],
    ["a sixth Monday", "0 0 * * 1#6", "INVALID_FIELD"],
    ["a day too far from the end", "0 0 L-31 * *", "INVALID_FIELD"],
    ["an L that means nothing in vixie", "0 0 * * L", "INVALID_FIELD"],
  ])("%s", (_what, expr, code) => {
    expect(refusal(() => cron(expr)).code).toBe(code);
  });

  test("an unknown zone, dialect or policy", () => {
    for (const timezone of ["Mars/Olympus", "local", "+15:00", "UTC+1", ""]) {
      expect(refusal(() => cron("0 9 * * *", { timezone })).code).toBe("INVALID_TIMEZONE");
    }
    const wrong: readonly object[] = [
      { dialect: "posix" },
      { gap: "both" },
      { overlap: "none" },
      { seed: "" },
    ];
    for (const options of wrong) expect(refusal(() => cron("0 9 * * *", options)).code).toBe("INVALID_FIELD");
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

describe("the quartz dialect", () => {
  const quartz = (expr: string, after: string, count: number): string[] =>
    times(cron(expr, { dialect: "quartz" }), after, count).map((time) => time.slice(0, 19));

  test("counts weekdays from 1, Sunday", () => {
    expect(quartz("0 0 0 ? * 1", "2024-01-01T00:00:00Z", 1)).toEqual(["2024-01-07T00:00:00"]);
    expect(quartz("0 0 0 ? * 2/2", "2024-01-07T00:00:00Z", 4)).toEqual([
      "2024-01-08T00:00:00",
      "2024-01-10T00:00:00",
      "2024-01-12T00:00:00",
      "2024-01-15T00:00:00",
    ]);
  });

  test("lets ranges run over the end of their field, with a step too", () => {
    expect(quartz("0 0 20-4/3 ? * *", "2024-01-01T00:00:00Z", 4)).toEqual([
      "2024-01-01T02:00:00",
      "2024-01-01T20:00:00",
      "2024-01-01T23:00:00",
      "2024-01-02T02:00:00",
    ]);
    expect(quartz("0 0 0 1 nov-feb ?", "2024-02-01T00:00:00Z", 2)).toEqual([
      "2024-11-01T00:00:00",
      "2024-12-01T00:00:00",
    ]);
  });

  test("ends with its last year, and is refused when no year has its date", () => {
    const leap = cron("0 0 0 29 2 ? 2023-2027", { dialect: "quartz" });
    expect(times(leap, "2020-01-01T00:00:00Z", 5)).toEqual(["2024-02-29T00:00:00.000Z"]);
    expect(refusal(() => cron("0 0 0 29 2 ? 2025-2027", { dialect: "quartz" })).code).toBe("NEVER_FIRES");
    const gap = "0 30 2 30 3 ? 2025";
    const options = { dialect: "quartz", timezone: "Europe/Berlin" } as const;
    expect(times(cron(gap, options), "2025-01-01T00:00:00Z", 2)).toEqual(["2025-03-30T01:00:00.000Z"]);
    expect(refusal(() => cron(gap, { ...options, gap: "skip" })).code).toBe("NEVER_FIRES");
  });

  test.each([
    ["five fields", "0 0 * * ?", "INVALID_EXPRESSION"],
    ["both day fields restricted", "0 0 0 1 * MON", "INVALID_FIELD"],
    ["two question marks", "0 0 0 ? * ?", "INVALID_FIELD"],
    ["weekday 0", "0 0 0 ? * 0", "INVALID_FIELD"],
    ["a step beyond its field", "0 0/60 * * * ?", "INVALID_FIELD"],
    ["H, which Quartz does not have", "0 H * * * ?", "INVALID_FIELD"],
    ["a year before 1970", "0 0 0 1 1 ? 1969", "INVALID_FIELD"],
  ])("refuses %s", (_what, expr, code) => {
    expect(refusal(() => cron(expr, { dialect: "quartz" })).code).toBe(code);
  });
});

test("days counted from the end, and weekdays nearest to a day, within their month", () => {
  const next = (expr: string, after: string): string[] =>
    times(cron(`0 0 ${expr}`), after, 3).map((time) => time.slice(0, 10));
  expect(next("L-3 * *", "2024-01-01T00:00:00Z")).toEqual(["2024-01-28", "2024-02-26", "2024-03-28"]);
  expect(next("LW * *", "2024-02-01T00:00:00Z")).toEqual(["2024-02-29", "2024-03-29", "2024-04-30"]);
  expect(next("15W * *", "2024-06-01T00:00:00Z")).toEqual(["2024-06-14", "2024-07-15", "2024-08-15"]);
  expect(next("1W * *", "2024-05-20T00:00:00Z")).toEqual(["2024-06-03", "2024-07-01", "2024-08-01"]);
  expect(next("* * fri#2,1L", "2024-01-01T00:00:00Z")).toEqual(["2024-01-12", "2024-01-29", "2024-02-09"]);
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

  test("keeps within its range, steps from a hashed start, and differs from field to field", () => {
    const minutes = new Set<number>();
    for (let job = 0; job < 200; job += 1) {
      const listed = times(cron("H(0-29)/10 H * * *"), "2029-12-31T23:59:00Z", 3, `job-${job}`);
      const [first = 0, second = 0, third = 0] = listed.map((time) => new Date(time).getUTCMinutes());
      expect([second - first, third - second, first < 10]).toEqual([10, 10, true]);
      minutes.add(first);
    }
    expect(minutes.size).toBe(10);
    const pairs = Array.from({ length: 200 }, (_, job) =>
      times(cron("H(0-23) H(0-23) * * *"), "2030-01-01T00:00:00Z", 1, `job-${job}`).join(),
    );
    expect(pairs.filter((time) => time.slice(11, 13) === time.slice(14, 16)).length).toBeLessThan(30);
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
