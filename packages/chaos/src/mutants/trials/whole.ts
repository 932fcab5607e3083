import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { startProcess } from "@escapement/testing";
import type { Violation } from "../../checker/case.js";
import type { MutantTrial } from "../mutant.js";

/** The part of the report of the seeded mode that says what was broken. */
interface Report {
  readonly violations?: readonly Violation[];
}

/**
 * The seeded mode as a program of its own, of the same make as the nodes: what clients do is broken too, where a node's breakage does not show
 * it. Only the checker says what is wrong, and that is not broken.
 */
function wholeTrial(name: string, about: string, ...args: readonly string[]): MutantTrial {
  return {
    name,
    about,
    async run({ processOf }) {
      const program =
        processOf("n1").program ?? fileURLToPath(new URL("../../nodes/node-main.js", import.meta.url));
      const folder = mkdtempSync(join(tmpdir(), "escapement-whole-"));
      const json = join(folder, "report.json");
      try {
        const main = join(program, "../../main.js");
        const started = await startProcess(process.execPath, [main, ...args, "--json", json]);
        await started.exited;
        const { violations } = JSON.parse(readFileSync(json, "utf8")) as Report;
        if (violations !== undefined) return violations;
        const message = started.errorLines.slice(-5).join(" | ");
        return [{ rule: "no-verdict", message, story: [] }];
      } finally {
        rmSync(folder, { recursive: true, force: true });
      }
    },
  };
}

/** Most of the seeded mode's workload, and nodes that are killed. */
export const whole: MutantTrial = wholeTrial(
  "whole",
  "twelve seconds of the seeded mode, its clients of the same make as its nodes",
  ...["--seed", "7", "--duration", "12s", "--faults", "node-kill"],
);

/** A seed whose stale writer tries five times what a leader of an older term would write. */
export const formerLeader: MutantTrial = wholeTrial(
  "former-leader",
  "eight seconds of the seeded mode, in which what a leader of an older term would write comes five times",
  ...["--seed", "186", "--duration", "8s", "--faults", "node-kill"],
);

/** A seed of which the store forgets what has ended, and whose driver loses many answers: what it sends again finds no trace of what it did. */
export const sentAgain: MutantTrial = wholeTrial(
  "sent-again",
  "sixteen seconds of the seeded mode in which many requests are sent again",
  ...["--seed", "184", "--duration", "16s", "--faults", "node-kill"],
);
