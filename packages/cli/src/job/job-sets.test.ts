import type { ApplyReport, Job } from "@escapement/core";
import { type JobStore, startJobStore, uniqueNamespace } from "@escapement/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { asJson, escapement, folderWith, start } from "../../test/escapement.js";

type Env = Record<string, string>;

let redis: JobStore;
beforeAll(async () => {
  redis = await startJobStore();
});
afterAll(() => redis.stop());

const environment = (): Env => ({
  ESCAPEMENT_REDIS_URL: redis.url,
  ESCAPEMENT_NAMESPACE: uniqueNamespace("cli"),
});
const job = (id: string, more = ""): string =>
  `{ task: "mine", id: "${id}", trigger: { type: "every", interval: 3600000 }${more} }`;
const set = (version: number, ...jobs: string[]): string => `({ version: ${version}, jobs: [${jobs}] })`;
const ids = async (env: Env): Promise<string[]> =>
  (await asJson<Job[]>(["job", "list"], env)).map(({ id }) => id);
const stopped = async (node: Awaited<ReturnType<typeof start>>): Promise<unknown> => {
  node.kill("SIGTERM");
  return node.exited;
};

describe("a node with a set of jobs", () => {
  test("as default export or as jobs, applies it; one that is older warns and goes on as a worker", async () => {
    const env = environment();
    using files = folderWith({
      "old.mjs": `export const jobs = ${set(1, job("a", ", priority: 1"), job("gone"))};
        export default (scheduler) => { scheduler.task("mine", () => "done"); };`,
      "new.mjs": `export default ${set(2, job("a", ", priority: 2"))};`,
    });
    await using older = await start(["node", "--jobs", files.path("old.mjs")], env);
    await older.waitForLine(/^node \w+ runs/);
    expect(await ids(env)).toEqual(["a", "gone"]);
    await stopped(older);
    await using newer = await start(["node", "--jobs", files.path("new.mjs"), "--roles", "leader"], env);
    await newer.waitForLine(/^node \w+ runs/);
    expect(await ids(env)).toEqual(["a"]);
    await using again = await start(["node", "--jobs", files.path("old.mjs")], env);
    await again.waitForLine(/^node \w+ runs/);
    expect(again.errorLines.join("\n")).toMatch(
      /warning: Set default is at version 2 in the store: version 1 is older, .* goes on with the jobs that are there/,
    );
    expect(await asJson<Job>(["job", "show", "a"], env)).toMatchObject({ priority: 2, set: "default" });
    expect((await escapement(["job", "run", "a", "--wait"], env)).code).toBe(0);
    await using json = await start(["node", "--jobs", files.path("old.mjs"), "--json"], env);
    await json.waitForLine(/"started"/);
    const told = json.lines.map((line) => JSON.parse(line) as { event: string });
    expect(told.find(({ event }) => event === "staleJobSet")).toMatchObject({
      ...{ set: "default", version: 1, stored: 2 },
    });
    for (const node of [newer, again, json]) expect(await stopped(node)).toEqual({ code: 0, signal: null });
  });

  test("sets it back with --force-jobs, and says so", async () => {
    const env = environment();
    using files = folderWith({
      "old.mjs": `export default ${set(1, job("a"))};`,
      "new.mjs": `export default ${set(2, job("b"))};`,
    });
    expect((await escapement(["job", "apply", files.path("new.mjs")], env)).code).toBe(0);
    const args = ["node", "--jobs", files.path("old.mjs"), "--roles", "leader", "--force-jobs"];
    await using node = await start(args, env);
    await node.waitForLine(/^node \w+ runs/);
    expect(node.errorLines.join("\n")).toContain(
      "warning: the set default was set back from version 2 to 1.",
    );
    expect(await ids(env)).toEqual(["a"]);
    await stopped(node);
  });

  test.each([
    ["neither jobs nor a function", "export default 5;", [], "JOBS_FILE", /default export/],
    ["jobs twice", `export default [${job("a")}]; export const jobs = [];`, [], "JOBS_FILE", /function/],
    ["jobs that are none", "export const jobs = { a: 1 };", [], "JOBS_FILE", /what defineJobs made/],
    ["a list by force", `export const jobs = [${job("a")}];`, ["--force-jobs"], "USAGE", /--force-jobs/],
    [
      "a version that is none",
      `export default { version: "1", jobs: [] };`,
      [],
      "INVALID_OPTION",
      /^version/,
    ],
  ])("is refused with exit code 2: %s", async (_, text, flags, code, message) => {
    const env = environment();
    using files = folderWith({ "jobs.mjs": text });
    for (const command of [
      ["node", "--roles", "leader", "--jobs"],
      ["job", "apply"],
    ]) {
      const said = await escapement([...command, files.path("jobs.mjs"), ...flags, "--json"], env);
      expect(said.code, said.err).toBe(2);
      // A node has told of its start before its jobs are refused.
      const answer = said.out.slice(said.out.lastIndexOf('{\n  "error"'));
      const { error } = JSON.parse(answer) as { error: { code: string; message: string } };
      expect(error).toMatchObject({ code, message: expect.stringMatching(message) });
    }
    expect(await ids(env)).toEqual([]);
  });
});

describe("job apply", () => {
  test("prints what would be done with --dry-run, does it without, and says no to an older set", async () => {
    const env = environment();
    using files = folderWith({
      "one.mjs": `export default ${set(1, job("a", ", priority: 1"), job("gone", ", queue: 'slow'"))};`,
      "two.mjs": `export default ${set(2, job("a", ", misfire: { grace: '2m' }"), job("new"))};`,
    });
    const first = await escapement(["job", "apply", files.path("one.mjs")], env);
    expect([first.code, first.out, first.err]).toEqual([
      ...[0, "+ a\n+ gone\n2 added, 0 updated, 0 removed, 0 unchanged.", ""],
    ]);
    const dry = await escapement(["job", "apply", files.path("two.mjs"), "--dry-run"], env);
    expect(dry.out.split("\n")).toEqual([
      "~ a",
      "    priority       1 → 0",
      "    misfire.grace  60000 → 120000",
      "+ new",
      '    task     "mine"',
      '    trigger  {"type":"every","interval":3600000}',
      '    set      "default"',
      "- gone",
      '    task     "mine"',
      '    trigger  {"type":"every","interval":3600000}',
      '    queue    "slow"',
      '    set      "default"',
      "Dry run, nothing was written: 1 added, 1 updated, 1 removed, 0 unchanged.",
    ]);
    expect(await ids(env)).toEqual(["a", "gone"]);
    const report = await asJson<ApplyReport>(["job", "apply", files.path("two.mjs")], env);
    expect(report).toEqual({
      ...{ added: ["new"], updated: ["a"], unchanged: [], removed: ["gone"] },
      set: { name: "default", version: 2, before: 1 },
    });
    const stale = await escapement(["job", "apply", files.path("one.mjs"), "--json"], env);
    expect([stale.code, JSON.parse(stale.out)]).toMatchObject([1, { error: { code: "STALE_JOB_SET" } }]);
    const forced = await escapement(["job", "apply", files.path("one.mjs"), "--force-jobs"], env);
    expect([forced.code, forced.err]).toEqual([0, expect.stringContaining("set back from version 2 to 1")]);
  });

  test("prunes by a tag where the file has a list, and refuses to where it has a set", async () => {
    const env = environment();
    using files = folderWith({
      "two.mjs": `export const jobs = [${job("a", ", tags: ['t']")}, ${job("b", ", tags: ['t']")}];`,
      "one.mjs": `export default [${job("a", ", tags: ['t']")}];`,
      "set.mjs": `export default ${set(1)};`,
    });
    await escapement(["job", "apply", files.path("two.mjs")], env);
    const dry = await asJson<ApplyReport>(
      ["job", "apply", files.path("one.mjs"), "--prune-tag", "t", "--dry-run"],
      env,
    );
    expect(dry).toMatchObject({ removed: ["b"], changes: [{ id: "b", outcome: "removed" }] });
    const done = await escapement(["job", "apply", files.path("one.mjs"), "--prune-tag", "t"], env);
    expect(done.out).toBe("- b\n0 added, 0 updated, 1 removed, 1 unchanged.");
    const refused = await escapement(["job", "apply", files.path("set.mjs"), "--prune-tag", "t"], env);
    expect([refused.code, refused.err]).toEqual([2, expect.stringContaining("--prune-tag is for lists")]);
    expect((await escapement(["job", "apply", files.path("none.mjs")], env)).code).toBe(2);
  });
});
