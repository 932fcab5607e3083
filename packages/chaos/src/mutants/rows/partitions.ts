import type { Mutant } from "../mutant.js";
import { partitioned } from "../trials/seeded.js";

/** What goes wrong between the partitions of a namespace, or in one of several. */
export const partitionMutants: readonly Mutant[] = [
  {
    name: "gate-sees-nothing",
    breaks: "What was claimed in a further partition begins without a look at the pauses in the first one",
    changes: [
      {
        file: "core/dist/pause-gate.js",
        find: "const count = await inTime(remembered, countPauses(home, names));",
        put: "const count = 0;",
      },
    ],
    trial: partitioned,
    caughtBy: ["paused-start"],
  },
  {
    name: "lends-what-is-out",
    breaks: "The home of a limit does not count what it has lent to others",
    changes: [
      {
        file: "core/dist/scripts/lend.lua",
        find: "for _, of_it in pairs(numbers) do out = out + of_it.lent - of_it.settled end",
        put: "",
      },
    ],
    trial: partitioned,
    caughtBy: ["limit"],
  },
  {
    name: "end-not-told",
    breaks: "A partition that hears of the end of a parent's run does nothing about it",
    changes: [
      {
        file: "core/dist/scripts/lib/inbox.lua",
        find: "if other == parent then tell_child",
        put: "if other == children then tell_child",
      },
    ],
    trial: partitioned,
    caughtBy: ["missed"],
  },
  {
    name: "begun-before-the-gate",
    breaks:
      "What was claimed in a further partition begins while the gate is asked, and again once it is open",
    changes: [
      {
        file: "core/dist/held-runs.js",
        find: "const open = await this.#letThrough(gate, claimed);",
        put: "for (const one of claimed) this.#attempts.start(one, this.#parts.tasks.get(one.task)); const open = await this.#letThrough(gate, claimed);",
      },
    ],
    trial: partitioned,
    caughtBy: ["duplicate"],
  },
];
