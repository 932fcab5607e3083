import { runSeeded } from "../../seeded/run-seeded.js";
import type { MutantTrial } from "../mutant.js";

/**
 * The seeded mode with a seed of which the store forgets what has ended, and whose driver loses many answers: what it sends again finds no
 * trace of what it did.
 */
export const sentAgain: MutantTrial = {
  name: "sent-again",
  about: "twenty seconds of the seeded mode in which many requests are sent again",
  async run({ processOf }) {
    const { violations } = await runSeeded({ seed: 184, duration: 20_000, faults: ["node-kill"], processOf });
    return violations;
  },
};
