import { type JobStore, startJobStore, uniqueNamespace } from "@escapement/testing";
import { every } from "@escapement/triggers";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { silentLogger } from "../test/silent-logger.js";
import { createScheduler, defineJobs, InvalidOptionError, type Scheduler } from "./index.js";

let server: JobStore;
let scheduler: Scheduler;
const namespace = uniqueNamespace("bad-set");
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
    validate: (value: unknown) =>
      typeof value === "number" ? { value } : { issues: [{ message: "no number", path: ["n"] }] },
  },
};
type Any = (...values: never[]) => unknown;
/** Whatever the types say. */
const call = (method: unknown, ...values: unknown[]): unknown => (method as Any)(...(values as never[]));
const good = { task: "task", id: "good", trigger: every("1h") };
const declare =
  (set: unknown): (() => unknown) =>
  () =>
    call(defineJobs, set);
const jobs = (...declared: unknown[]): (() => unknown) => declare({ version: 1, jobs: declared });
const apply =
  (what: unknown, ...options: unknown[]): (() => unknown) =>
  () =>
    call(scheduler.apply.bind(scheduler), what, ...options);
const group =
  (filter: unknown): (() => unknown) =>
  () =>
    call(scheduler.group.bind(scheduler), filter);
const all = (): unknown => scheduler.group({ tag: "a" });
const set = { version: 1, jobs: [good] };

type Row = readonly [name: string, what: () => unknown, code: string, path: string];

const rows: readonly Row[] = [
  ["defineJobs: nothing", declare(undefined), "INVALID_OPTION", "set"],
  ["defineJobs: null", declare(null), "INVALID_OPTION", "set"],
  ["defineJobs: a list", declare([good]), "INVALID_OPTION", "set"],
  ["defineJobs: unknown option", declare({ ...set, prune: true }), "INVALID_OPTION", "set.prune"],
  ["defineJobs: no version", declare({ jobs: [good] }), "INVALID_OPTION", "version"],
  ...[-1, 1.5, 2 ** 53, Number.NaN, 1 / 0, "1", "1.2.3", null, 1n, new Date(5), true].map(
    (version) =>
      [
        `defineJobs: version ${typeof version} ${String(version)}`,
        declare({ ...set, version }),
        "INVALID_OPTION",
        "version",
      ] as const,
  ),
  ...["", "a b", "{a}", "a*", "a\u0000", "x".repeat(129), 5, null, {}].map(
    (name) =>
      [
        `defineJobs: name ${JSON.stringify(name).slice(0, 20)}`,
        declare({ ...set, name }),
        "INVALID_NAME",
        "name",
      ] as const,
  ),
  ...[undefined, null, {}, "jobs", good].map(
    (list) =>
      [
        `defineJobs: jobs ${JSON.stringify(list)}`,
        declare({ version: 1, jobs: list }),
        "INVALID_OPTION",
        "jobs",
      ] as const,
  ),
  ["defineJobs: a job null", jobs(good, null), "INVALID_OPTION", "jobs[1]"],
  ["defineJobs: a job's id alone", jobs("good"), "INVALID_OPTION", "jobs[0]"],
  ["defineJobs: no task", jobs({ ...good, task: undefined }), "INVALID_NAME", "task"],
  ["defineJobs: task with a space", jobs({ ...good, task: "a b" }), "INVALID_NAME", "task"],
  ["defineJobs: no id", jobs({ ...good, id: undefined }), "INVALID_NAME", "id"],
  ["defineJobs: X1 id with an @", jobs({ ...good, id: "a@b" }), "INVALID_NAME", "id"],
  ["defineJobs: no trigger", jobs({ ...good, trigger: undefined }), "INVALID_OPTION", "trigger"],
  [
    "defineJobs: one good, one bad",
    jobs(good, { ...good, id: "b", priority: "x" }),
    "INVALID_OPTION",
    "priority",
  ],
  [
    "defineJobs: retry.attempts 0",
    jobs({ ...good, retry: { attempts: 0 } }),
    "INVALID_OPTION",
    "retry.attempts",
  ],
  [
    "defineJobs: misfire.grace null",
    jobs({ ...good, misfire: { grace: null } }),
    "INVALID_OPTION",
    "misfire.grace",
  ],
  ["defineJobs: unknown option of a job", jobs({ ...good, retries: 3 }), "INVALID_OPTION", "options.retries"],
  ["defineJobs: the same id twice", jobs(good, { ...good, task: "other" }), "INVALID_OPTION", "id"],
  ["defineJobs: onConflict error", jobs({ ...good, onConflict: "error" }), "INVALID_OPTION", "onConflict"],
  [
    "defineJobs: a job that removes itself",
    jobs({ ...good, whenExhausted: "remove" }),
    ...(["INVALID_OPTION", "whenExhausted"] as const),
  ],
  ["defineJobs: onConflict null", jobs({ ...good, onConflict: null }), "INVALID_OPTION", "onConflict"],
  ["defineJobs: input circular", jobs({ ...good, input: circular() }), "INVALID_INPUT", "input"],

  ["apply: a set without a version", apply({ jobs: [good] }), "INVALID_OPTION", "version"],
  ["apply: a set's version a text", apply({ version: "2", jobs: [good] }), "INVALID_OPTION", "version"],
  ["apply: a set of no list", apply({ version: 1, jobs: good }), "INVALID_OPTION", "jobs"],
  ["apply: an object that is no set", apply({ version: 1 }), "INVALID_OPTION", "jobs"],
  ["apply: a set and null", apply(set, null), "INVALID_OPTION", "options"],
  ["apply: a set and an unknown option", apply(set, { forced: true }), "INVALID_OPTION", "options.forced"],
  ["apply: a set to be pruned", apply(set, { prune: { tag: "a" } }), "INVALID_OPTION", "prune"],
  ["apply: a list by force", apply([good], { force: true }), "INVALID_OPTION", "force"],
  ["apply: a list not by force", apply([good], { force: false }), "INVALID_OPTION", "force"],
  ...[1, "yes", null].flatMap((value) => [
    [`apply: force ${value}`, apply(set, { force: value }), "INVALID_OPTION", "force"] as const,
    [`apply: dryRun ${value}`, apply(set, { dryRun: value }), "INVALID_OPTION", "dryRun"] as const,
    [
      `apply: dryRun ${value} of a list`,
      apply([good], { dryRun: value }),
      "INVALID_OPTION",
      "dryRun",
    ] as const,
  ]),
  [
    "apply: a set with an input that a task's schema refuses",
    apply({ version: 1, jobs: [good, { ...good, id: "b", task: "strict", input: "x" }] }),
    ...(["INVALID_INPUT", "input.n"] as const),
  ],
  [
    "apply: a set with too large an input",
    apply({ version: 1, jobs: [good, { ...good, id: "b", input: "x".repeat(70_000) }] }),
    ...(["INPUT_TOO_LARGE", "input"] as const),
  ],
  [
    "apply: dry run, one good, one bad",
    apply([good, { ...good, id: "b", priority: 1e9 }], { dryRun: true }),
    ...(["INVALID_OPTION", "priority"] as const),
  ],

  ["group: nothing", group(undefined), "INVALID_OPTION", "filter"],
  ["group: null", group(null), "INVALID_OPTION", "filter"],
  ["group: a tag alone", group("tag"), "INVALID_OPTION", "filter"],
  ["group: an empty filter", group({}), "INVALID_OPTION", "filter"],
  [
    "group: a filter of undefined",
    group({ tag: undefined, queue: undefined, task: undefined, state: undefined }),
    ...(["INVALID_OPTION", "filter"] as const),
  ],
  ["group: unknown filter", group({ tags: "a" }), "INVALID_OPTION", "filter.tags"],
  ["group: one known, one unknown", group({ tag: "a", id: "b" }), "INVALID_OPTION", "filter.id"],
  ...(["tag", "queue", "task"] as const).flatMap((name) =>
    ["", "a b", "*", null, 5].map(
      (value) =>
        [`group: ${name} ${value}`, group({ [name]: value }), "INVALID_NAME", `filter.${name}`] as const,
    ),
  ),
  ...["late", null, ""].map(
    (state) => [`group: state ${state}`, group({ state }), "INVALID_OPTION", "filter.state"] as const,
  ),
  ["group.update: null", () => call((all() as Group).update, null), "INVALID_OPTION", "changes"],
  ["group.update: nothing", () => call((all() as Group).update), "INVALID_OPTION", "changes"],
  ["group.update: id", () => call((all() as Group).update, { id: "x" }), "INVALID_OPTION", "changes.id"],
  [
    "group.update: task",
    () => call((all() as Group).update, { task: "x" }),
    "INVALID_OPTION",
    "changes.task",
  ],
  [
    "group.update: unknown",
    () => call((all() as Group).update, { prio: 1 }),
    "INVALID_OPTION",
    "changes.prio",
  ],
  ["group.backfill: nothing", () => call((all() as Group).backfill), "INVALID_OPTION", "options"],
  [
    "group.backfill: unknown",
    () => call((all() as Group).backfill, { since: 1 }),
    "INVALID_OPTION",
    "options.since",
  ],
];

type Group = ReturnType<Scheduler["group"]>;

function circular(): unknown {
  const value: Record<string, unknown> = {};
  value["self"] = value;
  return value;
}

const thrownBy = async (what: () => unknown): Promise<unknown> => {
  try {
    await what();
  } catch (error) {
    return error;
  }
  throw new Error("nothing was thrown");
};

describe("X1, X2, X3: a set, an apply or a group that cannot be is refused with code and path, and nothing is stored", () => {
  test.each(rows)("%s", async (_name, what, code, path) => {
    const error = await thrownBy(what);
    expect(error).toBeInstanceOf(InvalidOptionError);
    expect(error).toMatchObject({ code, path });
    expect((error as Error).message.length).toBeLessThan(500);
    expect(await server.client().keys(`escapement:{${namespace}}:*`)).toEqual([]);
  });

  test("a set's message says which of its jobs is at fault", async () => {
    const error = await thrownBy(jobs(good, { ...good, id: "bad", priority: "x" }));
    expect((error as Error).message).toMatch(/^jobs\[1\] \("bad"\): priority: /);
  });
});
