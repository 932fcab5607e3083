// `npm run model`: explores the spaces of the model, or breaks it on purpose. Exit code 0: all held, 1: something did not, 2: usage.
import { writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { type Config, configs, worldOf } from "./config.js";
import { type Exploration, explore } from "./explore.js";
import { breakages } from "./mutants.js";

const usage = `Usage: npm run model -- [--config NAME] [--depth STEPS] [--states NUMBER] [--mutants] [--json report.json]

Configurations:
${configs.map(({ name, about }) => `  ${name.padEnd(14)} ${about}`).join("\n")}

--depth    explores no further than so many steps
--faults   how many may happen, other than the configuration says
--states   ends an exploration at so many states (4000000)
--mutants  breaks one protection after the other, and tells the shortest way in which that shows`;

const { values } = parseArgs({
  options: {
    config: { type: "string" },
    depth: { type: "string", default: "1000" },
    states: { type: "string", default: "4000000" },
    faults: { type: "string" },
    mutants: { type: "boolean", default: false },
    json: { type: "string" },
    help: { type: "boolean", default: false },
  },
});
process.exitCode = main();

function main(): number {
  if (values.help) {
    console.log(usage);
    return 0;
  }
  const bounds = { depth: Number(values.depth), states: Number(values.states) };
  const chosen = configs.filter(({ name }) => values.config === undefined || name === values.config);
  const isNumber = Object.values(bounds).every((bound) => Number.isInteger(bound) && bound > 0);
  if (chosen.length === 0 || !isNumber) {
    console.error(usage);
    return 2;
  }
  const names = chosen.map(({ name }) => name);
  const report = values.mutants ? breakAll(names, bounds) : exploreAll(names, bounds);
  if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(report, undefined, 2)}\n`);
  return report.every(({ held }) => held) ? 0 : 1;
}

interface Line extends Exploration {
  readonly config: string;
  readonly mutants: readonly string[];
  /** Whether it came out as it should. */
  readonly held: boolean;
}

function exploreAll(names: readonly string[], bounds: { depth: number; states: number }): Line[] {
  return configs
    .filter(({ name }) => names.includes(name))
    .map((config) => {
      const found = explore(worldOf(withFaults(config)), bounds);
      const how = found.exhausted ? `exhausted at depth ${found.depth}` : `explored to depth ${found.depth}`;
      const end = found.exhausted
        ? "from all of them all can end"
        : `from ${found.canEnd} of them all can end, the others lead further`;
      console.log(
        `${config.name}: ${found.states} states, ${found.steps} steps, ${how}, ${end}, ${found.seconds.toFixed(1)} s`,
      );
      show(found);
      return { ...found, config: config.name, mutants: [], held: found.wrong === undefined };
    });
}

function breakAll(names: readonly string[], bounds: { depth: number; states: number }): Line[] {
  return breakages
    .filter(({ config }) => names.includes(config))
    .map(({ mutants, config: name, faults, shows, change }) => {
      const config = configs.find((one) => one.name === name);
      if (config === undefined) throw new Error(`There is no configuration ${name}.`);
      const found = explore(worldOf({ ...config, ...change, faults }, mutants), bounds);
      const how = found.wrong === undefined ? "NOT FOUND" : `after ${found.wrong.story.length} steps`;
      console.log(
        `\n${mutants.join(" and ")} (${name}): ${how}, ${found.states} states, ${found.seconds.toFixed(1)} s`,
      );
      show(found);
      return { ...found, config: name, mutants, held: found.wrong?.what.startsWith(shows) === true };
    });
}

function show({ wrong }: Exploration): void {
  if (wrong === undefined) return;
  for (const [at, line] of wrong.story.entries()) console.log(`  ${String(at + 1).padStart(2)}. ${line}`);
  console.log(`  Broken: ${wrong.what}`);
}

function withFaults(config: Config): Config {
  return values.faults === undefined ? config : { ...config, faults: Number(values.faults) };
}
