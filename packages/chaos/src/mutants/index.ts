import type { Mutant } from "./mutant.js";
import { claimMutants } from "./rows/claim.js";
import { leaderMutants } from "./rows/leader.js";
import { partitionMutants } from "./rows/partitions.js";
import { runMutants } from "./rows/runs.js";
import { seededMutants } from "./rows/seeded.js";

/** All deliberate breakages that the checker has to see, by name. */
export const mutants: readonly Mutant[] = [
  ...leaderMutants,
  ...claimMutants,
  ...runMutants,
  ...seededMutants,
  ...partitionMutants,
];
