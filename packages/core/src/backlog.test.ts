import { eventually, type JobStore, startJobStore } from "@escapement/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Cluster, heard, idsTogether } from "../test/cluster.js";
import { Backlog } from "./backlog.js";
import { readEntry } from "./event-line.js";

describe("what is due goes before what has ended", () => {
  test("for 50 ms from when more is due than was asked for", () => {
    const backlog = new Backlog();
    expect(backlog.goesBefore(1, 1000)).toBe(false);
    backlog.learn(true, 1000);
    expect([backlog.isDeep, backlog.goesBefore(1, 1049)]).toEqual([true, true]);
    backlog.learn(true, 1049);
    expect([backlog.isDeep, backlog.goesBefore(1, 1050)]).toEqual([true, false]);
    backlog.learn(false, 1060);
    expect([backlog.isDeep, backlog.goesBefore(1, 1060)]).toEqual([false, false]);
    backlog.learn(true, 1070);
    expect(backlog.goesBefore(1, 1100)).toBe(true);
  });

  test("up to 1000 that have ended", () => {
    const backlog = new Backlog();
    backlog.learn(true, 1000);
    expect([backlog.goesBefore(999, 1001), backlog.goesBefore(1000, 1001)]).toEqual([true, false]);
  });
});

describe("a node", () => {
  let server: JobStore;
  beforeAll(async () => {
    server = await startJobStore();
  });
  afterAll(() => server.stop());

  test("begins what became due at once before it reports what of it has ended", async () => {
    await using cluster = new Cluster(server);
    const node = cluster.scheduler({ concurrency: 60, nodeTtl: 20_000, roles: ["worker"] });
    node.task("task", () => undefined);
    const ended = heard(node, "afterRun");
    await node.start();
    const redis = server.client();
    const stream = `escapement:{${cluster.namespace}}:events`;
    const runs = 200;
    let bursts = 0;
    // Of each burst the first two requests bring 30 each, and have nothing to report. A machine that is busy may take too long for one burst or the other.
    await eventually(
      async () => {
        const [last] = await redis.xrevrange(stream, "+", "-", "COUNT", 1);
        const at = Date.now() + 60;
        await node.enqueueMany(
          "task",
          idsTogether((bursts + 1) * runs)
            .slice(-runs)
            .map((id) => ({ id, at })),
        );
        bursts += 1;
        await eventually(() => ended.length === bursts * runs, { within: 10_000 });
        const entries = await redis.xrange(stream, `(${last?.[0] ?? "0"}`, "+");
        const types = entries.flatMap(([, fields]) => readEntry(fields)).map((event) => event?.type);
        const before = types.slice(0, types.indexOf("afterRun")).filter((type) => type === "beforeRun");
        return before.length > 60;
      },
      { within: 15_000 },
    );
    redis.disconnect();
  });
});
