import { EscapementError } from "@escapement/redis";
import { show } from "@escapement/redis/internal";
import { fields, isList, nameAt, oneOf, orElse, readable, whole } from "./check.js";
import { assertDifferent, checkJob, digestOf, type Item, type Wanted } from "./check-jobs.js";
import type { Owner } from "./define.js";
import { InvalidOptionError, StaleJobSetError } from "./errors.js";
import type { JobOptions } from "./job.js";
import { locate } from "./locate.js";
import { followSet, openSet } from "./scripts/index.js";
import type { Store } from "./store.js";
import { type InputOf, nameOf, type TaskRef } from "./task.js";

/** A job in a declared list or set. */
export type JobDeclaration = JobOptions & { readonly task: TaskRef };

/** Declarations as they are written: each with the input that its task takes. */
export type JobDeclarations<T extends readonly TaskRef[] = readonly TaskRef[]> = {
  readonly [K in keyof T]: JobOptions<InputOf<T[K]>> & { readonly task: T[K] };
};

/** Options of `defineJobs`. */
export interface JobSetOptions<T extends readonly TaskRef[] = readonly TaskRef[]> {
  /** Tells the sets of a namespace apart. @default "default" */
  readonly name?: string;
  /** A whole number that grows with each change of the set, 0 to 2^53 - 1: a build's number, or its time. */
  readonly version: number;
  /** All jobs of the set; `onConflict` may be `"replace"` or `"keep"`, `whenExhausted` only `"keep"`. */
  readonly jobs: JobDeclarations<T>;
}

/** A declared set of jobs, for `apply` or a file that the command `escapement node --jobs` is given. */
export interface JobSet {
  readonly name: string;
  readonly version: number;
  readonly jobs: readonly JobDeclaration[];
}

/** The most that JSON may take where it is not known yet what the scheduler allows. */
const anyInput = 16 * 2 ** 20;

/**
 * Declares a set of jobs with a version. Applied, it is all that there is of the set: jobs that it does not declare any more are
 * removed, and an older version is refused. Checks all jobs at once; nothing is stored.
 *
 * @throws InvalidOptionError, InvalidTriggerError
 */
export function defineJobs<const T extends readonly TaskRef[]>(options: JobSetOptions<T>): JobSet {
  const given = fields("set", options, ["name", "version", "jobs"]);
  const name = nameAt("name", orElse(given["name"], "default"));
  const version = whole("version", given["version"], 0, Number.MAX_SAFE_INTEGER);
  const jobs = given["jobs"] as readonly JobDeclaration[];
  const wanted = wantedOf(jobs);
  assertDifferent(wanted.map((one) => checkJob(one, anyInput)));
  // "error" would refuse every deploy but the first.
  for (const [index, job] of jobs.entries()) locate(`jobs[${index}]`, job.id, () => assertLasting(job));
  return Object.freeze({ name, version, jobs: Object.freeze(jobs.map((job) => Object.freeze({ ...job }))) });
}

/** Refuses what would make a deploy fail, or run a job anew, that is the same as the one before. */
function assertLasting({ onConflict, whenExhausted }: JobDeclaration): void {
  oneOf("onConflict", orElse(onConflict, "replace"), ["replace", "keep"]);
  if (whenExhausted === "remove")
    throw new InvalidOptionError(
      "whenExhausted",
      'is "keep" in a set: a job that removed itself would be added again by the next deploy.',
    );
}

/** Declarations as they are written, each with its place in the list. */
export function wantedOf(jobs: readonly JobDeclaration[]): Wanted[] {
  return readable("jobs", () => {
    if (!isList(jobs)) throw new InvalidOptionError("jobs", "must be a list of jobs.");
    const wanted: Wanted[] = [];
    for (const [index, job] of (jobs as readonly JobDeclaration[]).entries()) {
      const where = `jobs[${index}]`;
      if (job === null || typeof job !== "object")
        throw new InvalidOptionError(where, `takes an object, not ${show(job)}.`);
      const { task, ...options } = readable(where, () => ({ ...job }));
      wanted.push({ task: locate(where, options.id, () => nameOf(task)), options, where });
    }
    return wanted;
  });
}

/** What stands of a set in the store. */
export interface StandingSet {
  /** The version that was begun last; `undefined` if there was none. */
  readonly version: number | undefined;
  /** The highest number of another mark that a further partition has than the first one's; 0: they all have that one, or none. */
  readonly above: number;
}

/** A set whose jobs may be written. */
export interface BegunSet extends Owner {
  /** The version that stood before. */
  readonly before: number | undefined;
}

/**
 * What all partitions say of a set: what stands is what has the highest number in any.
 *
 * @throws StaleJobSetError if that is a newer version
 */
export async function readStanding(store: Store, set: JobSet, force: boolean): Promise<StandingSet> {
  const texts = await Promise.all(
    store.family.map(({ commands, keys }) =>
      commands.run("reading a set", (client) => client.hget(keys.sets, set.name)),
    ),
  );
  const marks = texts.map((text) => setMarkOf(text ?? ""));
  const highest = Math.max(...marks.map(({ number }) => number));
  // Of two that were given the same number, the newer one.
  const versions = marks.flatMap(({ number, version }) => (number === highest ? (version ?? []) : []));
  const version = versions.length === 0 ? undefined : Math.max(...versions);
  if (version !== undefined && version > set.version && !force)
    throw new StaleJobSetError(set.name, set.version, version);
  const others = marks.flatMap(({ number }, index) => (texts[index] === texts[0] ? [] : number));
  return { version, above: Math.max(0, ...others) };
}

/**
 * Makes these jobs the ones that may be written of a set: whoever applies an older version, or other jobs of the same one, is
 * refused from now on. In partition 0, which says so for all.
 *
 * @param items all jobs of the set, in whatever partition
 * @param standing what all partitions were seen to say of it
 * @throws StaleJobSetError if the store has a newer one
 */
export async function beginSet(
  { home: { keys, commands, founding } }: Store,
  set: JobSet,
  items: readonly Item[],
  { force, above, version }: { readonly force: boolean } & StandingSet,
): Promise<BegunSet> {
  const { meta, sets } = keys;
  const content = `${set.version} ${digestOf(items)}`;
  const args = { ...founding, set: set.name, content, above, force: force ? 1 : 0 };
  const [stored, mark] = await whileCurrent(set, () => openSet.run(commands, { keys: { meta, sets }, args }));
  return { set: set.name, mark, before: setMarkOf(stored).version ?? version };
}

/** The same in a further partition, of a set that has begun. @throws StaleJobSetError if another one has since */
export async function joinSet(
  { keys, commands, founding }: Store,
  set: JobSet,
  { mark }: Owner,
): Promise<void> {
  const { meta, sets } = keys;
  const args = { ...founding, set: set.name, mark };
  await whileCurrent(set, () => followSet.run(commands, { keys: { meta, sets }, args }));
}

/** Does something that the store refuses when the set is not at this version any more. */
export async function whileCurrent<R>(set: JobSet, what: () => Promise<R>): Promise<R> {
  try {
    return await what();
  } catch (error) {
    if (!(error instanceof EscapementError) || error.code !== "STALE_JOB_SET") throw error;
    throw new StaleJobSetError(set.name, set.version, setMarkOf(error.message).version, { cause: error });
  }
}

/** The jobs that belong to a set and are not among those that it declares. */
export async function* undeclared(store: Store, set: JobSet): AsyncGenerator<string> {
  const declared = new Set(set.jobs.map(({ id }) => id));
  const seen = new Set<string>();
  let cursor = "0";
  do {
    const [next, page] = await store.commands.run("listing a set", (client) =>
      client.hscan(store.keys.setOf, cursor, "COUNT", 1000),
    );
    for (let index = 0; index < page.length; index += 2) {
      const [id = "", owner] = [page[index], page[index + 1]];
      if (owner !== set.name || declared.has(id) || seen.has(id)) continue;
      seen.add(id);
      yield id;
    }
    cursor = next;
  } while (cursor !== "0");
}

/** Reads `<version> <digest> <number>`, of which there may be nothing. The number rises with each version and content that is begun. */
export function setMarkOf(mark: string): { readonly version: number | undefined; readonly number: number } {
  const [, version, number = 0] = /^(\d+)(?: \S+ (\d+)$)?/.exec(mark) ?? [];
  return { version: version === undefined ? undefined : Number(version), number: Number(number) };
}
