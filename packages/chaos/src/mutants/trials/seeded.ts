import { runSeeded, type SeededOptions } from "../../seeded/run-seeded.js";
import type { MutantTrial } from "../mutant.js";

/** A trial of the seeded mode: what it breaks, and what has not ended by its end, unless the store may have lost it. */
function seededTrial(name: string, about: string, options: SeededOptions): MutantTrial {
  return {
    name,
    about,
    async run({ processOf }) {
      const { violations, open, lostWrites } = await runSeeded({ ...options, processOf });
      const message = `${open.length} have not ended: ${open.slice(0, 5).join(" ")}`;
      const isEnded = open.length === 0 || lostWrites.entries > 0;
      return [...violations, ...(isEnded ? [] : [{ rule: "open", message, story: [] }])];
    },
  };
}

/** The seeded mode as it is, for a few seconds: its whole workload, and nodes that are killed, stand still and do not hear. */
export const seeded: MutantTrial = seededTrial("seeded", "eight seconds of the seeded mode", {
  seed: 7,
  duration: 8000,
  faults: ["node-kill", "node-freeze-long", "lost-replies"],
});

/** The same over several partitions: pauses, limits and parents' ends go from one to another. */
export const partitioned: MutantTrial = seededTrial(
  "partitioned",
  "ten seconds of the seeded mode over 8 partitions",
  { seed: 8, duration: 10_000, partitions: 8, faults: ["lost-replies"], settlesWithin: 40_000 },
);

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

/** A store that loses what it acknowledged last, again and again. */
export const losingPower: MutantTrial = seededTrial(
  "losing-power",
  "ten seconds of the seeded mode, its store on a machine that loses power",
  { seed: 2, duration: 10_000, topology: "everysec", faults: ["power-loss"], settlesWithin: 25_000 },
);

/** Nodes that are declared dead while they can do all that they want. */
export const declaredDead: MutantTrial = seededTrial(
  "declared-dead",
  "ten seconds of the seeded mode, in which nodes lose their leases and nothing else",
  { seed: 4, duration: 10_000, faults: ["node-lease-deleted"] },
);

/** Stretches in which nothing starts, so that some fire times are too late and made up for. */
export const catchingUp: MutantTrial = seededTrial(
  "catching-up",
  "eight seconds of the seeded mode, in which the store stands still now and then",
  { seed: 11, duration: 8000, faults: ["redis-freeze"], settlesWithin: 12_000 },
);
