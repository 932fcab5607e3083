import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { startProcess, startRedis } from "@escapement/testing";
import { expect, it } from "vitest";

const folder = fileURLToPath(new URL("..", import.meta.url));

it("the README's example runs", async () => {
  const code = /```js\n(.*?)```/s.exec(readFileSync(`${folder}README.md`, "utf8"))?.[1] ?? "";
  await using server = await startRedis();
  await using example = await startProcess(process.execPath, ["--input-type=module", "-e", code], {
    cwd: folder,
    env: { ESCAPEMENT_REDIS_URL: server.url },
  });
  expect(await example.exited).toEqual({ code: 0, signal: null });
  expect(example.lines).toEqual([
    expect.stringMatching(/^redis:..\*\*\*@[0-9.]+:/),
    "INVALID_REDIS_URL false",
  ]);
});
