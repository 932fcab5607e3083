// Writes docs/cli.md, or with --check compares it with what would be written. The packages must have been built.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { top } from "../run.mjs";
import { generate } from "./generate.mjs";

const file = join(top, "docs/cli.md");
const startedAt = performance.now();
const page = await generate();
const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
if (!process.argv.includes("--check")) {
  writeFileSync(file, page);
  console.log(`Wrote docs/cli.md in ${seconds} s`);
} else {
  const [before, after] = [readFileSync(file, "utf8").split("\n"), page.split("\n")];
  const at = after.findIndex((line, index) => line !== before[index]);
  if (at >= 0 || before.length !== after.length) {
    const line = at < 0 ? after.length : at;
    const shown = (/** @type {string[]} */ lines) => lines.slice(Math.max(0, line - 3), line + 3).join("\n");
    console.error(
      `docs/cli.md is not what the commands print now: run npm run docs:cli.\nLine ${line + 1}, the page:\n${shown(before)}\nnow:\n${shown(after)}`,
    );
    process.exitCode = 1;
  } else console.log(`docs/cli.md is what the commands print, in ${seconds} s`);
}
