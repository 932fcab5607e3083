import { newNodeId } from "./id.js";

/** The names of a process as a node: one for all partitions, until its lease ends in one of them. In no partition it has the same name twice. */
export class ProcessNames {
  #latest = newNodeId();
  readonly #of: string[] = [];
  #all: readonly string[] = [];

  /** The name under which to join a partition. @param former the one that it had there last, if it had one */
  next(former: string | undefined, partition = 0): string {
    if (former === this.#latest) this.#latest = newNodeId();
    this.#of[partition] = this.#latest;
    this.#all = [...new Set(Object.values(this.#of))];
    return this.#latest;
  }

  /** Those that it has now, in whatever partitions. */
  get all(): readonly string[] {
    return this.#all;
  }
}
