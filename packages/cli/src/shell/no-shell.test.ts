import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { aclRoles } from "@escapement/core";
import { expect, test } from "vitest";

// docs/security.md: what it says of files, roles and programs.

const top = join(import.meta.dirname, "../../../..");
const page = readFileSync(join(top, "docs/security.md"), "utf8");

test("only the task shell starts programs, of all that users install", () => {
  const published = ["cli", "core", "elector", "locker", "redis", "triggers"];
  const starting = published.flatMap((name) => {
    const folder = join(top, "packages", name, "src");
    return readdirSync(folder, { recursive: true, encoding: "utf8" })
      .filter((file) => /(?<!\.test)\.ts$/.test(file))
      .filter((file) => /child_process|node:vm|worker_threads/.test(readFileSync(join(folder, file), "utf8")))
      .map((file) => `${name}/${file}`);
  });
  expect(starting.sort()).toEqual(["cli/shell/shell-stdio.ts", "cli/shell/shell.ts"]);
});

test("the shell is there only for whoever asked for it", () => {
  const source = readFileSync(join(top, "packages/cli/src/node/node-command.ts"), "utf8");
  const calls = source.match(/^.*registerShellTask\(.*$/gm) ?? [];
  expect(calls).toHaveLength(1);
  expect(calls[0]).toMatch(/if \(.*allowShell.*\)|if \(.*[sS]hell.*\)/);
});

test("docs/security.md has a row for each role, and names files that there are", () => {
  for (const role of aclRoles) expect(page).toContain(`| \`${role}\` |`);
  const files = [
    ...page.matchAll(/`(?:packages\/)?((?:core|cli|redis|triggers)\/src\/[\w/.-]+\.test\.ts)`/g),
  ].map(([, file]) => file ?? "");
  expect(files.length).toBeGreaterThan(10);
  expect(files.filter((file) => !existsSync(join(top, "packages", file)))).toEqual([]);
});
