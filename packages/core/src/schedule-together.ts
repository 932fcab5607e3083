import { EscapementError, RedisError } from "@escapement/redis";
import { tell } from "./apply.js";
import { checkAlone, type Item, type Wanted } from "./check-jobs.js";
import { jobBatches, writeEach } from "./define.js";
import type { HandleParts } from "./handles.js";
import type { Job } from "./job.js";
import { exhaustedJob, readJobs } from "./read-jobs.js";
import { repeat, unread } from "./repeat.js";

/** A checked job that waits for the next call, and who gave it. */
interface Waiting {
  readonly item: Item;
  readonly resolve: (job: Job) => void;
  readonly reject: (error: unknown) => void;
}

/** The real one, where a test of somebody's has put timers of its own in place since. */
const atTheEndOfTheTurn = setImmediate;

/**
 * Defines single jobs: those that this process gives in the same turn of the event loop together, in as few calls as that takes. What is wrong with one
 * is no matter of the others. Calls for the same job follow each other in the order in which they were made.
 */
export class ScheduleTogether {
  readonly #parts: HandleParts;
  /** By job id the end of the latest call for it that is under way. */
  readonly #underWay = new Map<string, Promise<Job>>();
  #waiting: Waiting[] = [];

  constructor(parts: HandleParts) {
    this.#parts = parts;
  }

  /**
   * Defines a job, or changes it, and reads it back.
   *
   * @throws InvalidOptionError, InvalidTriggerError; EscapementError, such as `JOB_EXISTS`; RedisError
   */
  schedule(wanted: Wanted): Promise<Job> {
    const { id } = wanted.options;
    if (typeof id !== "string") return this.#define(wanted); // which refuses it
    const before = this.#underWay.get(id);
    const own = before === undefined ? this.#define(wanted) : this.#defineAfter(before, wanted);
    const forget = (): void => {
      if (this.#underWay.get(id) === own) this.#underWay.delete(id);
    };
    this.#underWay.set(id, own);
    own.then(forget, forget);
    return own;
  }

  /** Resolves when all calls that are under way have ended. */
  async settled(): Promise<void> {
    await Promise.allSettled(this.#underWay.values());
  }

  /** As {@link schedule}, when an earlier call for the same job has ended. @throws RedisError `REDIS_TIMEOUT` if it does not within the store's deadline */
  async #defineAfter(before: Promise<unknown>, wanted: Wanted): Promise<Job> {
    const { deadline } = this.#parts.store;
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      const message = `Job ${wanted.options.id}: an earlier call for it had not ended after ${deadline} ms. Nothing was written by this one.`;
      timer = setTimeout(() => reject(new RedisError("REDIS_TIMEOUT", message)), deadline);
    });
    await Promise.race([before.catch(() => undefined), late]).finally(() => clearTimeout(timer));
    return this.#define(wanted);
  }

  /** Without promises that nobody needs: of a thousand calls in a turn each would be a thousand. */
  #define(wanted: Wanted): Promise<Job> {
    const { store, maxInput, validate } = this.#parts;
    try {
      const validity = validate(wanted.task, wanted.options.input);
      const checked =
        validity === undefined
          ? checkAlone(store, wanted, maxInput)
          : validity.then(() => checkAlone(store, wanted, maxInput));
      return checked instanceof Promise ? checked.then((item) => this.#wait(item)) : this.#wait(checked);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  #wait(item: Item): Promise<Job> {
    return new Promise((resolve, reject) => {
      if (this.#waiting.push({ item, resolve, reject }) === 1) atTheEndOfTheTurn(() => this.#writeAll());
    });
  }

  #writeAll(): void {
    const all = this.#waiting;
    this.#waiting = [];
    for (const batch of jobBatches(all, ({ item }) => item)) void this.#write(batch);
  }

  /** Writes and reads back; what fails of it, fails for those whom it concerns. */
  async #write(batch: readonly Waiting[]): Promise<void> {
    const { store } = this.#parts;
    const outcomes = await writeEach(
      store,
      batch.map(({ item }) => item),
    );
    const written = batch.filter(({ item, reject }) => {
      const outcome = outcomes.get(item.id);
      if (outcome === undefined) return true;
      if ("error" in outcome) reject(outcome.error);
      else tell(this.#parts, [outcome]);
      return !("error" in outcome);
    });
    const ids = written.map(({ item }) => item.id);
    try {
      const jobs = await repeat(store.deadline, () => readJobs(store, ids));
      for (const [index, { item, resolve, reject }] of written.entries()) {
        const job = jobs[index] ?? this.#gone(item);
        if (job === undefined) reject(removedAtOnce(item));
        else resolve(job);
      }
    } catch (error) {
      for (const { item, reject } of written) reject(unread(`Job ${item.id}`, error));
    }
  }
  /** A short one may have run and gone by now, as it was to. */
  #gone({ id, definition, text }: Item): Job | undefined {
    return definition.whenExhausted === "remove"
      ? exhaustedJob(id, `1${text}`, this.#parts.store.clock.now())
      : undefined;
  }
}

function removedAtOnce({ id }: Item): EscapementError {
  return new EscapementError("JOB_NOT_FOUND", `Job ${id} was removed by others at once.`);
}
