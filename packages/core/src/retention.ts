import { fields, orElse, whole } from "./check.js";
import { duration } from "./times.js";

// How many finished runs, and for how long they and their results are kept. Whoever records a run goes by what its job says, and for
// the rest by its own scheduler's settings; scripts/lib/history.lua does it.

/** What is kept of the finished runs of a job. Durations are milliseconds, or texts such as `"12h"`. */
export interface RetainOptions {
  /** How many, 1 to 10 000. @default the scheduler's, 100 */
  readonly runs?: number;
  /** Keep those that failed, timed out, were lost or cancelled apart, so many of them, 1 to 10 000; `runs` counts the others. @default the scheduler's: not apart */
  readonly failed?: number;
  /** For how long, from 1 s. @default the scheduler's, 7 days */
  readonly age?: number | string;
  /** For how long a result is kept, at most as long as its run; 0: not at all. @default the scheduler's: as long as its run */
  readonly results?: number | string;
}

/** What is kept of finished runs, of jobs that do not say it themselves and of enqueued runs. */
export interface RetainSettings extends RetainOptions {
  /** How many finished enqueued runs of each task, 1 to 1 000 000. @default 1000 */
  readonly enqueued?: number;
  /** For how long the log of a run after its last line, from 1 s. @default 1 day */
  readonly logAge?: number | string;
}

/** A job's `retain`, with durations in ms. What it does not say is left out. */
export interface Retain {
  readonly runs?: number;
  readonly failed?: number;
  readonly age?: number;
  readonly results?: number;
}

/** How much of what has ended is kept, where a job does not say it. */
export interface Retention extends Retain {
  /** Finished runs kept of each job. */
  readonly runs: number;
  /** Finished enqueued runs kept of each task. */
  readonly enqueued: number;
  /** Milliseconds for which finished runs are kept. */
  readonly age: number;
  /** Milliseconds for which the log of a run is kept after its last line. */
  readonly logAge: number;
}

const names = ["runs", "failed", "age", "results"] as const satisfies (keyof RetainOptions)[];

const checks: Readonly<Record<keyof Retain, (value: unknown) => number>> = {
  runs: (value) => whole("retain.runs", value, 1, 10_000),
  failed: (value) => whole("retain.failed", value, 1, 10_000),
  age: (value) => duration("retain.age", value, 1000),
  results: (value) => duration("retain.results", value === "0" ? 0 : value, 0),
};

function read(given: Record<string, unknown>): Retain {
  const found = names.filter((name) => given[name] !== undefined);
  return Object.fromEntries(found.map((name) => [name, checks[name](given[name])]));
}

/**
 * Checks a job's option `retain`; `undefined` if it says nothing.
 *
 * @throws InvalidOptionError
 */
export function retainOf(value: unknown): Retain | undefined {
  if (value === undefined) return undefined;
  const retain = read(fields("retain", value, names));
  return Object.keys(retain).length === 0 ? undefined : retain;
}

/**
 * Checks a scheduler's option `retain` and fills in the defaults.
 *
 * @throws InvalidOptionError
 */
export function retentionOf(value: unknown): Retention {
  const given = fields("retain", orElse(value, {}), [...names, "enqueued", "logAge"]);
  const enqueued = whole("retain.enqueued", orElse(given["enqueued"], 1000), 1, 1_000_000);
  const logAge = duration("retain.logAge", orElse(given["logAge"], 86_400_000), 1000);
  return { runs: 100, age: 7 * 86_400_000, ...read(given), enqueued, logAge };
}

/** As a job's record and the hash `retention` have it: `<runs>:<failed>:<age>:<results>`, with `-` for what is left open. */
export function writeRetain(retain: Retain | undefined): string | undefined {
  return retain === undefined ? undefined : names.map((name) => retain[name] ?? "-").join(":");
}

/** Reads what {@link writeRetain} has written. */
export function readRetain(text: string | undefined): Retain | undefined {
  if (text === undefined) return undefined;
  const parts = text.split(":");
  const given = names.flatMap((name, index) => {
    const value = parts[index] ?? "-";
    return value === "-" ? [] : [[name, Number(value)] as const];
  });
  return Object.fromEntries(given);
}

/** What scripts that record the ends of runs are handed; nothing: runs that failed are not kept apart, results as long as their runs. */
export interface HistoryArgs {
  readonly history_max: number;
  readonly history_age: number;
  readonly finished_max: number;
  readonly failed_max: number | "";
  readonly result_ttl: number | "";
}

export function historyArgs({ runs, enqueued, age, failed, results }: Retention): HistoryArgs {
  const kept = { history_max: runs, history_age: age, finished_max: enqueued };
  return { ...kept, failed_max: failed ?? "", result_ttl: results ?? "" };
}
