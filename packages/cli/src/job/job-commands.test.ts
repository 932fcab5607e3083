import { createScheduler, type Job, type Run, type Scheduler } from "@escapement/core";
import { type JobStore, startJobStore, startProcess, uniqueNamespace } from "@escapement/testing";
import { every } from "@escapement/triggers";
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { asJson, bin, escapement, folderWith } from "../../test/escapement.js";

// Several commands a test, each a process that takes a while to start on a busy machine.
vi.setConfig({ testTimeout: 90_000 });

let redis: JobStore;
let scheduler: Scheduler;
let env: Record<string, string>;

beforeAll(async () => {
  redis = await startJobStore();
});
afterAll(() => redis.stop());

beforeEach(async () => {
  const namespace = uniqueNamespace("job");
  env = { ESCAPEMENT_REDIS_URL: redis.url, ESCAPEMENT_NAMESPACE: namespace, TZ: "Europe/Berlin" };
  scheduler = createScheduler({ redis: redis.url, namespace });
  return () => scheduler.stop();
});

const jobIds = async (): Promise<string[]> => {
  const keys = await redis.client().keys(`escapement:{${env["ESCAPEMENT_NAMESPACE"]}*}:jobs`);
  const ids = await Promise.all(keys.map((key) => redis.client().hkeys(key)));
  return ids.flat().sort();
};
const get = (id: string): Promise<Job | undefined> => scheduler.job(id).get();
const define = (id: string, more: object = {}): Promise<Job> =>
  scheduler.schedule("t", { id, trigger: every("1h"), ...more });

describe("job add", () => {
  test("defines a job with all that is said", async () => {
    await Promise.all([define("x"), define("y")]);
    using files = folderWith({ "input.json": '{"rows":[1,2]}' });
    const all = [
      ...["--daily", "09:00,17:00", "--timezone", "Europe/Berlin", "--input", `@${files.path("input.json")}`],
      ...["--metadata", '"ops"', "--queue", "slow", "--tag", "a,b", "--tag", "c", "--priority", "-5"],
      ...["--overlap", "queue-one", "--misfire", "all", "--misfire-grace", "5m", "--misfire-max", "7"],
      ...["--retry", "3", "--retry-backoff", "10s", "--retry-jitter", "0.5", "--timeout", "1m"],
      ...[
        "--delivery",
        "at-most-once",
        "--max-lost",
        "2",
        "--resume-from",
        "now",
        "--pause-after-failures",
        "4",
        "--no-dead-letter",
        "--concurrency-key",
        "k",
      ],
      ...["--concurrency-limit", "2", "--rate-limit", "10/1m", "--start-at", "2100-07-01 14:00"],
      ...[
        "--end-at",
        "2101-01-01T00:00:00Z",
        "--max-runs",
        "9",
        "--when-exhausted",
        "remove",
        "--jitter",
        "1s",
      ],
      ...[
        "--retain-runs",
        "5",
        "--retain-failed",
        "6",
        "--retain-age",
        "2h",
        "--depends-on",
        "x",
        "--then",
        "y",
      ],
    ];
    const said = await escapement(["job", "add", "reports/daily", "--task", "send", ...all], env);
    expect(said).toMatchObject({ code: 0, err: "" });
    expect(said.out).toMatch(
      /^Added reports\/daily: .*Europe\/Berlin.*\.\nNext fire time: 2100-07-01 17:00:00\+02:00$/,
    );
    expect(await get("reports/daily")).toMatchObject({
      task: "send",
      trigger: { type: "daily", at: ["09:00", "17:00"], timezone: "Europe/Berlin" },
      ...{ input: { rows: [1, 2] }, metadata: "ops", queue: "slow", tags: ["a", "b", "c"], priority: -5 },
      ...{ overlap: "queue-one", misfire: { grace: 300_000, catchUp: "all", max: 7 }, timeout: 60_000 },
      retry: { attempts: 3, backoff: { type: "fixed", delay: 10_000 }, jitter: 0.5 },
      ...{ delivery: "at-most-once", maxLost: 2, deadLetter: false, resumeFrom: "now" },
      ...{ pauseAfterFailures: 4, concurrencyKey: "k" },
      ...{ concurrencyLimit: { max: 2 }, rateLimit: { max: 10, per: 60_000 }, maxRuns: 9, jitter: 1000 },
      ...{ startAt: new Date("2100-07-01T12:00:00Z"), endAt: new Date("2101-01-01T00:00:00Z") },
      ...{ whenExhausted: "remove", retain: { runs: 5, failed: 6, age: 7_200_000 } },
      ...{ dependsOn: ["x"], then: ["y"] },
    });
  });

  test.each([
    [["--cron", "0 9 * * mon-fri"], { type: "cron", expr: "0 9 * * mon-fri" }],
    [["--every", "90s"], { type: "every", interval: 90_000 }],
    [["--weekly", "mon,thu 09:00"], { type: "weekly", on: [1, 4], at: ["09:00"] }],
    [["--monthly", "1,-1 06:00"], { type: "monthly", at: ["06:00"] }],
    [["--once", "2100-07-01 14:00"], { type: "once", at: [Date.UTC(2100, 6, 1, 12)] }],
    [["--trigger", '{"type":"every","interval":5000}'], { type: "every", interval: 5000 }],
  ])("takes the trigger %j", async (args, trigger) => {
    const said = await asJson<{ outcome: string }>(["job", "add", "a", "--task", "t", ...args], env);
    expect(said.outcome).toBe("added");
    expect((await get("a"))?.trigger).toMatchObject(trigger);
  });

  test("leaves a job that there is alone, unless it is told to replace it", async () => {
    await define("a");
    const add = ["job", "add", "a", "--task", "other", "--every", "2h"];
    const refused = await escapement(add, env);
    expect(refused).toMatchObject({
      code: 1,
      err: expect.stringMatching(/There is a job a already.*job update/),
    });
    expect((await escapement([...add, "--on-conflict", "keep"], env)).out).toMatch(/^Nothing changed in a/);
    expect(await get("a")).toMatchObject({ task: "t", version: 1 });
    expect((await escapement([...add, "--on-conflict", "replace"], env)).out).toMatch(/^Changed a/);
    expect(await get("a")).toMatchObject({ task: "other", trigger: { interval: 7_200_000 } });
  });

  const long = "x".repeat(10_240);
  test.each([
    ["no task", ["a", "--every", "1h"], /--task/],
    ["no trigger", ["a", "--task", "t"], /Say when it fires/],
    ["two triggers", ["a", "--task", "t", "--every", "1h", "--cron", "* * * * *"], /Give one of --cron/],
    ["a trigger that is none", ["a", "--task", "t", "--cron", "61 * * * *"], /61/],
    ["a zone that is none", ["a", "--task", "t", "--daily", "09:00", "--timezone", "Mars/Base"], /Mars/],
    [
      "a zone without a time of day",
      ["a", "--task", "t", "--every", "1h", "--timezone", "UTC"],
      /--timezone belongs/,
    ],
    ["input that is no JSON", ["a", "--task", "t", "--every", "1h", "--input", "{a}"], /must be JSON/],
    [
      "a file that is not there",
      ["a", "--task", "t", "--every", "1h", "--input", "@/nope"],
      /cannot be read/,
    ],
    ["an id with blanks", ["a b", "--task", "t", "--every", "1h"], /job id/],
    ["an id with controls", ["a\u001b[31m\n", "--task", "t", "--every", "1h"], /job id/],
    ["an id with braces", ["{a}", "--task", "t", "--every", "1h"], /job id/],
    ["an id of 10 KB", [long, "--task", "t", "--every", "1h"], /job id/],
    ["a tag that is a picture", ["a", "--task", "t", "--every", "1h", "--tag", "🚧"], /tags/],
    ["a priority that is none", ["a", "--task", "t", "--every", "1h", "--priority", "high"], /whole number/],
    ["a rate that is none", ["a", "--task", "t", "--every", "1h", "--rate-limit", "10"], /10\/1m/],
  ])("refuses %s with exit code 2 and one line, and writes nothing", async (_, args, message) => {
    const said = await escapement(["job", "add", ...args], env);
    expect(said).toMatchObject({ code: 2, out: "", err: expect.stringMatching(message) });
    expect(said.err.split("\n")).toHaveLength(1);
    expect(said.err).not.toContain("\u001b");
    expect(said.err.length).toBeLessThan(400);
    expect(await jobIds()).toEqual([]);
  });
});

describe("job update", () => {
  test("changes what is given, and nothing else", async () => {
    await define("a", {
      tags: ["x"],
      timeout: "1m",
      retry: { attempts: 3, backoff: "5s" },
      misfire: { grace: "9s" },
    });
    const changes = ["--priority", "7", "--retry", "5", "--misfire", "none", "--unset", "timeout"];
    const said = await escapement(["job", "update", "a", ...changes], env);
    expect(said.out).toMatch(/^Changed a: /);
    expect(await get("a")).toMatchObject({
      ...{ task: "t", trigger: { type: "every", interval: 3_600_000 }, tags: ["x"], priority: 7 },
      ...{ retry: { attempts: 5, backoff: { delay: 5000 } }, misfire: { grace: 9000, catchUp: "none" } },
      timeout: undefined,
    });
    await escapement(["job", "update", "a", "--unset", "misfire,tags"], env);
    expect(await get("a")).toMatchObject({
      tags: [],
      misfire: { grace: 60_000, catchUp: "latest" },
      priority: 7,
    });
  });

  test("refuses what is no change, and a job that there is not", async () => {
    await define("a");
    const update = async (...args: string[]): Promise<[number | null, string]> => {
      const { code, err } = await escapement(["job", "update", ...args], env);
      return [code, err];
    };
    expect(await update("a")).toEqual([2, expect.stringContaining("Say what to change")]);
    expect(await update("a", "--unset", "colour")).toEqual([2, expect.stringContaining("colour")]);
    expect(await update("nope", "--priority", "1")).toEqual([
      1,
      expect.stringContaining("There is no job nope"),
    ]);
    expect(await get("a")).toMatchObject({ version: 1 });
  });
});

describe("job remove", () => {
  test("removes many by a pattern, after a look at which", async () => {
    await Promise.all(["b/1", "b/2", "c"].map((id) => define(id, { tags: ["old"] })));
    const dry = await escapement(["job", "remove", "--match", "b/*", "--dry-run", "--yes"], env);
    expect(dry.out).toBe("Would remove b/1.\nWould remove b/2.\nDry run, nothing was removed: 2 jobs.");
    const asked = await escapement(["job", "remove", "--match", "b/*"], env);
    expect(asked).toMatchObject({
      code: 2,
      out: "",
      err: expect.stringMatching(/Remove 2 jobs\? Nothing.*--yes/),
    });
    expect(await jobIds()).toEqual(["b/1", "b/2", "c"]);
    const done = await asJson(["job", "remove", "--match", "b/*", "--tag", "old", "--yes"], env);
    expect(done).toEqual({ done: ["b/1", "b/2"], failed: [] });
    expect(await jobIds()).toEqual(["c"]);
  });

  test("at a terminal asks first, and takes only yes for it", async () => {
    await Promise.all([define("b/1"), define("b/2")]);
    const answer = async (text: string): Promise<number | null> => {
      const command = `'${process.execPath}' '${bin}' job remove --match 'b/*'`;
      const line = `printf '${text}\\n' | script -qec "${command}" /dev/null`;
      await using asked = await startProcess("sh", ["-c", line], { env });
      const { code } = await asked.exited;
      expect(asked.lines.join("\n")).toContain("Remove 2 jobs? [y/N]");
      return code;
    };
    expect(await answer("n")).toBe(1);
    expect(await jobIds()).toEqual(["b/1", "b/2"]);
    expect(await answer("y")).toBe(0);
    expect(await jobIds()).toEqual([]);
  });

  test("removes those that are named, and says which there are not", async () => {
    await Promise.all([define("a"), define("b")]);
    const said = await escapement(["job", "remove", "a", "nope", "b"], env);
    expect(said).toMatchObject({ code: 1, err: expect.stringContaining("There is no job nope") });
    expect(await jobIds()).toEqual([]);
    for (const args of [[], ["a", "--tag", "x"], ["a", "b c"]])
      expect([args, (await escapement(["job", "remove", ...args], env)).code]).toEqual([args, 2]);
  });
});

describe("a paused job", () => {
  test("is listed with what holds it, and found by its state", async () => {
    await Promise.all([define("a", { tags: ["emea"] }), define("b", { tags: ["emea"] }), define("c")]);
    await scheduler.pause({ tag: "emea" }, { reason: "relay down\u001b[31m", by: "ops", for: "1h" });
    await scheduler.pause({ job: "b" }, { reason: "rates" });
    const { out } = await escapement(["job", "list", "--state", "paused"], env);
    expect(out.split("\n").map((line) => line.split(/ {2,}/).slice(0, 3))).toEqual([
      ["ID", "STATE", "PAUSED BY"],
      ["a", "paused", "tag:emea"],
      ["b", "paused", "job +1"],
    ]);
    expect((await escapement(["job", "list", "--match", "?", "--limit", "1"], env)).out).toMatch(
      /… and 2 more/,
    );
    const shown = await escapement(["job", "show", "a"], env);
    expect(shown.out).toMatch(
      /^paused tag:emea +relay down\\x1b\[31m\n +by ops, since \d{4}.*\(\d+ s\)\n +until/m,
    );
    const run = await escapement(["job", "run", "a", "--json"], env);
    expect(run).toMatchObject({
      code: 1,
      err: expect.stringMatching(/paused by tag:emea: relay down.*say --force\./),
    });
    expect(JSON.parse(run.out)).toMatchObject({ error: { code: "JOB_PAUSED" } });
    expect(await scheduler.unfinishedRuns({ job: "a" })).toEqual([]);
    const forced = await escapement(["job", "run", "a", "--force"], env);
    expect((await scheduler.unfinishedRuns({ job: "a" })).map(({ id }) => id)).toEqual([forced.out]);
    const next = await escapement(["job", "next", "a", "-n", "1"], env);
    expect(next.out).toMatch(/^\d{4}-.*\nNothing starts while it is paused by tag:emea: relay down/);
  });
});

test("colours are for terminals alone, and not for those of NO_COLOR", async () => {
  await define("a");
  await scheduler.pause({ job: "a" }, { reason: "r" });
  const atTerminal = async (noColour: string | undefined): Promise<string> => {
    const line = `script -qec "'${process.execPath}' '${bin}' job list" /dev/null`;
    await using listed = await startProcess("sh", ["-c", line], { env: { ...env, NO_COLOR: noColour } });
    expect((await listed.exited).code).toBe(0);
    return listed.lines.join("\n");
  };
  expect(await atTerminal(undefined)).toContain("\u001b[33ma   paused");
  expect(await atTerminal("1")).toMatch(/^a +paused/m);
  expect(await atTerminal("1")).not.toContain("\u001b");
  expect((await escapement(["job", "list"], { ...env, NO_COLOR: undefined })).out).not.toContain("\u001b");
});

describe("job backfill and history", () => {
  test("a dry run shows the fire times that the backfill then runs", async () => {
    const trigger = every("1h", { from: "2026-01-01T00:00:00Z" });
    await scheduler.schedule("t", { id: "a", trigger });
    const range = ["--from", "2026-01-02 00:00Z", "--to", "2026-01-02 02:00Z"];
    const dry = await escapement(["job", "backfill", "a", ...range, "--dry-run"], env);
    expect(dry.out.split("\n")).toEqual([
      ...[1, 2, 3].map((hour) => `2026-01-02 0${hour}:00:00+01:00`),
      "Dry run, nothing was queued: 3 fire times.",
    ]);
    expect(await scheduler.unfinishedRuns({ job: "a" })).toEqual([]);
    const runs = await asJson<{ id: string }[]>(
      ["job", "backfill", "a", ...range, "--overlap", "allow"],
      env,
    );
    const at = (id: string): string => new Date(Number(/@(\d+)/.exec(id)?.[1])).toISOString();
    expect(runs.map(({ id }) => at(id))).toEqual([0, 1, 2].map((hour) => `2026-01-02T0${hour}:00:00.000Z`));
    expect((await scheduler.unfinishedRuns({ job: "a" })).map(({ id }) => id)).toEqual(
      runs.map(({ id }) => id),
    );
    for (const args of [
      [...range, "--max", "2"],
      [...range, "--max", "2", "--dry-run"],
      ["--from", "2026-01-03", "--to", "2026-01-02"],
    ])
      expect([args, (await escapement(["job", "backfill", "a", ...args], env)).code]).toEqual([args, 2]);
  });

  test("history shows what has ended, by state", async () => {
    let fail = true;
    await using node = createScheduler({ redis: redis.url, namespace: scheduler.namespace });
    node.task("t", () => {
      if (fail) throw new Error("no \u001b[31mway");
    });
    await node.start();
    await define("a");
    await (await scheduler.job("a").runNow()).result({ timeout: 10_000 }).catch(() => undefined);
    fail = false;
    await (await scheduler.job("a").runNow()).result({ timeout: 10_000 });
    const history = (...args: string[]): Promise<Run[]> => asJson(["job", "history", "a", ...args], env);
    expect((await history()).map(({ state }) => state)).toEqual(["succeeded", "failed"]);
    expect((await history("--state", "failed", "-n", "1")).map(({ state }) => state)).toEqual(["failed"]);
    const { out } = await escapement(["job", "history", "a", "--state", "failed"], env);
    expect(out).toMatch(/^ {2}no \\x1b\[31mway$/m);
  });
});
