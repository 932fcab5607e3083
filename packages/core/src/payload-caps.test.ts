import { type JobStore, startJobStore } from "@escapement/testing";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Cluster } from "../test/cluster.js";

let server: JobStore;
beforeAll(async () => {
  server = await startJobStore();
});
afterAll(() => server.stop());

test("what a handler reports, throws or answers beyond its bound is refused or cut, and the attempt ends with it", async () => {
  await using cluster = new Cluster(server);
  const node = cluster.scheduler({ maxResult: 1024, nodeTtl: 30_000 });
  node.task("progress", async ({ progress }) => {
    await progress("x".repeat(4094));
    await progress("x".repeat(4095));
  });
  node.task("circular", ({ progress }) => {
    const value: unknown[] = [];
    value.push(value);
    return progress(value);
  });
  node.task("error", () => {
    throw Object.assign(new Error("m".repeat(5000)), {
      name: "n".repeat(5000),
      code: "c".repeat(5000),
      stack: "s".repeat(50_000),
    });
  });
  node.task("nothing", () => {
    throw null;
  });
  node.task("result", () => "x".repeat(1023));
  await node.start();
  const ended = async (task: string): Promise<{ state?: string; error?: Record<string, unknown> }> => {
    const run = await node.enqueue(task);
    await run.result({ timeout: 10_000 }).catch(() => undefined);
    return (await run.get()) as object;
  };
  expect(await ended("progress")).toMatchObject({
    state: "failed",
    error: { code: "INPUT_TOO_LARGE", message: expect.stringMatching(/limit of 4096/) },
  });
  expect(await ended("circular")).toMatchObject({ state: "failed", error: { code: "INVALID_INPUT" } });
  const { error = {}, state } = await ended("error");
  expect(state).toBe("failed");
  for (const [part, most] of [
    ["message", 1000],
    ["stack", 2500],
    ["name", 100],
    ["code", 100],
  ] as const)
    expect(String(error[part]).length, part).toBeLessThanOrEqual(most + 1);
  expect(await ended("nothing")).toMatchObject({ state: "failed", error: { message: "null" } });
  // The work is done: that its result cannot be kept does not undo that.
  expect(await ended("result")).toMatchObject({
    state: "succeeded",
    result: undefined,
    error: { code: "INPUT_TOO_LARGE" },
  });
});
