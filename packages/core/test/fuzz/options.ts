import type { JobOptions } from "../../src/index.js";

// Values of each option of a job: those that it takes, up to its bounds, and those that it does not, from just beyond them.

/** What a definition can say, its task included. */
export type Option = keyof JobOptions | "task";

const long = "n".repeat(128);
const names = ["task", "other", "default", "toString", "__proto__", "a.b_c-d:e/f", "0", long];
const noNames: readonly unknown[] = [
  ...["", " ", "A b", "a*", "a@b", "{a}", "a,b", "a\nb", "ä", "\ud800", "a\u0000", "😀", `${long}n`],
  ...[5, null, true, {}, [], ["a"], new String("boxed")],
];
const year = 366 * 86_400_000;
const noDurations: readonly unknown[] = [
  ...[-1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, year + 1, 2 ** 53, 1e308, "-1s", "367d", "5 parsecs"],
  ...["", " ", "1e3", "0x10", "1", "P1Y", null, true, {}, [], [1000], 10n, new Date(5)],
];
const noWholeNumbers: readonly unknown[] = [
  ...[0.5, 1e308, Number.NaN, Number.NEGATIVE_INFINITY, 2 ** 53, "1", null, true, {}, [1], 1n, new Number(1)],
];
const noWords: readonly unknown[] = ["x", "", "SKIP", "constructor", null, 0, true, {}, ["skip"], ["none"]];
const noObjects: readonly unknown[] = [
  null,
  5,
  "x",
  true,
  [],
  new Map(),
  new Date(5),
  () => ({}),
  { nope: 1 },
];
/** What JSON cannot hold, or not as it is. */
const noJson: readonly unknown[] = [
  ...[Number.NaN, Number.NEGATIVE_INFINITY, 1n, new Map([["a", 1]]), new Set([1]), Promise.resolve(1)],
  ...[() => 1, Symbol("symbol"), { deep: [1n] }, "x".repeat(65_535), "😀".repeat(16_384)],
];
const noInstants: readonly unknown[] = [
  ...["now", "soon", "2090-01-01T00:00:00", "2090-02-30T00:00:00Z", "", -1, 0.5, 2 ** 53],
  ...[8.64e15, Number.NaN, new Date(Number.NaN), new Date(-1), null, true, {}, [], [1, 2]],
];

/** By option, values with which a definition stands, if what they name is there. The usual ones are among them. */
export const right: Readonly<Record<Option, readonly unknown[]>> = {
  // Three ids and more: most meet what earlier calls stored.
  id: [..."abcdefgh", "d:e/f-g.h_i", "__proto__", "constructor", long],
  task: names,
  trigger: [
    ...[1000, "90s", 3_600_000, "PT1H", 86_400_000].map((interval) => ({ type: "every", interval })),
    { type: "every", interval: "1h", after: "completion" },
    { type: "every", interval: "7m", from: "2026-01-01T00:00:00Z" },
    { type: "every", interval: 60_000, from: new Date("2026-01-01T00:00:00Z") },
    { type: "everyRandom", min: "1m", max: "2h" },
    ...["* * * * *", "0 9 * * 1-5", "@hourly", "H H * * *", "*/7 * 1,15 * *"].map((expr) => ({
      ...{ type: "cron", expr },
    })),
    { type: "cron", expr: "30 2 * * *", timezone: "Europe/Berlin" },
    { type: "cron", expr: "0 0 12 ? * MON *", dialect: "quartz", timezone: "Asia/Tokyo" },
    { type: "daily", every: 2, at: ["09:00", "23:59:59"], timezone: "America/New_York" },
    { type: "weekly", on: ["mon", "friday"], at: "09:00", timezone: "UTC" },
    { type: "monthly", on: [1, -1], at: "00:00" },
    { type: "once", at: [3_471_292_800_000] },
    { type: "once", at: ["2080-01-01T00:00:00Z", new Date("2080-01-02T00:00:00Z")] },
    {
      type: "anyOf",
      triggers: [
        { type: "every", interval: 60_000 },
        { type: "cron", expr: "@daily" },
      ],
    },
  ],
  dependsOn: [[], ["a"], ["b", "c"], ["a", "a"], ["__proto__"]],
  then: [[], ["h"], ["g", "h"], ["constructor"]],
  input: [
    ...[null, 0, -0, 1e21, 5e-324, "", "\ud800", "\u0000\u2028", "😀".repeat(16_383)],
    ...[[], [undefined], {}, { then: 1 }, { toString: 1 }, JSON.parse('{"__proto__":{"polluted":1}}')],
    ...[
      { id: 5, list: [1, [2]] },
      new Date(5),
      { left: undefined },
      { b: 1, a: 2, 1: 0 },
      new String("boxed"),
    ],
  ],
  metadata: [null, false, 2 ** 53, "a\nb", ["\u202e"], { owner: "ä", nested: { deep: [null, 1.5] } }],
  queue: names,
  tags: [[], ["a"], ["a", "b", "a"], [long], Array.from({ length: 20 }, (_, index) => `t${index}`)],
  priority: [0, -0, 1, -1000, 1000],
  overlap: ["skip", "allow", "queue-one", "queue-all", "cancel-running", "replace"],
  misfire: [
    ...[{}, { grace: 0 }, { grace: "5m" }, { grace: year, catchUp: "earliest" }, { catchUp: "none" }],
    ...[{ catchUp: "all", max: 1 }, { grace: "PT90S", catchUp: "all", max: 1000 }, { catchUp: "latest" }],
  ],
  delivery: ["at-least-once", "at-most-once"],
  maxLost: [0, 1, 3, 1000],
  timeout: [1, "1ms", "90s", "1h30m", "1.5h", "P1DT12H", year],
  retry: [
    ...[{}, { attempts: 1 }, { attempts: 2 }, { attempts: 1000, jitter: 1 }, { attempts: 3, backoff: "1m" }],
    ...[
      { attempts: 2, backoff: 0 },
      { attempts: 2, backoff: "named" },
      { attempts: 9, backoff: {}, jitter: 0.1 },
    ],
    { attempts: 5, backoff: { type: "fixed", delay: "2s" } },
    { attempts: 5, backoff: { delay: 0, max: "PT1M", factor: 1.5 }, jitter: -0 },
    { attempts: 5, backoff: { type: "exponential", delay: "2h", factor: 100 }, jitter: 5e-324 },
  ],
  deadLetter: [true, false],
  pauseAfterFailures: [1, 5, 1000],
  concurrencyKey: names,
  concurrencyLimit: [1, 1_000_000, { max: 2 }, { max: 3, whenFull: "skip" }, { max: 1, whenFull: "wait" }],
  rateLimit: [
    { max: 1, per: 1 },
    { max: 10_000, per: "24h" },
    { max: 5, per: "PT1S" },
  ],
  startAt: [0, 1_767_225_600_000, "2026-01-01T00:00:00+02:00", new Date("2028-02-29T12:00:00.001Z")],
  endAt: ["2090-01-01T00:00:00Z", "2091-12-31", 3_786_912_000_000, new Date("2099-12-31T23:59:59.999Z")],
  maxRuns: [1, 2, 1_000_000_000],
  whenExhausted: ["keep", "remove"],
  resumeFrom: ["missed", "now"],
  jitter: [0, 1, "30s", "24h", 86_400_000],
  retain: [
    ...[{}, { runs: 1 }, { failed: 10_000 }, { age: 1000 }, { results: 0 }, { results: "0" }],
    { runs: 10_000, failed: 1, age: "30d", results: "PT1H" },
  ],
  onConflict: ["replace", "replace", "replace", "replace", "keep", "error"],
};

/** By option, values for which each definition is refused, whatever else it says. */
export const wrong: Readonly<Record<Option, readonly unknown[]>> = {
  id: [...noNames, undefined],
  task: [...noNames, undefined, { name: "A b" }, { name: 5 }],
  trigger: [
    ...[null, 5, "every 5m", "* * * * *", true, [], {}, new Map(), () => ({ type: "every" })],
    ...[0, -1, 0.5, "", "5 parsecs", 2 ** 53, null, "PT0S"].map((interval) => ({ type: "every", interval })),
    ...["", "61 * * * *", "* * * *", "0 0 30 2 *", "a".repeat(5000), "* * * * *\u0000", null].map((expr) => ({
      type: "cron",
      expr,
    })),
    { type: "cron", expr: "@daily", timezone: "Mars/Phobos" },
    { type: "cron", expr: "@daily", dialect: "x" },
    { type: "everyRandom", min: "2h", max: "1h" },
    { type: "daily", at: "25:00" },
    { type: "weekly", on: [], at: "09:00" },
    { type: "monthly", on: [32], at: "09:00" },
    { type: "once", at: [] },
    { type: "once", at: ["2030-02-30T00:00:00Z"] },
    { type: "anyOf", triggers: [] },
    { type: "__proto__" },
    { type: "every", interval: 1000, nope: 1 },
  ],
  dependsOn: [null, "a", {}, [null], ["A b"], new Array(2), Array.from({ length: 21 }, () => "a")],
  then: [null, "a", {}, [5], [["a"]], [""], new Set(["a"])],
  input: noJson,
  metadata: noJson,
  queue: noNames,
  tags: [
    ...[null, "a", {}, 5, ["a", ""], ["a,b"], ["a b"], [undefined], [[]], new Set(["a"])],
    ...[Array.from({ length: 21 }, (_, index) => `t${index}`), new Array(1)],
  ],
  priority: [...noWholeNumbers, 1001, -1001],
  overlap: noWords,
  misfire: [
    ...noObjects,
    ...noDurations.map((grace) => ({ grace })),
    ...noWords.map((catchUp) => ({ catchUp })).filter(({ catchUp }) => catchUp !== "none"),
    ...[...noWholeNumbers, 0, 1001].map((max) => ({ catchUp: "all", max })),
  ],
  delivery: noWords,
  maxLost: [...noWholeNumbers, -1, 1001],
  timeout: [...noDurations, 0],
  retry: [
    ...noObjects,
    ...[...noWholeNumbers, 0, 1001].map((attempts) => ({ attempts })),
    ...[-0.1, 1.1, Number.NaN, "1", null, {}].map((jitter) => ({ attempts: 2, jitter })),
    ...[-1, 0.5, null, true, [], "", "5 parsecs", "A b", { nope: 1 }].map((backoff) => ({ backoff })),
    ...[0.9, 101, Number.NaN, "2", null].map((factor) => ({ backoff: { factor } })),
    ...[{ type: "linear" }, { delay: -1 }, { delay: "2h", max: "1h" }, { max: year + 1 }].map((backoff) => ({
      backoff,
    })),
  ],
  deadLetter: [0, 1, "true", null, {}, [], new Boolean(true)],
  pauseAfterFailures: [...noWholeNumbers, 0, 1001],
  concurrencyKey: noNames,
  concurrencyLimit: [
    ...[...noWholeNumbers, 0, -1, 1_000_001].filter((value) => typeof value !== "object" || value === null),
    ...[{}, { max: 0 }, { max: "1" }, { max: 1, whenFull: "x" }, { max: 1, nope: 1 }, []],
  ],
  rateLimit: [
    ...noObjects,
    ...[{}, { max: 1 }, { per: 1 }, { max: 0, per: 1 }, { max: 10_001, per: 1 }, { max: 1, per: 0 }],
    ...[
      { max: 1, per: 86_400_001 },
      { max: 1, per: "25h" },
      { max: 1.5, per: 1 },
    ],
  ],
  startAt: noInstants,
  endAt: noInstants,
  maxRuns: [...noWholeNumbers, 0, -1, 1_000_000_001],
  whenExhausted: noWords,
  resumeFrom: noWords,
  jitter: [...noDurations, 86_400_001, "25h"],
  retain: [
    ...noObjects,
    ...[...noWholeNumbers, 0, 10_001].flatMap((count) => [{ runs: count }, { failed: count }]),
    ...[...noDurations, 0, 999].map((age) => ({ age })),
    ...noDurations.map((results) => ({ results })),
  ],
  onConflict: noWords,
};

/** Every option of a job but those that it has to have. */
export const options = Object.keys(right).filter(
  (name) => !["id", "task", "trigger"].includes(name),
) as readonly Option[];
