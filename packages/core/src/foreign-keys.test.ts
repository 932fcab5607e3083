import { createKeys } from "@escapement/redis/internal";
import { eventually, type JobStore, startJobStore } from "@escapement/testing";
import { every } from "@escapement/triggers";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Cluster, gate, heard, idsTogether } from "../test/cluster.js";
import { StoreBench } from "../test/store-bench.js";
import { examineKeys } from "./doctor/keys.js";
import type { Inspection } from "./doctor/picture.js";

let server: JobStore;
beforeAll(async () => {
  server = await startJobStore();
});
afterAll(() => server.stop());

describe("S20: what somebody else has written under a key of one job", () => {
  test.each([
    ["its history", "history:bad"],
    ["its results", "results:bad"],
    ["its failures", "failures:bad"],
    ["the history of a task", "history:~task"],
    ["the failures of a task", "failures:~task"],
    ["the results of a task", "results:~task"],
  ])("%s, keeps no run of any job from ending", async (_, name) => {
    await using cluster = new Cluster(server);
    const redis = server.client();
    // What is enqueued lies in the first partition.
    const { prefix } = name.endsWith("bad") ? cluster.keysOf("bad") : createKeys(cluster.namespace);
    const [first = "", second = ""] = idsTogether(2);
    const key = `${prefix}${name}`;
    await redis.set(key, "garbage{");
    const node = cluster.scheduler({ retain: { failed: 5 } });
    let fails = true;
    node.task("task", ({ input, id }) => {
      if (input === "fail" && fails) throw new Error("as it must");
      return id;
    });
    const [errors, ended] = [heard(node, "error"), heard(node, "afterRun")];
    await node.start();
    for (const [id, input] of [
      ["bad", "fail"],
      ["good", "x"],
    ])
      await node.schedule("task", { id: id ?? "", trigger: every("1h"), input });
    for (const id of ["bad", "good"]) await node.job(id).runNow();
    await node.enqueueMany("task", [{ id: first, input: "fail" }, { id: second }]);
    await eventually(() => ended.length === 4, { within: 15_000 });
    fails = false;
    await node.job("bad").runNow();
    await eventually(() => ended.length === 5, { within: 15_000 });
    expect((await node.job("good").history()).map(({ state }) => state)).toEqual(["succeeded"]);
    expect(await node.activeRuns()).toEqual([]);
    expect(errors).toEqual([]);
    const told: unknown[] = [];
    for await (const event of node.events({ since: "start" })) {
      if (event.type !== "mended") continue;
      told.push(event);
      break;
    }
    expect(told).toMatchObject([{ subject: name, what: "was of another type and is deleted" }]);
  });
});

test("whatever key is of another type than it should be is named by the doctor", async () => {
  await using bench = await new StoreBench(server).ready();
  const { redis, store } = bench;
  const node = await bench.node("node");
  await node.claim();
  const look = (): ReturnType<typeof examineKeys> => examineKeys({ store } as Inspection);
  expect(await look()).toMatchObject([{ level: "ok" }]);
  const { prefix: _, wake: __, ...kinds } = createKeys(bench.store.namespace);
  const fixed = Object.values(kinds).filter((key) => typeof key === "string");
  for (const key of [...fixed, ...[kinds.active, kinds.request, kinds.cancelled].map((of) => of("node"))]) {
    const kept = await redis.dumpBuffer(key);
    await redis.del(key);
    await redis.rpush(key, "garbage");
    expect(await look(), key).toMatchObject([
      { level: "error", message: expect.stringContaining(`${key} (list, to be `) },
    ]);
    await redis.del(key);
    if (kept !== null) await redis.restore(key, 0, kept);
  }
});

test("a node that cannot report what has ended stops all the same, and the run is another's", async () => {
  await using cluster = new Cluster(server);
  const [started, go] = [gate(), gate()];
  const [one, two] = [cluster.scheduler(), cluster.scheduler({ roles: ["worker", "leader"] })];
  one.task("task", async ({ attempt }) => {
    if (attempt === 1) {
      started.open();
      await go.opened;
    }
    return attempt;
  });
  await one.start();
  const [id = ""] = idsTogether(1);
  const run = await one.enqueue("task", { id });
  await started.opened;
  const key = createKeys(cluster.namespace).request(one.nodeId ?? "");
  await server.client().set(key, "garbage");
  const errors = heard(one, "error");
  go.open();
  await eventually(() => errors.length > 0);
  await one.stop({ timeout: 10 });
  two.task("task", ({ attempt }) => attempt);
  await two.start();
  expect(await two.run(run.id).result({ timeout: 20_000 })).toBe(2);
});
