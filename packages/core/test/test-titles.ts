import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** A test, as its file names it. */
export interface Title {
  readonly file: string;
  /** The titles of what it stands in, and its own, with ": " between them; what is filled in stands as it is written: `%s`. */
  readonly title: string;
}

const opening = /^(\s*)(describe|test)((?:\.\w+)*)\((.*)$/;
const literal = /^\s*(["'`])((?:\\.|(?!\1).)*)\1/;
const rule = /\brow: "(.+)",\s+says:\s+"(.+)",/g;

/** The titles of all tests, and of the rules that chaos tries, below a folder: read from their sources, as Biome formats them. */
export function testTitles(folder: string): Title[] {
  const files = readdirSync(folder, { recursive: true, encoding: "utf8" }).sort();
  return files
    .filter((file) => file.endsWith(".ts"))
    .flatMap((file) => {
      const text = readFileSync(join(folder, file), "utf8");
      const rules = [...text.matchAll(rule)].map(([, row, says]) => `${row}: ${says}`);
      return [...titlesOf(text.split("\n")), ...rules].map((title) => ({ file, title }));
    });
}

function titlesOf(lines: readonly string[]): string[] {
  const around: { readonly indent: number; readonly title: string }[] = [];
  const titles: string[] = [];
  for (const [index, line] of lines.entries()) {
    const [matched, space = "", what, each = ""] = opening.exec(line) ?? [];
    if (matched === undefined) continue;
    const own = titleAt(lines, index, space, each.endsWith(".each"));
    if (own === undefined) continue;
    while ((around.at(-1)?.indent ?? -1) >= space.length) around.pop();
    const title = [...around.map((outer) => outer.title), own].join(": ");
    if (what === "describe") around.push({ indent: space.length, title: own });
    else titles.push(title);
  }
  return titles;
}

/** The text that follows the bracket of a call; of a table the one of its second call. */
function titleAt(lines: readonly string[], index: number, space: string, table: boolean): string | undefined {
  let at = index;
  let rest = lines[at]?.split("(").slice(1).join("(") ?? "";
  if (table) {
    while (!lines[at]?.includes(")(") && at - index < 100) at += 1;
    if (at > index && !lines[at]?.startsWith(`${space}]`)) return undefined;
    rest = lines[at]?.split(")(").slice(1).join(")(") ?? "";
  }
  return literal.exec(rest.trim() === "" ? (lines[at + 1] ?? "") : rest)?.[2];
}
