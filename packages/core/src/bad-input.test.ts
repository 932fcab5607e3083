// One table of what is refused, and where: it is long since there are many options.

import { show } from "@escapement/redis/internal";
import { type JobStore, startJobStore, uniqueNamespace } from "@escapement/testing";
import { every, once } from "@escapement/triggers";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { silentLogger } from "../test/silent-logger.js";
import { createScheduler, InvalidOptionError, type Scheduler } from "./index.js";

let server: JobStore;
let scheduler: Scheduler;
const namespace = uniqueNamespace("bad-input");
beforeAll(async () => {
  server = await startJobStore();
  scheduler = createScheduler({ redis: server.url, namespace, logger: silentLogger });
  scheduler.task("strict", { input: numbersOnly }, () => undefined);
});
afterAll(async () => {
  await scheduler.stop();
  await server.stop();
});

const numbersOnly = {
  "~standard": {
    version: 1 as const,
    vendor: "test",
    validate: (value: unknown) => {
      if (value === "throw") throw new Error("schema bug");
      return typeof value === "number" ? { value } : { issues: [{ message: "no number", path: ["n"] }] };
    },
  },
};
const circular: Record<string, unknown> = {};
circular["self"] = circular;
const huge = "x".repeat(70_000);
const hourly = every("1h");
type Any = (...values: never[]) => unknown;
/** Whatever the types say. */
const call = (method: unknown, ...values: unknown[]): unknown => (method as Any)(...(values as never[]));
const schedule = (options: unknown, task: unknown = "task"): unknown =>
  call(scheduler.schedule.bind(scheduler), task, options);
const job = (options: object): (() => unknown) => {
  return () => schedule({ id: "job", trigger: hourly, ...options });
};
const enqueue =
  (options: unknown, task: unknown = "task"): (() => unknown) =>
  () =>
    call(scheduler.enqueue.bind(scheduler), task, options);
const cancel =
  (options: unknown): (() => unknown) =>
  () =>
    call(scheduler.run("run").cancel, options);
const dead =
  (name: "deadLetters" | "redrive" | "removeDeadLetters", options: unknown): (() => unknown) =>
  () =>
    call(scheduler[name].bind(scheduler), options);
const events =
  (options: unknown): (() => unknown) =>
  () =>
    call(scheduler.events.bind(scheduler), options);
const create = (options: unknown): (() => unknown) => {
  return () => call(createScheduler, options);
};
const task = (...values: unknown[]): (() => unknown) => {
  return () => call(scheduler.task.bind(scheduler), ...values);
};

/** No text, number or date that says when. */
const noInstants: readonly (readonly [string, unknown])[] = [
  ["a word", "tomorrow"],
  ["now", "now"],
  ["without a zone", "2030-01-01T00:00:00"],
  ["no date", new Date(Number.NaN)],
  ["before 1970", -1],
  ["after 9999", 253_402_300_800_000],
  ["infinite", 1 / 0],
  ["a fraction", 0.5],
  ["true", true],
  ["an object", {}],
];
/** What is wrong, options of a job, the path at fault, and the code if it is not INVALID_OPTION. */
type Fault = readonly [string, object, string, string?];
const instants = (option: string): Fault[] =>
  noInstants.map(([what, value]) => [`${option} ${what}`, { [option]: value }, option]);
const each = (path: string, values: readonly unknown[]): Fault[] =>
  values.map((value) => {
    const [last = "", ...outer] = path.split(".").reverse();
    const options = outer.reduce<object>((inner, name) => ({ [name]: inner }), { [last]: value });
    return [`${path} ${typeof value === "number" ? value : show(value)}`, options, path];
  });
/** Of options that jobs and enqueued runs have. */
const sharedFaults: readonly Fault[] = [
  ...each("retry", [3, "twice", true, []]),
  ["retry unknown option", { retry: { tries: 3 } }, "retry.tries"],
  ...each("retry.attempts", [0, -1, 1.5, 1001, Number.NaN, 1 / 0, "3", null]),
  ...each("retry.backoff", ["", "5 parsecs", "-1s", -1, 1.5, Number.NaN, 1 / 0, "400d", 2 ** 53]),
  ...each("retry.backoff", [null, true, [], "a b", "{a}", () => 1000]),
  ["retry.backoff a long name", { retry: { backoff: "x".repeat(129) } }, "retry.backoff", "INVALID_NAME"],
  ["retry.backoff unknown option", { retry: { backoff: { base: 2 } } }, "retry.backoff.base"],
  ...each("retry.backoff.type", ["linear", 1, null, "toString"]),
  ...each("retry.backoff.delay", [-1, "soon", 0.5, Number.NaN, true, null, "400d"]),
  ...each("retry.backoff.max", [-1, "never", 1 / 0, 999, null]),
  ["retry.backoff.max below delay", { retry: { backoff: { delay: "1m", max: "59s" } } }, "retry.backoff.max"],
  ...each("retry.backoff.factor", [0, 0.99, 101, Number.NaN, "2", null]),
  [
    "retry.backoff fixed, delay bad",
    { retry: { backoff: { type: "fixed", delay: "x" } } },
    "retry.backoff.delay",
  ],
  ...each("retry.jitter", [-0.1, 1.1, Number.NaN, "0.5", true, null]),
  ["retry.jitter bad without attempts", { retry: { attempts: 1, jitter: 2 } }, "retry.jitter"],
  ...each("deadLetter", ["no", 0, {}]),
  ...["a b", "", 5, "{a}", "a*"].map(
    (value): Fault => [
      `concurrencyKey ${show(value)}`,
      { concurrencyKey: value },
      "concurrencyKey",
      "INVALID_NAME",
    ],
  ),
  ["concurrencyLimit without a key", { concurrencyLimit: 2 }, "concurrencyLimit"],
  ["concurrencyLimit a word", { concurrencyKey: "k", concurrencyLimit: "2" }, "concurrencyLimit"],
  ["concurrencyLimit 0", { concurrencyKey: "k", concurrencyLimit: 0 }, "concurrencyLimit.max"],
  [
    "concurrencyLimit unknown option",
    { concurrencyKey: "k", concurrencyLimit: { most: 1 } },
    "concurrencyLimit.most",
  ],
  [
    "concurrencyLimit.whenFull",
    { concurrencyKey: "k", concurrencyLimit: { max: 1, whenFull: "drop" } },
    "concurrencyLimit.whenFull",
  ],
];
/** Of jobs and of schedulers. */
const retainFaults: readonly Fault[] = [
  ...each("retain", [7, "7 days", true, []]),
  ["retain unknown option", { retain: { count: 5 } }, "retain.count"],
  ["retain one good, one unknown", { retain: { runs: 5, succeeded: 5 } }, "retain.succeeded"],
  ...each("retain.runs", [0, -1, 1.5, 10_001, Number.NaN, 1 / 0, "100", null, false]),
  ...each("retain.failed", [0, -1, 0.5, 10_001, Number.NaN, 1 / 0, "5", null, true]),
  ...each("retain.age", [0, 999, -1, 1000.5, "0", "a while", "999ms", "367d", Number.NaN, 1 / 0, null, {}]),
  ...each("retain.results", [-1, 0.5, "", "00", "soon", "-1s", "367d", Number.NaN, 1 / 0, null, false, []]),
];
const jobFaults: readonly Fault[] = [
  ...sharedFaults,
  ...instants("startAt"),
  ...instants("endAt"),
  ["endAt before startAt", { startAt: "2031-01-01T00:00:00Z", endAt: "2030-01-01T00:00:00Z" }, "endAt"],
  ["endAt past", { startAt: undefined, endAt: 1000 }, "endAt"],
  [
    "endAt before the first fire time",
    { startAt: undefined, trigger: once(new Date("2033-01-01")), endAt: "2032-12-31T23:59:59.999Z" },
    "endAt",
  ],
  [
    "startAt after the last fire time",
    { trigger: once(new Date("2033-01-01")), startAt: "2033-01-01T00:00:00.001Z", endAt: undefined },
    "startAt",
  ],
  [
    "no fire time from startAt until endAt",
    {
      trigger: { type: "cron", expr: "0 0 1 1 *", timezone: "UTC" },
      startAt: "2033-01-01T00:00:01Z",
      endAt: "2033-12-31T23:59:59Z",
    },
    "endAt",
  ],
  ...each("maxRuns", [0, -1, 1.5, "5", Number.NaN, 1 / 0, 1_000_000_001, true]),
  ...each("whenExhausted", ["delete", "", "KEEP", true, 0, ["remove"], {}, "__proto__"]),
  ...each("jitter", [-1, "soon", 0.5, "25h", 86_400_001, Number.NaN, true, {}]),
  ...retainFaults,
  ...each("overlap", ["SKIP", "queue_one", "", true, ["skip"], {}, "__proto__", "toString"]),
];

// What is called, the code, and the path of the option at fault ("-": the trigger's own error, which names a field).
const rows: readonly (readonly [string, () => unknown, string, string])[] = [
  ["createScheduler: no object", create(null), "INVALID_OPTION", "options"],
  ["createScheduler: unknown option", create({ concurency: 5 }), "INVALID_OPTION", "options.concurency"],
  ["createScheduler: redis a number", create({ redis: 6379 }), "INVALID_OPTION", "redis"],
  ["createScheduler: redis another scheme", create({ redis: "http://x" }), "INVALID_REDIS_URL", "redis"],
  ["createScheduler: redis no URL", create({ redis: "localhost" }), "INVALID_REDIS_URL", "redis"],
  ["createScheduler: namespace with a brace", create({ namespace: "a}b" }), "INVALID_NAME", "namespace"],
  ["createScheduler: namespace like a partition", create({ namespace: "a:1" }), "INVALID_NAME", "namespace"],
  ["createScheduler: namespace empty", create({ namespace: "" }), "INVALID_NAME", "namespace"],
  ["createScheduler: no roles", create({ roles: [] }), "INVALID_OPTION", "roles"],
  ["createScheduler: unknown role", create({ roles: ["boss"] }), "INVALID_OPTION", "roles[0]"],
  ["createScheduler: queues no list", create({ queues: "default" }), "INVALID_OPTION", "queues"],
  ["createScheduler: queue with a glob", create({ queues: ["a*"] }), "INVALID_NAME", "queues[0]"],
  ["createScheduler: concurrency 0", create({ concurrency: 0 }), "INVALID_OPTION", "concurrency"],
  ["createScheduler: concurrency NaN", create({ concurrency: Number.NaN }), "INVALID_OPTION", "concurrency"],
  ["createScheduler: two voters", create({ voters: ["redis://a", "redis://b"] }), "INVALID_OPTION", "voters"],
  ["createScheduler: no queues", create({ queues: [] }), "INVALID_OPTION", "queues"],
  [
    "createScheduler: a prefix of keys",
    create({ redis: { host: "a", keyPrefix: "x:" } }),
    "INVALID_OPTION",
    "redis.keyPrefix",
  ],
  [
    "createScheduler: a port that is none",
    create({ redis: { port: "abc" } }),
    "INVALID_OPTION",
    "redis.port",
  ],
  ["createScheduler: a port too high", create({ redis: { port: 65_536 } }), "INVALID_OPTION", "redis.port"],
  ["createScheduler: a host that is none", create({ redis: { host: 5 } }), "INVALID_OPTION", "redis.host"],
  ["createScheduler: a database that is none", create({ redis: { db: -1 } }), "INVALID_OPTION", "redis.db"],
  [
    "createScheduler: a voter's prefix of keys",
    create({ voters: [{ host: "a", keyPrefix: "x:" }] }),
    "INVALID_OPTION",
    "voters[0].keyPrefix",
  ],
  [
    "createScheduler: the same voter three times",
    create({ voters: ["redis://a", "redis://b", "redis://user@A:6379/0"] }),
    "INVALID_OPTION",
    "voters[2]",
  ],
  [
    "createScheduler: the same voter in two forms",
    create({ voters: [{ host: "a", port: 7000 }, { host: "b" }, "redis://a:7000"] }),
    "INVALID_OPTION",
    "voters[2]",
  ],
  ["createScheduler: voter no URL", create({ voters: [7] }), "INVALID_OPTION", "voters[0]"],
  ["createScheduler: lookahead too short", create({ lookahead: 5000 }), "INVALID_OPTION", "lookahead"],
  ["createScheduler: lookahead a word", create({ lookahead: "soon" }), "INVALID_OPTION", "lookahead"],
  ["createScheduler: nodeTtl too short", create({ nodeTtl: 10 }), "INVALID_OPTION", "nodeTtl"],
  ["createScheduler: leaderTtl negative", create({ leaderTtl: -1 }), "INVALID_OPTION", "leaderTtl"],
  ["createScheduler: deadline infinite", create({ deadline: 1 / 0 }), "INVALID_OPTION", "deadline"],
  ...retainFaults.map(
    ([name, options, path]) => [`createScheduler: ${name}`, create(options), "INVALID_OPTION", path] as const,
  ),
  ...[0, -1, 1_000_001, "5", null].map(
    (enqueued) =>
      [
        `createScheduler: retain.enqueued ${show(enqueued)}`,
        create({ retain: { enqueued } }),
        "INVALID_OPTION",
        "retain.enqueued",
      ] as const,
  ),
  ...[0, 999, -1, "a while", "367d", Number.NaN, null].map(
    (logAge) =>
      [
        `createScheduler: retain.logAge ${show(logAge)}`,
        create({ retain: { logAge } }),
        "INVALID_OPTION",
        "retain.logAge",
      ] as const,
  ),
  ["schedule: retain.logAge", job({ retain: { logAge: "1d" } }), "INVALID_OPTION", "retain.logAge"],
  ["schedule: retain.enqueued", job({ retain: { enqueued: 5 } }), "INVALID_OPTION", "retain.enqueued"],
  ["createScheduler: maxInput huge", create({ maxInput: 2 ** 40 }), "INVALID_OPTION", "maxInput"],
  [
    "createScheduler: allowEviction a word",
    create({ allowEviction: "no" }),
    "INVALID_OPTION",
    "allowEviction",
  ],
  ["createScheduler: catchCrashes a number", create({ catchCrashes: 0 }), "INVALID_OPTION", "catchCrashes"],
  ["createScheduler: logger without methods", create({ logger: {} }), "INVALID_OPTION", "logger"],
  ["createScheduler: logger null", create({ logger: null }), "INVALID_OPTION", "logger"],
  ...[-1, 1.5, Number.NaN, 1 / 0, 1_000_001, "5", true, null].map(
    (max) =>
      [
        `createScheduler: events.max ${String(max)}`,
        create({ events: { max } }),
        ...(["INVALID_OPTION", "events.max"] as const),
      ] as const,
  ),
  ["createScheduler: events no object", create({ events: 5000 }), "INVALID_OPTION", "events"],
  ["createScheduler: events unknown", create({ events: { maxlen: 5 } }), "INVALID_OPTION", "events.maxlen"],
  ...[
    "",
    "now",
    "5",
    "5-0",
    "5-0.",
    "-1-0.1",
    `5-${2n ** 64n}.1`,
    5,
    null,
    true,
    {},
    new Date(Number.NaN),
  ].map(
    (since) =>
      [
        `events: since ${show(since)} ${String(since)}`,
        events({ since }),
        "INVALID_OPTION",
        "since",
      ] as const,
  ),
  ["events: signal null", events({ signal: null }), "INVALID_OPTION", "signal"],
  ["events: unknown option", events({ from: "start" }), "INVALID_OPTION", "options.from"],
  ["events: no object", events("start"), "INVALID_OPTION", "options"],

  ["task: X1 name with a space", task("a b", () => 1), "INVALID_NAME", "task"],
  ["task: no handler", task("t1"), "INVALID_OPTION", "handler"],
  ["task: handler a string", task("t2", "go"), "INVALID_OPTION", "handler"],
  ["task: options null", task("t3", null, () => 1), "INVALID_OPTION", "options"],
  ["task: unknown option", task("t4", { retries: 3 }, () => 1), "INVALID_OPTION", "options.retries"],
  ["task: schema is none", task("t5", { input: {} }, () => 1), "INVALID_OPTION", "options.input"],
  ["task: twice", task("strict", () => 1), "INVALID_OPTION", "task"],

  ["schedule: no options", () => schedule(undefined), "INVALID_OPTION", "options"],
  ["schedule: task of no kind", () => schedule({ id: "job", trigger: hourly }, {}), "INVALID_NAME", "task"],
  ["schedule: task null", () => schedule({ id: "job", trigger: hourly }, null), "INVALID_NAME", "task"],
  ["schedule: no id", job({ id: undefined }), "INVALID_NAME", "id"],
  ["schedule: X1 id with @", job({ id: "a@1" }), "INVALID_NAME", "id"],
  ["schedule: X2 id with a brace", job({ id: "{a}" }), "INVALID_NAME", "id"],
  ["schedule: X2 id with a glob", job({ id: "a?[b]*" }), "INVALID_NAME", "id"],
  ["schedule: X5 id with a line break", job({ id: "a\n" }), "INVALID_NAME", "id"],
  ["schedule: id too long", job({ id: "x".repeat(129) }), "INVALID_NAME", "id"],
  ["schedule: unknown option", job({ cron: "* * * * *" }), "INVALID_OPTION", "options.cron"],
  ["schedule: no trigger", job({ trigger: undefined }), "INVALID_OPTION", "trigger"],
  ["schedule: trigger a string", job({ trigger: "* * * * *" }), "INVALID_TRIGGER", "-"],
  ["schedule: T6 cron of nothing", job({ trigger: { type: "cron", expr: "" } }), "INVALID_EXPRESSION", "-"],
  [
    "schedule: cron of a bad minute",
    job({ trigger: { type: "cron", expr: "61 * * * *" } }),
    "INVALID_FIELD",
    "-",
  ],
  [
    "schedule: cron of 30 February",
    job({ trigger: { type: "cron", expr: "0 0 30 2 *" } }),
    "NEVER_FIRES",
    "-",
  ],
  ["schedule: once, all past", job({ trigger: once(new Date(0)) }), "ALL_IN_PAST", "-"],
  ["schedule: every 0", job({ trigger: { type: "every", interval: 0 } }), "INVALID_INTERVAL", "-"],
  ["schedule: queue with a colon and a star", job({ queue: "a:*" }), "INVALID_NAME", "queue"],
  ["schedule: priority a fraction", job({ priority: 0.5 }), "INVALID_OPTION", "priority"],
  ["schedule: priority too high", job({ priority: 1001 }), "INVALID_OPTION", "priority"],
  ["schedule: overlap unknown", job({ overlap: "queue" }), "INVALID_OPTION", "overlap"],
  ["schedule: misfire a word", job({ misfire: "latest" }), "INVALID_OPTION", "misfire"],
  ["schedule: misfire.grace negative", job({ misfire: { grace: -1 } }), "INVALID_OPTION", "misfire.grace"],
  ["schedule: misfire.catchUp", job({ misfire: { catchUp: "some" } }), "INVALID_OPTION", "misfire.catchUp"],
  ["schedule: misfire.max 0", job({ misfire: { max: 0 } }), "INVALID_OPTION", "misfire.max"],
  ["schedule: delivery unknown", job({ delivery: "exactly-once" }), "INVALID_OPTION", "delivery"],
  ["schedule: maxLost negative", job({ maxLost: -1 }), "INVALID_OPTION", "maxLost"],
  ["schedule: timeout 0", job({ timeout: 0 }), "INVALID_OPTION", "timeout"],
  ["schedule: timeout a word", job({ timeout: "long" }), "INVALID_OPTION", "timeout"],
  ["schedule: tags no list", job({ tags: "a" }), "INVALID_OPTION", "tags"],
  ["schedule: too many tags", job({ tags: Array(21).fill("a") }), "INVALID_OPTION", "tags"],
  ["schedule: bad tag", job({ tags: ["ok", 5] }), "INVALID_NAME", "tags[1]"],
  ["schedule: a tag left out", job({ tags: ["ok", ...new Array(1)] }), "INVALID_NAME", "tags[1]"],
  ["schedule: tags all left out", job({ tags: new Array(1) }), "INVALID_NAME", "tags[0]"],
  ["schedule: startAt a list", job({ startAt: [1, 2] }), "INVALID_OPTION", "startAt"],
  ["schedule: onConflict unknown", job({ onConflict: "merge" }), "INVALID_OPTION", "onConflict"],
  ["schedule: X3 input circular", job({ input: circular }), "INVALID_INPUT", "input"],
  ["schedule: X3 input a bigint", job({ input: 2n ** 64n }), "INVALID_INPUT", "input"],
  ["schedule: X3 input a function", job({ input: () => 1 }), "INVALID_INPUT", "input"],
  ["schedule: X3 input NaN", job({ input: Number.NaN }), "INVALID_INPUT", "input"],
  ["schedule: X3 input infinite", job({ input: 1 / 0 }), "INVALID_INPUT", "input"],
  ["schedule: X3 input a Map", job({ input: new Map([[1, 2]]) }), "INVALID_INPUT", "input"],
  ["schedule: X3 metadata a Set", job({ metadata: new Set([1]) }), "INVALID_INPUT", "metadata"],
  ["enqueue: X3 input a promise", enqueue({ input: Promise.resolve(1) }), "INVALID_INPUT", "input"],
  ["schedule: X3 input too large", job({ input: huge }), "INPUT_TOO_LARGE", "input"],
  ["schedule: metadata too large", job({ metadata: huge }), "INPUT_TOO_LARGE", "metadata"],
  [
    "schedule: refused by the task's schema",
    () => schedule({ id: "job", trigger: hourly, input: "x" }, "strict"),
    ...(["INVALID_INPUT", "input.n"] as const),
  ],
  [
    "schedule: the task's schema throws",
    () => schedule({ id: "job", trigger: hourly, input: "throw" }, "strict"),
    ...(["INVALID_INPUT", "input"] as const),
  ],

  ["apply: no list", () => call(scheduler.apply.bind(scheduler), {}), "INVALID_OPTION", "jobs"],
  [
    "apply: nothing in the list",
    () => call(scheduler.apply.bind(scheduler), [null]),
    "INVALID_OPTION",
    "jobs[0]",
  ],
  [
    "apply: one good, one bad",
    () =>
      call(scheduler.apply.bind(scheduler), [
        { task: "task", id: "good", trigger: hourly },
        { task: "task", id: "bad", trigger: hourly, priority: "high" },
      ]),
    ...(["INVALID_OPTION", "priority"] as const),
  ],
  [
    "apply: the same id twice",
    () =>
      call(scheduler.apply.bind(scheduler), [
        { task: "task", id: "a", trigger: hourly },
        { task: "task", id: "a", trigger: hourly },
      ]),
    ...(["INVALID_OPTION", "id"] as const),
  ],
  [
    "apply: prune without a tag",
    () => call(scheduler.apply.bind(scheduler), [{ task: "t", id: "a", trigger: hourly }], { prune: {} }),
    ...(["INVALID_NAME", "prune.tag"] as const),
  ],

  [
    "apply: options null",
    () => call(scheduler.apply.bind(scheduler), [], null),
    ...(["INVALID_OPTION", "options"] as const),
  ],
  [
    "apply: unknown option",
    () => call(scheduler.apply.bind(scheduler), [], { prun: { tag: "a" } }),
    ...(["INVALID_OPTION", "options.prun"] as const),
  ],
  [
    "apply: prune null",
    () => call(scheduler.apply.bind(scheduler), [], { prune: null }),
    ...(["INVALID_OPTION", "prune"] as const),
  ],
  ["stop: null", () => call(scheduler.stop.bind(scheduler), null), "INVALID_OPTION", "options"],
  [
    "stop: unknown option",
    () => call(scheduler.stop.bind(scheduler), { time: 5 }),
    "INVALID_OPTION",
    "options.time",
  ],
  [
    "stop: timeout null",
    () => call(scheduler.stop.bind(scheduler), { timeout: null }),
    "INVALID_OPTION",
    "timeout",
  ],
  ["stop: timeout NaN", () => scheduler.stop({ timeout: Number.NaN }), "INVALID_OPTION", "timeout"],
  ["stop: timeout negative", () => scheduler.stop({ timeout: -1 }), "INVALID_OPTION", "timeout"],
  ["stop: timeout a fraction", () => scheduler.stop({ timeout: 0.5 }), "INVALID_OPTION", "timeout"],
  ["stop: timeout a word", () => scheduler.stop({ timeout: "soon" }), "INVALID_OPTION", "timeout"],

  ["enqueue: options null", enqueue(null), "INVALID_OPTION", "options"],
  ["enqueue: unknown option", enqueue({ retries: 3 }), "INVALID_OPTION", "options.retries"],
  ["enqueue: X1 task with a tilde", enqueue({}, "~task"), "INVALID_NAME", "task"],
  ["enqueue: id with an @", enqueue({ id: "job@1" }), "INVALID_NAME", "id"],
  ...noInstants.map(
    ([what, at]) => [`enqueue: at ${what}`, enqueue({ at }), "INVALID_OPTION", "at"] as const,
  ),
  ["enqueue: at null", enqueue({ at: null }), "INVALID_OPTION", "at"],
  ["enqueue: delay null", enqueue({ delay: null }), "INVALID_OPTION", "delay"],
  ["enqueue: delay a word", enqueue({ delay: "soon" }), "INVALID_OPTION", "delay"],
  ["enqueue: delay over a century", enqueue({ delay: 3_155_760_000_001 }), "INVALID_OPTION", "delay"],
  ["enqueue: delay negative", enqueue({ delay: -1 }), "INVALID_OPTION", "delay"],
  ["enqueue: delay a fraction", enqueue({ delay: 1.5 }), "INVALID_OPTION", "delay"],
  ["enqueue: at and delay", enqueue({ at: new Date(), delay: 1 }), "INVALID_OPTION", "delay"],
  ["enqueue: priority NaN", enqueue({ priority: Number.NaN }), "INVALID_OPTION", "priority"],
  ["enqueue: queue null character", enqueue({ queue: "a\0" }), "INVALID_NAME", "queue"],
  ["enqueue: X3 input too large", enqueue({ input: huge }), "INPUT_TOO_LARGE", "input"],
  ["enqueue: refused by the task's schema", enqueue({ input: "x" }, "strict"), "INVALID_INPUT", "input.n"],
  [
    "enqueueMany: no list",
    () => call(scheduler.enqueueMany.bind(scheduler), "task", {}),
    ...(["INVALID_OPTION", "runs"] as const),
  ],
  [
    "enqueueMany: one good, one bad",
    () => call(scheduler.enqueueMany.bind(scheduler), "task", [{}, { priority: "x" }]),
    ...(["INVALID_OPTION", "priority"] as const),
  ],
  [
    "enqueueMany: one good, one null",
    () => call(scheduler.enqueueMany.bind(scheduler), "task", [{}, null]),
    ...(["INVALID_OPTION", "options[1]"] as const),
  ],

  ["job: bad id", () => call(scheduler.job.bind(scheduler), "a b"), "INVALID_NAME", "job id"],
  ["job.history: limit 0", () => scheduler.job("a").history({ limit: 0 }), "INVALID_OPTION", "limit"],
  ["job.nextFireTimes: 0", () => scheduler.job("a").nextFireTimes(0), "INVALID_OPTION", "count"],
  ["run: no id", () => call(scheduler.run.bind(scheduler), undefined), "INVALID_OPTION", "run id"],
  ["run: bad id", () => scheduler.run("a@b"), "INVALID_OPTION", "run id"],
  ["jobs: unknown filter", () => scheduler.jobs({ tags: "a" } as never), "INVALID_OPTION", "filter.tags"],
  ["jobs: bad state", () => scheduler.jobs({ state: "late" as never }), "INVALID_OPTION", "filter.state"],
  ["jobs: bad tag", () => scheduler.jobs({ tag: "a b" }), "INVALID_NAME", "filter.tag"],
  ["finishedRuns: limit 0", () => scheduler.finishedRuns("task", 0), "INVALID_OPTION", "limit"],

  ...sharedFaults.map(
    ([name, options, path, code = "INVALID_OPTION"]) =>
      [`enqueue: ${name}`, enqueue(options), code, path] as const,
  ),
  ...["startAt", "endAt", "maxRuns", "jitter", "overlap", "retain"].map(
    (name) =>
      [`enqueue: ${name} is for jobs`, enqueue({ [name]: 1 }), "INVALID_OPTION", `options.${name}`] as const,
  ),
  ...jobFaults.map(
    ([name, options, path, code = "INVALID_OPTION"]) =>
      [`schedule: ${name}`, job(options), code, path] as const,
  ),
  [
    "apply: one good, one that would retry for ever",
    () =>
      call(scheduler.apply.bind(scheduler), [
        { task: "task", id: "good", trigger: hourly },
        { task: "task", id: "bad", trigger: hourly, retry: { attempts: 1 / 0 } },
      ]),
    ...(["INVALID_OPTION", "retry.attempts"] as const),
  ],

  ["task: retryIf true", task("t6", { retryIf: true }, () => 1), "INVALID_OPTION", "options.retryIf"],
  ["task: retryIf null", task("t7", { retryIf: null }, () => 1), "INVALID_OPTION", "options.retryIf"],
  ["task: backoffs null", task("t8", { backoffs: null }, () => 1), "INVALID_OPTION", "options.backoffs"],
  [
    "task: backoffs a function",
    task("t9", { backoffs: () => 1 }, () => 1),
    "INVALID_OPTION",
    "options.backoffs",
  ],
  [
    "task: a backoff of ms",
    task("t10", { backoffs: { a: 5 } }, () => 1),
    "INVALID_OPTION",
    "options.backoffs.a",
  ],
  [
    "task: one backoff good, one null",
    task("t11", { backoffs: { a: () => 1, b: null } }, () => 1),
    ...(["INVALID_OPTION", "options.backoffs.b"] as const),
  ],
  ["task: limit 0", task("t12", { limit: 0 }, () => 1), "INVALID_OPTION", "options.limit.max"],
  ["createScheduler: limit 0", create({ limit: 0 }), "INVALID_OPTION", "limit.max"],
  ["createScheduler: limit a word", create({ limit: "5" }), "INVALID_OPTION", "limit"],
  [
    "createScheduler: a queue's limit",
    create({ queues: [{ name: "a", limit: { max: 1, whenFull: "drop" } }] }),
    ...(["INVALID_OPTION", "queues[0].limit.whenFull"] as const),
  ],

  ...["", "x".repeat(201), 5, null, {}].map(
    (reason) =>
      [
        `cancel: reason ${show(reason).slice(0, 20)}`,
        cancel({ reason }),
        "INVALID_OPTION",
        "reason",
      ] as const,
  ),
  ["cancel: options null", cancel(null), "INVALID_OPTION", "options"],
  ["cancel: a reason alone", cancel("because"), "INVALID_OPTION", "options"],
  ["cancel: unknown option", cancel({ force: true }), "INVALID_OPTION", "options.force"],
  ...(["deadLetters", "redrive", "removeDeadLetters"] as const).flatMap((name) => [
    ...[0, -1, 1.5, 1001, Number.NaN, 1 / 0, "5", null].map(
      (limit) =>
        [`${name}: limit ${String(limit)}`, dead(name, { limit }), "INVALID_OPTION", "limit"] as const,
    ),
    ...["", "a b", "{a}", "a*", 5, null].map(
      (queue) => [`${name}: queue ${show(queue)}`, dead(name, { queue }), "INVALID_NAME", "queue"] as const,
    ),
    [`${name}: options null`, dead(name, null), "INVALID_OPTION", "options"] as const,
    [`${name}: a queue alone`, dead(name, "default"), "INVALID_OPTION", "options"] as const,
    [`${name}: unknown option`, dead(name, { task: "a" }), "INVALID_OPTION", "options.task"] as const,
  ]),
];

const nulls: readonly string[] = [
  ...["redis", "namespace", "roles", "queues", "concurrency", "voters", "lookahead", "deadline", "retain"],
  ...["maxInput", "allowEviction", "catchCrashes", "events"],
];
const jobNulls: readonly string[] = [
  ...["misfire", "overlap", "priority", "delivery", "maxLost", "timeout", "tags", "queue", "onConflict"],
  ...[
    "retry",
    "deadLetter",
    "startAt",
    "endAt",
    "maxRuns",
    "jitter",
    "concurrencyKey",
    "retain",
    "whenExhausted",
  ],
];
test.each(nulls)("createScheduler: %s null is no way to leave it out", async (name) => {
  expect(await thrownBy(create({ [name]: null }))).toMatchObject({ name: "InvalidOptionError", path: name });
});
test.each(jobNulls)("schedule: %s null is no way to leave it out", async (name) => {
  expect(await thrownBy(job({ [name]: null }))).toMatchObject({ name: "InvalidOptionError", path: name });
});

test("apply tells which of the jobs is at fault", async () => {
  const jobs = [
    { task: "task", id: "good", trigger: hourly },
    { task: "task", id: "bad", trigger: { type: "cron", expr: "0 0 30 2 *" } },
  ];
  const error = await thrownBy(() => call(scheduler.apply.bind(scheduler), jobs));
  expect((error as Error).message).toMatch(/^jobs\[1\] \("bad"\): /);
  const second = await thrownBy(() =>
    call(scheduler.apply.bind(scheduler), [jobs[0], { task: "a b", id: 5 }]),
  );
  expect((second as Error).message).toMatch(/^jobs\[1\]: task: /);
});

const thrownBy = async (what: () => unknown): Promise<unknown> => {
  try {
    await what();
  } catch (error) {
    return error;
  }
  throw new Error("nothing was thrown");
};

describe("X1, X2, X3: what cannot be used is refused with a code, and nothing is stored", () => {
  test.each(rows)("%s", async (_name, what, code, path) => {
    const error = await thrownBy(what);
    expect(error).toMatchObject({ code });
    if (path !== "-") {
      expect(error).toBeInstanceOf(InvalidOptionError);
      expect((error as InvalidOptionError).path).toBe(path);
    }
    const { message } = error as Error;
    // biome-ignore lint/suspicious/noControlCharactersInRegex: X5, what a terminal would act on
    expect(message).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f]/);
    expect(message.length).toBeLessThan(500);
    expect(await server.client().keys(`escapement:{${namespace}}:*`)).toEqual([]);
  });

  test("there are enough rows", () => expect(rows.length).toBeGreaterThanOrEqual(300));

  test("an own __proto__ in options is an unknown option", async () => {
    const options = JSON.parse(
      '{"id":"job","trigger":{"type":"every","interval":1000},"__proto__":{}}',
    ) as object;
    expect(await thrownBy(() => schedule(options))).toMatchObject({ path: "options.__proto__" });
  });
});

describe("an update with a value that cannot be used leaves the job as it was", () => {
  const other = uniqueNamespace("bad-update");
  let client: Scheduler;
  beforeAll(async () => {
    client = createScheduler({ redis: server.url, namespace: other, logger: silentLogger });
    await client.schedule("task", {
      ...{
        id: "job",
        trigger: hourly,
        input: { n: 1 },
        tags: ["a"],
        overlap: "queue-one",
        maxRuns: 5,
        jitter: "1m",
      },
      ...{ startAt: "2031-01-01T00:00:00Z", endAt: "2035-01-01T00:00:00Z" },
      retry: { attempts: 3, backoff: { type: "fixed", delay: "5s" }, jitter: 0.5 },
    });
  });
  afterAll(() => client.stop());

  const stored = async (): Promise<unknown> => {
    const redis = server.client();
    const keys = await redis.keys(`escapement:{${other}}:*`);
    return Promise.all(keys.sort().map(async (key) => [key, (await redis.dumpBuffer(key))?.toString("hex")]));
  };
  const faults: readonly Fault[] = [
    ...jobFaults,
    ["endAt before the stored startAt", { endAt: "2030-12-31T23:59:59Z" }, "endAt"],
    ["startAt after the stored endAt", { startAt: "2035-01-01T00:00:00.001Z" }, "endAt"],
    ["another trigger, after the stored endAt", { trigger: once(new Date("2036-01-01")) }, "endAt"],
    ["no trigger", { trigger: undefined }, "trigger"],
    ["one good, one bad", { priority: 5, maxRuns: 0 }, "maxRuns"],
    ["id", { id: "other" }, "changes.id"],
    ["task", { task: "other" }, "changes.task"],
    ["onConflict", { onConflict: "keep" }, "changes.onConflict"],
    ["input too large", { input: huge }, "input", "INPUT_TOO_LARGE"],
    ["input NaN", { input: Number.NaN }, "input", "INVALID_INPUT"],
    ["queue", { queue: "{a}" }, "queue", "INVALID_NAME"],
    ...jobNulls
      .filter((name) => name !== "onConflict")
      .map(
        (name): Fault => [
          `${name} null`,
          { [name]: null },
          name,
          /queue|Key/.test(name) ? "INVALID_NAME" : "INVALID_OPTION",
        ],
      ),
  ];
  test.each(faults)("%s", async (_name, changes, path, code = "INVALID_OPTION") => {
    const before = await stored();
    const error = await thrownBy(() => call(client.job("job").update, changes));
    expect(error).toBeInstanceOf(InvalidOptionError);
    expect(error).toMatchObject({ code, path });
    expect(await stored()).toEqual(before);
  });

  test("and it can be updated as before", async () => {
    await client.job("job").update({ maxRuns: 6 });
    expect(await client.job("job").get()).toMatchObject({
      ...{ maxRuns: 6, jitter: 60_000, overlap: "queue-one", version: 2, input: { n: 1 } },
      retry: { attempts: 3, jitter: 0.5 },
    });
  });
});

describe("values that do something when they are read", () => {
  const thrower = (thrown: unknown): object =>
    Object.defineProperty({ id: "job" }, "trigger", {
      enumerable: true,
      get() {
        throw thrown;
      },
    });
  const revoked = (): object => {
    const { proxy, revoke } = Proxy.revocable({}, {});
    revoke();
    return proxy;
  };
  test.each<[string, () => unknown]>([
    ["an accessor that throws", () => schedule(thrower(new Error("x")))],
    ["one that throws nothing at all", () => schedule(thrower(null))],
    ["a proxy that has been revoked, as options", () => schedule(revoked())],
    ["as a list of runs", () => call(scheduler.enqueueMany.bind(scheduler), "task", revoked())],
    ["as a list of jobs", () => call(scheduler.apply.bind(scheduler), revoked())],
    ["as tags", job({ tags: revoked() })],
    ["as where events begin", events({ since: revoked() })],
    ["as a task", enqueue({}, revoked())],
    ["as a task's functions", task("other", { backoffs: revoked() }, () => undefined)],
    [
      "a toJSON that throws nothing",
      job({
        input: {
          toJSON: () => {
            throw null;
          },
        },
      }),
    ],
    [
      "a list of four billion runs that are none",
      () => call(scheduler.enqueueMany.bind(scheduler), "task", new Array(2 ** 32 - 1)),
    ],
    [
      "a list of four billion jobs that are none",
      () => call(scheduler.apply.bind(scheduler), new Array(2 ** 32 - 1)),
    ],
  ])("%s, are refused as any other", async (_name, what) => {
    expect(await thrownBy(what)).toBeInstanceOf(InvalidOptionError);
    expect(await server.client().keys(`escapement:{${namespace}}:*`)).toEqual([]);
  });

  test("are read once: what they say the next time does not count", async () => {
    const own = createScheduler({
      redis: server.url,
      namespace: uniqueNamespace("bad-input"),
      logger: silentLogger,
    });
    const ids = ["first", "second", "third"];
    const options = {
      trigger: hourly,
      get id() {
        return ids.shift() ?? "last";
      },
    };
    expect(await own.schedule("task", options)).toMatchObject({ id: "first" });
    expect(ids).toEqual(["second", "third"]);
    await own.stop();
  });

  test("of a task are read once: a limit that is changed afterwards keeps no run from starting, and no outcome from being told", async () => {
    const node = createScheduler({
      redis: server.url,
      namespace: uniqueNamespace("bad-input"),
      logger: silentLogger,
    });
    const options = { limit: { max: 1 }, rateLimit: { max: 10_000, per: "1s" }, backoffs: { own: () => 1 } };
    const task = node.task("task", options, ({ id }) => {
      Object.assign(options.limit, { max: -1 });
      Object.assign(options.rateLimit, { max: -1 });
      Object.assign(options.backoffs, { own: "never" });
      return id;
    });
    await node.start();
    for (const id of ["one", "two"])
      expect(await (await node.enqueue(task, { id })).result({ timeout: 5000 })).toBe(id);
    expect(task.options.backoffs?.["own"]).toBeTypeOf("function");
    await node.stop();
  });

  test("an input with a method `then` is stored as any other, and not waited for", async () => {
    const own = createScheduler({
      redis: server.url,
      namespace: uniqueNamespace("bad-input"),
      logger: silentLogger,
    });
    const input = { text: "x", then: () => undefined };
    expect(await own.schedule("task", { id: "job", trigger: hourly, input })).toMatchObject({
      input: { text: "x" },
    });
    await own.stop();
  });
});

test("X5: a Redis URL's password stands in no message", async () => {
  for (const redis of ["http://user:s3cret@host", "redis://user:s3cret@"]) {
    const error = await thrownBy(create({ redis }));
    expect(JSON.stringify([(error as Error).message, String((error as Error).cause)])).not.toContain(
      "s3cret",
    );
  }
  const wrong = createScheduler({
    redis: "redis://user:s3cret@127.0.0.1:1",
    namespace,
    deadline: 300,
    logger: silentLogger,
  });
  const error = (await thrownBy(() => wrong.start())) as Error;
  expect(error).toMatchObject({ code: "REDIS_UNAVAILABLE" });
  expect(error.message).not.toContain("s3cret");
  await wrong.stop();
});
