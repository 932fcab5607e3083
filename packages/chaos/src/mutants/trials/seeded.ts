import { runSeeded } from "../../seeded/run-seeded.js";
import type { MutantTrial } from "../mutant.js";

/** The seeded mode as it is, for a few seconds: its whole workload, and nodes that are killed, stand still and do not hear. */
export const seeded: MutantTrial = {
  name: "seeded",
  about: "eight seconds of the seeded mode",
  async run({ processOf }) {
    const faults = ["node-kill", "node-freeze-long", "lost-replies"];
    const { violations, open } = await runSeeded({ seed: 7, duration: 8000, faults, processOf });
    const message = `${open.length} have not ended: ${open.slice(0, 5).join(" ")}`;
    return [...violations, ...(open.length === 0 ? [] : [{ rule: "open", message, story: [] }])];
  },
};
