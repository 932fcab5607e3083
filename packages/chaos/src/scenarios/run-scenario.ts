import { tell } from "../checker/judge.js";
import type { Length, Scenario, ScenarioReport } from "./scenario.js";

/** What a scenario came to, in a form that a test can compare as a whole. */
export interface Held {
  readonly violations: readonly string[];
  /** Runs that did not end. */
  readonly open: readonly string[];
  /** Claims that do not hold; those about milliseconds are left to the command. */
  readonly broken: readonly string[];
}

/** What a test expects of every scenario. */
export const held: Held = { violations: [], open: [], broken: [] };

/** Runs a scenario and answers what did not hold. */
export async function runScenario(
  scenario: Scenario,
  length?: Length,
): Promise<Held & { readonly report: ScenarioReport }> {
  const report = await scenario.run(length);
  const { verdict, checks } = report;
  return {
    violations: verdict.violations.map(tell),
    open: verdict.open,
    broken: checks.flatMap(({ says, holds, seen, timing }) =>
      holds || timing ? [] : [`${says}: ${JSON.stringify(seen)}`],
    ),
    report,
  };
}
