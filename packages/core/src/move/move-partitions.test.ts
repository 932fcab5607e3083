import { eventually, type JobStore, redisWay, startJobStore, startProxy } from "@escapement/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Cluster } from "../../test/cluster.js";
import { type Furnished, furnish, queues, serve, tasks } from "../../test/moved.js";
import { contents, readable } from "../../test/readable.js";
import { stoppedAt } from "../../test/stopped-at.js";
import { later } from "../../test/store-bench.js";
import { InvalidOptionError, type MoveProgress, movePartitions, readPartitions } from "../index.js";

let server: JobStore;
beforeAll(async () => {
  server = await startJobStore();
});
afterAll(() => server.stop());

const of = { tasks, queues };
const optionsOf = ({ namespace }: Cluster): { redis: string; namespace: string } => ({
  redis: server.url,
  namespace,
});
/** All keys of all partitions but their `meta`. */
async function keysOf({ cluster }: Furnished): Promise<string[]> {
  const keys = await server.client().keys(`escapement:{${cluster.namespace}*`);
  return keys.filter((key) => !key.endsWith(":meta"));
}

async function withoutTime({ bench, cluster }: Furnished): Promise<Record<string, unknown>> {
  const { clock: _, events: __, meta: ___, ...rest } = await contents(bench.redis, cluster.namespace);
  return rest;
}

describe("a namespace that is moved to another number of partitions", () => {
  test("has all that it had, by whatever way, and in the end each key as it was", {
    timeout: 120_000,
  }, async () => {
    await using all = await furnish(server);
    const { bench, cluster } = all;
    const before = await readable(cluster.scheduler(), of);
    const keys = await withoutTime(all);
    let from = 1;
    for (const to of [8, 3, 1]) {
      expect(await movePartitions(optionsOf(cluster), { to })).toMatchObject({ from, to });
      expect(await readPartitions(optionsOf(cluster))).toBe(to);
      expect(await readable(cluster.scheduler({ partitions: to }), of)).toEqual(before);
      from = to;
    }
    expect(await withoutTime(all)).toEqual(keys);
    expect((await keysOf(all)).filter((key) => !key.startsWith(bench.store.keys.prefix))).toEqual([]);
    expect(await movePartitions(optionsOf(cluster), { to: 1 })).toEqual({ from: 1, to: 1, keys: 0 });
  });

  test("is whole whenever whoever moves it dies, and the same call does the rest", {
    timeout: 300_000,
  }, async () => {
    await using all = await furnish(server);
    const { cluster } = all;
    const before = await readable(cluster.scheduler(), of);
    const keys = await withoutTime(all);
    for (const to of [4, 2, 1]) {
      // Each time a few writes later than the last, until nothing stops it.
      let died = 0;
      for (let nth = 1; ; nth += 1 + Math.floor(nth / 10)) {
        const end = await movePartitions(optionsOf(cluster), { to, signal: stoppedAt(nth) }).catch(
          (error: { code: string }) => error,
        );
        if (!("code" in end)) break;
        expect(end.code).toBe("ABORTED");
        died += 1;
      }
      expect(died).toBeGreaterThan(20);
      expect(await readable(cluster.scheduler({ partitions: to }), of)).toEqual(before);
    }
    expect(await withoutTime(all)).toEqual(keys);
  });

  test("goes where the last call says, also back", { timeout: 120_000 }, async () => {
    await using all = await furnish(server);
    const { cluster } = all;
    const before = await readable(cluster.scheduler(), of);
    for (const [to, nth] of [
      [8, 150],
      [3, 250],
      [5, 60],
    ] as const)
      await expect(movePartitions(optionsOf(cluster), { to, signal: stoppedAt(nth) })).rejects.toMatchObject({
        code: "ABORTED",
      });
    const keys = await keysOf(all);
    expect(new Set(keys.map((key) => /:(\d+)\}/.exec(key)?.[1])).size).toBeGreaterThan(3);
    await movePartitions(optionsOf(cluster), { to: 1 });
    expect(await readable(cluster.scheduler(), of)).toEqual(before);
    expect((await keysOf(all)).filter((key) => key.includes(`{${cluster.namespace}:`))).toEqual([]);
  });

  test("starts each run once with the new number, by tokens above all that there were", {
    timeout: 120_000,
  }, async () => {
    await using all = await furnish(server);
    const { cluster } = all;
    const tokens = async (): Promise<bigint[]> => {
      const redis = server.client();
      const keys = await redis.keys(`escapement:{${cluster.namespace}*:fence`);
      const texts = await Promise.all(keys.map((key) => redis.get(key)));
      return texts.map((text) => BigInt(text ?? 0));
    };
    const [highest = 0n] = await tokens();
    await movePartitions(optionsOf(cluster), { to: 3 });
    expect(await tokens()).toEqual([highest, highest, highest]);
    const client = cluster.scheduler({ partitions: 3 });
    const { due, held, active, waiting } = await client.load();
    expect(active).toBeGreaterThan(10);
    const started: string[] = [];
    const nodes = [0, 1].map(() => cluster.scheduler({ partitions: 3, queues: [...queues] }));
    for (const node of nodes) serve(node, (attempt) => started.push(attempt));
    await Promise.all(nodes.map((node) => node.start()));
    // All but what a pause holds back, what is to come in an hour, and what a dead node held runs.
    await eventually(
      async () => {
        const load = await client.load();
        return load.due + load.held + load.active === 0;
      },
      { within: 30_000 },
    );
    expect(new Set(started).size).toBe(started.length);
    expect(started.length).toBe(due + held + active - 1);
    const load = await client.load();
    expect([load.waiting, load.paused]).toEqual([waiting, 1]);
    const runs = await client.finishedRuns("plain");
    for (const { fencingToken } of runs.slice(0, 30)) expect(fencingToken).toBeGreaterThan(highest);
    await client.resume({ job: "job-3" });
    await eventually(async () => (await client.job("job-3").history()).length === 2, { within: 10_000 });
  });
});

describe("a move", () => {
  test("is refused while a node is alive in any partition, which it names, and nothing is written", async () => {
    await using cluster = new Cluster(server);
    const node = cluster.scheduler({ partitions: 4 });
    await node.start();
    const message = expect.stringMatching(new RegExp(`${node.nodeId} in 0, 1, 2, 3`));
    for (const to of [2, 8])
      await expect(movePartitions(optionsOf(cluster), { to })).rejects.toMatchObject({
        code: "NODES_ALIVE",
        message,
      });
    // Also one that is left in one partition alone.
    const redis = server.client();
    for (const tag of ["", ":1", ":2"]) await redis.del(`escapement:{${cluster.namespace}${tag}}:nodes`);
    await redis.zadd(`escapement:{${cluster.namespace}:3}:nodes`, Date.now() + 60_000, "left");
    await expect(movePartitions(optionsOf(cluster), { to: 2 })).rejects.toMatchObject({
      code: "NODES_ALIVE",
      message: expect.stringMatching(/left in 3\b/),
    });
    expect(await redis.hkeys(`escapement:{${cluster.namespace}}:meta`)).toEqual(["layout", "partitions"]);
    expect(await redis.keys(`escapement:{${cluster.namespace}:7}:*`)).toEqual([]);
    redis.disconnect();
  });

  test("that a node has joined after the look takes back its marks", async () => {
    await using cluster = new Cluster(server);
    await cluster.scheduler({ partitions: 2 }).schedule("any", { id: "any", trigger: later });
    const redis = server.client();
    const nodes = `escapement:{${cluster.namespace}:1}:nodes`;
    await redis.zcard(nodes); // connected
    const onProgress = (): unknown => redis.zadd(nodes, Date.now() + 60_000, "late");
    await expect(movePartitions(optionsOf(cluster), { to: 1, onProgress })).rejects.toMatchObject({
      code: "NODES_ALIVE",
      message: expect.stringMatching(/late in 1/),
    });
    expect(await readPartitions(optionsOf(cluster))).toBe(2);
    for (const tag of ["", ":1"])
      expect(await redis.hexists(`escapement:{${cluster.namespace}${tag}}:meta`, "moving")).toBe(0);
    redis.disconnect();
  });

  test("keeps everybody else out until it is done", { timeout: 60_000 }, async () => {
    await using all = await furnish(server);
    const { cluster } = all;
    await expect(movePartitions(optionsOf(cluster), { to: 4, signal: stoppedAt(100) })).rejects.toMatchObject(
      {
        code: "ABORTED",
      },
    );
    for (const partitions of [1, 4, 8]) {
      const one = (): ReturnType<typeof cluster.scheduler> => cluster.scheduler({ partitions });
      for (const call of [
        () => one().start(),
        () => one().schedule("any", { id: "any", trigger: later }),
        () => one().apply([{ task: "any", id: "any", trigger: later }]),
        () => one().enqueue("any"),
        () => one().job("job-1").get(),
        () => one().job("job-1").runNow(),
        () => one().load(),
        () => one().nodes(),
        () => one().pause("all", { reason: "x" }),
        () => one().redrive(),
        () => one().events({ since: "start", follow: false }).next(),
      ])
        await expect(call(), `${partitions}: ${call}`).rejects.toMatchObject({ code: "NAMESPACE_MOVING" });
    }
    await expect(readPartitions(optionsOf(cluster))).rejects.toMatchObject({ code: "NAMESPACE_MOVING" });
    await movePartitions(optionsOf(cluster), { to: 4 });
    await expect(cluster.scheduler({ partitions: 1 }).start()).rejects.toMatchObject({
      code: "PARTITION_MISMATCH",
    });
  });

  test("that another takes over writes nothing any more", { timeout: 60_000 }, async () => {
    await using all = await furnish(server);
    const { cluster } = all;
    const before = await readable(cluster.scheduler(), of);
    let goOn: Promise<unknown> | undefined;
    const slow = movePartitions(optionsOf(cluster), {
      to: 8,
      onProgress({ step, keys }: MoveProgress) {
        if (step === "copy" && keys > 20) goOn ??= movePartitions(optionsOf(cluster), { to: 3 });
      },
    });
    await expect(slow).rejects.toMatchObject({ code: "NAMESPACE_MOVING" });
    await goOn;
    expect(await readable(cluster.scheduler({ partitions: 3 }), of)).toEqual(before);
  });

  test("refuses a key of which nobody knows what it is, a namespace that is not there, and what is no number", async () => {
    await using cluster = new Cluster(server);
    await expect(movePartitions(optionsOf(cluster), { to: 2 })).rejects.toMatchObject({
      code: "NAMESPACE_NOT_FOUND",
    });
    expect(await readPartitions(optionsOf(cluster))).toBeUndefined();
    await cluster.scheduler().schedule("any", { id: "any", trigger: later });
    const redis = server.client();
    await redis.set(`escapement:{${cluster.namespace}}:of-a-later-version`, 1);
    await expect(movePartitions(optionsOf(cluster), { to: 2 })).rejects.toMatchObject({
      code: "UNKNOWN_KEY",
      message: expect.stringMatching(/of-a-later-version/),
    });
    expect(await redis.hkeys(`escapement:{${cluster.namespace}}:meta`)).toEqual(["layout", "partitions"]);
    for (const to of [0, 257, 1.5, "2", undefined, null])
      await expect(movePartitions(optionsOf(cluster), { to: to as number })).rejects.toMatchObject({
        code: "INVALID_OPTION",
      });
    redis.disconnect();
  });

  test("refuses options that are none, before it reads anything", async () => {
    await using cluster = new Cluster(server);
    const asked = (options: object): Promise<unknown> =>
      movePartitions(optionsOf(cluster), { to: 2, ...options } as never);
    // With nothing in the namespace: whoever reads first says that.
    await expect(asked({})).rejects.toMatchObject({ code: "NAMESPACE_NOT_FOUND" });
    for (const [path, values] of [
      ["onProgress", [5, "print", null, {}, true]],
      ["signal", [5, "now", null, {}, { aborted: true }]],
    ] as const)
      for (const value of values) {
        const refused = asked({ [path]: value });
        await expect(refused, `${path}: ${value}`).rejects.toBeInstanceOf(InvalidOptionError);
        await expect(refused).rejects.toMatchObject({ code: "INVALID_OPTION", path });
      }
    await expect(movePartitions(optionsOf(cluster), null as never)).rejects.toMatchObject({
      code: "INVALID_OPTION",
    });
  });

  test.skipIf(redisWay() === "url")(
    "whose connection breaks again and again is done by repeating it",
    { timeout: 120_000 },
    async () => {
      await using all = await furnish(server);
      const { cluster } = all;
      const before = await readable(cluster.scheduler(), of);
      await using proxy = await startProxy(server.url);
      const options = { ...optionsOf(cluster), redis: proxy.url, deadline: 2000 };
      let [steps, cuts, tries] = [0, 0, 0];
      // Less and less often: each try begins anew, and one has to come to its end.
      const onProgress = ({ step }: MoveProgress): void => {
        steps += 1;
        if (step === "look" || steps % (13 + 3 * tries) !== 0) return;
        cuts += 1;
        proxy.cut();
      };
      let isDone = false;
      for (; tries < 50 && !isDone; tries += 1)
        isDone = await movePartitions(options, { to: 4, onProgress }).then(
          () => true,
          (error: { code: string }) => {
            expect(error.code).toMatch(/^(REDIS_(TIMEOUT|UNAVAILABLE)|NAMESPACE_MOVING)$/);
            return false;
          },
        );
      expect([isDone, cuts > 2]).toEqual([true, true]);
      expect(await readable(cluster.scheduler({ partitions: 4 }), of)).toEqual(before);
    },
  );
});
