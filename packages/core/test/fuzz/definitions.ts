import fc from "fast-check";
import { hostile, id, name, nearly, payload } from "./values.js";

const time = fc.constantFrom("09:00", "23:59:59", "24:00", "9", "", "09:00:00.5");
const zone = fc.constantFrom("UTC", "Europe/Berlin", "Mars/Phobos", "", "../etc/passwd", "constructor");
const interval = fc.oneof(fc.constantFrom("90s", 1000, 1, 0, "PT1H", 2 ** 53, "1000000d"), fc.integer());
const instant = fc.oneof(
  fc.constantFrom("2030-01-01T00:00:00Z", "2099-12-31T23:59:59.999Z", 1_900_000_000_000, "now", -1),
  fc.date(),
);
const weekdays = fc.constantFrom("mon", ["monday", 0, 7], [], "x", -1, 8);

const kinds = {
  cron: {
    expr: fc.oneof(
      fc.constantFrom(
        "* * * * *",
        "0 9 * * 1-5",
        "61 * * * *",
        "",
        "@hourly",
        "@every 90s",
        "H H * * *",
        "0 0 30 2 *",
      ),
      fc.string({ maxLength: 40 }),
    ),
    ...{
      timezone: zone,
      dialect: fc.constantFrom("vixie", "quartz", "x"),
      gap: name,
      overlap: name,
      seed: fc.string(),
    },
  },
  every: { interval, from: instant, phase: interval, after: fc.constantFrom("completion", "x") },
  everyRandom: { min: interval, max: interval },
  daily: {
    every: fc.nat(400),
    at: fc.oneof(time, fc.array(time, { maxLength: 3 })),
    timezone: zone,
    from: instant,
  },
  weekly: { every: fc.nat(60), on: weekdays, at: time, weekStart: weekdays, timezone: zone },
  monthly: { every: fc.nat(20), on: fc.array(fc.integer({ min: -32, max: 32 }), { maxLength: 3 }), at: time },
  calendarInterval: { years: fc.nat(3), months: fc.nat(20), days: fc.nat(400), at: time, from: instant },
  dailyWindow: { from: time, to: time, every: interval, on: weekdays, timezone: zone },
  once: { at: fc.oneof(instant, fc.array(instant, { maxLength: 3 })) },
} as const;

const simple: fc.Arbitrary<unknown> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.constantFrom(
      { type: "every", interval: 3_600_000 },
      { type: "once", at: [1_900_000_000_000] },
    ),
  },
  ...Object.entries<Record<string, fc.Arbitrary<unknown>>>(kinds).map(([type, fields]) =>
    nearly({ type: fc.constant(type), ...fields }),
  ),
  nearly({ type: name, expr: fc.string() }),
);

/** A trigger as JSON: of every kind, nearly right. */
export const trigger: fc.Arbitrary<unknown> = fc.oneof(
  { weight: 8, arbitrary: simple },
  {
    weight: 1,
    arbitrary: nearly({
      type: fc.constantFrom("anyOf", "allOf"),
      triggers: fc.array(simple, { maxLength: 3 }),
      tolerance: interval,
    }),
  },
  { weight: 1, arbitrary: nearly({ type: fc.constant("except"), trigger: simple, calendar: hostile }) },
);

const shared = {
  input: fc.oneof(payload, hostile),
  queue: name,
  priority: fc.oneof(fc.integer({ min: -1001, max: 1001 }), hostile),
  delivery: fc.constantFrom("at-least-once", "at-most-once", "never"),
  maxLost: fc.oneof(fc.nat(5), hostile),
  timeout: interval,
  retry: nearly({
    attempts: fc.nat(5),
    backoff: fc.oneof(
      interval,
      name,
      nearly({ type: name, delay: interval, max: interval, factor: fc.double() }),
    ),
    jitter: fc.double(),
  }),
  concurrencyKey: name,
  concurrencyLimit: fc.oneof(
    fc.nat(3),
    nearly({ max: fc.nat(3), whenFull: fc.constantFrom("wait", "skip", "x") }),
  ),
  rateLimit: nearly({ max: fc.nat(5), per: interval }),
  deadLetter: fc.boolean(),
};

/** A job's options, nearly right. */
export const definition: fc.Arbitrary<unknown> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({
      id: fc.constantFrom("a", "b", "c"),
      task: fc.constant("task"),
      trigger: simple,
      input: payload,
    }),
  },
  {
    weight: 3,
    arbitrary: nearly({
      ...shared,
      ...{
        id,
        task: name,
        trigger,
        metadata: fc.oneof(payload, hostile),
        tags: fc.oneof(fc.array(name, { maxLength: 3 }), hostile),
      },
      ...{
        overlap: fc.constantFrom("skip", "allow", "queue-one", "queue-all", "cancel-running", "replace", "x"),
      },
      misfire: nearly({
        grace: interval,
        catchUp: fc.constantFrom("none", "latest", "all", "x"),
        max: fc.nat(2000),
      }),
      ...{ startAt: instant, endAt: instant, maxRuns: fc.oneof(fc.nat(5), hostile), jitter: interval },
      ...{
        whenExhausted: fc.constantFrom("keep", "remove", "x"),
        resumeFrom: fc.constantFrom("missed", "now", "x"),
      },
      ...{ dependsOn: fc.array(id, { maxLength: 3 }), then: fc.array(id, { maxLength: 3 }) },
      ...{ pauseAfterFailures: fc.nat(3), onConflict: fc.constantFrom("replace", "keep", "error", "x") },
      retain: nearly({ runs: fc.nat(10), failed: fc.nat(10), age: interval, results: interval }),
    }),
  },
);

/** The options of an enqueued run, nearly right. */
export const enqueued: fc.Arbitrary<unknown> = nearly({
  ...shared,
  id: fc.oneof(fc.constantFrom("r1", "r2", "r3"), id),
  at: instant,
  delay: interval,
});
