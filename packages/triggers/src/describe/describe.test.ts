import { expect, describe as group, test } from "vitest";
import type { CronTrigger, Trigger } from "../trigger.js";
import { describe } from "./describe.js";

const cron = (expr: string, options: Partial<CronTrigger> = {}): CronTrigger => ({
  type: "cron",
  expr,
  ...options,
});
const quartz = (expr: string): CronTrigger => cron(expr, { dialect: "quartz" });

group("describe says of a cron expression", () => {
  test("that is a macro, the same in both dialects", () => {
    expect(describe(quartz("@daily"))).toBe("At 00:00 (UTC)");
  });

  test.each([
    ["0 9 * * mon-fri", "At 09:00, Monday through Friday"],
    ["@hourly", "Every hour"],
    ["@weekly", "At 00:00, only on Sunday"],
    ["@midnight", "At 00:00"],
    ["*/5 * * * *", "Every 5 minutes"],
    ["5/15 * * * *", "Every 15 minutes, starting at 5 minutes past the hour"],
    ["30 8,20 1 1,7 *", "At 08:30 and 20:30, on day 1 of the month, only in January and July"],
    ["30 0 9 * * *", "At 09:00:30"],
    ["*/15 9-17 * * 1-5", "Every 15 minutes, between 09:00 and 17:59, Monday through Friday"],
    ["0 9 L * *", "At 09:00, on the last day of the month"],
    ["0 9 L-3 * *", "At 09:00, 3 days before the last day of the month"],
    ["0 9 LW * *", "At 09:00, on the last weekday of the month"],
    ["0 9 15W * *", "At 09:00, on the weekday nearest day 15 of the month"],
    ["0 9 * * 5L", "At 09:00, on the last Friday of the month"],
    ["0 9 * * 1#2", "At 09:00, on the second Monday of the month"],
    ["0 9 * * 5-7", "At 09:00, Friday through Sunday"],
  ])("%s: %s", (expr, sentence) => {
    expect(describe(cron(expr))).toBe(`${sentence} (UTC)`);
  });

  test.each([
    ["0 0 9 ? * 2-6", "At 09:00, Monday through Friday"],
    ["0 0 9 ? * 6#3", "At 09:00, on the third Friday of the month"],
    ["0 0 9 ? * 6L", "At 09:00, on the last Friday of the month"],
    ["0 0 9 ? * FRI-MON", "At 09:00, Friday through Monday"],
    ["0 0 22-2 * * ?", "Every hour, between 22:00 and 02:00"],
    ["0 0 9 * * ? 2030", "At 09:00, only in 2030"],
  ])("%s in the Quartz dialect: %s", (expr, sentence) => {
    expect(describe(quartz(expr))).toBe(`${sentence} (UTC)`);
  });

  test("the zone, and what happens when clocks change unless that is the default", () => {
    const options = { timezone: "Europe/Berlin", gap: "skip", overlap: "both" } as const;
    expect(describe(cron("30 2 * * *", options))).toBe("At 02:30 (Europe/Berlin; gap: skip; overlap: both)");
    expect(describe(cron("30 2 * * *", { gap: "next-valid", overlap: "first" }))).toBe("At 02:30 (UTC)");
  });
});

group("describe does not lie", () => {
  test.each([
    ["either day field will do", "0 9 13 * 5", "At 09:00, on day 13 of the month or on Friday"],
    ["either, one of which is every day", "0 9 13 * 0-6", "At 09:00"],
    [
      "both have to, as one starts with *",
      "0 9 */11 * mon",
      "At 09:00, on day 1, 12, and 23 of the month, only on Monday",
    ],
    [
      "a step that does not divide the hour",
      "*/7 * * * *",
      "Every 7 minutes, minutes 0 through 56 past the hour",
    ],
    ["a step longer than the field", "0 9 5/40 * *", "At 09:00, on day 5 of the month"],
    ["Sunday twice", "0 9 * * 0,7", "At 09:00, only on Sunday"],
  ])("%s: %s", (_why, expr, sentence) => {
    expect(describe(cron(expr))).toBe(`${sentence} (UTC)`);
  });

  test.each([
    "H H * * *",
    "*/5 */2 * * *",
    "0 9 L-1W * *",
    "0 9 1W,15 * *",
    "0 9 15,L-3 * *",
    "0 9 * * 5L,1",
  ])("%s is quoted, as there is no sentence for it", (expr) => {
    expect(describe(cron(expr))).toBe(`On the cron expression "${expr}" (UTC)`);
  });

  test("H with a seed has times that can be told", () => {
    expect(describe(cron("H H * * *", { seed: "x" }))).toMatch(/^At \d\d:\d\d \(UTC\)$/);
  });
});

group("describe speaks", () => {
  test.each([
    ["de-AT", "Um 09:00, Montag bis Freitag"],
    ["pt-BR", "Às 09:00, de segunda-feira a sexta-feira"],
    ["zh-CN", "在09:00, 星期一至星期五"],
    ["zh-Hant-HK", "在 09:00, 星期一 到 星期五"],
    ["no", "Kl.09:00, mandag til og med fredag"],
    ["ms", "Pada 09:00, Isnin hingga Jumaat"],
    ["my", "At 09:00, Monday through Friday"],
    ["tlh", "At 09:00, Monday through Friday"],
    ["en-GB", "At 09:00, Monday through Friday"],
  ])("%s: %s", (locale, sentence) => {
    expect(describe(cron("0 9 * * 1-5"), { locale })).toBe(`${sentence} (UTC)`);
  });

  test("the language's own word for 'or'", () => {
    expect(describe(cron("0 9 13 * 5"), { locale: "de" })).toBe(
      "Um 09:00, an Tag 13 des Monats oder nur jeden Freitag (UTC)",
    );
  });

  test.each(["", "not a tag", "de__DE", 5, null, "x".repeat(101)])("nothing for the locale %o", (locale) => {
    expect(() => describe(cron("0 9 * * 1-5"), { locale: locale as never })).toThrow(
      expect.objectContaining({ code: "INVALID_ARGUMENT", field: "locale" }),
    );
  });
});

const kinds: readonly (readonly [Trigger, string])[] = [
  [{ type: "every", interval: 5_400_000 }, "Every 1 hour 30 minutes"],
  [
    { type: "every", interval: 86_400_000, from: 0, phase: 1000 },
    "Every day, from 1970-01-01T00:00:00.000Z, shifted by 1 second",
  ],
  [{ type: "every", interval: 60_000, after: "completion" }, "Every minute after the previous run has ended"],
  [{ type: "everyRandom", min: 1000, max: 60_000 }, "At random, 1 second to 1 minute apart"],
  [{ type: "once", at: ["now"] }, "Once, when created"],
  [{ type: "once", at: [0, 5] }, "2 times, first at 1970-01-01T00:00:00.000Z"],
  [{ type: "daily", at: ["09:00"], timezone: "Europe/Berlin" }, "At 09:00 (Europe/Berlin)"],
  [{ type: "daily", at: ["09:00", "17:30"] }, "At 09:00 and 17:30, every day (UTC)"],
  [
    { type: "daily", at: ["09:00"], every: 3, from: "2030-01-01" },
    "At 09:00, every 3 days, from 2030-01-01 (UTC)",
  ],
  [{ type: "weekly", on: [1, 3], at: ["09:00"] }, "At 09:00, only on Monday and Wednesday (UTC)"],
  [
    { type: "weekly", on: [1, 2, 3], at: ["09:00"], every: 2 },
    "At 09:00, every 2 weeks on Monday through Wednesday (UTC)",
  ],
  [{ type: "monthly", on: [-1], at: ["09:00"] }, "At 09:00, on the last day of the month (UTC)"],
  [{ type: "monthly", on: [-3], at: ["09:00"] }, "At 09:00, 2 days before the last day of the month (UTC)"],
  [
    { type: "monthly", on: [-1, 1], at: ["09:00"], every: 3 },
    "At 09:00, every 3 months on the last day and day 1 (UTC)",
  ],
  [
    { type: "calendarInterval", months: 1, days: 2, at: "09:00", from: "2030-01-31" },
    "Every 1 month 2 days at 09:00, from 2030-01-31 (UTC)",
  ],
  [
    { type: "dailyWindow", from: "22:00", to: "02:00", every: 300_000, on: [1, 2, 3, 4, 5] },
    "Every 5 minutes from 22:00 through 02:00 of the next day, Monday through Friday (UTC)",
  ],
];

group("describe says of a trigger that is no cron expression", () => {
  test.each(kinds)("%o", (trigger, sentence) => {
    expect(describe(trigger)).toBe(sentence);
  });

  test("in the language asked for what a cron expression could say", () => {
    const trigger: Trigger = { type: "weekly", on: [1, 3], at: ["09:00"] };
    expect(describe(trigger, { locale: "de" })).toBe("Um 09:00, nur jeden Montag und Mittwoch (UTC)");
  });
});

group("describe says of a combination", () => {
  const nine = cron("0 9 * * 1-5");
  const first: Trigger = { type: "monthly", on: [1], at: ["12:00"] };

  test("what it is made of, in English whatever the language", () => {
    const said = "At 09:00, Monday through Friday (UTC); or At 12:00, on day 1 of the month (UTC)";
    expect(describe({ type: "anyOf", triggers: [nine, first] }, { locale: "de" })).toBe(said);
  });

  test("how near all of them have to be", () => {
    expect(describe({ type: "allOf", triggers: [nine, cron("@hourly")], tolerance: 60_000 })).toBe(
      "When all of these do within 1 minute: At 09:00, Monday through Friday (UTC); and Every hour (UTC)",
    );
  });

  test.each<readonly [Extract<Trigger, { type: "except" }>["calendar"], string]>([
    [{ type: "dates", dates: ["2030-12-24", "2030-12-25"] }, "on 2030-12-24 and 2030-12-25"],
    [{ type: "weekdays", days: [0, 6], timezone: "Asia/Tokyo" }, "on Saturday and Sunday (Asia/Tokyo)"],
    [{ type: "annual", days: ["12-25"] }, "each year on 12-25"],
    [{ type: "cron", expr: "* 12 * * *" }, 'on the cron expression "* 12 * * *"'],
    [{ type: "window", from: "12:00", to: "13:00" }, "from 12:00 to 13:00"],
  ])("what a calendar takes away: %o", (calendar, excluded) => {
    expect(describe({ type: "except", trigger: cron("@hourly"), calendar })).toBe(
      `Every hour (UTC), except ${excluded}`,
    );
  });

  test("no more than 500 characters, however much there is in it", () => {
    const long = cron(`${Array.from({ length: 60 }, (_, minute) => minute).join()},0-59 */2 * * 1#1,2#2`);
    const many: Trigger = { type: "anyOf", triggers: Array.from({ length: 20 }, () => long) };
    for (const trigger of [long, many, { type: "anyOf", triggers: [many, many] } satisfies Trigger]) {
      expect(describe(trigger).length).toBeLessThanOrEqual(500);
    }
    expect(describe({ type: "anyOf", triggers: [many, nine] })).toBe(
      "[any of 20 triggers]; or At 09:00, Monday through Friday (UTC)",
    );
  });
});
