import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { createScheduler } from "@escapement/core";
import { eventually, type JobStore, startJobStore, startProcess, uniqueNamespace } from "@escapement/testing";
import { afterAll, beforeAll, expect, test } from "vitest";

const folder = fileURLToPath(new URL("..", import.meta.url));
let redis: JobStore;

beforeAll(async () => {
  redis = await startJobStore({ appendonly: "always" });
});
afterAll(() => redis.stop());

const environment = (): { ESCAPEMENT_REDIS_URL: string; ESCAPEMENT_NAMESPACE: string } => ({
  ESCAPEMENT_REDIS_URL: redis.url,
  ESCAPEMENT_NAMESPACE: uniqueNamespace("example"),
});

const start = (file: string, env: Record<string, string>): ReturnType<typeof startProcess> =>
  startProcess(process.execPath, [`dist/${file}.js`], { cwd: folder, env });

test("one service in three copies runs each fire time once, also after a copy was killed", async () => {
  const env = environment();
  await using first = await start("one-service", env);
  await using second = await start("one-service", env);
  await using third = await start("one-service", env);
  const copies = [first, second, third];
  const runs = (): string[] =>
    copies.flatMap(({ lines }) => lines).filter((line) => line.startsWith("clean-up "));
  await eventually(() => expect(runs().length).toBeGreaterThanOrEqual(3), { within: 20_000 });
  first.kill("SIGKILL");
  const before = runs().length;
  await eventually(() => expect(runs().length).toBeGreaterThanOrEqual(before + 4), { within: 30_000 });

  const started = runs().map((line) => line.split(":")[0]);
  expect(new Set(started).size).toBe(started.length);
  for (const copy of [second, third]) {
    copy.kill("SIGTERM");
    expect(await copy.exited).toEqual({ code: 0, signal: null });
  }
});

test("two services over one store: one defines and triggers, the other runs; what nobody runs is seen to wait", async () => {
  const env = environment();
  await using api = await start("billing-api", env);
  await api.waitForLine(/print-cheque is ready, and no node has a handler for it/);
  await using worker = await start("billing-worker", env);
  await worker.waitForLine(/reminders of/, 20_000);
  await api.waitForLine(/invoice: {"number":"c-42-1"}/, 20_000);
  expect(await api.exited).toEqual({ code: 0, signal: null });

  await using client = createScheduler({ redis: redis.url, namespace: env.ESCAPEMENT_NAMESPACE });
  const findings = await client.doctor();
  const unclaimed = findings.filter(({ check }) => check === "unclaimed");
  // Of several partitions, those where all is claimed are told of, too.
  expect(unclaimed.filter(({ level }) => client.partitions === 1 || level !== "ok")).toHaveLength(1);
  expect(unclaimed[0]?.message).toContain("print-cheque");
  worker.kill("SIGTERM");
  expect(await worker.exited).toEqual({ code: 0, signal: null });
});

test("the README's first example runs", async () => {
  const readme = readFileSync(new URL("../../../README.md", import.meta.url), "utf8");
  const code = /```js\n(.*?)```/s.exec(readme)?.[1] ?? "";
  expect(code.trimEnd().split("\n").length).toBeLessThanOrEqual(15);
  await using example = await startProcess(process.execPath, ["--input-type=module", "-e", code], {
    cwd: folder,
    env: environment(),
  });
  await example.waitForLine(/report for sales/, 20_000);
});
