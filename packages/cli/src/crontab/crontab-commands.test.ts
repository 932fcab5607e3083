import { writeFileSync } from "node:fs";
import { createScheduler, type Job, type Scheduler } from "@escapement/core";
import { eventually, type JobStore, startJobStore, uniqueNamespace } from "@escapement/testing";
import { every } from "@escapement/triggers";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { asJson, escapement, folderWith, type Said, start } from "../../test/escapement.js";

const crontab = `ESCAPEMENT_SECONDS=yes
# name: hello
*/2 * * * * *  echo "hello from $LOGNAME"
CRON_TZ=Europe/Berlin
A=1
0 30 3 * * *  echo a 100\\% ok%line1
`;

let redis: JobStore;
let env: { ESCAPEMENT_REDIS_URL: string; ESCAPEMENT_NAMESPACE: string };
beforeAll(async () => {
  redis = await startJobStore({ appendonly: "everysec" });
});
afterAll(() => redis.stop());
beforeEach(() => {
  env = { ESCAPEMENT_REDIS_URL: redis.url, ESCAPEMENT_NAMESPACE: uniqueNamespace("crontab") };
});

const run = (...args: string[]): Promise<Said> => escapement(["crontab", ...args], env);
const client = (namespace = env.ESCAPEMENT_NAMESPACE): Scheduler =>
  createScheduler({ redis: redis.url, namespace });

/** Jobs without what each definition has of its own. */
async function jobsOf(scheduler: Scheduler): Promise<Partial<Job>[]> {
  const jobs: Job[] = [];
  for await (const job of scheduler.jobs()) jobs.push(job);
  jobs.sort((one, other) => (one.id < other.id ? -1 : 1));
  return jobs.map(({ createdAt: _, nextFireTime: __, startedRuns: ___, running: ____, ...job }) => job);
}

describe("crontab", { timeout: 120_000 }, () => {
  test("import makes the jobs that a node makes which is started with the file", async () => {
    using folder = folderWith({ "my.crontab": crontab });
    const other = uniqueNamespace("crontab");
    await using node = await start(["node", "--crontab", folder.path("my.crontab")], {
      ...env,
      ESCAPEMENT_NAMESPACE: other,
    });
    await node.waitForLine(/^node \w+ runs/, 20_000);
    expect(await run("import", folder.path("my.crontab"))).toMatchObject({
      code: 0,
      out: expect.stringMatching(/^2 added, 0 updated, 0 removed, 0 unchanged\.$/m),
    });
    await using mine = client();
    await using its = client(other);
    const jobs = await jobsOf(mine);
    expect(jobs.map(({ id }) => id)).toEqual([
      expect.stringMatching(/^crontab\/[0-9a-f]{16}$/),
      "crontab/hello",
    ]);
    await eventually(async () => (await jobsOf(its)).length === 2);
    expect(await jobsOf(its)).toEqual(jobs);
    node.kill("SIGTERM");
    await node.exited;
  });

  test("diff ends with 1 and says what import would change, with 0 and nothing if nothing", async () => {
    using folder = folderWith({ "my.crontab": crontab });
    const file = folder.path("my.crontab");
    const before = await run("diff", file);
    expect(before.code).toBe(1);
    expect(before.out).toMatch(/^\+ crontab\/hello$/m);
    await run("import", file);
    expect(await run("diff", file)).toEqual({ code: 0, out: "", err: "" });
    writeFileSync(file, crontab.replace("3 * * *", "4 * * *").replace("hello from", "bye from"));
    const { code, out } = await run("diff", file, "--json");
    expect(code).toBe(1);
    expect(JSON.parse(out)).toMatchObject({
      added: [expect.stringMatching(/^crontab\/[0-9a-f]{16}$/)],
      updated: ["crontab/hello"],
      removed: [expect.stringMatching(/^crontab\/[0-9a-f]{16}$/)],
    });
    await using scheduler = client();
    expect(await jobsOf(scheduler)).toHaveLength(2);
  });

  test("import removes what has left the file only with --prune, and nothing in a dry run", async () => {
    using folder = folderWith({ "my.crontab": crontab });
    const file = folder.path("my.crontab");
    await run("import", file);
    writeFileSync(file, "0 3 * * * true\n");
    await using scheduler = client();
    await scheduler.schedule("shell", {
      id: "crontab/other",
      trigger: every("1h"),
      input: { command: "true" },
    });
    expect((await run("import", file, "--prune", "--dry-run")).out).toMatch(/^- crontab\/hello$/m);
    expect(await jobsOf(scheduler)).toHaveLength(3);
    await run("import", file, "--timezone", "Asia/Tokyo");
    expect(await jobsOf(scheduler)).toHaveLength(4);
    expect((await run("import", file, "--timezone", "Asia/Tokyo", "--prune")).out).toMatch(
      / 2 removed, 1 unch/m,
    );
    const jobs = await jobsOf(scheduler);
    expect(jobs.map(({ trigger }) => trigger)).toContainEqual({
      type: "cron",
      expr: "0 3 * * *",
      timezone: "Asia/Tokyo",
    });
    expect(jobs.map(({ id }) => id)).toContain("crontab/other");
  });

  test("export gives a file that changes nothing when it is imported, and says what it lacks", async () => {
    using folder = folderWith({ "my.crontab": crontab, "sys.crontab": "0 3 * * * root true\n" });
    const file = folder.path("my.crontab");
    await run("import", file);
    await run("import", folder.path("sys.crontab"), "--system");
    writeFileSync(file, `${(await run("export", "--file", "my.crontab")).out}\n`);
    expect(await run("diff", file)).toMatchObject({ code: 0 });
    await using scheduler = client();
    await scheduler.schedule("shell", {
      id: "weird",
      trigger: every("1h"),
      input: { command: "a\u001b[31m" },
    });
    await scheduler.schedule("report", { id: "daily", trigger: every("1d") });
    await scheduler.job("crontab/hello").update({ priority: 5 });
    const all = await run("export", "--all");
    expect(all.code).toBe(0);
    const missing = [
      "not exported: crontab/2f6a80d06e7bd286: it has a user: export with --system",
      "not exported: daily: its task is report, and a crontab's entries are of the task shell",
      "not exported: weird: its id does not begin with crontab/, as those of a crontab's entries do",
      "not in the crontab: crontab/hello: priority 5",
    ];
    const said = (text: string): string[] =>
      text
        .split("\n")
        .filter((line) => /^(# )?not /.test(line))
        .sort();
    expect(
      said(all.err).map((line) => line.replace(/crontab\/[0-9a-f]{16}/, "crontab/2f6a80d06e7bd286")),
    ).toEqual(missing);
    expect(said(all.out)).toEqual(said(all.err).map((line) => `# ${line}`));
    expect((await run("export")).out).not.toContain("daily");
    const system = await asJson<{ text: string; exported: string[] }>(["crontab", "export", "--system"], env);
    expect(system.text).toMatch(/^0 3 \* \* \* root true$/m);
    expect(system.exported).toHaveLength(1);
  });

  test("refuses a file that is wrong or missing, a zone that is none, and two ways to say which", async () => {
    using folder = folderWith({ "bad.crontab": "99 * * * * true\n" });
    const bad = await run("diff", folder.path("bad.crontab"));
    expect(bad).toMatchObject({ code: 2, err: expect.stringMatching(/bad\.crontab:1:1: /) });
    expect(await run("import", folder.path("none"))).toMatchObject({
      code: 2,
      err: expect.stringMatching(/cannot be read/),
    });
    for (const args of [
      ["import", folder.path("bad.crontab"), "--timezone", "Mars"],
      ["export", "--tag", "a", "--file", "b"],
    ])
      expect((await run(...args)).code).toBe(2);
  });
});
