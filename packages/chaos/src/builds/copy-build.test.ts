import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import { expect, test, vi } from "vitest";
import { copyBuild } from "./copy-build.js";

test("a copy is made of its own packages, with the changed texts, and goes when it is removed", async () => {
  const version = (path: string, text: string): string =>
    path === "core/dist/scripts/claim.lua" ? `-- another version\n${text}` : text;
  const copy = await copyBuild(version);
  expect(copy.changed).toEqual(["core/dist/scripts/claim.lua"]);
  const where = `import("@escapement/core/internal").then(() => console.log(import.meta.resolve("@escapement/core")))`;
  const { stdout } = spawnSync(process.execPath, ["--input-type=module", "-e", where], {
    cwd: dirname(copy.program),
    encoding: "utf8",
  });
  const folder = join(dirname(copy.program), "../../..");
  expect(stdout.trim()).toBe(pathToFileURL(join(folder, "core/dist/index.js")).href);
  await copy.remove();
  expect(existsSync(folder)).toBe(false);
});

test("a change that fails leaves nothing behind, and says why", async () => {
  const refuse = (): string => {
    throw new Error("no such text");
  };
  const folder = mkdtempSync(join(tmpdir(), "escapement-test-"));
  vi.stubEnv("TMPDIR", folder);
  try {
    await expect(copyBuild(refuse)).rejects.toThrow("no such text");
    expect(readdirSync(folder)).toEqual([]);
  } finally {
    vi.unstubAllEnvs();
    rmSync(folder, { recursive: true });
  }
});
