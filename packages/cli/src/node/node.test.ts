import { existsSync } from "node:fs";
import type { Job, Run } from "@escapement/core";
import { eventually, type JobStore, startJobStore, uniqueNamespace } from "@escapement/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { asJson, escapement, folderWith, start } from "../../test/escapement.js";
import type { ShellResult } from "../shell/shell.js";

type Env = Record<string, string>;

let redis: JobStore;
beforeAll(async () => {
  redis = await startJobStore({ appendonly: "everysec" });
});
afterAll(() => redis.stop());

const environment = (): Env => ({
  ESCAPEMENT_REDIS_URL: redis.url,
  ESCAPEMENT_NAMESPACE: uniqueNamespace("cli"),
});

const stoppable = async (node: Awaited<ReturnType<typeof start>>): Promise<unknown> => {
  node.kill("SIGTERM");
  return node.exited;
};

/** The first finished run of a job. */
const finishedRun = (job: string, env: Env): Promise<Run> =>
  eventually(
    async () => {
      const runs = await asJson<Run[]>(["run", "list", "--job", job], env);
      return runs.find(({ finishedAt }) => finishedAt !== undefined) ?? null;
    },
    { within: 20_000, every: 200 },
  ) as Promise<Run>;

describe("a node with a crontab", () => {
  test("keeps exit code and output of a command that succeeds, and of one that fails", async () => {
    using files = folderWith({
      crontab: [
        "ESCAPEMENT_SECONDS=yes",
        "# name: good",
        "* * * * * *  cat; echo done%from stdin",
        "# name: bad",
        "* * * * * *  printf 'no \\033[31mluck\\n'; exit 3",
      ].join("\n"),
    });
    const env = environment();
    await using node = await start(["node", "--crontab", files.path("crontab")], env);
    const [good, bad] = [await finishedRun("crontab/good", env), await finishedRun("crontab/bad", env)];
    expect(good).toMatchObject({ state: "succeeded", result: { exitCode: 0, output: "from stdin\ndone\n" } });
    expect(bad).toMatchObject({
      state: "failed",
      error: { code: "COMMAND_FAILED", message: "The command ended with exit code 3." },
      result: { exitCode: 3, output: "no \u001b[31mluck\n" },
    });
    const shown = await escapement(["run", "show", bad.id], env);
    expect(shown.code).toBe(0);
    expect(shown.out).toContain("exit code 3, output\nno \\x1b[31mluck");
    expect(shown.out).toMatch(/attempt 1 {2}failed on \w+, token \d+,\s+from\s/);
    expect(shown.out).toMatch(/lateness +\d+ ms/);
    expect(await stoppable(node)).toEqual({ code: 0, signal: null });
  });

  test("keeps the last 64 KiB of output, even if JSON needs six bytes for each of them", async () => {
    using files = folderWith({
      big: "ESCAPEMENT_SECONDS=yes\n# name: big\n* * * * * *  head -c 70000 /dev/zero | tr '\\0' '\\001'; exit 1",
    });
    const env = environment();
    await using node = await start(["node", "--crontab", files.path("big")], env);
    const run = await finishedRun("crontab/big", env);
    const { output, truncatedBytes } = run.result as ShellResult;
    expect(output).toBe("\u0001".repeat(65_536));
    expect(truncatedBytes).toBe(70_000 - 65_536);
    await stoppable(node);
  });

  test("removes jobs that have left the file, and no others", async () => {
    using files = folderWith({
      one: "# name: stays\n0 0 * * *  true\n# name: goes\n0 0 * * *  true\n",
      other: "# name: others\n0 0 * * *  true\n",
      "jobs.mjs":
        'export const jobs = [{ task: "mine", id: "mine", trigger: { type: "every", interval: 60000 } }];',
    });
    const env = environment();
    const ids = async (): Promise<string[]> =>
      (await asJson<Job[]>(["job", "list"], env)).map(({ id }) => id);
    for (const args of [
      ["--crontab", files.path("other"), "--jobs", files.path("jobs.mjs")],
      ["--crontab", files.path("one")],
    ]) {
      await using node = await start(["node", ...args], env);
      await node.waitForLine(/^node \w+ runs/);
      await stoppable(node);
    }
    expect(await ids()).toEqual(["crontab/goes", "crontab/others", "crontab/stays", "mine"]);
    using edited = folderWith({ one: "# name: stays\n0 0 * * *  true\n" });
    await using node = await start(["node", "--crontab", edited.path("one")], env);
    await node.waitForLine(/^node \w+ runs/);
    expect(await ids()).toEqual(["crontab/others", "crontab/stays", "mine"]);
    await stoppable(node);
  });

  test("passes on this machine's time zone where CRON_TZ gives none", async () => {
    using files = folderWith({
      zones: "# name: local\n0 9 * * *  true\nCRON_TZ=Asia/Tokyo\n# name: tokyo\n0 9 * * *  true\n",
    });
    const env = { ...environment(), TZ: "Europe/Berlin" };
    await using node = await start(["node", "--crontab", files.path("zones")], env);
    await node.waitForLine(/^node \w+ runs/);
    const jobs = await asJson<Job[]>(["job", "list"], env);
    expect(jobs.map(({ trigger }) => (trigger as { timezone?: string }).timezone)).toEqual([
      "Europe/Berlin",
      "Asia/Tokyo",
    ]);
    await stoppable(node);
  });

  test("refuses a file with mistakes as file:line:column, and stores nothing", async () => {
    using files = folderWith({
      bad: "0 0 * * *  true\n61 * * * *  true\n0 0 31 2 *  true\nCRON_TZ=Mars/Base\n",
    });
    const env = environment();
    const said = await escapement(["node", "--crontab", files.path("bad")], env);
    expect(said.code).toBe(2);
    const places = said.err.split("\n").map((line) => line.replace(files.path("bad"), "F").split(": ")[0]);
    expect(places).toEqual(["F:2:1", "F:3:1", expect.stringMatching(/^F:4:/)]);
    const keys = await redis.client().keys(`escapement:{${env["ESCAPEMENT_NAMESPACE"]}}:*`);
    expect(keys).toEqual([]);
    expect(await asJson(["node", "--crontab", files.path("bad")], env)).toMatchObject({
      error: { code: "CRONTAB", problems: [{ line: 2, column: 1 }, { line: 3 }, { line: 4 }] },
    });
  });

  test("says on standard error what is different here than under cron", async () => {
    using files = folderWith({ noted: "MAILTO=me@example.org\n@reboot  true\n" });
    const env = environment();
    await using node = await start(["node", "--crontab", files.path("noted")], env);
    await node.waitForLine(/noted:2: @reboot is skipped/);
    expect(node.errorLines.some((line) => line.includes("noted:1:"))).toBe(true);
    await node.waitForLine(/^node \w+ runs/);
    await stoppable(node);
  });
});

describe("a node with a jobs file", () => {
  test("runs the tasks of a TypeScript file", async () => {
    using files = folderWith({
      "jobs.ts": `
        interface Input { readonly name: string }
        export default async (scheduler: { task(name: string, handler: (run: { input: Input }) => unknown): void }): Promise<void> => {
          scheduler.task("greet", (run) => ({ text: \`hello \${run.input.name}\` }));
        };
        export const jobs = [{ task: "greet", id: "greet/each-second", trigger: { type: "every", interval: 1000 }, input: { name: "Ada" } }];`,
    });
    const env = environment();
    await using node = await start(["node", "--jobs", files.path("jobs.ts"), "--verbose"], env);
    await node.waitForLine(/^start {4}greet\/each-second@\d+, \d+ ms late$/, 20_000);
    const run = await finishedRun("greet/each-second", env);
    expect(run).toMatchObject({ state: "succeeded", result: { text: "hello Ada" } });
    expect(await stoppable(node)).toEqual({ code: 0, signal: null });
  });

  test("tells each start and end as a line of JSON", async () => {
    using files = folderWith({
      "jobs.mjs": `export default (scheduler) => { scheduler.task("noop", () => {}); };
        export const jobs = [{ task: "noop", id: "noop", trigger: { type: "every", interval: 1000 } }];`,
    });
    await using node = await start(["node", "--jobs", files.path("jobs.mjs"), "--json"], environment());
    const line = JSON.parse(await node.waitForLine(/"event":"afterRun"/, 20_000)) as Record<string, unknown>;
    expect(line).toMatchObject({ event: "afterRun", jobId: "noop", outcome: "succeeded", attempt: 1 });
    expect(line["fencingToken"]).toMatch(/^\d+$/);
    await stoppable(node);
  });

  test.each([
    ["that is not there", undefined, /There is no file/],
    ["with a mistake", "export default (", /cannot be loaded/],
    ["that exports nothing of use", "export const other = 1;", /neither a default function nor a list/],
    ["whose default export is none", "export default 3;", /must be a function/],
    [
      "with an option that there is not",
      'export const jobs = [{ task: "a", id: "a", trigger: { type: "every", interval: 1000 }, retries: 3 }];',
      /retries/,
    ],
    [
      "with an id that cannot be",
      'export const jobs = [{ task: "a", id: "a b", trigger: { type: "every", interval: 1000 } }];',
      /a b/,
    ],
    [
      "with a trigger that never fires",
      'export const jobs = [{ task: "a", id: "a", trigger: { type: "cron", expr: "0 0 31 2 *" } }];',
      /never fires/,
    ],
    [
      "with a second job that is wrong, naming it",
      `export const jobs = [{ task: "a", id: "a", trigger: { type: "every", interval: 1000 } },
         { task: "a", id: "b", trigger: { type: "every", interval: 1000 }, priority: "high" }];`,
      /jobs\[1\] \("b"\): priority: /,
    ],
  ])("refuses a file %s", async (_, text, message) => {
    using files = folderWith(text === undefined ? {} : { "jobs.mjs": text });
    const env = environment();
    const said = await escapement(["node", "--jobs", files.path("jobs.mjs")], env);
    expect(said.err).toMatch(/^escapement: /m);
    expect(said.err).toMatch(message);
    expect(said.err).not.toMatch(/\n\s+at /);
    expect(said.code).toBe(2);
    expect(await asJson(["job", "list"], env)).toEqual([]);
  });
});

describe("a node that is told to stop", () => {
  const sleeper =
    'ESCAPEMENT_SECONDS=yes\n# name: long\n* * * * * *  trap "" TERM; echo begun; sleep 2; echo ended\n';

  test("lets a running command end, and ends with exit code 0", async () => {
    using files = folderWith({ sleeper });
    const env = environment();
    await using node = await start(["node", "--crontab", files.path("sleeper"), "--verbose"], env);
    const id = /@\d+/.exec(await node.waitForLine(/^start /, 20_000))?.[0];
    expect(await stoppable(node)).toEqual({ code: 0, signal: null });
    const run = await asJson<Run>(["run", "show", `crontab/long${id}`], env);
    expect(run).toMatchObject({ state: "succeeded", result: { output: "begun\nended\n" } });
    expect(await asJson(["nodes"], env)).toEqual([]);
  });

  test("ends commands at once on a second signal", async () => {
    using marks = folderWith({});
    const begun = marks.path("begun");
    using files = folderWith({
      sleeper: `ESCAPEMENT_SECONDS=yes\n# name: long\n* * * * * *  touch ${begun}; sleep 600\n`,
    });
    const env = environment();
    await using node = await start(["node", "--crontab", files.path("sleeper"), "--verbose"], env);
    const id = /@\d+/.exec(await node.waitForLine(/^start /, 20_000))?.[0];
    await eventually(() => existsSync(begun));
    node.kill("SIGTERM");
    await node.waitForLine(/stopping; runs may end/);
    node.kill("SIGINT");
    expect(await node.exited).toEqual({ code: 0, signal: null });
    const run = await asJson<Run>(["run", "show", `crontab/long${id}`], env);
    expect(run).toMatchObject({ state: "failed", result: { exitCode: null, signal: "SIGTERM" } });
  });
});

test("the task shell is there only with --crontab or --allow-shell", async () => {
  using files = folderWith({
    "jobs.mjs":
      'export const jobs = [{ task: "shell", id: "sneaky", trigger: { type: "every", interval: 1000 }, input: { command: "true" } }];',
  });
  const env = environment();
  await using plain = await start(["node", "--jobs", files.path("jobs.mjs")], env);
  await plain.waitForLine(/^node \w+ runs/);
  const tasks = async (): Promise<string[]> =>
    (await asJson<{ tasks: string[] }[]>(["nodes"], env)).flatMap((node) => node.tasks);
  expect(await tasks()).toEqual([]);
  await using allowed = await start(["node", "--allow-shell"], env);
  await allowed.waitForLine(/^node \w+ runs/);
  expect(await tasks()).toEqual(["shell"]);
  expect(await finishedRun("sneaky", env)).toMatchObject({ state: "succeeded" });
  await Promise.all([stoppable(plain), stoppable(allowed)]);
});
