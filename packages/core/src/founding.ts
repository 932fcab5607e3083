import { EscapementError } from "@escapement/redis";
import { repeat } from "./repeat.js";
import { found } from "./scripts/index.js";
import type { Guard, Store } from "./store.js";

/** What `meta` of the first partition says of a namespace. */
export interface Meta {
  /** `undefined`: nothing has been written yet. */
  readonly partitions: number | undefined;
  /** To how many it is being moved, and over how many it may be spread meanwhile. */
  readonly moving: { readonly to: number; readonly span: number } | undefined;
}

/** Reads it from partition 0. */
export async function readMeta({ commands, keys }: Store): Promise<Meta> {
  const [layout, partitions, moving] = await commands.runUnguarded("reading the namespace", (client) =>
    client.hmget(keys.meta, "layout", "partitions", "moving"),
  );
  const [to = 0, span = 0] = (moving ?? "").split(" ").map(Number);
  return {
    partitions: layout == null ? undefined : Number(partitions ?? 1),
    moving: moving == null ? undefined : { to, span },
  };
}

/** The refusal while a namespace is being moved. */
export function namespaceMoving(to: number): EscapementError {
  return new EscapementError(
    "NAMESPACE_MOVING",
    `The namespace is being moved to ${to} partitions. Wait until it is; if whoever moves it is gone, do it again: escapement partitions ${to}.`,
  );
}

/** How many partitions a namespace has is said by the first of them, and asked before anything is read or written in any, once a process. */
export class Founding implements Guard {
  readonly #store: () => Store;
  #isSettled = false;
  #asking: Promise<boolean> | undefined;

  /** @param store of partition 0 */
  constructor(store: () => Store) {
    this.#store = store;
  }

  settle(): void {
    this.#isSettled = true;
  }

  /** Settles it, if it is not. @throws EscapementError `PARTITION_MISMATCH`, `LAYOUT_MISMATCH`, `NAMESPACE_MOVING` */
  async founded(): Promise<void> {
    if (this.#isSettled) return;
    const { deadline, keys, founding, commands } = this.#store();
    await repeat(deadline, () => found.run(commands, { keys: { meta: keys.meta }, args: { ...founding } }));
    this.#isSettled = true;
  }

  /**
   * Whether it is as this process is set to; `false`: it is not settled yet. Asks until it is, once at a time.
   *
   * @throws EscapementError `PARTITION_MISMATCH`, `NAMESPACE_MOVING`
   */
  known(): Promise<boolean> {
    this.#asking ??= this.#ask().finally(() => {
      this.#asking = undefined;
    });
    return this.#asking;
  }

  async #ask(): Promise<boolean> {
    if (this.#isSettled) return true;
    const { partitions: stored, moving } = await readMeta(this.#store());
    if (moving !== undefined) throw namespaceMoving(moving.to);
    if (stored === undefined) return false; // there is nothing yet
    const { partitions } = this.#store();
    if (stored !== partitions)
      throw new EscapementError(
        "PARTITION_MISMATCH",
        `The namespace has ${stored} partitions, this process is set to ${partitions}. Set it to ${stored}.`,
      );
    this.#isSettled = true;
    return true;
  }
}
