import { monotonic } from "./clock.js";
import type { Events } from "./events.js";
import { compileSchedule, scheduleOf } from "./job-trigger.js";
import { readJobRecord } from "./record.js";
import { sweep } from "./scripts/index.js";
import type { Store } from "./store.js";

/** How many items of all indices one call looks at: little at a time where calls follow each other, more where they do not. */
const batch = { hurried: 200, calm: 1000 };
/** Milliseconds between two calls of a hurried sweep. */
const between = 250;

/**
 * The leader's sweeper: goes through all indices, a page at a time, proves that each run that has not ended stands in one place, and that
 * each job has a next fire time or a reason for having none; mends what does not, tells and counts it (S15, S16).
 *
 * It hurries through the first sweep of a term, and whenever there may be something to mend. Once a sweep has found nothing it looks at one page
 * at a time, so that a store costs no more for what it holds.
 */
export class Sweeper {
  readonly #store: Store;
  readonly #epoch: number;
  readonly #events: Events;
  readonly #every: number;
  #index = 1;
  #cursor = "0";
  #cursors: (string | number)[] = [];
  /** Whether something was mended, or may have to be, since the beginning of this sweep. */
  #found = false;
  #calm = false;
  /** Whether it is to begin with the first index again. */
  #anew = false;
  /** Monotonic time of the next call. */
  nextLook: number;

  constructor(store: Store, epoch: number, events: Events, every: number) {
    this.#store = store;
    this.#epoch = epoch;
    this.#events = events;
    this.#every = every;
    this.nextLook = monotonic() + every;
  }

  /**
   * One page, if it is time for one.
   *
   * @returns how many mends it took
   * @throws EscapementError `STALE_EPOCH` if there is a later leader
   */
  async look(): Promise<number> {
    if (monotonic() < this.nextLook) return 0;
    this.nextLook = monotonic() + (this.#calm ? this.#every : between);
    if (this.#anew) [this.#index, this.#cursor, this.#cursors, this.#anew] = [1, "0", [], false];
    const { prefix: _, ...keys } = this.#store.keys;
    const args = {
      ...this.#store.history,
      epoch: this.#epoch,
      index: this.#index,
      cursor: this.#cursor,
      batch: this.#calm ? batch.calm : batch.hurried,
    };
    const lists = { cursors: this.#cursors };
    const [, index, cursor, done, mended, lost] = await this.#store.timed(
      () => sweep.run(this.#store.lease, { keys, args, lists }),
      ([time]) => time,
    );
    [this.#index, this.#cursor] = [Number(index), cursor];
    this.#cursors = await this.#cursorsOf(lost);
    if (mended.length > 0 || this.#cursors.length > 0) this.hurry();
    else if (done === 1) {
      this.#calm = !this.#found;
      this.#found = false;
      this.nextLook = monotonic() + this.#every;
    }
    for (let at = 0; at + 1 < mended.length; at += 2)
      this.#events.emit("mended", { subject: mended[at] ?? "", what: mended[at + 1] ?? "" });
    return mended.length / 2;
  }

  /** The store has been away, and may have lost writes: all is gone through, in its order. */
  startOver(): void {
    this.#anew = true;
    this.hurry();
  }

  /** There may be something to mend. */
  hurry(): void {
    this.#found = true;
    this.#calm = false;
    this.nextLook = Math.min(this.nextLook, monotonic() + between);
  }

  /** Next fire times of jobs that have none: id, version, time (or nothing). Those that cannot be computed, or fire by others, are left. */
  async #cursorsOf(jobs: readonly string[]): Promise<(string | number)[]> {
    if (jobs.length === 0) return [];
    const { keys } = this.#store;
    const now = await this.#store.nearlyNow();
    const [records, states] = await this.#store.lease.run("reading jobs", (client) =>
      Promise.all([client.hmget(keys.jobs, ...jobs), client.hmget(keys.state, ...jobs)]),
    );
    return jobs.flatMap((job, index) => {
      const [record, state] = [records[index], states[index]];
      if (record == null || state == null) return [];
      const [version = "", created] = state.split(" ");
      try {
        const schedule = scheduleOf(readJobRecord(record));
        if (schedule === undefined) return [];
        const next = compileSchedule(job, schedule, { anchor: Number(created) }).next(now);
        return [job, version, next ?? ""];
      } catch {
        return [];
      }
    });
  }
}
