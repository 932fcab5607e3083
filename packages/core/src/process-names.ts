import { newNodeId } from "./id.js";

/** How many names are remembered that no partition has any more. */
const remembered = 8;

/** The names of a process as a node: one for all partitions, until its lease ends in one of them. In no partition it has the same name twice. */
export class ProcessNames {
  #latest = newNodeId();
  readonly #of: string[] = [];
  #all: readonly string[] = [];
  /** Those that it had in further partitions alone. Who drained one of them meant the process; in the first the pause goes with the name. */
  #former: readonly string[] = [];

  /** The name under which to join a partition. @param former the one that it had there last, if it had one */
  next(former: string | undefined, partition = 0): string {
    if (former === this.#latest) this.#latest = newNodeId();
    this.#of[partition] = this.#latest;
    const own = new Set(Object.values(this.#of));
    if (former !== undefined && partition > 0)
      this.#former = [...new Set([...this.#former, former])]
        .filter((name) => !own.has(name))
        .slice(-remembered);
    this.#all = [...own, ...this.#former];
    return this.#latest;
  }

  /** Those that it has now, in whatever partitions, and by which it may have been drained before. */
  get all(): readonly string[] {
    return this.#all;
  }
}
