import { type JobStore, startJobStore, uniqueNamespace } from "@escapement/testing";
import { every } from "@escapement/triggers";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { silentLogger } from "../test/silent-logger.js";
import { createScheduler, EscapementError, InvalidOptionError, type Scheduler } from "./index.js";

let server: JobStore;
let scheduler: Scheduler;
const namespace = uniqueNamespace("bad-arguments");
beforeAll(async () => {
  server = await startJobStore();
  scheduler = createScheduler({ redis: server.url, namespace, logger: silentLogger });
});
afterAll(async () => {
  await scheduler.stop();
  await server.stop();
});

type Any = (...values: never[]) => unknown;
/** Whatever the types say. */
const call = (method: unknown, ...values: unknown[]): unknown => (method as Any)(...(values as never[]));
const throwing = {
  get field() {
    throw new Error("boom");
  },
};
const noOptions = [null, 5, "5", true, [], () => 1, new Map(), new Date(), Promise.resolve({})];

const run = (): ReturnType<Scheduler["run"]> => scheduler.run("run");
const job = (): ReturnType<Scheduler["job"]> => scheduler.job("job");
const methods: readonly (readonly [string, string, (value: unknown) => unknown])[] = [
  ["schedule", "options", (value) => call(scheduler.schedule.bind(scheduler), "task", value)],
  ["misfire", "misfire", (value) => schedule({ misfire: value })],
  ["retain", "retain", (value) => schedule({ retain: value })],
  ["update", "changes", (value) => call(job().update, value)],
  ["history", "options", (value) => call(job().history, value)],
  ["result", "options", (value) => call(run().result, value)],
  ["resume", "options", (value) => call(scheduler.resume.bind(scheduler), "all", value)],
  ["job.resume", "options", (value) => call(job().resume, value)],
  ["job.pause", "options", (value) => call(job().pause, value)],
  ["unfinishedRuns", "of", (value) => call(scheduler.unfinishedRuns.bind(scheduler), value)],
  ["createScheduler", "options", (value) => call(createScheduler, value)],
];
const rows = methods.flatMap(([name, path, what]) => noOptions.map((value) => [name, path, what, value]));
const schedule = (options: object): unknown =>
  call(scheduler.schedule.bind(scheduler), "task", { id: "job", trigger: every("1h"), ...options });

const thrownBy = async (what: () => unknown): Promise<unknown> => {
  try {
    await what();
  } catch (error) {
    return error;
  }
  throw new Error("nothing was thrown");
};

const refusal = async (what: () => unknown, path: string, code = "INVALID_OPTION"): Promise<void> => {
  const error = await thrownBy(what);
  expect(error).toBeInstanceOf(InvalidOptionError);
  expect(error).toMatchObject({ path, code });
  expect(await server.client().keys(`escapement:{${namespace}}:*`)).toEqual([]);
};

describe("what cannot hold options is refused, not taken for an object without any", () => {
  test.each(rows)("%s: %s", async (_name, path, what, value) => {
    await refusal(() => (what as Any)(value as never), path as string);
  });
});

describe("an option that nothing would look at is refused", () => {
  test("history, result, resume, unfinishedRuns", async () => {
    await refusal(() => call(job().history, { max: 5 }), "options.max");
    await refusal(() => call(run().result, { timeOut: 5 }), "options.timeOut");
    await refusal(() => call(job().resume, { form: "now" }), "options.form");
    await refusal(() => call(scheduler.unfinishedRuns.bind(scheduler), { queue: "default" }), "of.queue");
    await refusal(() => call(scheduler.unfinishedRuns.bind(scheduler), {}), "of");
    await refusal(() => call(scheduler.unfinishedRuns.bind(scheduler), { job: "a", task: "b" }), "of");
    await refusal(() => call(scheduler.unfinishedRuns.bind(scheduler), { node: "a", task: "b" }), "of");
  });

  test.each(["then", "", null, -5, 1.5, new Date(Number.NaN), ["missed"], {}])(
    "resume from %s",
    async (from) => {
      await refusal(() => call(scheduler.resume.bind(scheduler), "all", { from }), "from");
      await refusal(() => call(job().resume, { from }), "from");
    },
  );

  test.each(["soon", "", -1, Number.NaN, null, {}, 5n])("result with the timeout %s", async (timeout) => {
    await refusal(() => call(run().result, { timeout }), "timeout");
  });

  test.each([0, -1, 1.5, 10_001, "5", 5n, null])("unfinishedRuns with the limit %s", async (limit) => {
    await refusal(() => call(scheduler.unfinishedRuns.bind(scheduler), { task: "task" }, limit), "limit");
  });

  test("an input that throws when it is read", async () => {
    await refusal(() => schedule({ input: throwing }), "input", "INVALID_INPUT");
    await refusal(() => schedule({ metadata: throwing }), "metadata", "INVALID_INPUT");
  });
});

describe("a listener that would never hear of anything is refused", () => {
  test.each(["beforerun", "jobStarted", "", "toString", "__proto__", null, 5, {}, Symbol("x")])(
    "of the event %s",
    async (event) => {
      await refusal(() => call(scheduler.on.bind(scheduler), event, () => undefined), "event");
    },
  );

  test.each([undefined, null, "print", {}])("that is %s", async (listener) => {
    await refusal(() => call(scheduler.on.bind(scheduler), "beforeRun", listener), "listener");
  });
});

test("a misfire that is no object leaves the job as it was", async () => {
  const other = createScheduler({
    redis: server.url,
    namespace: uniqueNamespace("bad-arguments"),
    logger: silentLogger,
  });
  await other.schedule("task", { id: "job", trigger: every("1h"), misfire: { grace: "5m" } });
  for (const misfire of noOptions) {
    const error = await thrownBy(() => call(other.job("job").update, { misfire }));
    expect(error).toBeInstanceOf(EscapementError);
    expect(error).toMatchObject({ path: "misfire" });
  }
  expect(await other.job("job").get()).toMatchObject({ version: 1, misfire: { grace: 300_000 } });
  await other.stop();
});
