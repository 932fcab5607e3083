import { EscapementError } from "@escapement/core";
import { materialise, type Store } from "@escapement/core/internal";
import type { Operation } from "./operations.js";

/**
 * Writes what a leader would that has been frozen between its reading and its writing: of a term that is over, or computed from a version or a
 * next fire time that a job does not have any more. Were it taken, an hour of the job's fire times would be passed over.
 */
export class StaleWriter {
  readonly #store: Store;

  constructor(store: Store) {
    this.#store = store;
  }

  /** @throws EscapementError `STALE_EPOCH`, `STALE_WRITE`, as it should */
  async write({ job, stale }: Extract<Operation, { do: "stale-write" }>): Promise<string> {
    const { keys, commands } = this.#store;
    const [state, due, term] = await commands.run("reading what a leader reads", (client) =>
      Promise.all([client.hget(keys.state, job), client.zscore(keys.due, job), client.get(keys.epoch)]),
    );
    if (state === null || due === null || term === null)
      throw new EscapementError("STALE_WRITE", "There is nothing to write.");
    const version = Number(state.split(" ")[0]);
    const epoch = Number(term) - (stale === "term" ? 1 : 0);
    const expected = Number(due) - (stale === "cursor" ? 1 : 0);
    const { prefix: _, ...own } = keys;
    const [, done] = await materialise.run(commands, {
      keys: own,
      args: { ...this.#store.history, epoch },
      lists: {
        jobs: [job, version - (stale === "version" ? 1 : 0), expected, expected + 3_600_000, 0, 0, 0, 0, 1],
        runs: [],
      },
    });
    if (done.startsWith("0")) throw new EscapementError("STALE_WRITE", "It was not taken.");
    return done;
  }
}
