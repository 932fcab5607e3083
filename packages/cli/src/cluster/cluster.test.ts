import { createScheduler, type ListedNode, type Scheduler } from "@escapement/core";
import { eventually, type JobStore, startJobStore, uniqueNamespace } from "@escapement/testing";
import { cron } from "@escapement/triggers";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { asJson, escapement, start } from "../../test/escapement.js";

let redis: JobStore;
let env: { ESCAPEMENT_REDIS_URL: string; ESCAPEMENT_NAMESPACE: string; TZ: string };
let scheduler: Scheduler;

beforeAll(async () => {
  redis = await startJobStore();
  env = { ESCAPEMENT_REDIS_URL: redis.url, ESCAPEMENT_NAMESPACE: uniqueNamespace("cluster"), TZ: "UTC" };
  scheduler = createScheduler({ redis: redis.url, namespace: env.ESCAPEMENT_NAMESPACE });
  scheduler.task("any", () => undefined);
  await scheduler.start();
  await eventually(async () => (await scheduler.leader()) !== undefined);
});
afterAll(async () => {
  await scheduler.stop();
  await redis.stop();
});

describe("nodes", { timeout: 120_000 }, () => {
  test("drain keeps one from taking runs and says so in the list, undrain ends it", async () => {
    const id = scheduler.nodeId ?? "";
    const said = await escapement(
      ["nodes", "drain", id, "--reason", "new \u001b[31mkernel", "--for", "2h"],
      env,
    );
    expect(said).toEqual({ code: 0, out: `Node ${id} takes no further runs; none runs on it.`, err: "" });
    const { out } = await escapement(["nodes"], env);
    expect(out).toMatch(new RegExp(`^${id} +draining `, "m"));
    expect(out).toMatch(
      /^drained node:\S+: new \\x1b\[31mkernel \(by \S+,\s+since\s[^,]+,\s+until\s[^)]+\)$/m,
    );
    const [node] = await asJson<ListedNode[]>(["nodes"], env);
    expect(node?.pause).toMatchObject({ target: `node:${id}`, reason: "new \u001b[31mkernel" });
    const run = await scheduler.enqueue("any");
    expect((await escapement(["nodes", "undrain", id], env)).out).toBe(`Node ${id} takes runs again.`);
    await run.result({ timeout: 20_000 });
    expect(await escapement(["nodes", "undrain", id, "--json"], env)).toMatchObject({
      code: 1,
      out: expect.stringContaining('"NODE_NOT_DRAINED"'),
    });
  });

  test("drain refuses a node that there is not, unless it is forced", async () => {
    const { out, code } = await escapement(["nodes", "drain", "nope", "--json"], env);
    expect(code).toBe(1);
    expect(JSON.parse(out)).toMatchObject({
      error: { code: "NODE_NOT_FOUND", message: expect.stringMatching(/--force/) },
    });
    const paused = (): Promise<number> =>
      redis.client().exists(`escapement:{${env.ESCAPEMENT_NAMESPACE}}:pause:node:nope`);
    expect(await paused()).toBe(0);
    expect((await escapement(["nodes", "drain", "nope", "--force"], env)).code).toBe(0);
    expect(await paused()).toBe(1);
    expect((await escapement(["nodes", "drain", "nope", "--for", "soon", "--force"], env)).code).toBe(2);
  });
});

describe("leader --resign", { timeout: 120_000 }, () => {
  test("says that the same node leads in a new term where there is no other, then who else does", async () => {
    const before = await scheduler.leader();
    const alone = await escapement(["leader", "--resign"], env);
    expect(alone.out).toMatch(
      new RegExp(`^${before?.node} leads in term ${(before?.epoch ?? 0) + 1}, .*no other node took over$`),
    );
    expect(alone.code).toBe(0);
    await using other = createScheduler({ redis: redis.url, namespace: env.ESCAPEMENT_NAMESPACE });
    await other.start();
    const changed = await asJson<Record<string, unknown>>(["leader", "--resign"], env);
    expect(changed).toMatchObject({ node: other.nodeId, before: scheduler.nodeId, changed: true });
    expect(other.isLeader()).toBe(true);
  });

  test("ends with 1 when the leader does not listen, and when there is none", async () => {
    const own = { ...env, ESCAPEMENT_NAMESPACE: uniqueNamespace("cluster"), TZ: "UTC" };
    expect(await escapement(["leader", "--resign", "--json"], own)).toMatchObject({
      code: 1,
      out: expect.stringContaining('"NO_LEADER"'),
    });
    await using node = await start(["node", "--allow-shell"], own);
    await node.waitForLine(/^node \w+ runs/, 20_000);
    await using client = createScheduler({ redis: redis.url, namespace: own.ESCAPEMENT_NAMESPACE });
    await eventually(async () => (await client.leader()) !== undefined, { within: 10_000 });
    node.kill("SIGSTOP");
    // Its lease would end by itself while the command starts.
    await redis.client().pexpire(`escapement:{${own.ESCAPEMENT_NAMESPACE}}:leader`, 120_000);
    const frozen = await escapement(["leader", "--resign", "--timeout", "500ms", "--json"], own);
    expect(frozen.code).toBe(1);
    expect(JSON.parse(frozen.out)).toMatchObject({
      error: {
        code: "LEADER_NOT_CHANGED",
        message: expect.stringMatching(/still leads in term 1, 500 ms after/),
      },
    });
  });
});

describe("next", { timeout: 120_000 }, () => {
  test("merges the fire times of all jobs, says in how long, and what pauses a job", async () => {
    const own = { ...env, ESCAPEMENT_NAMESPACE: uniqueNamespace("cluster"), TZ: "UTC" };
    await using client = createScheduler({ redis: redis.url, namespace: own.ESCAPEMENT_NAMESPACE });
    const times = async (...args: string[]): Promise<string[]> =>
      (await asJson<{ jobId: string }[]>(["next", ...args], own)).map(({ jobId }) => jobId);
    expect((await escapement(["next"], own)).out).toBe("None.");
    const year = new Date().getUTCFullYear() + 1;
    const yearly = (id: string, month: number, tag: string): unknown =>
      client.schedule("any", {
        id,
        trigger: cron(`0 0 1 ${month} *`, { timezone: "UTC" }),
        tags: [tag],
        maxRuns: 2,
        startAt: new Date(Date.UTC(year, 0)),
      });
    await yearly("reports/b", 2, "money");
    await yearly("reports/a", 1, "fun");
    await yearly("mails", 3, "money");
    await client.pause({ tag: "money" }, { reason: "audit" });
    expect(await times()).toEqual(["reports/a", "reports/b", "mails", "reports/a", "reports/b", "mails"]);
    expect(await times("-n", "2", "--match", "reports/*")).toEqual(["reports/a", "reports/b"]);
    expect(await times("--tag", "money", "--within", "1s")).toEqual([]);
    const { out } = await escapement(["next", "-n", "2"], own);
    const [heading, first, second] = out.split("\n");
    expect(heading).toMatch(/^TIME +IN +JOB +TASK +PAUSED$/);
    expect(first).toMatch(
      new RegExp(`^${year}-01-01 00:00:00Z +\\d+ (d|h|min|s)( \\d+ (h|min|s))? +reports/a +any +-$`),
    );
    expect(second).toMatch(/reports\/b +any +by tag:money$/);
  });
});
