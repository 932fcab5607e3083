import { RedisError } from "@escapement/redis";
import { fields, inputJson, isList, nameAt, readable } from "./check.js";
import { sharedOptions } from "./definition.js";
import { InvalidOptionError, PartlyWrittenError } from "./errors.js";
import { newRunId } from "./id.js";
import type { Delivery } from "./job.js";
import type { Limit, RateLimit } from "./limit.js";
import { type NewRun, queueTogether, runBatches } from "./queue-together.js";
import { RunRecord } from "./record.js";
import type { RetryOptions } from "./retry.js";
import type { Store } from "./store.js";
import { duration, instant } from "./times.js";

/** What an enqueued run can be told. */
export interface EnqueueOptions<Input = unknown> {
  /** Handed to the task: JSON, at most 64 KiB. */
  readonly input?: Input;
  /** Names the run, so that enqueuing it twice queues it once. It is remembered for as long as finished runs are kept. */
  readonly id?: string;
  /** Not before then: a Date, ms, or ISO 8601. @default at once */
  readonly at?: Date | number | string;
  /** How long from now it does not start: milliseconds, or a duration such as `"5m"`; up to a hundred years. Not together with `at`. */
  readonly delay?: number | string;
  /** @default "default" */
  readonly queue?: string;
  /** Higher first, -1000 to 1000. @default 0 */
  readonly priority?: number;
  /** @default "at-least-once" */
  readonly delivery?: Delivery;
  /** @default 3 */
  readonly maxLost?: number;
  /** Milliseconds (or a duration) after which an attempt is aborted. @default none */
  readonly timeout?: number | string;
  /** What becomes of it when an attempt failed or timed out. @default it has failed for good */
  readonly retry?: RetryOptions;
  /** Runs of one key, of whichever jobs and tasks, are limited together in the whole cluster. @default none */
  readonly concurrencyKey?: string;
  /** How many runs with its `concurrencyKey` may run at once. @default 1 */
  readonly concurrencyLimit?: number | Limit;
  /** How many runs with its `concurrencyKey` may start within any period of a length, in the whole cluster. @default any */
  readonly rateLimit?: RateLimit;
  /** Keep it in its queue's dead letters when it failed for good. @default true */
  readonly deadLetter?: boolean;
}

const known = [
  "input",
  "id",
  "at",
  "delay",
  "queue",
  "priority",
  "delivery",
  "maxLost",
  "timeout",
  "retry",
  "deadLetter",
  "concurrencyKey",
  "concurrencyLimit",
  "rateLimit",
] as const satisfies (keyof EnqueueOptions)[];

/** The options of runs, each read once. @throws InvalidOptionError for what are none */
export function runOptions(all: unknown): EnqueueOptions[] {
  return readable("runs", () => {
    if (!isList(all)) throw new InvalidOptionError("runs", "must be a list of options, one item a run.");
    // Not by map, which would go through all holes of a list of 4 billion.
    const given: EnqueueOptions[] = [];
    for (const [index, options] of all.entries())
      given.push(fields(all.length === 1 ? "options" : `options[${index}]`, options, known));
    return given;
  });
}

/** What a run may be told and still have a record like the others of its task. */
const own: ReadonlySet<string> = new Set(["id", "input", "at", "delay"]);
/** Of as many tasks the records' common parts are kept. */
const mostTasks = 1000;
const usual = new Map<string, RunRecord>();

/** Queues runs of a task, as {@link queueRuns}, after a look at their options. */
export function enqueueRuns(
  store: Store,
  task: string,
  all: readonly EnqueueOptions[],
  maxInput: number,
): Promise<string[]> {
  return queueRuns(store, task, runOptions(all), maxInput);
}

/**
 * Queues runs of a task, in order. All are checked before the first is written; each batch (at most 500, and 1 MiB unless one alone is longer) is
 * written whole, and together with what this process queues at the same time.
 *
 * @param all as {@link runOptions} has them
 * @returns their ids, in order
 * @throws PartlyWrittenError if some batches were written, and then one was not
 */
export async function queueRuns(
  store: Store,
  task: string,
  all: readonly EnqueueOptions[],
  maxInput: number,
): Promise<string[]> {
  nameAt("task", task);
  const exact = all.some(({ delay }) => delay !== undefined);
  const now = exact ? await store.now() : await store.nearlyNow();
  const runs = all.map((given) => newRun(task, given as Record<string, unknown>, now, maxInput));
  const ids = runs.map(({ id }) => id);
  let written = 0;
  for (const batch of runBatches(runs)) {
    try {
      await queueTogether(store, batch);
    } catch (error) {
      if (written === 0 || !(error instanceof RedisError)) throw error;
      throw new PartlyWrittenError("runs", ids, written, error);
    }
    written += batch.length;
  }
  return ids;
}

/** Whether runs of a task could be queued. @throws InvalidOptionError */
export function checkRuns(task: string, all: readonly EnqueueOptions[], maxInput: number): void {
  nameAt("task", task);
  for (const given of all) newRun(task, given as Record<string, unknown>, 0, maxInput);
}

function newRun(task: string, given: Record<string, unknown>, now: number, maxInput: number): NewRun {
  const id = given["id"] === undefined ? newRunId(now) : nameAt("id", given["id"]);
  const notBefore = startOf(given, now);
  const common = commonOf(task, given);
  const record = common.write(inputJson("input", given["input"], maxInput), notBefore ?? now);
  return { id, record, lane: common.lane, priority: common.priority, notBefore };
}

function commonOf(task: string, given: Record<string, unknown>): RunRecord {
  for (const name in given) if (!own.has(name)) return new RunRecord({ task, ...sharedOptions(given) });
  let common = usual.get(task);
  if (common === undefined) {
    if (usual.size >= mostTasks) usual.clear();
    common = new RunRecord({ task, ...sharedOptions({}) });
    usual.set(task, common);
  }
  return common;
}

const century = 3_155_760_000_000;

function startOf(given: Record<string, unknown>, now: number): number | undefined {
  const at = instant("at", given["at"]);
  if (given["delay"] === undefined) return at;
  if (at !== undefined) throw new InvalidOptionError("delay", "cannot be given together with at.");
  return now + duration("delay", given["delay"], 0, century);
}
