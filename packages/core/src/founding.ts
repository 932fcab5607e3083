import { EscapementError } from "@escapement/redis";
import { repeat } from "./repeat.js";
import { found } from "./scripts/index.js";
import type { Store } from "./store.js";

/** How many partitions a namespace has is said by the first of them, and asked before anything is written in another. */
export class Founding {
  readonly #store: Store;
  #isSettled = false;

  /** @param store of partition 0 */
  constructor(store: Store) {
    this.#store = store;
  }

  /** Settles it, if it is not. @throws EscapementError `PARTITION_MISMATCH`, `LAYOUT_MISMATCH` */
  async founded(): Promise<void> {
    if (this.#isSettled) return;
    const { deadline, keys, founding, commands } = this.#store;
    await repeat(deadline, () => found.run(commands, { keys: { meta: keys.meta }, args: { ...founding } }));
    this.#isSettled = true;
  }

  /** That it is as this process is set to, if it is settled. @throws EscapementError `PARTITION_MISMATCH` */
  async known(): Promise<void> {
    if (this.#isSettled) return;
    const { deadline, keys, partitions, commands } = this.#store;
    const stored = await repeat(deadline, () =>
      commands.run("reading the namespace", (client) => client.hget(keys.meta, "partitions")),
    );
    if (stored === null) return; // there is nothing yet
    if (stored !== String(partitions))
      throw new EscapementError(
        "PARTITION_MISMATCH",
        `The namespace has ${stored} partitions, this process is set to ${partitions}. Set it to ${stored}.`,
      );
    this.#isSettled = true;
  }
}
