import { type JobStore, startJobStore } from "@escapement/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type BenchNode, expectSound, StoreBench } from "../test/store-bench.js";
import type { Claimed } from "./claim.js";
import type { Overlap } from "./job.js";

let server: JobStore;
beforeAll(async () => {
  server = await startJobStore();
});
afterAll(() => server.stop());

interface Scene {
  readonly bench: StoreBench;
  readonly node: BenchNode;
  readonly running: readonly Claimed[];
  /** Fire times that came while the first run ran. */
  readonly later: readonly string[];
}

/** A job with a run that runs, and three fire times that came after it had started. */
async function scene(overlap: Overlap): Promise<Scene> {
  const bench = await new StoreBench(server).ready();
  await bench.define("job", { overlap });
  await bench.write("job", [(await bench.now()) - 1]);
  const node = await bench.node("node");
  const { claimed: running } = await node.claim();
  const now = await bench.now();
  const later = await bench.write("job", [now + 1, now + 2, now + 3]);
  await bench.advance(10);
  return { bench, node, running, later };
}

const states = (bench: StoreBench, runs: readonly string[]): Promise<(string | undefined)[]> =>
  Promise.all(runs.map(async (run) => (await bench.run(run).get())?.state));

describe("overlap", () => {
  test("allow: all run", async () => {
    const { bench, node, later } = await scene("allow");
    expect(await node.take()).toEqual(later);
    await expectSound(bench);
    await bench[Symbol.asyncDispose]();
  });

  test("skip: what comes while another runs is recorded as skipped", async () => {
    const { bench, node, later } = await scene("skip");
    expect(await node.take()).toEqual([]);
    expect(await states(bench, later)).toEqual(["skipped", "skipped", "skipped"]);
    await expectSound(bench);
    await bench[Symbol.asyncDispose]();
  });

  test("queue-one: one waits for the end, further ones are skipped", async () => {
    const { bench, node, running, later } = await scene("queue-one");
    expect(await node.take()).toEqual([]);
    expect(await states(bench, later)).toEqual(["ready", "skipped", "skipped"]);
    await expectSound(bench);
    await node.complete(running);
    expect(await node.take()).toEqual([later[0]]);
    await expectSound(bench);
    await bench[Symbol.asyncDispose]();
  });

  test("queue-all: all wait, and run one after the other in their order", async () => {
    const { bench, node, running, later } = await scene("queue-all");
    expect(await node.take()).toEqual([]);
    await node.complete(running);
    for (const run of later) {
      const { claimed } = await node.claim();
      expect(claimed.map((item) => item.run)).toEqual([run]);
      await expectSound(bench);
      await node.complete(claimed);
    }
    expect(await node.take()).toEqual([]);
    await bench[Symbol.asyncDispose]();
  });

  test("cancel-running: the running one is asked to end, and the latest starts when it has", async () => {
    const { bench, node, running, later } = await scene("cancel-running");
    expect(await node.take()).toEqual([]);
    expect(await node.heartbeat()).toEqual([running[0]?.run, "overlap"]);
    expect(await states(bench, later)).toEqual(["skipped", "skipped", "ready"]);
    await expectSound(bench);
    await node.complete(running, "c");
    expect(await node.heartbeat()).toEqual([]);
    expect(await node.take()).toEqual([later[2]]);
    await expectSound(bench);
    await bench[Symbol.asyncDispose]();
  });

  test("cancel-running: one that waits for another attempt is cancelled at once", async () => {
    const { bench, node, running, later } = await scene("cancel-running");
    await node.complete(running, "F", "60000");
    expect(await node.take()).toEqual([later[0]]);
    expect(await bench.run(running[0]?.run ?? "").get()).toMatchObject({
      state: "cancelled",
      reason: "overlap",
    });
    await expectSound(bench);
    await bench[Symbol.asyncDispose]();
  });

  test("replace: the new one starts at once, and the old one's end lets nothing else go on", async () => {
    const { bench, node, running, later } = await scene("replace");
    const { claimed } = await node.claim();
    expect(claimed.map(({ run }) => run)).toEqual(later);
    const asked = await node.heartbeat();
    expect(asked.filter((_, index) => index % 2 === 0).sort()).toEqual(
      [running[0]?.run, later[0], later[1]].sort(),
    );
    await node.complete(running, "c");
    expect((await bench.job("job").get())?.running).toBe(later[2]);
    await node.complete(claimed);
    expect(await node.heartbeat()).toEqual([]);
    await expectSound(bench);
    await bench[Symbol.asyncDispose]();
  });

  test.each(["queue-one", "queue-all", "cancel-running"] as const)(
    "%s: what waits goes on when the running one's node dies for good",
    async (overlap) => {
      await using bench = await new StoreBench(server).ready();
      await bench.define("job", { overlap, delivery: "at-most-once" });
      await bench.write("job", [(await bench.now()) - 1]);
      const dying = await bench.node("dying", 1000);
      await dying.claim();
      const [next] = await bench.write("job", [(await bench.now()) + 1]);
      const other = await bench.node("other");
      await bench.advance(10);
      expect(await other.take()).toEqual([]);
      await bench.advance(2000);
      await bench.recover();
      expect(await other.take()).toEqual([next]);
      await expectSound(bench);
    },
  );
});
