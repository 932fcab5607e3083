import { spawnSync } from "node:child_process";
import { symlinkSync } from "node:fs";
import { createServer } from "node:net";
import { delimiter } from "node:path";
import { fileURLToPath } from "node:url";
import { createScheduler } from "@escapement/core";
import { type JobStore, startJobStore, startProcess, uniqueNamespace } from "@escapement/testing";
import { every } from "@escapement/triggers";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { escapement, folderWith } from "../../test/escapement.js";

let redis: JobStore;
let env: { ESCAPEMENT_REDIS_URL: string; ESCAPEMENT_NAMESPACE: string; PATH: string };
const folder = folderWith({});

beforeAll(async () => {
  redis = await startJobStore();
  symlinkSync(fileURLToPath(new URL("../../bin/escapement.js", import.meta.url)), folder.path("escapement"));
  env = {
    ESCAPEMENT_REDIS_URL: redis.url,
    ESCAPEMENT_NAMESPACE: uniqueNamespace("complete"),
    PATH: `${folder.path("")}${delimiter}${process.env["PATH"]}`,
  };
  await using client = createScheduler({ redis: redis.url, namespace: env.ESCAPEMENT_NAMESPACE });
  for (const id of ["reports:daily", "reports:weekly", "mails"])
    await client.schedule("any", { id, trigger: every("1h") });
});
afterAll(async () => {
  await redis.stop();
  folder[Symbol.dispose]();
});

/** What Tab answers at the end of a line, in a shell that has loaded the script; `cut` where it cuts words. */
async function tab(line: string, own: Record<string, string> = {}): Promise<string[]> {
  const script = [
    "source <(escapement completion bash)",
    `COMP_LINE='${line}' COMP_POINT=${line.length} COMP_WORDS=() COMP_CWORD=0`,
    "_escapement",
    `printf '%s\\n' "\${COMPREPLY[@]}"`,
  ].join("\n");
  await using shell = await startProcess("bash", ["--norc", "-c", script], { env: { ...env, ...own } });
  expect(await shell.exited).toEqual({ code: 0, signal: null });
  expect(shell.errorLines).toEqual([]);
  return shell.lines.filter((reply) => reply !== "");
}

describe("completion in bash", { timeout: 120_000 }, () => {
  test("gives commands and those below them, but none that is hidden", async () => {
    const all = await tab("escapement ");
    expect(all).toEqual(
      expect.arrayContaining(["node", "job", "run", "nodes", "leader", "events", "crontab"]),
    );
    expect(all).not.toContain("complete-words");
    expect(await tab("escapement cron")).toEqual(["crontab"]);
    expect(await tab("escapement crontab ")).toEqual(expect.arrayContaining(["import", "export", "diff"]));
  });

  test("gives options of a command and of all, also behind others", async () => {
    expect(await tab("escapement events --f")).toEqual(["--follow"]);
    const options = await tab("escapement --namespace x nodes drain abc --");
    expect(options).toEqual(
      expect.arrayContaining(["--reason", "--for", "--force", "--json", "--redis", "--help"]),
    );
    expect(options).not.toContain("--follow");
  });

  test("gives what an argument can be", async () => {
    expect(await tab("escapement completion ")).toEqual(["bash", "zsh", "fish"]);
  });

  test("gives ids of jobs: behind the colon, where bash cuts words", async () => {
    expect(await tab("escapement job show ")).toEqual(["mails", "reports:daily", "reports:weekly"]);
    expect(await tab("escapement job show rep")).toEqual(["reports:daily", "reports:weekly"]);
    expect(await tab("escapement job show reports:w")).toEqual(["weekly"]);
    expect(await tab("escapement events --job ma")).toEqual(["mails"]);
    expect(await tab(`escapement --namespace ${uniqueNamespace("other")} job show `)).toEqual([]);
  });

  test("gives no ids, and says nothing, where Redis is away or does not answer", async () => {
    expect(await tab("escapement job show ", { ESCAPEMENT_REDIS_URL: "redis://127.0.0.1:1" })).toEqual([]);
    const silent = createServer(() => undefined);
    await new Promise<void>((resolve) => silent.listen(0, "127.0.0.1", resolve));
    const { port } = silent.address() as { port: number };
    expect(await tab("escapement job show ", { ESCAPEMENT_REDIS_URL: `redis://127.0.0.1:${port}` })).toEqual(
      [],
    );
    expect(await tab("escapement job show ", { ESCAPEMENT_REDIS_URL: "no url" })).toEqual([]);
    silent.close();
  });

  test("is registered for the command by the script", async () => {
    const script = "source <(escapement completion bash); complete -p escapement";
    await using shell = await startProcess("bash", ["--norc", "-c", script], { env });
    await shell.exited;
    expect(shell.lines).toEqual(["complete -o default -F _escapement escapement"]);
  });
});

describe("completion in other shells", () => {
  test.each([
    ["zsh", "-n"],
    ["fish", "--no-execute"],
  ])("is a script that %s reads", async (shell, check) => {
    const { out, code } = await escapement(["completion", shell], env);
    expect(code).toBe(0);
    expect(out).toContain("complete-words --line");
    if (spawnSync(shell, ["--version"]).error !== undefined) return; // not installed here
    expect(spawnSync(shell, [check], { input: out, encoding: "utf8" })).toMatchObject({
      status: 0,
      stderr: "",
    });
  });

  test("is refused for one that there is no script for", async () => {
    expect(await escapement(["completion", "csh"], env)).toMatchObject({
      code: 2,
      err: expect.stringMatching(/bash, zsh, fish/),
    });
  });
});
