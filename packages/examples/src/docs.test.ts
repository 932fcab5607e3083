import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { createScheduler } from "@escapement/core";
import { type JobStore, startJobStore, startProcess, uniqueNamespace } from "@escapement/testing";
import { afterAll, beforeAll, expect, test } from "vitest";

const top = new URL("../../../", import.meta.url);
let redis: JobStore;

beforeAll(async () => {
  redis = await startJobStore({ appendonly: "always" });
});
afterAll(() => redis.stop());

test("the example of core's README runs", async () => {
  const readme = readFileSync(new URL("packages/core/README.md", top), "utf8");
  const code = /```js\n(.*?)```/s.exec(readme)?.[1] ?? "";
  await using example = await startProcess(process.execPath, ["--input-type=module", "-e", code], {
    cwd: fileURLToPath(new URL("packages/core", top)),
    env: { ESCAPEMENT_REDIS_URL: redis.url },
  });
  await example.waitForLine(/^hello run$/, 20_000);
  expect(await example.exited).toEqual({ code: 0, signal: null });
});

test("the example of docs/operating.md runs, and prints what it says", async () => {
  const page = readFileSync(new URL("docs/operating.md", top), "utf8");
  const code = /```js\n(.*?)```/s.exec(page)?.[1] ?? "";
  const said = [...code.matchAll(/^console\.log.* \/\/ (.*)$/gm)].map(([, text]) => text);
  await using example = await startProcess(process.execPath, ["--input-type=module", "-e", code], {
    cwd: fileURLToPath(new URL("packages/core", top)),
    env: { ESCAPEMENT_REDIS_URL: redis.url },
  });
  expect(await example.exited).toEqual({ code: 0, signal: null });
  expect(said).toHaveLength(3);
  expect(example.lines).toEqual(said);
});

test("a run can be enqueued with plain Redis commands, as docs/redis-layout.md says", async () => {
  const layout = readFileSync(new URL("docs/redis-layout.md", top), "utf8");
  const block = /```\n(HSETNX.*?)```/s.exec(layout)?.[1] ?? "";
  const namespace = uniqueNamespace("by-hand");
  await using scheduler = createScheduler({ redis: redis.url, namespace, partitions: 1 });
  scheduler.task("send-invoice", (run) => run.input);
  await scheduler.start();

  const transaction = redis.client().multi();
  for (const line of block.trim().split("\n")) {
    const [command = "", ...words] =
      line.replaceAll("{billing}", `{${namespace}}`).match(/"(?:\\.|[^"])*"|\S+/g) ?? [];
    transaction.call(
      command,
      ...words.map((word) => (word.startsWith('"') ? (JSON.parse(word) as string) : word)),
    );
  }
  await transaction.exec();
  expect(await scheduler.run("my-run-1").result({ timeout: 10_000 })).toEqual({ customer: "c-42" });
  const run = await scheduler.run("my-run-1").get();
  expect(run?.scheduledAt).toEqual(new Date(1795240806000));
});
