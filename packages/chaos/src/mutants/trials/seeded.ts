import { runSeeded, type SeededOptions } from "../../seeded/run-seeded.js";
import type { MutantTrial } from "../mutant.js";

/** The seeded mode as it is, its whole workload, for a few seconds. */
function seededTrial(name: string, about: string, options: SeededOptions): MutantTrial {
  return {
    name,
    about,
    async run({ processOf }) {
      const { violations, open } = await runSeeded({ ...options, processOf });
      const message = `${open.length} have not ended: ${open.slice(0, 5).join(" ")}`;
      return [...violations, ...(open.length === 0 ? [] : [{ rule: "open", message, story: [] }])];
    },
  };
}

/** Nodes are killed, stand still and do not hear. */
export const seeded: MutantTrial = seededTrial("seeded", "eight seconds of the seeded mode", {
  seed: 7,
  duration: 8000,
  faults: ["node-kill", "node-freeze-long", "lost-replies"],
});

/** Two nodes are taken off the list of nodes by hand, and then others are killed. */
export const takenOut: MutantTrial = seededTrial(
  "taken-out",
  "eight seconds of the seeded mode, in which nodes are taken off the list by hand and others are killed",
  { seed: 5, duration: 8000, faults: ["node-lease-deleted", "node-kill"] },
);

/** A node is told to stop in the middle of its work, and has another process. One alone: whoever has to be killed takes 20 s to be. */
export const restarted: MutantTrial = seededTrial(
  "restarted",
  "the seeded mode for as long as it takes to restart a node in the middle of its work",
  { seed: 15, duration: 1600, faults: ["node-restart"] },
);

/** With next to nothing that could be late for a reason. */
export const punctual: MutantTrial = seededTrial(
  "punctual",
  "six seconds of the seeded mode, in which replies are lost and no node is befallen otherwise",
  { seed: 7, duration: 6000, faults: ["lost-replies"], settlesWithin: 20_000 },
);
