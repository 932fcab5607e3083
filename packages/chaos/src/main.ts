// `npm run chaos`: a scenario by its name, or faults drawn from a seed. Exit code 0: all held, 1: something did not or there is no verdict, 2: usage.
import { writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { parseDuration } from "@escapement/triggers";
import { show, type Violation } from "./checker/case.js";
import { tell } from "./checker/judge.js";
import { faultKinds } from "./faults/index.js";
import { commandMutants } from "./mutants/command.js";
import { mutants } from "./mutants/index.js";
import { scenarios } from "./scenarios/index.js";
import type { Scenario, ScenarioReport } from "./scenarios/scenario.js";
import { judgeKept, runSeeded, type SeededReport } from "./seeded/run-seeded.js";
import { header, rowOf, tellSoak } from "./soak/print-soak.js";
import { runSoak } from "./soak/run-soak.js";
import { sampleEvery } from "./soak/sample.js";
import { topologies } from "./topologies/index.js";

const usage = `Usage: npm run chaos -- [--duration 45s] [--seed 7] [--topology single] [--partitions 8] [--faults KIND,KIND] [--settle 120s] [--keep FOLDER] [--json report.json]
       npm run chaos -- --judge FOLDER [--json report.json]
       npm run chaos -- --scenario NAME|all [--deaths 10] [--rate 1000] [--json report.json]
       npm run chaos -- --soak 20m [--rate 2000] [--topology everysec] [--faults mild] [--json report.json]
       npm run chaos -- --mutants [NAME,NAME] [--json report.json]

Topologies: ${Object.keys(topologies).join(", ")}. --voters is short for --topology voters-3.
Faults: ${faultKinds.map(({ name }) => name).join(", ")}.

Scenarios:
${scenarios.map(({ name, about }) => `  ${name.padEnd(18)} ${about}`).join("\n")}

Mutants, breakages of our own code that the checker has to catch: ${mutants.map(({ name }) => name).join(", ")}.`;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    mutants: { type: "boolean", default: false },
    scenario: { type: "string" },
    soak: { type: "string" },
    duration: { type: "string", default: "45s" },
    seed: { type: "string", default: String(Date.now() % 100_000) },
    topology: { type: "string" },
    partitions: { type: "string", default: "1" },
    faults: { type: "string" },
    keep: { type: "string" },
    settle: { type: "string", default: "120s" },
    judge: { type: "string" },
    voters: { type: "boolean", default: false },
    deaths: { type: "string" },
    rate: { type: "string" },
    json: { type: "string" },
    help: { type: "boolean", default: false },
  },
});
process.exitCode = await main().catch((error: unknown) => {
  // Whatever broke off may have left connections that would be made anew for ever.
  setTimeout(() => process.exit(1), 5000).unref();
  return noVerdict(error);
});

async function main(): Promise<number> {
  if (values.help) {
    console.log(usage);
    return 0;
  }
  if (values.judge !== undefined) return tellSeeded(judgeKept(values.judge));
  if (values.mutants) {
    const report = await commandMutants(positionals.flatMap((names) => names.split(",")));
    if (report !== undefined) save(report);
    return report === undefined ? usageError() : report.valid ? 0 : 1;
  }
  if (positionals.length > 0) return usageError();
  if (values.scenario !== undefined) return runScenarios(values.scenario);
  if (values.soak !== undefined) return soak(parseDuration(values.soak));
  const seed = Number(values.seed);
  const topology = values.topology ?? (values.voters ? "voters-3" : "single");
  const faults = values.faults?.split(",");
  const unknown = faults?.some((name) => !faultKinds.some((kind) => kind.name === name)) ?? false;
  const partitions = Number(values.partitions);
  // With a clock that is moved, what partitions tell has no one order.
  const isOfPartitions = Number.isInteger(partitions) && partitions >= 1 && partitions <= 64;
  const isJudged = isOfPartitions && (partitions === 1 || topology !== "clock");
  if (!Number.isInteger(seed) || !Object.hasOwn(topologies, topology) || unknown || !isJudged)
    return usageError();
  const duration = parseDuration(values.duration);
  const { keep } = values;
  return tellSeeded(
    await runSeeded({
      seed,
      duration,
      topology,
      partitions,
      settlesWithin: parseDuration(values.settle),
      ...(faults && { faults }),
      ...(keep !== undefined && { keep }),
    }),
  );
}

/** Who reads the report must not take one of before for that of this run. */
function noVerdict(error: unknown): number {
  const why = error instanceof Error ? (error.stack ?? error.message) : String(error);
  console.error(`The run came to no verdict, which counts as one that failed: ${why}`);
  save({ valid: false, error: why });
  return 1;
}

function tellSeeded(report: SeededReport): number {
  printSeeded(report);
  save(report);
  return report.valid ? 0 : 1;
}

async function soak(duration: number): Promise<number> {
  const { rate, faults, topology = "no-aof" } = values;
  if (topology !== "no-aof" && topology !== "everysec") return usageError();
  console.log(header);
  const appendonly = topology === "everysec" ? topology : "no";
  const options = {
    duration,
    appendonly,
    ...(rate && { rate: Number(rate) }),
    faults: faults === "mild",
  } as const;
  const report = await runSoak(options, (sample, before) => console.log(rowOf(sample, sampleEvery, before)));
  console.log(tellSoak(report));
  save(report);
  return report.valid ? 0 : 1;
}

function usageError(): number {
  console.error(usage);
  return 2;
}

async function runScenarios(wanted: string): Promise<number> {
  const { deaths, rate } = values;
  const length = { ...(deaths && { deaths: Number(deaths) }), ...(rate && { rate: Number(rate) }) };
  const chosen = scenarios.filter(({ name }) => wanted === "all" || name === wanted);
  if (chosen.length === 0 || Object.values(length).some((number) => !(number > 0))) return usageError();
  const reports: Record<string, ScenarioReport> = {};
  let valid = true;
  for (const scenario of chosen) {
    const report = await scenario.run(length);
    reports[scenario.name] = report;
    valid = printScenario(scenario, report) && valid;
  }
  save(reports);
  return valid ? 0 : 1;
}

function printScenario(scenario: Scenario, { verdict, checks, lateness, faults }: ScenarioReport): boolean {
  const { violations, open, ...figures } = verdict;
  const valid = verdict.valid && open.length === 0 && checks.every(({ holds }) => holds);
  console.log(`${valid ? "ok  " : "FAIL"} ${scenario.name}: ${scenario.about}`);
  console.log(`     ${show({ ...figures, lateness })}`);
  console.log(
    `     faults: ${faults
      .map(({ kind, target }) => `${kind} ${target}`)
      .join(", ")
      .slice(0, 200)}`,
  );
  for (const { says, holds, seen } of checks)
    console.log(`  ${holds ? "ok  " : "FAIL"} ${says}: ${show(seen)}`);
  printViolations(violations, open);
  return valid;
}

function printSeeded({ violations, open, log: _, faults, ...figures }: SeededReport): void {
  const { each, ...counts } = faults;
  console.log(show({ ...figures, faults: counts }));
  for (const { kind, target, proof } of each)
    if (proof === "") console.log(`without effect: ${kind} ${target}`);
  printViolations(violations, open);
}

function printViolations(violations: readonly Violation[], open: readonly string[]): void {
  for (const violation of violations.slice(0, 5)) console.log(tell(violation));
  if (violations.length > 5) console.log(`… and ${violations.length - 5} more violations`);
  if (open.length > 0) console.log(`${open.length} runs have not ended: ${open.slice(0, 8).join(" ")}`);
}

function save(report: unknown): void {
  if (values.json !== undefined)
    writeFileSync(values.json, `${JSON.stringify(JSON.parse(show(report)), null, 2)}\n`);
}
