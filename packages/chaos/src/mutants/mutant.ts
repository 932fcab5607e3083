import type { Violation } from "../checker/case.js";
import type { TrialOptions } from "../trial.js";

/** One text in one file of what was built, and what is to stand there instead. */
export interface Change {
  /** Below `packages/`, such as `core/dist/scripts/claim/take.lua`. */
  readonly file: string;
  /** Occurs exactly once in it. */
  readonly find: string;
  readonly put: string;
}

/** Workload and faults under which breakages show. On unbroken nodes it finds nothing. */
export interface MutantTrial {
  readonly name: string;
  readonly about: string;
  /** Runs it on nodes of this make, and answers the rules that were broken. */
  run(nodes: Required<Pick<TrialOptions, "processOf">>): Promise<readonly Violation[]>;
}

/** A mistake that a maintainer could make, and how it shows. */
export interface Mutant {
  readonly name: string;
  /** What is broken, as a sentence. */
  readonly breaks: string;
  readonly changes: readonly Change[];
  /** What else would have kept the harm away, and is broken here as well: of each of these layers, one alone suffices. */
  readonly secondLayers?: readonly string[];
  readonly trial: MutantTrial;
  /** The rules that may name it: one of them has to. */
  readonly caughtBy: readonly string[];
}

/**
 * The text of a file with the changes that are meant for it.
 *
 * @throws Error naming the mutant, the file and the text, if what is to be found does not occur exactly once
 */
export function mutate({ name, changes }: Mutant, file: string, text: string): string {
  return changes
    .filter((change) => change.file === file)
    .reduce((changed, change) => {
      const { find, put } = change;
      const times = changed.split(find).length - 1;
      if (times === 1) return changed.replace(find, () => put);
      throw new Error(
        `The mutant ${name} looks for a text that occurs ${times} times in ${file}, not once: ${JSON.stringify(find)}. Make its row fit the code again.`,
      );
    }, text);
}
