import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";
import { eventually, startProcess, startRedis, uniqueNamespace } from "@escapement/testing";
import { expect, test } from "vitest";

const file = (path: string): string => fileURLToPath(new URL(`../${path}`, import.meta.url));
const readme = readFileSync(file("README.md"), "utf8");

function blocks(language: string): string[] {
  return [...readme.matchAll(new RegExp(`^\`\`\`${language}\n(.*?)^\`\`\``, "gms"))].map(
    ([, text = ""]) => text,
  );
}

test("the examples of the README work as they stand", { timeout: 180_000 }, async () => {
  // Below the package, so that its imports are found.
  const folder = mkdtempSync(file("dist/readme-"));
  await using redis = await startRedis({ appendonly: "everysec" });
  const env = {
    PATH: `${folder}${delimiter}${process.env["PATH"]}`,
    ESCAPEMENT_REDIS_URL: redis.url,
    ESCAPEMENT_NAMESPACE: uniqueNamespace("readme"),
  };
  const shell = (line: string): ReturnType<typeof startProcess> =>
    startProcess("sh", ["-c", `exec ${line}`], { cwd: folder, env });
  try {
    symlinkSync(file("bin/escapement.js"), join(folder, "escapement"));
    writeFileSync(join(folder, "my.crontab"), blocks("crontab")[0] ?? "");
    writeFileSync(join(folder, "jobs.mjs"), blocks("js")[0] ?? "");
    const [crontabNode = "", jobsNode = "", ...looking] = blocks("sh");
    await using first = await shell(crontabNode.trim());
    await using second = await shell(jobsNode.trim());
    for (const node of [first, second]) await node.waitForLine(/^node \w+ runs/, 20_000);
    await eventually(
      async () => {
        await using leader = await shell("escapement leader");
        return (await leader.exited).code === 0;
      },
      { within: 30_000 },
    );
    for (const line of looking.join("").trim().split("\n")) {
      await using command = await shell(line);
      expect([line, (await command.exited).code, command.errorLines], command.lines.join("\n")).toEqual([
        line,
        0,
        [],
      ]);
      // There is nothing to say where nothing differs.
      if (!line.includes("crontab diff")) expect(command.lines.length, line).toBeGreaterThan(0);
    }
    for (const node of [first, second]) {
      node.kill("SIGTERM");
      expect(await node.exited).toEqual({ code: 0, signal: null });
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
