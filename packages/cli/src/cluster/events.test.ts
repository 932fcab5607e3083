import { createScheduler, type Scheduler, type SchedulerEvent } from "@escapement/core";
import { eventually, type JobStore, startJobStore, startProcess, uniqueNamespace } from "@escapement/testing";
import { once } from "@escapement/triggers";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { escapement, type Said, start } from "../../test/escapement.js";

let redis: JobStore;
let client: Scheduler;
let env: {
  ESCAPEMENT_REDIS_URL: string;
  ESCAPEMENT_NAMESPACE: string;
  ESCAPEMENT_PARTITIONS: string;
  TZ: string;
};
const later = once(new Date("2099-01-01T00:00:00Z"));

beforeAll(async () => {
  redis = await startJobStore();
});
afterAll(() => redis.stop());

/** Tells events as scripts write them, in a namespace of their own, of one partition: their order is that of one stream. */
async function cluster(lines: readonly string[]): Promise<void> {
  const namespace = uniqueNamespace("events");
  const where = { ESCAPEMENT_NAMESPACE: namespace, ESCAPEMENT_PARTITIONS: "1" };
  env = { ESCAPEMENT_REDIS_URL: redis.url, ...where, TZ: "UTC" };
  for (const line of lines) await tell(line);
}

const tell = (line: string, at = Date.now()): Promise<unknown> =>
  redis.client().xadd(`escapement:{${env.ESCAPEMENT_NAMESPACE}}:events`, "*", "t", at, "e", line);

const events = (...args: string[]): Promise<Said> => escapement(["events", ...args], env);
const wordsOf = ({ out }: Said): string[] => out.split("\n").map((line) => line.replace(/^\S+ \S+ +/, ""));
const idsOf = ({ out }: Said): unknown[] =>
  out === "" ? [] : out.split("\n").map((line) => (JSON.parse(line) as { jobId?: string }).jobId);

const jobs = (count: number, from = 0): string[] =>
  Array.from({ length: count }, (_, index) => `jobUpdated job-${from + index}`);

describe("events", { timeout: 120_000 }, () => {
  test("says each kind in words, in one line that a terminal may be shown", async () => {
    await cluster([
      "started reports@1700000000000 1 42 nodeA",
      'ended reports@1700000000000 1700000000000 1700000000000 1700000002500 f 2 43 nodeA  "no\\u001b[31m\\nway"',
      "again reports@1700000000000 1700000000000 1700000000000 1700000000700 f 1 42 nodeA  ",
      'ended late@1700000000000 1700000000000 0 1700000000000 m 0 0 - 7 "grace"',
      "leaderElected nodeA 3",
      "mended reports@1700000000000 in two places",
      "jobParked broken",
      "resumed all",
      "nodeDead nodeA",
      "fromTheFuture reports",
    ]);
    expect(wordsOf(await events())).toEqual([
      "beforeRun      reports@1700000000000 on nodeA",
      "afterRun       reports@1700000000000 attempt 2 failed after 2500 ms on nodeA: no\\x1b[31m\\nway",
      "afterRun       reports@1700000000000 failed after 700 ms on nodeA, another attempt follows",
      "missed         late@1700000000000 and 6 fire times after it: grace",
      "leaderElected  nodeA, term 3",
      "mended         reports@1700000000000: in two places",
      "jobParked      broken",
      "resumed        all",
      "nodeDead       nodeA",
    ]);
  });

  test("says who paused what, why and until when", async () => {
    await cluster([]);
    client = createScheduler({ redis: redis.url, namespace: env.ESCAPEMENT_NAMESPACE, partitions: 1 });
    await client.pause(
      { queue: "mail" },
      { reason: "audit \u202e!", by: "ann", until: "2099-01-01T00:00:00Z" },
    );
    await client.stop();
    expect(wordsOf(await events())[0]).toMatch(
      /^paused {9}queue:mail: audit \\u202e! \(by ann, since 20.*Z, until 2099-01-01 00:00:00Z\)$/,
    );
  });

  test("shows the latest, and with --since all that came behind it: an event, a while, a date", async () => {
    await cluster(jobs(130));
    expect(idsOf(await events("--json"))).toEqual(jobs(50, 80).map((line) => line.slice(11)));
    expect(idsOf(await events("--json", "-n", "2"))).toEqual(["job-128", "job-129"]);
    expect(idsOf(await events("--json", "--since", "start"))).toHaveLength(130);
    const [first] = (await events("--json", "-n", "3")).out.split("\n");
    const { id, at } = JSON.parse(first ?? "") as { id: string; at: string };
    expect(idsOf(await events("--json", "--since", id))).toEqual(["job-128", "job-129"]);
    expect(idsOf(await events("--json", "--since", "1h", "-n", "1"))).toEqual(["job-129"]);
    expect(idsOf(await events("--json", "--since", at))).toContain("job-129");
    expect(idsOf(await events("--json", "--since", "2099-01-01T00:00:00Z"))).toEqual([]);
    expect(await events("--since", "tomorrow", "--json")).toMatchObject({
      code: 2,
      out: expect.stringContaining('"USAGE"'),
    });
  });

  test("shows only some types, or what is about one job, and says when a type is not there", async () => {
    await cluster([
      "jobAdded a",
      "jobAdded b",
      "started a@1700000000000 1 42 nodeA",
      "mended a@1700000000000 in no place",
      "resumed job:a",
      "nodeJoined nodeA",
    ]);
    const types = async (...args: string[]): Promise<string[]> =>
      (await events("--json", ...args)).out
        .split("\n")
        .map((line) => (JSON.parse(line) as SchedulerEvent).type);
    expect(await types("--job", "a")).toEqual(["jobAdded", "beforeRun", "mended", "resumed"]);
    expect(await types("--type", "nodeJoined,jobAdded")).toEqual(["jobAdded", "jobAdded", "nodeJoined"]);
    expect(await types("--type", "jobAdded", "--job", "b")).toEqual(["jobAdded"]);
    expect(await events("--type", "jobaded")).toEqual({
      code: 0,
      out: "",
      err: "note: no jobaded among what is kept; types there: beforeRun, jobAdded, mended, nodeJoined, resumed",
    });
  });

  test("follows until it is interrupted, which is no failure", async () => {
    await cluster(jobs(3));
    await using following = await start(["events", "--follow", "-n", "1"], env);
    await following.waitForLine(/job-2/);
    await using other = createScheduler({
      redis: redis.url,
      namespace: env.ESCAPEMENT_NAMESPACE,
      partitions: 1,
    });
    await other.schedule("any", { id: "new", trigger: later });
    await following.waitForLine(/jobAdded {7}new$/);
    expect(following.lines).toHaveLength(2);
    following.kill("SIGINT");
    expect(await following.exited).toEqual({ code: 0, signal: null });
    expect(following.errorLines).toEqual([]);
  });

  test("ends without a failure when its reader has gone", async () => {
    await cluster(jobs(1));
    const bin = new URL("../../bin/escapement.js", import.meta.url).pathname;
    const line = `{ "${process.execPath}" "${bin}" events --follow; echo "ended $?" >&2; } | head -1`;
    await using shell = await startProcess("bash", ["-c", line], { env });
    await shell.waitForLine(/job-0/);
    await eventually(async () => {
      await tell("jobUpdated next"); // whoever writes finds that nobody reads
      return shell.errorLines.includes("ended 0");
    });
    expect(shell.errorLines).toEqual(["ended 0"]);
  });
});
