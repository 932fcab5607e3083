import { newNodeId } from "./id.js";

/** The names of a process as a node: one for all partitions, until its lease ends in one of them. In no partition it has the same name twice. */
export class ProcessNames {
  #latest = newNodeId();

  /** The name under which to join a partition. @param former the one that it had there last, if it had one */
  next(former: string | undefined): string {
    if (former === this.#latest) this.#latest = newNodeId();
    return this.#latest;
  }
}
