import { type JobStore, startJobStore, uniqueNamespace } from "@escapement/testing";
import { every } from "@escapement/triggers";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { silentLogger } from "../test/silent-logger.js";
import { createScheduler, type Job, type JobDeclaration, type Scheduler } from "./index.js";

let server: JobStore;
let scheduler: Scheduler;
beforeAll(async () => {
  server = await startJobStore();
  scheduler = createScheduler({
    redis: server.url,
    namespace: uniqueNamespace("ties"),
    logger: silentLogger,
  });
  await scheduler.apply([
    job("first", { trigger }),
    job("second", { dependsOn: ["first"] }),
    job("third", { dependsOn: ["second"] }),
    job("old", { trigger }),
  ]);
});
afterAll(async () => {
  await scheduler.stop();
  await server.stop();
});

const trigger = every("1h");
const many = Array.from({ length: 21 }, (_, index) => `job-${index}`);
function job(id: string, options: object): JobDeclaration {
  return { id, task: "task", ...options } as JobDeclaration;
}
async function stored(): Promise<string> {
  const jobs: Job[] = [];
  for await (const one of scheduler.jobs()) jobs.push(one);
  return JSON.stringify(jobs.sort((a, b) => (a.id < b.id ? -1 : 1)));
}

describe("dependsOn, then: what is refused, and where", () => {
  test.each([
    ["dependsOn null", [job("old", { trigger, dependsOn: null })], "INVALID_OPTION", "dependsOn"],
    ["dependsOn a text", [job("old", { trigger, dependsOn: "first" })], "INVALID_OPTION", "dependsOn"],
    ["dependsOn a number", [job("old", { trigger, dependsOn: [7] })], "INVALID_NAME", "dependsOn[0]"],
    [
      "dependsOn no name",
      [job("old", { trigger, dependsOn: ["first", "a,b"] })],
      "INVALID_NAME",
      "dependsOn[1]",
    ],
    ["dependsOn a run", [job("old", { trigger, dependsOn: ["first@7"] })], "INVALID_NAME", "dependsOn[0]"],
    ["dependsOn too many", [job("old", { trigger, dependsOn: many })], "INVALID_OPTION", "dependsOn"],
    [
      "dependsOn unknown",
      [job("old", { trigger, dependsOn: ["first", "none"] })],
      "JOB_NOT_FOUND",
      "dependsOn[1]",
    ],
    ["dependsOn itself", [job("old", { trigger, dependsOn: ["old"] })], "DEPENDENCY_CYCLE", "dependsOn[0]"],
    ["dependsOn itself, a new one", [job("new", { dependsOn: ["new"] })], "DEPENDENCY_CYCLE", "dependsOn[0]"],
    ["then null", [job("old", { trigger, then: null })], "INVALID_OPTION", "then"],
    ["then a function", [job("old", { trigger, then: () => undefined })], "INVALID_OPTION", "then"],
    ["then a job", [job("old", { trigger, then: [{ id: "first" }] })], "INVALID_NAME", "then[0]"],
    ["then too many", [job("old", { trigger, then: many })], "INVALID_OPTION", "then"],
    ["then unknown", [job("old", { trigger, then: ["none"] })], "JOB_NOT_FOUND", "then[0]"],
    ["then itself", [job("old", { trigger, then: ["old"] })], "DEPENDENCY_CYCLE", "then[0]"],
    ["neither trigger nor dependsOn", [job("old", { then: ["first"] })], "INVALID_OPTION", "trigger"],
    ["trigger null", [job("old", { trigger: null, dependsOn: ["first"] })], "INVALID_TRIGGER", undefined],
    ["startAt without a trigger", [job("old", { dependsOn: [], startAt: 5 })], "INVALID_OPTION", "startAt"],
    [
      "endAt without a trigger",
      [job("old", { dependsOn: [], endAt: "2090-01-01" })],
      "INVALID_OPTION",
      "endAt",
    ],
    ["jitter without a trigger", [job("old", { dependsOn: [], jitter: 5 })], "INVALID_OPTION", "jitter"],
    [
      "a cycle of two",
      [job("first", { trigger, dependsOn: ["second"] })],
      "DEPENDENCY_CYCLE",
      "dependsOn[0]",
    ],
    [
      "a cycle of three",
      [job("first", { trigger, dependsOn: ["old", "third"] })],
      "DEPENDENCY_CYCLE",
      "dependsOn[1]",
    ],
    [
      "a cycle by then",
      [job("third", { dependsOn: ["second"], then: ["first"] })],
      "DEPENDENCY_CYCLE",
      "dependsOn[0]",
    ],
    [
      "a cycle within one call",
      [job("old", { trigger, then: ["new"] }), job("new", { dependsOn: [], then: ["old"] })],
      "DEPENDENCY_CYCLE",
      "then[0]",
    ],
    [
      "one of many",
      [job("old", { trigger, priority: 5 }), job("new", { dependsOn: ["none"] })],
      "JOB_NOT_FOUND",
      "dependsOn[0]",
    ],
  ] as const)("%s", async (_text, jobs, code, path) => {
    const before = await stored();
    const error: unknown = await scheduler
      .apply(jobs as readonly JobDeclaration[])
      .catch((thrown: unknown) => thrown);
    expect(error).toMatchObject(path === undefined ? { code } : { code, path });
    expect(String(error)).toContain("jobs[");
    expect(await stored()).toBe(before);
  });

  test("a job keeps its trigger if an update takes it away without saying what to follow", async () => {
    const update = scheduler.job("first").update({ trigger: undefined } as object);
    await expect(update).rejects.toMatchObject({ code: "INVALID_OPTION", path: "trigger" });
  });
});

describe("dependsOn, then: what may be tied", () => {
  test("jobs of one call, in any order, also when that undoes what was the other way round", async () => {
    await scheduler.apply([job("y", { dependsOn: ["x"] }), job("x", { trigger })]);
    const { updated } = await scheduler.apply([job("y", { trigger }), job("x", { dependsOn: ["y"] })]);
    expect(updated).toEqual(["y", "x"]);
    const again = await scheduler.apply([job("x", { dependsOn: ["y"] }), job("y", { trigger })]);
    expect(again.unchanged).toEqual(["x", "y"]);
  });

  test("a chain of 100, not of 101", async () => {
    const chain = Array.from({ length: 100 }, (_, index) =>
      job(`chain-${index}`, index === 0 ? { trigger } : { dependsOn: [`chain-${index - 1}`] }),
    );
    expect((await scheduler.apply(chain)).added.length).toBe(100);
    await expect(scheduler.apply([job("chain-100", { dependsOn: ["chain-99"] })])).rejects.toMatchObject({
      code: "INVALID_OPTION",
      path: "dependsOn",
    });
    await expect(scheduler.apply([job("before", { trigger, then: ["chain-0"] })])).rejects.toMatchObject({
      code: "INVALID_OPTION",
      path: "then",
    });
  });

  test("500 jobs to each other, not more", async () => {
    const wide = Array.from({ length: 499 }, (_, index) => job(`wide-${index}`, { dependsOn: ["root"] }));
    expect((await scheduler.apply([...wide, job("root", { trigger })])).added.length).toBe(500);
    await expect(scheduler.apply([job("one-more", { dependsOn: ["root"] })])).rejects.toMatchObject({
      code: "INVALID_OPTION",
      path: "dependsOn",
    });
  });
});

describe("a job that goes in the step in which another is tied to it", () => {
  test.each(["a list with prune", "a set"])("is refused before anything is written: %s", async (way) => {
    await using own = createScheduler({
      redis: server.url,
      namespace: uniqueNamespace("going"),
      logger: silentLogger,
    });
    const set = (version: number, jobs: readonly JobDeclaration[]) => ({ name: "set", version, jobs });
    const prune = { prune: { tag: "ours" } };
    const [goes, stays] = [job("goes", { trigger, tags: ["ours"] }), job("stays", { trigger })];
    const tied = job("tied", { dependsOn: ["goes"] });
    if (way === "a set") await own.apply(set(1, [goes, stays]));
    else await own.apply([goes, stays]);
    const apply = (jobs: readonly JobDeclaration[], options: object) =>
      way === "a set" ? own.apply(set(2, jobs), options) : own.apply(jobs, { ...prune, ...options });
    for (const options of [{ dryRun: true }, {}])
      await expect(apply([stays, tied], options)).rejects.toMatchObject({
        code: "JOB_NOT_FOUND",
        message: expect.stringMatching(
          /^jobs\[1\] \("tied"\): dependsOn\[0\]: "goes" is removed by this apply/,
        ),
      });
    expect(await own.job("tied").get()).toBeUndefined();
    expect(await own.job("goes").get()).toMatchObject({ id: "goes" });
    expect(await apply([stays, tied, goes], {})).toMatchObject({ added: ["tied"], removed: [] });
  });
});
