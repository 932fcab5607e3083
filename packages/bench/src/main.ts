// `npm run bench`: figures, not assertions; the exit code is 0 whatever they are, and 2 for a wrong option.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { Command, Option } from "commander";
import { surroundings } from "./surroundings.js";
import { works } from "./works/index.js";
import type { Budget } from "./works/work.js";

const full: Budget = { rounds: 5, sampleMs: 20, instants: 200, jobs: 100_000 };
const quick: Budget = { rounds: 2, sampleMs: 2, instants: 20, jobs: 5000 };

const program = new Command("npm run bench --")
  .description("The same work on this and on its peers, side by side.")
  .addOption(new Option("--only <name...>", "do these works only").choices(works.map(({ name }) => name)))
  .option("--json <file>", "write all figures there")
  .option("--docs", "write the pages under docs/ that are made of figures", false)
  .option("--quick", "see that it runs: figures that say little", false)
  .addHelpText(
    "after",
    `\nWorks:\n${works.map(({ name, about }) => `  ${name.padEnd(18)} ${about}`).join("\n")}`,
  )
  .exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : 2))
  .parse();

const {
  only,
  json,
  docs,
  quick: isQuick,
} = program.opts<{ only?: string[]; json?: string; docs: boolean; quick: boolean }>();
const top = join(import.meta.dirname, "../../..");
const where = surroundings(["@escapement/triggers", "croner", "cron-parser"]);
console.log(`${where.date}, Node ${where.node}, ${where.machine.cores} × ${where.machine.cpu}`);
console.log(
  Object.entries(where.packages)
    .map((entry) => entry.join(" "))
    .join(", "),
);

const figures: Record<string, object> = {};
for (const work of works.filter(({ name }) => only === undefined || only.includes(name))) {
  console.log(`\n${work.name}: ${work.about}`);
  const outcome = await work.run(isQuick ? quick : full);
  for (const line of outcome.lines) console.log(line);
  figures[work.name] = outcome.figures;
  if (docs && outcome.page !== undefined) writeFileSync(join(top, outcome.page.file), outcome.page.text);
}
if (json !== undefined)
  writeFileSync(json, `${JSON.stringify({ ...where, quick: isQuick, works: figures }, null, 2)}\n`);
