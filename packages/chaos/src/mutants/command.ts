import { mutants } from "./index.js";
import { type ControlReport, type MutantReport, type MutantsReport, runMutants } from "./run-mutants.js";

/** Runs the mutants of these names, all if there are none, and prints what comes of each. `undefined`: there is none of one of the names. */
export async function commandMutants(names: readonly string[]): Promise<MutantsReport | undefined> {
  if (names.some((name) => !mutants.some((mutant) => mutant.name === name))) return undefined;
  const chosen = mutants.filter(({ name }) => names.length === 0 || names.includes(name));
  const report = await runMutants(chosen, (one) => console.log(inWords(one)));
  const caught = report.mutants.filter((one) => one.caught).length;
  const held = report.controls.filter(({ broken }) => broken.length === 0).length;
  console.log(
    `${caught} of ${report.mutants.length} mutants caught; ${held} of ${report.controls.length} trials held on unbroken nodes`,
  );
  return report;
}

function inWords(report: ControlReport | MutantReport): string {
  const seconds = `${report.seconds} s`.padStart(7);
  if ("broken" in report) {
    const [first] = report.broken;
    const verdict = first === undefined ? "held" : `FAILED ${cut(first)}`;
    return `${seconds}  ${"none".padEnd(24)} ${report.trial.padEnd(16)} ${verdict}`;
  }
  const by = Object.entries(report.by).map(([rule, times]) => `${rule} ${times} times`);
  const verdict = report.caught ? `caught by ${by.join(", ")}` : "NOT caught";
  return `${seconds}  ${report.name.padEnd(24)} ${report.trial.padEnd(16)} ${verdict}\n${" ".repeat(9)}${cut(report.first)}`;
}

function cut(text: string): string {
  return text.length > 200 ? `${text.slice(0, 199)}…` : text;
}
