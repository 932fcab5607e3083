import fc from "fast-check";
import type { Scheduler } from "../../src/index.js";
import { createScheduler, defineJobs } from "../../src/index.js";
import { definition, enqueued, trigger } from "./definitions.js";
import { hostile, id, name, nearly } from "./values.js";

/** One call of the API with whatever arguments; what defines jobs is drawn with more care in defining.ts. */
export interface Call {
  readonly what: string;
  readonly args: readonly unknown[];
}

type Any = (...values: unknown[]) => unknown;
type Calls = Readonly<Record<string, readonly [args: readonly fc.Arbitrary<unknown>[], Any]>>;

const maybe = (arbitrary: fc.Arbitrary<unknown>): fc.Arbitrary<unknown> =>
  fc.oneof(
    { weight: 3, arbitrary },
    { weight: 1, arbitrary: fc.constant(undefined) },
    { weight: 1, arbitrary: hostile },
  );
const moment = fc.oneof(
  fc.constantFrom("2026-01-01T00:00:00Z", 1_770_000_000_000, new Date("2026-06-01"), "now", "missed"),
  hostile,
);
const pausing = nearly({
  reason: fc.oneof(fc.string(), hostile),
  for: fc.constantFrom("1h", 3_600_000),
  by: fc.string(),
});
const resuming = nearly({ from: moment, by: fc.string() });
const target = fc.oneof(
  fc.constant("all"),
  nearly({ job: id }),
  nearly({ tag: name }),
  nearly({ queue: name }),
  nearly({ task: name }),
  nearly({ node: name }),
  nearly({ job: id, tag: name }),
);
const filter = nearly({
  match: fc.oneof(fc.constantFrom("*", "a*", "?", "**", "[", "a".repeat(200), "*".repeat(200)), hostile),
  ...{ tag: name, queue: name, task: name, state: fc.constantFrom("paused", "errored", "happy") },
});
const count = nearly({ limit: fc.oneof(fc.constantFrom(1, 100, 10_001), hostile) });
const letters = nearly({ queue: name, limit: fc.oneof(fc.constantFrom(1, 10), hostile) });
const past = nearly({
  from: moment,
  to: moment,
  max: fc.oneof(fc.constantFrom(1, 5), hostile),
  overlap: name,
});
const runId = fc.oneof(fc.constantFrom("r1", "r2", "a@1770000000000", "b@1", "@", "a@"), id);

/** What an iteration gives, up to a hundred. */
async function take(items: unknown): Promise<unknown[]> {
  const taken: unknown[] = [];
  for await (const item of items as AsyncIterable<unknown>) if (taken.push(item) >= 100) break;
  return taken;
}

/** What is kept of the events; of whatever else is not followed, only whether it is taken. */
async function readEvents(events: Any, options: unknown): Promise<unknown> {
  if (isPlain(options)) {
    // Accessors that throw are for the scheduler to read.
    const own = { ...Object.getOwnPropertyDescriptors(options), follow: { value: false, enumerable: true } };
    return take(events(Object.create(null, own)));
  }
  return (events(options) as AsyncGenerator<unknown>).return(undefined);
}

function callsOf(scheduler: Scheduler, extra: () => object): Calls {
  const any = scheduler as unknown as Record<string, Any>;
  const on =
    (method: string): Any =>
    (...args) =>
      any[method]?.apply(scheduler, args);
  const ofJob =
    (method: string): Any =>
    (which, ...args) =>
      (scheduler.job(which as string) as unknown as Record<string, Any>)[method]?.(...args);
  const ofRun =
    (method: string): Any =>
    (which, ...args) =>
      (scheduler.run(which as string) as unknown as Record<string, Any>)[method]?.(...args);
  const ofGroup =
    (method: string): Any =>
    (which, ...args) =>
      (scheduler.group(which as object) as unknown as Record<string, Any>)[method]?.(...args);
  return {
    enqueue: [[name, enqueued], on("enqueue")],
    enqueueMany: [[name, maybe(fc.array(enqueued, { maxLength: 3 }))], on("enqueueMany")],
    apply: [
      [
        maybe(fc.array(definition, { maxLength: 3 })),
        maybe(nearly({ prune: fc.boolean(), onConflict: name })),
      ],
      on("apply"),
    ],
    "apply a set": [
      [
        nearly({ name, version: fc.nat(5), jobs: fc.array(definition, { maxLength: 3 }) }),
        maybe(nearly({ force: fc.boolean(), dryRun: fc.boolean() })),
      ],
      (set, options) => any["apply"]?.call(scheduler, defineJobs(set as never), options),
    ],
    "job.update of a trigger": [[id, nearly({ trigger })], ofJob("update")],
    "job.runNow": [[id, maybe(nearly({ force: fc.boolean() }))], ofJob("runNow")],
    "job.backfill": [[id, past], ofJob("backfill")],
    "job.pause": [[id, pausing], ofJob("pause")],
    "job.resume": [[id, maybe(resuming)], ofJob("resume")],
    "job.remove": [[id, maybe(nearly({ cancelRunning: fc.boolean() }))], ofJob("remove")],
    "job.get": [[id], ofJob("get")],
    "job.nextFireTimes": [[id, maybe(fc.nat(1100))], ofJob("nextFireTimes")],
    "job.history": [[id, maybe(count)], ofJob("history")],
    jobs: [[maybe(filter)], (of) => take(any["jobs"]?.call(scheduler, of))],
    "group.update": [[filter, nearly({ priority: fc.nat(10) })], ofGroup("update")],
    "group.pause": [[filter, pausing], ofGroup("pause")],
    "group.resume": [[filter, maybe(resuming)], ofGroup("resume")],
    "group.runNow": [[filter, maybe(nearly({ force: fc.boolean() }))], ofGroup("runNow")],
    "run.get": [[runId], ofRun("get")],
    "run.cancel": [[runId, maybe(nearly({ reason: fc.oneof(fc.string(), hostile) }))], ofRun("cancel")],
    "run.retry": [[runId], ofRun("retry")],
    "run.logs": [[runId, maybe(nearly({ limit: fc.nat(1100), since: name }))], ofRun("logs")],
    "run.result": [
      [
        runId,
        nearly({ timeout: fc.constantFrom(1, 0, "5ms", -1, Number.NaN, "soon", null) }).filter(isShort),
      ],
      ofRun("result"),
    ],
    pause: [[target, pausing], on("pause")],
    resume: [[target, maybe(resuming)], on("resume")],
    pauses: [[], on("pauses")],
    events: [
      [nearly({ since: fc.oneof(fc.constantFrom("start", "0-0", "1-1.1", "a.b"), moment) })],
      (options) => readEvents(any["events"]?.bind(scheduler) as Any, options),
    ],
    finishedRuns: [[name, maybe(fc.nat(10))], on("finishedRuns")],
    unfinishedRuns: [[target, maybe(fc.nat(10))], on("unfinishedRuns")],
    deadLetters: [[maybe(letters)], on("deadLetters")],
    redrive: [[maybe(letters)], on("redrive")],
    removeDeadLetters: [[maybe(letters)], on("removeDeadLetters")],
    nextFireTimes: [
      [maybe(nearly({ count: fc.nat(20), until: moment, match: name, tag: name }))],
      on("nextFireTimes"),
    ],
    activeRuns: [[maybe(fc.nat(10))], on("activeRuns")],
    task: [
      [
        id,
        maybe(nearly({ input: hostile, limit: hostile, backoffs: hostile })),
        maybe(fc.constant(() => undefined)),
      ],
      on("task"),
    ],
    createScheduler: [
      [nearly({ ...settings, ...extra() })],
      (options) => createScheduler(options as never).stop(),
    ],
    stop: [[hostile], (options) => createScheduler({ redis: "redis://127.0.0.1:1" }).stop(options as never)],
    on: [[name, hostile], (event, listener) => any["on"]?.call(scheduler, event, listener)],
  };
}

const settings = {
  namespace: fc.oneof(name, fc.constantFrom("a:1", "{a}")),
  redis: fc.oneof(
    hostile,
    fc.constantFrom("redis://:s3cret-pass@127.0.0.1:1", "http://u:s3cret-pass@h", "rediss://:s3cret-pass@"),
  ),
  roles: hostile,
  queues: hostile,
  limit: hostile,
  concurrency: hostile,
  voters: fc.oneof(hostile, fc.constant(["redis://:s3cret-pass@127.0.0.1:1", "redis://127.0.0.1:2"])),
  lookahead: hostile,
  retain: hostile,
  events: hostile,
  maxInput: hostile,
  logger: hostile,
};

/** A wait that ends soon, or none that can be. */
function isShort(options: unknown): boolean {
  return !isPlain(options) || "timeout" in options;
}

function isPlain(value: unknown): value is Record<string, unknown> {
  try {
    const prototype: unknown = Object.getPrototypeOf(value);
    return (prototype === null || prototype === Object.prototype) && Object.keys(value as object).length < 10;
  } catch {
    return false;
  }
}

/** Calls of all kinds, and what carries one out. */
export function callsAt(scheduler: Scheduler): {
  readonly calls: fc.Arbitrary<Call>;
  carryOut(call: Call): Promise<unknown>;
} {
  const all = callsOf(scheduler, () => ({}));
  const calls = fc.oneof(
    ...Object.entries(all).map(([what, [args]]) =>
      fc.tuple(...args).map((given): Call => ({ what, args: given })),
    ),
  );
  return { calls, carryOut: async ({ what, args }) => all[what]?.[1](...args) };
}
