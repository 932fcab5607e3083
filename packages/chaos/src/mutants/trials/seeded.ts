import type { Violation } from "../../checker/case.js";
import { runSeeded, type SeededOptions } from "../../seeded/run-seeded.js";
import type { MutantTrial } from "../mutant.js";

async function ofSeed(options: Omit<SeededOptions, "seed">): Promise<Violation[]> {
  const { violations, open } = await runSeeded({ seed: 7, ...options });
  const message = `${open.length} have not ended: ${open.slice(0, 5).join(" ")}`;
  return [...violations, ...(open.length === 0 ? [] : [{ rule: "open", message, story: [] }])];
}

/** The seeded mode as it is, for a few seconds: its whole workload, and nodes that are killed, stand still and do not hear. */
export const seeded: MutantTrial = {
  name: "seeded",
  about: "eight seconds of the seeded mode",
  async run({ processOf }) {
    const faults = ["node-kill", "node-freeze-long", "lost-replies"];
    return ofSeed({ duration: 8000, faults, processOf });
  },
};

/** The same with next to nothing that could be late for a reason. */
export const punctual: MutantTrial = {
  name: "punctual",
  about: "six seconds of the seeded mode, in which replies are lost and no node is befallen otherwise",
  run: ({ processOf }) =>
    ofSeed({ duration: 6000, faults: ["lost-replies"], settlesWithin: 20_000, processOf }),
};
