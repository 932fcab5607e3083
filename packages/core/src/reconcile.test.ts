// A node and its store compare what the node holds: after a failover that lost writes they differ.
import { once as eventOnce } from "node:events";
import { eventually, type JobStore, startJobStore } from "@escapement/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Cluster, fast, heard } from "../test/cluster.js";
import { StoreBench } from "../test/store-bench.js";
import { LeaseLostError, type RunContext } from "./index.js";
import { reconcileHeld } from "./reconcile.js";

let server: JobStore;
beforeAll(async () => {
  server = await startJobStore();
});
afterAll(() => server.stop());

async function benchWithRun(): Promise<{ bench: StoreBench; run: string }> {
  const bench = await new StoreBench(server).ready();
  await bench.define("job");
  const [run = ""] = await bench.write("job", [(await bench.now()) - 1]);
  return { bench, run };
}

describe("a node that compares what it holds with the store", () => {
  test("gives up what it knows nothing of", async () => {
    const { bench, run } = await benchWithRun();
    await using _ = bench;
    const node = await bench.node("node");
    await node.take();
    await reconcileHeld(bench.store, "node", node.number, [], bench.events);
    const other = await bench.node("other");
    expect((await other.claim()).claimed).toMatchObject([{ run, attempt: 2 }]);
  });

  test("I4: takes nothing from itself with a request that arrives after it was given more", async () => {
    const { bench, run } = await benchWithRun();
    await using _ = bench;
    const node = await bench.node("node");
    const before = node.number;
    const { claimed } = await node.claim();
    const late = reconcileHeld(bench.store, "node", before, [], bench.events);
    await expect(late).rejects.toMatchObject({ code: "STALE_REQUEST" });
    const other = await bench.node("other");
    expect((await other.claim()).claimed, `attempts of ${run} beside the first`).toEqual([]);
    expect(await node.complete(claimed)).toEqual([true]);
  });

  test("is told what the store does not know of, or knows by another token", async () => {
    const { bench, run } = await benchWithRun();
    await using _ = bench;
    const node = await bench.node("node");
    const { claimed } = await node.claim();
    const held = [...claimed, { run: "job@1", token: "7" }];
    expect(await reconcileHeld(bench.store, "node", node.number, held, bench.events)).toEqual(["job@1"]);
    const other = [{ run, token: "7" }];
    expect(await reconcileHeld(bench.store, "node", node.number, other, bench.events)).toEqual([run]);
  });

  test("tells a handler to stop whose claim the store has lost", async () => {
    await using cluster = new Cluster(server);
    const node = cluster.scheduler();
    const [starts, reasons] = [heard(node, "beforeRun"), [] as unknown[]];
    node.task("task", async ({ signal }: RunContext) => {
      await eventOnce(signal, "abort");
      reasons.push(signal.reason);
    });
    await node.start();
    const { id } = await node.enqueue("task");
    await eventually(() => starts.length === 1);
    const redis = server.client();
    await redis.hdel(cluster.keysOf(id).active(node.nodeId ?? ""), id);
    await eventually(() => reasons.length === 1, { within: 10 * fast.nodeTtl });
    expect(reasons).toEqual([expect.any(LeaseLostError)]);
    expect(node.health().live, "the node goes on").toBe(true);
    redis.disconnect();
  });
});
