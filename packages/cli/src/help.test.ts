import type { Command } from "commander";
import { describe, expect, test } from "vitest";
import { escapement } from "../test/escapement.js";
import { createProgram } from "./program.js";

/** Each command with all its names, such as `run dead remove`. */
function named(command: Command, names: readonly string[] = []): [string[], Command][] {
  return command.commands.flatMap((each) => {
    const all = [...names, each.name()];
    return [[all, each] as [string[], Command], ...named(each, all)];
  });
}

// Asked by shells, not by people.
const without = ["complete-words"];
const commands = named(createProgram()).filter(([names]) => !without.includes(names.join(" ")));

/** The help that a command prints. */
function helpOf(command: Command): string {
  let text = "";
  command.configureOutput({ writeOut: (some) => (text += some), getOutHelpWidth: () => 80 });
  command.outputHelp();
  return text;
}

describe("the help of every command", () => {
  test.each(commands.map(([names, command]) => [names.join(" "), command] as const))(
    "%s: has examples, on lines of 80 columns",
    (name, command) => {
      const help = helpOf(command);
      expect(help.split("\n").filter((line) => line.length > 80)).toEqual([]);
      const [, examples = ""] = help.split(/\nExamples?:\n/);
      expect(examples).toContain(`  escapement ${name.split(" ")[0]}`);
    },
  );

  test("is printed for --help, with exit code 0", async () => {
    const { out, code } = await escapement(["run", "dead", "remove", "--help"], {});
    expect(code).toBe(0);
    expect(`${out}\n`).toContain(
      helpOf(commands.find(([names]) => names.join(" ") === "run dead remove")?.[1] as Command),
    );
  });

  test("commands that delete have a --dry-run", () => {
    const deleting = commands.filter(([names]) => /^(remove|redrive)$/.test(names.at(-1) ?? ""));
    expect(deleting.map(([names]) => names.join(" ")).sort()).toEqual([
      "job remove",
      "run dead remove",
      "run redrive",
    ]);
    for (const [names, command] of deleting)
      expect([names.join(" "), command.options.map(({ long }) => long)]).toEqual([
        names.join(" "),
        expect.arrayContaining(["--dry-run"]),
      ]);
  });
});
