import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { redisWay, startProcess } from "@escapement/testing";
import type { Command } from "commander";
import { describe, expect, test } from "vitest";
import { createProgram } from "./program.js";

const file = (path: string): string => fileURLToPath(new URL(`../../../${path}`, import.meta.url));
const page = readFileSync(file("docs/cli.md"), "utf8");
const blocks = [...page.matchAll(/^```console\n(.*?)\n```$/gms)].map(([, text = ""]) => text);

describe("docs/cli.md", () => {
  test("shows nothing wider than 80 columns but what is typed", () => {
    expect(blocks.length).toBeGreaterThan(30);
    const printed = blocks.flatMap((block) => block.split("\n").filter((line) => !line.startsWith("$ ")));
    expect(printed.filter((line) => line.length > 80)).toEqual([]);
  });

  test("shows every command at least once", () => {
    const hidden = ["escapement complete-words"];
    const all = (command: Command, names: string): string[] =>
      command.commands.flatMap((each) => [
        `${names} ${each.name()}`,
        ...all(each, `${names} ${each.name()}`),
      ]);
    const typed = blocks.map((block) => block.split("\n")[0] ?? "");
    const missing = all(createProgram(), "escapement").filter(
      (name) => !hidden.includes(name) && !typed.some((line) => line.startsWith(`$ ${name}`)),
    );
    expect(missing).toEqual([]);
  });

  // Types everything anew: about forty processes, one after the other.
  test.skipIf(process.platform !== "linux" || redisWay() === "url")(
    "is what the commands print, and holds no id, time or name of the run that made it",
    { timeout: 600_000 },
    async () => {
      await using check = await startProcess(process.execPath, [file("tools/docs-cli/main.mjs"), "--check"]);
      const { code } = await check.exited;
      expect([code, check.errorLines]).toEqual([0, []]);
    },
  );
});
