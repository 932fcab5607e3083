import { EscapementError } from "@escapement/core";
import { materialise, park, passOver, recover, type Store, sweep, watch } from "@escapement/core/internal";
import type { Operation } from "./operations.js";

/**
 * Writes what a leader would that has been frozen between its reading and its writing: of a term that is over, or computed from a version or a
 * next fire time that a job does not have any more. Were it taken, an hour of the job's fire times would be passed over. Of a term that is over it
 * tries whatever else a leader writes as well, with arguments by which next to nothing comes of what is taken.
 */
export class StaleWriter {
  readonly #storeOf: (job: string) => Store;

  /** @param storeOf the partition in which a job lives */
  constructor(storeOf: (job: string) => Store) {
    this.#storeOf = storeOf;
  }

  /**
   * Answers what was taken that must not be.
   *
   * @throws EscapementError `STALE_EPOCH`, `STALE_WRITE`, as it should
   */
  async write({ job, stale }: Extract<Operation, { do: "stale-write" }>): Promise<string> {
    const store = this.#storeOf(job);
    const { keys, commands } = store;
    const [state, due, term] = await commands.run("reading what a leader reads", (client) =>
      Promise.all([client.hget(keys.state, job), client.zscore(keys.due, job), client.get(keys.epoch)]),
    );
    const epoch = Number(term) - (stale === "term" ? 1 : 0);
    const taken = stale === "term" && term !== null ? await this.#takenOf(store, epoch, job) : [];
    if (taken.length > 0) return taken.join(", ");
    if (state === null || due === null || term === null)
      throw new EscapementError("STALE_WRITE", "There is nothing to write.");
    const version = Number(state.split(" ")[0]);
    const expected = Number(due) - (stale === "cursor" ? 1 : 0);
    const { prefix: _, ...own } = keys;
    const [, done] = await materialise.run(commands, {
      keys: own,
      args: { ...store.history, epoch },
      lists: {
        jobs: [job, version - (stale === "version" ? 1 : 0), expected, expected + 3_600_000, 0, 0, 0, 0, 1],
        runs: [],
      },
    });
    if (done.startsWith("0")) throw new EscapementError("STALE_WRITE", "It was not taken.");
    return `materialise ${done}`;
  }

  /** Which of the scripts of a leader that need not know of any fire time do not refuse a term. */
  async #takenOf(
    { keys, commands, history, told, founding }: Store,
    epoch: number,
    job: string,
  ): Promise<readonly string[]> {
    const { prefix: _, ...own } = keys;
    const all = { ...history, epoch };
    const some = { ...told, epoch };
    const calls: Readonly<Record<string, () => Promise<unknown>>> = {
      recover: () => recover.run(commands, { keys: own, args: { ...all, batch: 200 } }),
      sweep: () => {
        const args = { ...all, index: 1, cursor: "0", batch: 200 };
        return sweep.run(commands, { keys: own, args, lists: { cursors: [] } });
      },
      watch: () => {
        const args = { ...some, cursor: "0", page: 100, batch: 100, too_long: "" };
        return watch.run(commands, { keys: own, args });
      },
      "pass-over": () => {
        const args = { ...all, ...founding, name: `job:${job}`, before: 0, last: 0 };
        return passOver.run(commands, { keys: own, args, lists: { jobs: [] } });
      },
      // Of a version that no job has.
      park: () => park.run(commands, { keys: own, args: { ...some, job, version: 0, reason: "stale" } }),
    };
    const taken: string[] = [];
    for (const [name, call] of Object.entries(calls)) if (!(await isRefused(call))) taken.push(name);
    return taken;
  }
}

/** Whether a script refuses a term for being over. @throws whatever else goes wrong */
async function isRefused(call: () => Promise<unknown>): Promise<boolean> {
  try {
    await call();
    return false;
  } catch (error) {
    if (error instanceof EscapementError && error.code === "STALE_EPOCH") return true;
    throw error;
  }
}
