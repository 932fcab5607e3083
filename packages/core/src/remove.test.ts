import { eventually, type JobStore, startJobStore } from "@escapement/testing";
import { every } from "@escapement/triggers";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Cluster } from "../test/cluster.js";
import { expectSound, StoreBench } from "../test/store-bench.js";
import { RunCancelledError } from "./errors.js";

let server: JobStore;
beforeAll(async () => {
  server = await startJobStore();
});
afterAll(() => server.stop());

describe("remove", () => {
  test("never interrupts a run that runs unless asked: its outcome is recorded", async () => {
    await using bench = await new StoreBench(server).ready();
    await bench.define("job");
    const [run = ""] = await bench.write("job", [(await bench.now()) - 1]);
    const node = await bench.node("node");
    const { claimed } = await node.claim();
    expect(await bench.job("job").remove()).toBe(true);
    expect(await bench.redis.exists(bench.store.keys.cancelled("node"))).toBe(0);
    expect(await node.complete(claimed)).toEqual([true]);
    expect(await bench.run(run).get()).toMatchObject({ state: "succeeded" });
    await expectSound(bench);
  });

  test("with cancelRunning asks for the end of all its runs, on all nodes, and of no others", async () => {
    await using bench = await new StoreBench(server).ready();
    await bench.define("job", { overlap: "allow" });
    await bench.define("job2");
    const now = await bench.now();
    const runs = await bench.write("job", [now - 2, now - 1]);
    await bench.write("job2", [now - 1]);
    const [one, two] = [await bench.node("one", 1e9), await bench.node("two", 1e9)];
    const first = (await one.claim({ slots: 1 })).claimed;
    const others = (await two.claim()).claimed;
    expect([...first, ...others].map(({ run }) => run).sort()).toEqual([...runs, `job2@${now - 1}`].sort());
    expect(await bench.job("job").remove({ cancelRunning: true })).toBe(true);
    const asked = await Promise.all(
      ["one", "two"].map((node) => bench.redis.hgetall(bench.store.keys.cancelled(node))),
    );
    expect(Object.assign({}, ...asked)).toEqual(Object.fromEntries(runs.map((run) => [run, "removed"])));
    await expectSound(bench);
  });

  test("with cancelRunning of a job that there is not, or with another's value, does nothing", async () => {
    await using bench = await new StoreBench(server).ready();
    expect(await bench.job("job").remove({ cancelRunning: true })).toBe(false);
    await bench.define("job");
    for (const cancelRunning of [null, "yes", 1] as unknown as boolean[])
      await expect(bench.job("job").remove({ cancelRunning })).rejects.toMatchObject({
        path: "cancelRunning",
      });
    expect(await bench.job("job").get()).toBeDefined();
  });

  test("with cancelRunning from a client aborts the handler, and the run ends as cancelled, not tried again", async () => {
    await using cluster = new Cluster(server);
    const reasons: unknown[] = [];
    const node = cluster.scheduler();
    node.task("sync", ({ signal }) => {
      return new Promise((_, fail) => {
        signal.addEventListener("abort", () => {
          reasons.push(signal.reason);
          fail(signal.reason);
        });
      });
    });
    await node.start();
    const client = cluster.scheduler();
    await client.schedule("sync", { id: "job", trigger: every("1h"), retry: { attempts: 5 } });
    const run = await client.job("job").runNow();
    await eventually(async () => expect(await run.get()).toMatchObject({ state: "active" }));
    expect((await client.group({ task: "sync" }).remove({ cancelRunning: true })).done).toEqual(["job"]);
    await eventually(async () =>
      expect(await run.get()).toMatchObject({ state: "cancelled", reason: "removed" }),
    );
    expect(reasons).toEqual([expect.any(RunCancelledError)]);
  });
});
