import type { RunContext } from "@escapement/core";
import type { AttemptFact, EvidenceWriter } from "../evidence/evidence.js";
import type { WorkInput } from "./node-config.js";

/** Of so many attempts one asks; of those that work for `long` ms or more, each does. */
const oneIn = 8n;
const long = 800;
/** So many ms after its work a handler asks once more: it has ended by then, or should have. */
const later = 1000;

/**
 * Lets a handler ask now and then whether its attempt is still its node's, and takes down what it heard: as it begins, where the caller says so,
 * and a while after its work. It never waits for that, so that nothing takes longer.
 *
 * @returns what to call when its work is done
 */
export function askWhetherHeld(
  run: RunContext<WorkInput | undefined>,
  fact: AttemptFact,
  evidence: EvidenceWriter,
): () => void {
  const { work = 0 } = run.input ?? {};
  if (work < long && run.fencingToken % oneIn !== 0n) return () => undefined;
  const ask = async (by: "progress" | "extend"): Promise<void> => {
    const asked = evidence.now();
    const answer = await (by === "extend" ? run.extend() : run.progress({ asked })).then(
      () => "done",
      (error: { readonly code?: string }) => error.code ?? "UNKNOWN",
    );
    evidence.write({ kind: "held", ...fact, by, asked, answer });
  };
  void ask("progress");
  setTimeout(() => void ask(run.attempt % 2 === 0 ? "progress" : "extend"), work + later).unref();
  return () => void ask("extend");
}
