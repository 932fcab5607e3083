import {
  eventually,
  type JobStore,
  onEach,
  redisWay,
  startJobStore,
  startRedis,
  startVoters,
} from "@escapement/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Cluster, fast, gate, heard } from "../test/cluster.js";
import type { Health, Scheduler } from "./index.js";

let server: JobStore;
beforeAll(async () => {
  server = await startJobStore();
});
afterAll(() => server.stop());

const codes = ({ reasons }: Health): string[] => reasons.map(({ code }) => code);
const fit: Health = { live: true, ready: true, reasons: [] };

async function started(
  cluster: Cluster,
  options: Parameters<Cluster["scheduler"]>[0] = {},
): Promise<Scheduler> {
  const node = cluster.scheduler(options);
  node.task("task", ({ id }) => id);
  await node.start();
  return node;
}

describe("health", () => {
  test("of a client is live and not ready; of a node both, from its start until it is told to stop", async () => {
    await using cluster = new Cluster(server);
    const node = cluster.scheduler();
    const [running, release] = [gate(), gate()];
    node.task("task", async () => {
      running.open();
      await release.opened;
    });
    expect(node.health()).toMatchObject({ live: true, ready: false });
    expect(codes(node.health())).toEqual(["NOT_STARTED"]);
    await node.start();
    expect(node.health()).toEqual(fit);
    await node.enqueue("task");
    await running.opened;
    const stopped = node.stop();
    expect(node.health()).toMatchObject({ live: true, ready: false });
    expect(codes(node.health())).toEqual(["STOPPING"]);
    release.open();
    await stopped;
    expect(node.health()).toMatchObject({ live: false, ready: false });
    expect(codes(node.health())).toEqual(["STOPPED"]);
  });

  test("of a node that only leads, and of one that is paused, is ready", async () => {
    await using cluster = new Cluster(server);
    const leader = await started(cluster, { roles: ["leader"] });
    await leader.pause("all", { reason: "not yet" });
    expect(leader.health()).toEqual(fit);
  });

  test("of a node whose Redis was killed is not ready and live, and ready again by itself", async () => {
    await using redis = await startRedis({ appendonly: "everysec" });
    await using cluster = new Cluster(redis);
    const node = await started(cluster);
    await redis.kill();
    await eventually(() => !node.health().ready);
    expect(codes(node.health())).toContain("REDIS_UNAVAILABLE");
    await eventually(() => codes(node.health()).includes("NOT_JOINED"));
    expect(node.health().live).toBe(true);
    await redis.restart();
    await eventually(() => expect(node.health()).toEqual(fit), { within: 10_000 });
  });

  test.skipIf(redisWay() === "url")(
    "of a node whose Redis stands still is not ready before its lease is over, and told at once",
    async () => {
      await using redis = await startRedis();
      await using cluster = new Cluster(redis);
      const node = await started(cluster, { nodeTtl: 4000 });
      const { nodeId } = node;
      await redis.freeze();
      await eventually(() => codes(node.health()).includes("REDIS_UNAVAILABLE"), { within: 4000 });
      expect(node.nodeId).toBe(nodeId);
      // It asks nobody: a thousand answers come while Redis gives none.
      const answers = Array.from({ length: 1000 }, () => node.health());
      expect(answers.every(({ live, ready }) => live && !ready)).toBe(true);
      await redis.thaw();
      await eventually(() => expect(node.health()).toEqual(fit), { within: 10_000 });
    },
  );

  test("I9: of a node whose Redis is full is not ready, and ready again when there is room", async () => {
    await using redis = await startRedis();
    await using cluster = new Cluster(redis);
    const node = await started(cluster);
    await redis.client().config("SET", "maxmemory", "1mb");
    await eventually(() => codes(node.health()).includes("REDIS_OUT_OF_MEMORY"));
    // What it can do all the same does not make it look well.
    await node.pause("all", { reason: "the store is full" });
    expect(await node.resume("all")).toBe(true);
    expect(codes(node.health())).toEqual(["REDIS_OUT_OF_MEMORY"]);
    expect(node.health().live).toBe(true);
    await redis.client().config("SET", "maxmemory", "0");
    await eventually(() => expect(node.health()).toEqual(fit), { within: 10_000 });
  });

  test("of a node whose voters are down is not ready once a majority is, and live", async () => {
    await using voters = await startVoters(3);
    await using cluster = new Cluster(server);
    const node = await started(cluster, { voters: voters.urls });
    await eventually(() => expect(node.health()).toEqual(fit));
    await voters.servers[0]?.kill();
    await voters.servers[1]?.kill();
    await eventually(() => codes(node.health()).includes("VOTERS_LOST"));
    expect(node.health()).toMatchObject({ live: true, ready: false });
    expect(JSON.stringify(node.health())).not.toContain("127.0.0.1");
    await voters.servers[0]?.restart();
    await eventually(() => expect(node.health()).toEqual(fit), { within: 10_000 });
  });

  test("W3: of a node whose loop stands still while Redis answers is neither ready nor live", async () => {
    await using cluster = new Cluster(server);
    const node = await started(cluster, { deadline: 200, pollEvery: 100 });
    const real = globalThis.setImmediate;
    const swallowed: (() => void)[] = [];
    // What the loop waits for never comes, as where a promise is never settled.
    globalThis.setImmediate = ((then: () => void) =>
      void swallowed.push(then)) as unknown as typeof setImmediate;
    try {
      await eventually(() => !node.health().live);
      expect(codes(node.health())).toEqual(["WORKER_STUCK"]);
    } finally {
      globalThis.setImmediate = real;
      for (const then of swallowed) then();
    }
    await eventually(() => expect(node.health()).toEqual(fit));
  });
});

describe("W3: a logger that throws", () => {
  const throwing = {
    ...fast.logger,
    warn: () => {
      throw new Error("no space left on device");
    },
    child: () => fast.logger,
  };

  test("ends no loop: work goes on when its reason is gone", async () => {
    await using cluster = new Cluster(server);
    const node = await started(cluster, { logger: throwing });
    const redis = server.client();
    const [jobs, due] = ["jobs", "due"].map((name) => `escapement:{${cluster.namespace}}:${name}`);
    for (const key of [jobs, due]) await redis.set(key ?? "", "of the wrong type");
    let failed = new Set<string>();
    node.on("error", ({ step }) => {
      failed = failed.add(step);
    });
    // What leads and what works have both come to where they log.
    await eventually(() => failed.has("claim") && failed.has("lead"), { within: 10_000 });
    for (const key of [jobs, due]) await redis.del(key ?? "");
    const run = await node.enqueue("task");
    expect(await run.result({ timeout: 10_000 })).toBe(run.id);
    await eventually(() => node.isLeader(), { within: 10_000 });
  });

  test("keeps nothing from the store that has ended: what succeeded while the connection broke is not begun again, nor lost", async () => {
    await using cluster = new Cluster(server, { logger: throwing });
    const node = cluster.scheduler();
    const starts: string[] = [];
    const lost = heard(node, "lost");
    node.task("task", async ({ id, attempt }) => {
      starts.push(`${id}#${attempt}`);
      if (starts.length > 1) return;
      await onEach(server, (one) => one.call("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"));
    });
    await node.start();
    for (const id of ["one", "two"]) await node.enqueue("task", { id, delivery: "at-most-once" });
    await eventually(async () => {
      for (const id of ["one", "two"]) expect((await node.run(id).get())?.state).toBe("succeeded");
    });
    expect(starts.sort()).toEqual(["one#1", "two#1"]);
    expect(lost).toEqual([]);
  });
});
