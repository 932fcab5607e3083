import { createScheduler, type Job, type PauseInfo, type Scheduler } from "@escapement/core";
import { eventually, type JobStore, startJobStore, uniqueNamespace } from "@escapement/testing";
import { every } from "@escapement/triggers";
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { asJson, escapement } from "../../test/escapement.js";

// Several commands a test, each a process that takes a while to start on a busy machine.
vi.setConfig({ testTimeout: 90_000 });

let redis: JobStore;
let scheduler: Scheduler;
let env: Record<string, string>;
let prefix: string;

beforeAll(async () => {
  redis = await startJobStore();
});
afterAll(() => redis.stop());

beforeEach(async () => {
  const namespace = uniqueNamespace("pause");
  env = { ESCAPEMENT_REDIS_URL: redis.url, ESCAPEMENT_NAMESPACE: namespace, TZ: "Europe/Berlin" };
  prefix = `escapement:{${namespace}}:pause:`;
  scheduler = createScheduler({ redis: redis.url, namespace });
  return () => scheduler.stop();
});

/** The keys that pause, and what they say. */
async function keys(): Promise<Record<string, Record<string, unknown> | string>> {
  const names = (await redis.client().keys(`${prefix}*`)).sort();
  const values = await Promise.all(names.map((name) => redis.client().get(name)));
  return Object.fromEntries(
    names.map((name, index) => {
      const value = values[index] ?? "";
      return [name.slice(prefix.length), value.startsWith("{") ? JSON.parse(value) : value];
    }),
  );
}

async function define(id: string, tags: string[] = []): Promise<void> {
  await scheduler.schedule("t", { id, trigger: every("1h"), tags });
}

const get = (id: string): Promise<Job | undefined> => scheduler.job(id).get();

describe("pause", () => {
  test("writes a key for each target, with why, who and until when", async () => {
    await define("a:b", ["emea"]);
    const targets = ["all", "job:a:b", "tag:emea", "queue:default", "task:t", "node:n"];
    const said = await escapement(
      ["pause", ...targets, "--reason", "relay down", "--for", "1h", "--by", "ops"],
      env,
    );
    expect(said).toMatchObject({
      code: 0,
      err: expect.stringMatching(/^warning: there is no node n now.*$/),
    });
    expect(said.out.split("\n")).toEqual(targets.map((name) => `Paused ${name} for 60 min.`));
    const found = await keys();
    expect(Object.keys(found)).toEqual([...targets].sort());
    expect(found["job:a:b"]).toMatchObject({ reason: "relay down", by: "ops", since: expect.any(String) });
    const left = await redis.client().pttl(`${prefix}tag:emea`);
    expect(left).toBeGreaterThan(3_500_000);
    expect(left).toBeLessThanOrEqual(3_600_000);
  });

  test("takes a date of this machine's zone, and shows it with the zone", async () => {
    const said = await escapement(["pause", "all", "--reason", "r", "--until", "2100-07-01 14:00"], env);
    expect(said.out).toBe("Paused all until 2100-07-01 14:00:00+02:00.");
    const end = await redis.client().pexpiretime(`${prefix}all`);
    expect(new Date(end).toISOString()).toBe("2100-07-01T12:00:00.000Z");
  });

  test("pauses the jobs that fit a pattern, each by a key of its own", async () => {
    await Promise.all(["billing/a", "billing/b", "mail"].map((id) => define(id)));
    const said = await asJson(["pause", "--match", "billing/*", "--reason", "wrong rates"], env);
    expect(said).toEqual({ done: ["billing/a", "billing/b"], failed: [] });
    expect(Object.keys(await keys())).toEqual(["job:billing/a", "job:billing/b"]);
    const none = await escapement(["pause", "--match", "nope/*", "--reason", "r"], env);
    expect(none).toMatchObject({ code: 1, err: expect.stringContaining("nothing was paused") });
  });

  test("of a job that there is not says so, and pauses it all the same", async () => {
    const said = await escapement(["pause", "job:later", "--reason", "r"], env);
    expect(said).toMatchObject({ code: 0, out: "Paused job:later until it is resumed." });
    expect(said.err).toBe("warning: there is no job later now; the pause is in place for when there is.");
    expect(Object.keys(await keys())).toEqual(["job:later"]);
  });

  const long = "x".repeat(10_240);
  test.each([
    ["no target", [], /Give what to pause/],
    ["no reason", ["all"], /--reason TEXT is missing/],
    ["a reason of blanks", ["all", "--reason", "  "], /--reason TEXT is missing/],
    ["a reason of 10 KB", ["all", "--reason", long], /reason: must be text of 1 to 500/],
    ["a bare id", ["reports"], /For the job reports it is job:reports/],
    ["an id with a blank", ["all", "job:a b", "--reason", "r"], /"job:a b" is no target/],
    ["an id with braces", ["all", "job:{a}", "--reason", "r"], /no target/],
    ["a tag that is a picture", ["tag:🚧", "--reason", "r"], /no target/],
    ["an id with controls", ["job:a\u001b[31m", "--reason", "r"], /"job:a\\\\x1b\[31m" is no target/],
    ["an id of 10 KB", [`job:${long}`, "--reason", "r"], /…" is no target/],
    ["nothing behind the colon", ["job:", "--reason", "r"], /"job:" is no target/],
    ["a kind that is none", ["jobs:a", "--reason", "r"], /"jobs:a" is no target/],
    ["targets and a pattern", ["all", "--match", "a*", "--reason", "r"], /either targets or --match/],
    ["a pattern with braces", ["--match", "{a}", "--reason", "r"], /filter.match: must be a pattern/],
    ["two ends", ["all", "--reason", "r", "--for", "1h", "--until", "2100-01-01"], /either --for or --until/],
    ["an end that has passed", ["all", "--reason", "r", "--until", "2000-01-01"], /until: has passed/],
    ["an end that is none", ["all", "--reason", "r", "--until", "2100-02-30"], /Give a date such as/],
    ["a name of 10 KB", ["all", "--reason", "r", "--by", long], /by: must be text/],
  ])("refuses %s with exit code 2 and one line, and writes nothing", async (_, args, message) => {
    const said = await escapement(["pause", ...args], env);
    expect(said).toMatchObject({ code: 2, out: "", err: expect.stringMatching(message) });
    expect(said.err.split("\n")).toHaveLength(1);
    expect(said.err).not.toContain("\u001b");
    expect(said.err.length).toBeLessThan(300);
    expect(await keys()).toEqual({});
  });
});

describe("pause list", () => {
  test("shows of what, how long, since and until when, why and by whom, on 80 columns", async () => {
    await define("a".repeat(120));
    await scheduler.pause(
      { job: "a".repeat(120) },
      { reason: "🚧 日本".repeat(100).slice(0, 500), by: "x".repeat(500) },
    );
    await scheduler.pause(
      { tag: "emea" },
      { reason: "mail {relay}: down\u001b[31m\u202e\n2", by: "ops", for: "1h" },
    );
    await redis.client().set(`${prefix}all`, "y".repeat(10_240));
    const said = await escapement(["pause", "list"], env);
    expect(said.code).toBe(0);
    const lines = said.out.split("\n");
    expect(lines[0]).toMatch(/^TARGET +FOR +SINCE +UNTIL$/);
    expect(lines.at(-1)).toBe("Times are of the zone Europe/Berlin.");
    const emea = lines.findIndex((line) => line.startsWith("tag:emea"));
    expect(lines[emea]).toMatch(/^tag:emea +\d+ s +\d{4}-\d\d-\d\d \d\d:\d\d +\d{4}-\d\d-\d\d \d\d:\d\d$/);
    expect(lines[emea + 1]).toBe("  mail {relay}: down\\x1b[31m\\u202e\\n2 (ops)");
    expect(lines.some((line) => /^ {2}y+… \(by hand\)$/.test(line))).toBe(true);
    // Nothing that a terminal would act on, and no line that is wider than 80 columns, however wide its characters are.
    expect(said.out).not.toMatch(/[\p{Cf}\p{Cs}]|[^\P{Cc}\n]/u);
    const columns = (line: string): number =>
      [...line].reduce((sum, each) => sum + (each > "\u2e80" ? 2 : 1), 0);
    expect(lines.filter((line) => columns(line) > 80)).toEqual([]);
  });

  test("filters by target, by whom, how long, and by the job that is held", async () => {
    await define("billing", ["emea"]);
    await scheduler.pause({ tag: "emea" }, { reason: "r", by: "ada" });
    await scheduler.pause({ job: "billing" }, { reason: "r", by: "bob" });
    await scheduler.pause({ job: "other" }, { reason: "r", by: "bob" });
    const old = { reason: "old", by: "ada", since: "2020-01-01T00:00:00.000Z" };
    await redis.client().set(`${prefix}queue:q`, JSON.stringify(old));
    await scheduler.schedule("t", { id: "of-q", trigger: every("1h"), queue: "q" });
    const list = async (...args: string[]): Promise<string[]> =>
      (await asJson<PauseInfo[]>(args, env)).map(({ target }) => target);
    expect(await list("pause", "list", "--match", "job:*")).toEqual(["job:billing", "job:other"]);
    expect(await list("pauses", "--match", "job:*")).toEqual(["job:billing", "job:other"]);
    expect(await list("pause", "list", "--by", "ad")).toEqual(["queue:q", "tag:emea"]);
    expect(await list("pauses", "--by", "ad", "--longer-than", "1d")).toEqual(["queue:q"]);
    expect((await list("pause", "list", "--job", "billing")).sort()).toEqual(["job:billing", "tag:emea"]);
    const missing = await escapement(["pauses", "--job", "nope"], env);
    expect(missing).toMatchObject({ code: 1, err: expect.stringContaining("There is no job nope") });
  });

  test("says when there is none", async () => {
    expect(await escapement(["pauses"], env)).toEqual({ code: 0, out: "Nothing is paused.", err: "" });
  });
});

describe("resume", () => {
  test("deletes the keys, and says which other pauses still hold the job", async () => {
    await define("billing", ["emea"]);
    await scheduler.pause({ job: "billing" }, { reason: "rates" });
    await scheduler.pause({ tag: "emea" }, { reason: "relay \u001b[31mdown" });
    const first = await escapement(["resume", "job:billing"], env);
    expect(first).toMatchObject({
      code: 0,
      out: "Resumed job:billing.\n  Still paused by tag:emea: relay \\x1b[31mdown",
    });
    expect(Object.keys(await keys())).toEqual(["tag:emea"]);
    const again = await escapement(["resume", "job:billing"], env);
    expect(again).toMatchObject({
      code: 1,
      err: expect.stringMatching(
        /^escapement: Nothing was paused as job:billing; .* paused by tag:emea: relay/,
      ),
    });
    const both = await escapement(["resume", "tag:emea", "job:billing", "--json"], env);
    expect(both.code).toBe(1);
    expect(JSON.parse(both.out)).toMatchObject([
      { target: "tag:emea", resumed: true },
      { target: "job:billing", resumed: false, stillPausedBy: [] },
    ]);
    expect(await keys()).toEqual({});
  });

  test("by a pattern ends the jobs' own pauses only", async () => {
    await Promise.all([define("b/1", ["emea"]), define("b/2"), define("c")]);
    await scheduler.group({ match: "*" }).pause({ reason: "r" });
    await scheduler.pause({ tag: "emea" }, { reason: "r" });
    expect(await asJson(["resume", "--match", "b/*"], env)).toEqual({ done: ["b/1", "b/2"], failed: [] });
    expect(Object.keys(await keys())).toEqual(["job:c", "tag:emea"]);
    expect(await escapement(["resume", "--match", "b/*"], env)).toMatchObject({ code: 1 });
  });

  test("goes on from now, from a date or with what was missed, as it is told", async () => {
    const next = async (): Promise<number> => (await get("ticks"))?.nextFireTime?.getTime() ?? 0;
    const resumed = async (...from: string[]): Promise<{ frozen: number; next: number }> => {
      await scheduler.schedule("t", { id: "ticks", trigger: every("1s") });
      await scheduler.pause({ job: "ticks" }, { reason: "r" });
      const frozen = await next();
      await eventually(() => Date.now() > frozen + 1000);
      expect((await escapement(["resume", "job:ticks", "--by", "ada", ...from], env)).err).toBe("");
      const after = { frozen, next: await next() };
      await scheduler.job("ticks").remove();
      return after;
    };
    const missed = await resumed("--from", "missed");
    expect(missed.next).toBe(missed.frozen);
    const now = await resumed("--from", "now");
    expect(now.next).toBeGreaterThan(now.frozen + 1000);
    expect((await resumed("--from", "2100-07-01 14:00")).next).toBeGreaterThanOrEqual(
      Date.UTC(2100, 6, 1, 12),
    );
    expect((await escapement(["resume", "node:n", "--from", "now"], env)).code).toBe(2);
  });

  test("refuses what it cannot read, before anything is resumed", async () => {
    await scheduler.pause("all", { reason: "r" });
    for (const args of [["all", "job:a b"], ["all", "--from", "soon"], [], ["all", "--match", "a"]])
      expect([args, (await escapement(["resume", ...args], env)).code]).toEqual([args, 2]);
    expect(Object.keys(await keys())).toEqual(["all"]);
  });
});
