import { eventually, type JobStore, startJobStore } from "@escapement/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Cluster, heard } from "../test/cluster.js";
import type { RunContext } from "./run-context.js";

let server: JobStore;
beforeAll(async () => {
  server = await startJobStore();
});
afterAll(() => server.stop());

describe("what a handler is given", () => {
  test("may be taken apart, and handed on as a copy with something else in it", async () => {
    await using cluster = new Cluster(server);
    const node = cluster.scheduler({ nodeTtl: 20_000 });
    const seen: { readonly given: RunContext; readonly copy: RunContext; readonly asked: string[] }[] = [];
    node.task("task", async (given) => {
      const copy: RunContext = { ...given, input: "another" };
      const { progress, extend, log, signal } = copy;
      await extend();
      await progress({ done: 1 });
      log.info("said");
      seen.push({ given, copy, asked: [String(signal === given.signal), String(signal.aborted)] });
    });
    const ended = heard(node, "afterRun");
    await node.start();
    await node.enqueue("task", { input: "one" });
    await eventually(() => ended.length === 1);
    const [{ given, copy, asked } = expect.unreachable("no handler was called")] = seen;
    expect(asked).toEqual(["true", "false"]);
    expect(Object.keys(copy).sort()).toEqual(
      "attempt extend fencingToken id input jobId log progress scheduledAt signal task".split(" "),
    );
    expect([given.input, copy.input, copy.id]).toEqual(["one", "another", given.id]);
    const lines = await node.run(given.id).logs();
    expect(lines.map(({ message }) => message)).toEqual(["said"]);
  });
});

describe("runs that a node holds", () => {
  test("are found by their ids to be cancelled, whichever ended before", async () => {
    await using cluster = new Cluster(server);
    const node = cluster.scheduler({ nodeTtl: 20_000, concurrency: 10 });
    const ends = new Map<string, () => void>();
    const stopped: string[] = [];
    node.task("task", ({ id, signal }) => {
      signal.addEventListener("abort", () => {
        stopped.push(id);
        ends.get(id)?.();
      });
      return new Promise<void>((resolve) => ends.set(id, resolve));
    });
    const ended = heard(node, "afterRun");
    await node.start();
    const runs = (
      await node.enqueueMany(
        "task",
        Array.from({ length: 6 }, () => ({})),
      )
    ).map(({ id }) => id);
    await eventually(() => ends.size === 6);
    const [first = "", second = "", third = "", fourth = "", ...rest] = runs;
    for (const run of [second, first]) {
      ends.get(run)?.();
      await eventually(() => ended.some(({ runId }) => runId === run));
    }
    for (const run of [fourth, ...rest.toReversed(), third]) {
      await node.run(run).cancel();
      await eventually(() => stopped.at(-1) === run);
    }
    await eventually(() => ended.length === 6);
    expect(stopped).toEqual([fourth, ...rest.toReversed(), third]);
  });
});
