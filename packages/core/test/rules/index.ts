import { ofJobs } from "./of-jobs.js";
import { ofOperations } from "./of-operations.js";
import { ofRuns } from "./of-runs.js";
import { of, type Rule } from "./rule.js";

/** Every rule, in the order of the page. */
export const rules: readonly Rule[] = [
  ...ofJobs,
  ...ofRuns,
  ...ofOperations,
  {
    named: ["states"],
    tests: of(
      "states",
      "S15, S16: whatever happens",
      "S15: the sweeper: mends",
      "S15: the sweeper: finds nothing",
    ),
    cluster: of("states", "each of them", "missed", "lost"),
  },
];
