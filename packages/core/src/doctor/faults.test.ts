import {
  eventually,
  type JobStore,
  startJobStore,
  startProxy,
  startRedis,
  startVoters,
} from "@escapement/testing";
import { every } from "@escapement/triggers";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Cluster, fast, heard, partitions } from "../../test/cluster.js";
import { schedulerProcess } from "../../test/node-process.js";
import type { Finding, Scheduler, SchedulerOptions } from "../index.js";

// Each of these faults is planted for real, and has to be found; on a healthy cluster nothing may be.

let server: JobStore;
beforeAll(async () => {
  server = await startJobStore({ appendonly: "everysec" });
});
afterAll(() => server.stop());

const { logger: _, ...shortly } = fast;

/** What is wrong, by the doctor. */
const wrong = async (scheduler: Scheduler): Promise<Finding[]> =>
  (await scheduler.doctor()).filter(({ level }) => level !== "ok");

/** What the doctor finds of one check; of several partitions, not in which all is well where it is not in others. */
async function found(scheduler: Scheduler, check: string): Promise<Finding[]> {
  const all = (await scheduler.doctor()).filter((finding) => finding.check === check);
  const badly = all.filter(({ level }) => level !== "ok");
  return partitions > 1 && badly.length > 0 ? badly : all;
}

/** A node that leads, in a namespace of its own. */
async function leading(cluster: Cluster, options: SchedulerOptions = {}): Promise<Scheduler> {
  const node = cluster.scheduler(options);
  node.task("task", ({ id }) => id);
  await node.start();
  await eventually(async () => (await node.leaders()).length === partitions);
  return node;
}

test("a healthy cluster with jobs, runs and a short pause has nothing wrong", async () => {
  await using cluster = new Cluster(server);
  // Leases that a slow machine keeps as well.
  const node = await leading(cluster, { nodeTtl: 10_000, leaderTtl: 5000, lookahead: 15_000 });
  await node.schedule("task", { id: "job", trigger: every("200ms") });
  await (await node.enqueue("task")).result({ timeout: 5000 });
  await node.enqueue("task", { delay: "1h" });
  await node.pause({ tag: "some" }, { reason: "a short one" });
  expect(await wrong(cluster.scheduler())).toEqual([]);
});

describe("the server", () => {
  test("1: that evicts is an error", async () => {
    await using redis = await startRedis({ args: ["--maxmemory-policy", "allkeys-lru"] });
    await using cluster = new Cluster(redis);
    expect(await found(cluster.scheduler(), "eviction")).toMatchObject([
      { level: "error", message: expect.stringContaining("CONFIG SET maxmemory-policy noeviction") },
    ]);
  });

  test("2: that keeps nothing is an error, one that takes snapshots only a warning", async () => {
    await using redis = await startRedis();
    await using cluster = new Cluster(redis);
    const client = cluster.scheduler();
    expect(await found(client, "persistence")).toMatchObject([
      { level: "error", message: expect.stringMatching(/no snapshots.*CONFIG SET appendonly yes/) },
    ]);
    await redis.client().config("SET", "save", "3600 1");
    expect(await found(client, "persistence")).toMatchObject([
      { level: "warning", message: expect.stringMatching(/since the last snapshot, jobs and runs/) },
    ]);
    await redis.client().config("SET", "appendonly", "yes");
    expect(await found(client, "persistence")).toMatchObject([{ level: "ok" }]);
  });

  test("7: whose memory is full is an error, told although nothing can be written", async () => {
    await using redis = await startRedis({ appendonly: "everysec" });
    await using cluster = new Cluster(redis);
    const node = await leading(cluster);
    await redis.client().config("SET", "maxmemory", "1mb");
    await expect(node.enqueue("task")).rejects.toMatchObject({ code: "REDIS_FULL" });
    expect(await found(node, "memory")).toMatchObject([
      { level: "error", message: expect.stringMatching(/refused \(OOM\).*Raise maxmemory/) },
    ]);
    await redis.client().config("SET", "maxmemory", "1gb");
    expect(await found(node, "memory")).toMatchObject([{ level: "ok" }]);
  });

  test("11: that is too old is an error", async () => {
    const older = (text: string): string =>
      text.replace(/(redis_version|valkey_version):\d\./g, (line) => `${line.slice(0, -2)}6.`);
    await using proxy = await startProxy(server.url, { rewriteReplies: older });
    await using cluster = new Cluster(server);
    const client = cluster.scheduler({ redis: proxy.url });
    expect(await found(client, "version")).toMatchObject([
      { level: "error", message: expect.stringMatching(/6\.\S+ is too old.*Upgrade/) },
    ]);
  });
});

describe("3: a skewed clock", () => {
  test("of Redis against this machine is a warning", async () => {
    await using cluster = new Cluster(server);
    const { namespace } = cluster;
    const options = { ...shortly, redis: server.url, namespace };
    await using doctor = await schedulerProcess("doctor", options, { ahead: -300_000 });
    const findings = JSON.parse(await doctor.waitForLine(/^\[/)) as Finding[];
    expect(findings.filter(({ check }) => check === "clock")).toMatchObject([
      { level: "warning", message: expect.stringMatching(/(299|300)\d{3} ms ahead of this machine's.*NTP/) },
    ]);
  });

  test("of a node against Redis is a warning that names the node, and shows in nodes()", async () => {
    await using cluster = new Cluster(server);
    const { namespace } = cluster;
    const right = await leading(cluster);
    const options = { ...shortly, redis: server.url, namespace };
    await using wrongly = await schedulerProcess("node", options, { ahead: 300_000 });
    const [, id] = (await wrongly.waitForLine(/^started/)).split(" ");
    const nodes = await right.nodes();
    const offset = (of?: string): number => nodes.find((node) => node.id === of)?.clockOffset ?? Number.NaN;
    expect(Math.abs(offset(id) - 300_000)).toBeLessThan(1000);
    expect(Math.abs(offset(right.nodeId))).toBeLessThan(1000);
    expect(await found(right, "node clocks")).toMatchObject([
      {
        level: "warning",
        message: expect.stringMatching(new RegExp(`${id} on \\S+ is (299|300)\\d{3} ms ahead`)),
      },
    ]);
  });

  test("on which all nodes agree is Redis'", async () => {
    await using cluster = new Cluster(server);
    const { namespace } = cluster;
    const options = { ...shortly, redis: server.url, namespace };
    await using one = await schedulerProcess("node", options, { ahead: 300_000 });
    await using other = await schedulerProcess("node", options, { ahead: 300_000 });
    for (const node of [one, other]) await node.waitForLine(/^started/);
    expect(await found(cluster.scheduler(), "node clocks")).toMatchObject([
      {
        level: "warning",
        message: expect.stringMatching(/All 2 nodes agree that Redis' clock is .* behind theirs/),
      },
    ]);
  });

  test("that is set while a node runs is told with a heartbeat", async () => {
    await using cluster = new Cluster(server);
    const node = await leading(cluster);
    const { now } = Date;
    const offset = async (): Promise<number> => (await node.nodes())[0]?.clockOffset ?? Number.NaN;
    expect(Math.abs(await offset())).toBeLessThan(1000);
    Date.now = () => now() + 40_000;
    try {
      await eventually(async () => Math.abs((await offset()) - 40_000) < 1000);
    } finally {
      Date.now = now;
    }
  });
});

describe("4: a leader", () => {
  test("whose process stands still leaves nobody to lead, which is an error", async () => {
    await using cluster = new Cluster(server);
    const { namespace } = cluster;
    const worker = cluster.scheduler({ roles: ["worker"] });
    await worker.start();
    expect(await found(worker, "leader")).toMatchObject([
      {
        level: "error",
        message: expect.stringMatching(/none of the 1 running nodes has the role leader.*Start one/),
      },
    ]);
    const options = { ...shortly, redis: server.url, namespace, roles: ["leader"] } as const;
    await using leader = await schedulerProcess("node", options);
    await eventually(async () => (await worker.leaders()).length === partitions, { within: 10_000 });
    expect(await found(worker, "leader")).toMatchObject([{ level: "ok" }]);
    leader.kill("SIGSTOP");
    await eventually(async () => {
      expect(await found(worker, "leader")).toMatchObject([{ level: "error" }]);
      expect(await found(worker, "dead nodes")).toMatchObject([{ level: "warning" }]);
    });
  });

  test("that has the lease and schedules nothing is an error", async () => {
    await using cluster = new Cluster(server);
    const [redis, prefix] = [server.client(), `escapement:{${cluster.namespace}}:`];
    // One partition: nobody would lead the others.
    const worker = cluster.scheduler({ roles: ["worker"], partitions: 1 });
    await worker.start();
    await worker.schedule("task", { id: "job", trigger: every("100ms") });
    // A lease that a loop holds which does nothing.
    await redis.set(`${prefix}leader`, worker.nodeId ?? "", "PX", 60_000);
    await eventually(
      async () =>
        expect(await found(worker, "leader")).toMatchObject([
          {
            level: "error",
            message: expect.stringMatching(/nothing is scheduled in time.*job job for \d+ s.*restart/),
          },
        ]),
      { within: 15_000, every: 200 },
    );
    await redis.set(`${prefix}leader`, "somebody-else", "PX", 60_000);
    expect(await found(worker, "leader")).toMatchObject([
      { level: "error", message: expect.stringMatching(/somebody-else, which is no running node/) },
    ]);
  });

  test("that stood still a while ago is a warning", async () => {
    await using cluster = new Cluster(server);
    const redis = server.client();
    const due = `escapement:{${cluster.namespace}}:due`;
    await redis.set(due, "of the wrong type");
    const node = cluster.scheduler();
    const stalls = heard(node, "leaderStalled");
    await node.start();
    await eventually(() => stalls.length > 0, { within: 10_000 });
    await redis.del(due);
    await eventually(
      async () =>
        expect(await found(node, "leader")).toMatchObject([
          ...(partitions > 1 ? [] : [{ level: "ok" }]),
          { level: "warning", message: expect.stringMatching(/without getting anything done.*Its log says/) },
        ]),
      { within: 15_000, every: 100 },
    );
  });
});

test("5: due runs of a task that no node has are an error", async () => {
  await using cluster = new Cluster(server);
  const node = await leading(cluster);
  await node.enqueue("nobody-has-this");
  await eventually(async () =>
    expect(await found(node, "unclaimed")).toMatchObject([
      {
        level: "error",
        message: expect.stringMatching(/nobody-has-this in queue default.*Start one that does/),
      },
    ]),
  );
});

describe("6: a run", () => {
  test("that its node has not ended long after its timeout is an error", async () => {
    await using cluster = new Cluster(server);
    const client = cluster.scheduler();
    const options = { ...shortly, redis: server.url, namespace: cluster.namespace, nodeTtl: 60_000 };
    await using node = await schedulerProcess("node", options);
    await node.waitForLine(/^started/);
    const run = await client.enqueue("hold", { timeout: 300 });
    await eventually(async () => (await run.get())?.state === "active");
    node.kill("SIGSTOP");
    expect(await found(client, "stuck runs")).toMatchObject([{ level: "ok" }]);
    await eventually(
      async () =>
        expect(await found(client, "stuck runs")).toMatchObject([
          {
            level: "error",
            message: expect.stringMatching(new RegExp(`Run ${run.id} has been held.*Restart that node`)),
          },
        ]),
      { within: 15_000, every: 100 },
    );
  });

  test("that is held by a node which has no handler for it is an error", async () => {
    await using cluster = new Cluster(server);
    // It would find out within a lease that it holds something it knows nothing of.
    const node = await leading(cluster, { nodeTtl: 60_000 });
    const client = cluster.scheduler();
    const active = cluster.keysOf("planted").active(node.nodeId ?? "");
    await server.client().hset(active, "planted", `1 1 ${Date.now() - 10_000} 1 unheard-of`);
    expect(await found(client, "stuck runs")).toMatchObject([
      {
        level: "error",
        message: expect.stringMatching(/no handler for its task unheard-of. Restart that node/),
      },
    ]);
  });

  test("that stands in no index is an error", async () => {
    await using cluster = new Cluster(server);
    const client = cluster.scheduler();
    const run = await client.enqueue("task", { delay: "1h" });
    expect(await found(client, "stuck runs")).toMatchObject([{ level: "ok" }]);
    await server.client().zrem(cluster.keysOf(run.id).waiting, run.id);
    expect(await found(client, "stuck runs")).toMatchObject([
      { level: "error", message: expect.stringMatching(new RegExp(`no index.*${run.id}.*sweeper`)) },
    ]);
  });

  test("of a dead node that nobody takes over is an error", async () => {
    await using cluster = new Cluster(server);
    const client = cluster.scheduler();
    const options = {
      ...shortly,
      redis: server.url,
      namespace: cluster.namespace,
      roles: ["worker"],
    } as const;
    await using node = await schedulerProcess("node", options);
    await node.waitForLine(/^started/);
    const run = await client.enqueue("hold");
    await eventually(async () => (await run.get())?.state === "active");
    await node.stop();
    await eventually(
      async () =>
        expect(await found(client, "dead nodes")).toMatchObject([
          { level: "error", message: expect.stringMatching(/nobody has taken over the 1 runs/) },
          ...(partitions > 1 ? [{ level: "warning" }] : []), // where it held nothing
        ]),
      { within: 10_000, every: 100 },
    );
  });
});

test("8: one voter of three that is missing is a warning, two are an error", async () => {
  await using voters = await startVoters(3);
  await using cluster = new Cluster(server);
  const client = cluster.scheduler({ voters: voters.urls });
  await voters.servers[0]?.kill();
  expect(await found(client, "voters")).toMatchObject([
    { level: "warning", message: expect.stringMatching(/1 of 3 voters cannot be reached/) },
  ]);
  await voters.servers[1]?.kill();
  await eventually(async () =>
    expect(await found(client, "voters")).toMatchObject([
      { level: "error", message: expect.stringMatching(/Nothing can start.*Bring a majority of them back/) },
    ]),
  );
});

test("9: a pause that lasts too long is a warning that says whose it is and how it ends", async () => {
  await using cluster = new Cluster(server);
  const client = cluster.scheduler({ pausedTooLong: 1000 });
  const since = new Date(Date.now() - 90_000).toISOString();
  const value = JSON.stringify({ reason: "migration", by: "ada", since });
  await server.client().set(`escapement:{${cluster.namespace}}:pause:all`, value);
  expect(await found(client, "pauses")).toMatchObject([
    {
      level: "warning",
      message: expect.stringMatching(
        /^all has been paused for 9\d s by ada \("migration"\).*escapement resume all/,
      ),
    },
  ]);
  const patient = cluster.scheduler();
  expect(await found(patient, "pauses")).toMatchObject([{ level: "ok" }]);
});

test("10: a namespace of another layout, or of other partitions, is an error", async () => {
  await using cluster = new Cluster(server);
  const client = cluster.scheduler();
  await server.client().hset(`escapement:{${cluster.namespace}}:meta`, { layout: 1, partitions: 4 });
  const mismatch = new RegExp(`created with partitions 4, not ${partitions}.*another namespace`);
  expect(await found(client, "namespace")).toMatchObject([
    { level: "error", message: expect.stringMatching(mismatch) },
  ]);
  await expect(client.start()).rejects.toMatchObject({ code: "PARTITION_MISMATCH" });
});

test("a node whose lease goes on while a loop of it stands still is an error", async () => {
  await using cluster = new Cluster(server);
  const client = cluster.scheduler();
  const node = await leading(cluster, { deadline: 200, pollEvery: 100 });
  const real = globalThis.setImmediate;
  const swallowed: (() => void)[] = [];
  // What the loop waits for never comes, as where a promise is never settled.
  globalThis.setImmediate = ((then: () => void) =>
    void swallowed.push(then)) as unknown as typeof setImmediate;
  try {
    await eventually(
      async () =>
        expect(await found(client, "loops")).toMatchObject([
          {
            level: "error",
            message: expect.stringMatching(new RegExp(`${node.nodeId}.*worker loop.*Restart it`)),
          },
        ]),
      { within: 10_000, every: 100 },
    );
  } finally {
    globalThis.setImmediate = real;
    for (const then of swallowed) then();
  }
  await eventually(async () => expect(await found(client, "loops")).toMatchObject([{ level: "ok" }]));
});
