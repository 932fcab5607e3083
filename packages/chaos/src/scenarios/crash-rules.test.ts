import { beforeAll, describe, expect, test } from "vitest";
import { crashRules, nameOf, rules } from "./crash-rules.js";
import { held, runScenario } from "./run-scenario.js";
import type { ScenarioReport } from "./scenario.js";

describe("when a node is killed", () => {
  let report: ScenarioReport;
  let violations: readonly string[];
  beforeAll(async () => {
    ({ report, violations } = await runScenario(crashRules));
  }, 120_000);

  test.each(rules.map(nameOf))("%s", (rule) => {
    expect(report.checks.filter(({ says }) => says === rule)).toMatchObject([{ holds: true }]);
  });

  test("no attempt starts twice, tokens rise, and what comes too late is refused", () => {
    expect(violations).toEqual(held.violations);
    expect(report.verdict.starts).toBeGreaterThan(rules.length);
  });
});
