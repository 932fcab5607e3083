import { copyBuild } from "../builds/copy-build.js";
import type { Violation } from "../checker/case.js";
import { type Mutant, type MutantTrial, mutate } from "./mutant.js";

/** What came of a trial on unbroken nodes. */
export interface ControlReport {
  readonly trial: string;
  readonly seconds: number;
  /** Rules that were broken on unbroken nodes: what is caught in this trial proves nothing. */
  readonly broken: readonly string[];
}

/** What came of one mutant. */
export interface MutantReport {
  readonly name: string;
  readonly trial: string;
  /** One of the rules that may name it did, in time. */
  readonly caught: boolean;
  /** Those of them that did, and how often each. */
  readonly by: Readonly<Record<string, number>>;
  /** From the start of the trial to the verdict. */
  readonly seconds: number;
  /** The first violation, or why there was no verdict. */
  readonly first: string;
}

/** What came of all of them. */
export interface MutantsReport {
  /** All mutants were caught, and no control broke a rule. */
  readonly valid: boolean;
  readonly controls: readonly ControlReport[];
  readonly mutants: readonly MutantReport[];
}

/** A mutant that takes longer to be caught is none that was caught, s. */
export const mostSeconds = 60;

/** Runs each trial once on unbroken nodes, and then for each mutant on nodes that have its breakage. `told` hears of each as it ends. */
export async function runMutants(
  mutants: readonly Mutant[],
  told: (report: ControlReport | MutantReport) => void = () => undefined,
): Promise<MutantsReport> {
  const controls: ControlReport[] = [];
  const reports: MutantReport[] = [];
  for (const trial of new Set(mutants.map(({ trial }) => trial))) {
    const control = await runControl(trial);
    controls.push(control);
    told(control);
    for (const mutant of mutants.filter((one) => one.trial === trial)) {
      const report = await runMutant(mutant);
      reports.push(report);
      told(report);
    }
  }
  const valid = controls.every(({ broken }) => broken.length === 0) && reports.every(({ caught }) => caught);
  return { valid, controls, mutants: reports };
}

/** Runs a trial on unbroken nodes. */
export async function runControl(trial: MutantTrial): Promise<ControlReport> {
  const begin = performance.now();
  const broken = await attempt(trial);
  return { trial: trial.name, seconds: since(begin), broken: broken.map(inOneLine) };
}

/**
 * Runs a mutant's trial on nodes that have its breakage.
 *
 * @throws Error if what it changes is not there exactly once, or is nothing that nodes are made of
 */
export async function runMutant(mutant: Mutant): Promise<MutantReport> {
  const { name, trial, caughtBy } = mutant;
  await using build = await copyBuild((path, text) => mutate(mutant, path, text));
  const missing = mutant.changes.filter(({ file }) => !build.changed.includes(file));
  if (missing.length > 0)
    throw new Error(
      `The mutant ${name} changes ${missing[0]?.file}, which is not part of what a node is made of.`,
    );
  const begin = performance.now();
  const broken = await attempt(trial, build.program);
  const seconds = since(begin);
  const by: Record<string, number> = {};
  for (const { rule } of broken) if (caughtBy.includes(rule)) by[rule] = (by[rule] ?? 0) + 1;
  const first = broken.find(({ rule }) => caughtBy.includes(rule)) ?? broken[0];
  return {
    name,
    trial: trial.name,
    caught: Object.keys(by).length > 0 && seconds <= mostSeconds,
    by,
    seconds,
    first: first === undefined ? "nothing" : inOneLine(first),
  };
}

/** A trial that does not come to a verdict has caught nothing, and says why. */
async function attempt(trial: MutantTrial, program?: string): Promise<readonly Violation[]> {
  try {
    return await trial.run({ processOf: () => (program === undefined ? {} : { program }) });
  } catch (error) {
    return [{ rule: "no-verdict", message: String(error), story: [] }];
  }
}

function inOneLine({ rule, message }: Violation): string {
  return `${rule}: ${message.replace(/\s+/g, " ")}`;
}

function since(begin: number): number {
  return Math.round((performance.now() - begin) / 100) / 10;
}
