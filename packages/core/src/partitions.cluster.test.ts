import { createKeys, partitionOf } from "@escapement/redis/internal";
import {
  type Cluster,
  eventually,
  type RedisServer,
  redisWay,
  startCluster,
  uniqueNamespace,
} from "@escapement/testing";
import { every } from "@escapement/triggers";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { silentLogger } from "../test/silent-logger.js";
import { createScheduler, type Scheduler } from "./index.js";

const partitions = 8;
const step = 500;

describe.skipIf(redisWay() !== "process")("partitions on a Redis Cluster of three masters", () => {
  let cluster: Cluster;
  beforeAll(async () => {
    cluster = await startCluster();
  });
  afterAll(() => cluster?.stop());

  const jobs = Array.from({ length: 3 * partitions }, (_, index) => `job-${index}`);

  /** By partition. */
  const mastersOf = (namespace: string): Promise<RedisServer[]> =>
    Promise.all(
      Array.from({ length: partitions }, (_, partition) =>
        cluster.masterOf(createKeys(namespace, partition).clock),
      ),
    );

  const nodeOf = (namespace: string): Scheduler =>
    createScheduler({
      ...{
        redis: `redis+cluster://${cluster.nodes.map(({ port }) => `127.0.0.1:${port}`)}`,
        namespace,
        partitions,
      },
      ...{ nodeTtl: 4000, leaderTtl: 2000, lookahead: 5000, deadline: 1500, logger: silentLogger },
    });

  /** Two nodes with jobs in all partitions, and the fire times of each that were started. */
  const running = async (
    namespace: string,
  ): Promise<{ nodes: Scheduler[]; started: Map<string, number[]> } & AsyncDisposable> => {
    const started = new Map<string, number[]>(jobs.map((id) => [id, []]));
    const nodes = [nodeOf(namespace), nodeOf(namespace)];
    for (const node of nodes) {
      node.task("tick", async () => undefined);
      node.on("beforeRun", ({ jobId = "", scheduledAt }) => started.get(jobId)?.push(scheduledAt.getTime()));
      await node.start();
    }
    const declared = jobs.map((id) => ({
      id,
      task: "tick",
      trigger: every(step),
      overlap: "allow" as const,
    }));
    await nodes[0]?.apply(declared);
    const stop = async (): Promise<void> => {
      await Promise.all(nodes.map((node) => node.stop({ timeout: 1000 })));
    };
    return { nodes, started, [Symbol.asyncDispose]: stop };
  };

  const goesOn = async (started: ReadonlyMap<string, readonly number[]>): Promise<void> => {
    const from = Date.now();
    await eventually(() => jobs.every((id) => started.get(id)?.some((at) => at >= from)), { within: 30_000 });
  };

  /** Fire times between a job's first and last that were not started, and those that were twice. */
  const odd = (started: ReadonlyMap<string, readonly number[]>): { missing: number; twice: number } => {
    let [missing, twice] = [0, 0];
    for (const times of started.values()) {
      const once = new Set(times);
      missing += (Math.max(...times) - Math.min(...times)) / step + 1 - once.size;
      twice += times.length - once.size;
    }
    return { missing, twice };
  };

  test("lie on all masters, and start every fire time of jobs in all of them once", async () => {
    const namespace = uniqueNamespace("spread");
    const masters = await mastersOf(namespace);
    expect(new Set(masters).size).toBe(3);
    expect(new Set(jobs.map((id) => partitionOf(id, partitions))).size).toBe(partitions);
    await using all = await running(namespace);
    await goesOn(all.started);
    await eventually(() => odd(all.started).missing === 0, { within: 20_000 });
    expect(odd(all.started)).toEqual({ missing: 0, twice: 0 });
    expect((await all.nodes[0]?.load())?.jobs).toBe(jobs.length);
  });

  test("go on in those on other masters when one is killed, and in its own once its replica has taken over", async () => {
    const namespace = uniqueNamespace("killed");
    const masters = await mastersOf(namespace);
    const killed = masters.find((master) => master !== masters[0]);
    await using all = await running(namespace);
    await goesOn(all.started);
    await cluster.inOrder();
    await killed?.kill();
    await goesOn(all.started);
    await eventually(() => odd(all.started).missing === 0, { within: 20_000 });
    const elsewhere = [...all.started].filter(([id]) => masters[partitionOf(id, partitions)] !== killed);
    expect(elsewhere.length).toBeGreaterThan(0);
    expect(odd(new Map(elsewhere))).toEqual({ missing: 0, twice: 0 });
    expect((await all.nodes[1]?.load())?.jobs).toBe(jobs.length);
  });
});
