export type { Case, JobCase, Outcome, Violation } from "./checker/case.js";
export { type HistoryVerdict, historyRules, judgeHistory } from "./checker/history/judge-history.js";
export { judge, tell, type Verdict } from "./checker/judge.js";
export type { Evidence } from "./evidence/evidence.js";
export { scenarios } from "./scenarios/index.js";
export type { Check, Scenario, ScenarioReport } from "./scenarios/scenario.js";
export { runSeeded, type SeededOptions, type SeededReport } from "./seeded/run-seeded.js";
