export type { Case, JobCase, Outcome, Violation } from "./case.js";
export { judge, tell, type Verdict } from "./checker.js";
export type { Evidence } from "./evidence.js";
export type { Check, Scenario, ScenarioReport } from "./scenario.js";
export { scenarios } from "./scenarios/index.js";
export { runSeeded, type SeededOptions, type SeededReport } from "./seeded.js";
