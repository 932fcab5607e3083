// `npm run bench`: figures, not assertions; the exit code is 0 whatever they are, 1 where `--compare` finds a ratio that has fallen, or none to compare, and 2 for a wrong option.
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Command, InvalidArgumentError, Option } from "commander";
import { type Benchmarks, benchmarksPage, type StoredWork, withWorks } from "./benchmarks-page.js";
import { compareRatios, type Ratios, readRatios } from "./compare.js";
import { inProcess } from "./queues/in-process.js";
import { contestants } from "./queues/index.js";
import { surroundings } from "./surroundings.js";
import { works } from "./works/index.js";
import type { Budget } from "./works/work.js";

const full: Budget = { rounds: 5, sampleMs: 20, instants: 200, jobs: 100_000, queueMs: 1500 };
const quick: Budget = { rounds: 2, sampleMs: 2, instants: 20, jobs: 5000, queueMs: 150 };

const program = new Command("npm run bench --")
  .description("The same work on this and on its peers, side by side.")
  .addOption(new Option("--only <name...>", "do these works only").choices(works.map(({ name }) => name)))
  .option("--json <file>", "write all figures there")
  .option("--docs", "write the pages under docs/ that are made of figures", false)
  .option("--quick", "see that it runs: figures that say little", false)
  .option(
    "--compare <file>",
    "hold the ratios to peers against those in a file of --json or --docs",
    ratiosIn,
  )
  .option("--tolerance <percent>", "by how much a ratio may have fallen", percent, 25)
  .addHelpText(
    "after",
    `\nWorks:\n${works.map(({ name, about }) => `  ${name.padEnd(18)} ${about}`).join("\n")}`,
  )
  .exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : 2))
  .parse();

const options = program.opts<{
  only?: string[];
  json?: string;
  docs: boolean;
  quick: boolean;
  compare?: Ratios;
  tolerance: number;
}>();
const top = join(import.meta.dirname, "../../..");
const packages = [...contestants, ...inProcess].map((contestant) => contestant.package);
const where = surroundings(["@escapement/triggers", "cron-parser", ...packages]);
console.log(`${where.date}, Node ${where.node}, ${where.machine.cores} × ${where.machine.cpu}`);
console.log(
  Object.entries(where.packages)
    .map((entry) => entry.join(" "))
    .join(", "),
);

const figures: Record<string, object> = {};
const done: Record<string, StoredWork> = {};
for (const work of works.filter(({ name }) => options.only === undefined || options.only.includes(name))) {
  console.log(`\n${work.name}: ${work.about}`);
  const startedAt = performance.now();
  const { lines, figures: found, page, section, ratios = {} } = await work.run(options.quick ? quick : full);
  for (const line of lines) console.log(line);
  console.log(`(${Math.round((performance.now() - startedAt) / 1000)} s)`);
  figures[work.name] = found;
  if (options.docs && page !== undefined) writeFileSync(join(top, page.file), page.text);
  if (section !== undefined) done[work.name] = { where, section, ratios };
}
const { ratios } = withWorks(
  undefined,
  done,
  works.map(({ name }) => name),
);
if (options.docs && !options.quick && Object.keys(done).length > 0) writeBenchmarks();
if (options.json !== undefined)
  writeFileSync(
    options.json,
    `${JSON.stringify({ ...where, quick: options.quick, works: figures, ratios }, null, 2)}\n`,
  );
if (options.compare !== undefined) {
  const { lines, fallen, compared } = compareRatios(options.compare, ratios, options.tolerance / 100);
  console.log("");
  for (const line of lines) console.log(line);
  if (options.quick) console.log("This was a quick run: its ratios say little");
  if (fallen.length > 0 || compared === 0) process.exitCode = 1;
}

/** Puts what was done in the place of what docs/ said of it. */
function writeBenchmarks(): void {
  const file = join(top, "docs/benchmarks.json");
  const stored = existsSync(file) ? (JSON.parse(readFileSync(file, "utf8")) as Benchmarks) : undefined;
  const all = withWorks(
    stored,
    done,
    works.map(({ name }) => name),
  );
  writeFileSync(file, `${JSON.stringify(all, null, 2)}\n`);
  spawnSync(join(top, "node_modules/.bin/biome"), ["format", "--write", file], { cwd: top });
  writeFileSync(join(top, "docs/benchmarks.md"), benchmarksPage(all, contestants));
}

function ratiosIn(file: string): Ratios {
  try {
    return readRatios(readFileSync(file, "utf8"));
  } catch (error) {
    throw new InvalidArgumentError(error instanceof Error ? error.message : String(error));
  }
}

function percent(text: string): number {
  const number = Number(text);
  if (!(number >= 0 && number < 100)) throw new InvalidArgumentError("must be from 0 to below 100.");
  return number;
}
