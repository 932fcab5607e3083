import { createHash } from "node:crypto";
import { EscapementError, RedisError } from "@escapement/redis";
import { assertFires, compileTrigger, holdsNow, type Trigger } from "@escapement/triggers";
import { monotonic } from "./clock.js";
import { type Definition, defineJob } from "./definition.js";
import { assertTies } from "./dependencies.js";
import { InvalidOptionError, PartlyWrittenError } from "./errors.js";
import type { JobOptions } from "./job.js";
import { compileSchedule, countsFromCompletion, scheduleOf } from "./job-trigger.js";
import { locate } from "./locate.js";
import { type JobRecord, readJobRecord, unversionedRecord, writeJobRecord } from "./record.js";
import { repeat } from "./repeat.js";
import { upsert } from "./scripts/index.js";
import type { Store } from "./store.js";

export { locate } from "./locate.js";

/** A job that is to be as `options` say. */
export interface Wanted {
  readonly task: string;
  readonly options: JobOptions;
  /** Only if the stored job is of this version still. */
  readonly version?: number;
  /** Its place in a list of many, such as `jobs[3]`, for messages. */
  readonly where?: string;
}

/** What became of a wanted job. */
export interface Defined {
  readonly id: string;
  /** `overtaken`: the job is not of the version that was asked for any more; nothing was written. */
  readonly outcome: "added" | "updated" | "unchanged" | "kept" | "overtaken";
}

/** A wanted job that has been checked. */
export interface Item {
  readonly id: string;
  readonly definition: Definition;
  readonly onConflict: "replace" | "keep" | "error";
  readonly version: number | undefined;
  readonly where: string | undefined;
}

/** Whose jobs are written: a set, and what the store says of it for as long as it may write. */
export interface Owner {
  readonly set: string;
  /** `<version> <digest>` */
  readonly mark: string;
}

/** What would become of a wanted job, and the record and state that it has. */
export interface Preview {
  readonly item: Item;
  readonly outcome: "added" | "updated" | "unchanged" | "kept" | "overtaken";
  readonly stored: Stored;
}

/** What the store has of a job. */
interface Stored {
  readonly record: string | undefined;
  readonly state: string | undefined;
  readonly due: number | undefined;
  /** The set that owns it; read only when a set asks. */
  readonly set: string | undefined;
}

interface Write {
  readonly item: Item;
  readonly expected: number;
  readonly record: string;
  readonly cursor: string;
  /** The job's creation in ms, which its trigger may count from. */
  readonly created: number;
  /** Fire times of a former trigger that have come, and that nobody will write any more. */
  readonly passed?: Passed;
}

interface Passed {
  /** The first of them, which is the job's cursor, and the last. */
  readonly from: number;
  readonly to: number;
  readonly count: number;
  /** Whether `count` is all of them. */
  readonly exact: boolean;
}

const batch = 100;
const rounds = 20;
const mostCounted = 10_000;

/**
 * Defines jobs: adds those that are not there, changes those that differ, and leaves alone those that are the same. A job whose
 * trigger stays the same keeps its place in time; one with another trigger starts from now.
 *
 * All definitions are checked before the first is written. Each is written whole or not at all.
 */
export async function writeJobs(
  store: Store,
  wanted: readonly Wanted[],
  maxInput: number,
): Promise<Defined[]> {
  return writeItems(store, await checkJobs(store, wanted, maxInput));
}

/** Checks definitions, and that their triggers can fire at all. */
export async function checkJobs(store: Store, wanted: readonly Wanted[], maxInput: number): Promise<Item[]> {
  const items = wanted.map((one) => checkJob(one, maxInput));
  assertDifferent(items);
  const now = await repeat(store.deadline, () => store.now());
  for (const { id, definition, where } of items)
    locate(where, id, () => assertComputable(id, definition.trigger, now));
  await assertTies(store, items);
  return items;
}

/** Checks one definition, as far as that goes without the time. */
export function checkJob({ task, options, version, where }: Wanted, maxInput: number): Item {
  const definition = locate(where, options?.id, () => defineJob(task, options, maxInput));
  return { id: options.id, definition, onConflict: options.onConflict ?? "replace", version, where };
}

/** Refuses an id that stands twice. */
export function assertDifferent(items: readonly { readonly id: string }[]): void {
  const seen = new Set<string>();
  for (const { id } of items) {
    if (seen.has(id)) throw new InvalidOptionError("id", `job ${id} is defined twice in one call.`);
    seen.add(id);
  }
}

/** What tells the content of jobs apart: the same for the same jobs, in whatever order. */
export function digestOf(items: readonly Item[]): string {
  const texts = items.map(({ id, definition, onConflict }) =>
    JSON.stringify([id, onConflict, writeJobRecord(0, definition)]),
  );
  return createHash("sha256").update(texts.sort().join("\n")).digest("hex").slice(0, 16);
}

/**
 * Writes jobs that have been checked; with an owner only while that may write, and as its own.
 *
 * @throws PartlyWrittenError if some batches were written, and then Redis failed
 */
export async function writeItems(store: Store, items: readonly Item[], owner?: Owner): Promise<Defined[]> {
  const done = new Map<string, Defined>();
  for (let from = 0; from < items.length; from += batch) {
    await defineBatch(store, items.slice(from, from + batch), done, owner).catch((error: unknown) => {
      if (from === 0 || !(error instanceof RedisError)) throw error;
      const ids = items.map(({ id }) => id);
      throw new PartlyWrittenError("jobs", ids, from, error);
    });
  }
  return items.flatMap(({ id }) => done.get(id) ?? []);
}

/**
 * What writing jobs would do. Writes nothing.
 *
 * @param set whose jobs they are to be
 */
export async function previewItems(store: Store, items: readonly Item[], set?: string): Promise<Preview[]> {
  const previews: Preview[] = [];
  for (let from = 0; from < items.length; from += batch) {
    const some = items.slice(from, from + batch);
    const now = await store.now();
    const all = await readStored(store, some, set !== undefined);
    for (const [index, item] of some.entries()) {
      const stored = all[index] as Stored;
      const write = locate(item.where, item.id, () => compare(item, stored, now, set));
      const outcome = "outcome" in write ? write.outcome : write.expected === 0 ? "added" : "updated";
      previews.push({ item, outcome, stored });
    }
  }
  return previews;
}

// That a trigger can fire at all; whether it still will is judged against what is stored.
function assertComputable(id: string, trigger: Trigger | undefined, now: number): void {
  if (trigger !== undefined) compileTrigger(trigger, { jobId: id, anchor: now });
}

async function defineBatch(
  store: Store,
  all: readonly Item[],
  done: Map<string, Defined>,
  owner: Owner | undefined,
): Promise<void> {
  let left = all;
  for (let round = 0; left.length > 0; round += 1) {
    if (round === rounds) {
      throw new EscapementError(
        "JOB_CONTENDED",
        `Job ${left[0]?.id} is being changed by others all the time. Try again.`,
      );
    }
    left = await defineRound(store, left, done, round, owner);
  }
}

/** One comparison with the store and one write; answers those that others changed in between. */
async function defineRound(
  store: Store,
  items: readonly Item[],
  done: Map<string, Defined>,
  round: number,
  owner: Owner | undefined,
): Promise<Item[]> {
  const until = monotonic() + store.deadline;
  const left = (): number => until - monotonic();
  // A first fire time that passes while the definition is on its way is refused; the next one is computed from a little later.
  const now = (await repeat(left(), () => store.now())) + (round === 0 ? 0 : 2 ** Math.min(round, 7));
  const all = await repeat(left(), () => readStored(store, items, owner !== undefined));
  const writes: Write[] = [];
  for (const [index, item] of items.entries()) {
    const write = compare(item, all[index] as Stored, now, owner?.set);
    if ("outcome" in write) done.set(item.id, write);
    else writes.push(write);
  }
  if (writes.length === 0) return [];
  const jobs: (string | number)[] = [];
  for (const { item, expected, record, cursor, created, passed } of writes) {
    jobs.push(item.id, expected, record, cursor, created);
    jobs.push(passed?.count ?? 0, passed?.from ?? 0, passed?.to ?? 0, passed?.exact === false ? 0 : 1);
  }
  const lists = { jobs };
  const { prefix: _, ...keys } = store.keys;
  const args = { ...store.history, ...store.founding, set: owner?.set ?? "", mark: owner?.mark ?? "" };
  const [, digits] = await store.calls.run(
    ({ caller, ...numbered }) =>
      store.timed(
        () =>
          upsert.run(store.commands, { keys: { ...keys, caller }, args: { ...args, ...numbered }, lists }),
        ([time]) => time,
      ),
    left(),
  );
  store.settled();
  for (const [index, { item, expected }] of writes.entries()) {
    if (digits[index] === "1")
      done.set(item.id, { id: item.id, outcome: expected === 0 ? "added" : "updated" });
  }
  return writes.filter((_, index) => digits[index] !== "1").map(({ item }) => item);
}

async function readStored(store: Store, items: readonly Item[], withSets: boolean): Promise<Stored[]> {
  const { keys } = store;
  const ids = items.map(({ id }) => id);
  const [records, states, cursors, frozen, sets] = await store.commands.run("reading jobs", (client) =>
    Promise.all([
      client.hmget(keys.jobs, ...ids),
      client.hmget(keys.state, ...ids),
      client.zmscore(keys.due, ...ids),
      client.zmscore(keys.frozen, ...ids),
      withSets ? client.hmget(keys.setOf, ...ids) : [],
    ]),
  );
  return ids.map((_, index) => {
    const cursor = cursors[index] ?? frozen[index];
    return {
      record: records[index] ?? undefined,
      state: states[index] ?? undefined,
      due: cursor == null ? undefined : Number(cursor),
      set: sets[index] ?? undefined,
    };
  });
}

function compare(item: Item, stored: Stored, now: number, set: string | undefined): Defined | Write {
  const { id, definition, onConflict } = item;
  const { record, state, due } = stored;
  const [version = 0, created = now] = (state ?? "").split(" ", 2).map(Number);
  if (item.version !== undefined && (record === undefined || item.version !== version))
    return { id, outcome: "overtaken" };
  const text = unversionedRecord(definition);
  if (record === undefined) {
    const cursor = firstFireTime(id, definition, now, now);
    return { item, expected: 0, record: `1${text}`, cursor, created: now };
  }
  const write = { item, expected: version, record: version + 1 + text, created };
  if (set !== undefined && stored.set !== undefined && stored.set !== set)
    throw new EscapementError(
      "JOB_OF_ANOTHER_SET",
      `Job ${id} belongs to the set ${stored.set}, not to ${set}.`,
    );
  // What becomes a set's is written, even if it stays as it is.
  const asItIs = (outcome: "kept" | "unchanged"): Defined | Write =>
    set === undefined || stored.set === set
      ? { id, outcome }
      : { ...write, record: record.replace(/^\S+/, String(version + 1)), cursor: "keep" };
  if (onConflict === "keep") return asItIs("kept");
  if (onConflict === "error")
    throw new EscapementError(
      "JOB_EXISTS",
      `There is a job ${id} already. Use onConflict "replace" to change it.`,
    );
  // What was parked starts anew, whatever its definition: that is how it gets out.
  if (isParked(state)) return { ...write, cursor: firstFireTime(id, definition, now, created) };
  if (version + text === record) return asItIs("unchanged");
  if (sameTrigger(record, definition))
    return { ...write, cursor: cursorAfter(id, record, definition, due, now, created) };
  // The store takes no first fire time of a changed trigger that has come already: it may have started under the old one.
  // "now" means the moment at which the trigger was given, not that of the job's creation.
  const anchor = definition.trigger !== undefined && holdsNow(definition.trigger) ? now + 100 : created;
  const cursor = firstFireTime(id, definition, now, anchor);
  const passed = passedOver(id, record, due, now, created);
  return { ...write, cursor, created: anchor, ...(passed !== undefined && { passed }) };
}

/** What a pause, or a leader that is behind, has kept from being written of a trigger that is replaced: it is recorded as missed. */
function passedOver(
  id: string,
  record: string,
  due: number | undefined,
  now: number,
  anchor: number,
): Passed | undefined {
  if (due === undefined || due > now) return undefined;
  const only = { from: due, to: due, count: 1, exact: true };
  try {
    const schedule = scheduleOf(readJobRecord(record));
    if (schedule === undefined || countsFromCompletion(schedule)) return only;
    const compiled = compileSchedule(id, schedule, { anchor, fireTime: due });
    const { count, exact } = compiled.count(due, now, mostCounted);
    return { from: due, to: Math.max(compiled.previous(now) ?? due, due), count: count + 1, exact };
  } catch {
    return { ...only, exact: false }; // a trigger that cannot be computed any more
  }
}

/** Whether a job's state says that its fire times could not be computed. */
export function isParked(state: string | undefined): boolean {
  return (state ?? "").split(" ").length > 3;
}

function noFireTime({ startAt, endAt }: Definition): InvalidOptionError {
  return new InvalidOptionError(
    endAt === undefined ? "startAt" : "endAt",
    `leaves no fire time: the trigger has none ${startAt === undefined ? "from now on" : "from startAt on"}${endAt === undefined ? "" : " until endAt"}.`,
  );
}

function firstFireTime(id: string, definition: Definition, now: number, anchor: number): string {
  const schedule = scheduleOf(definition);
  if (schedule === undefined) return "none";
  assertFires(schedule.trigger, { after: now, anchor, jobId: id });
  // A fire time at this very instant counts: it is how "now" is written.
  const next = compileSchedule(id, schedule, { anchor }).next(now - 1);
  if (next !== null) return String(next);
  throw noFireTime(definition);
}

function sameTrigger(record: string, definition: Definition): boolean {
  try {
    return JSON.stringify(readJobRecord(record).trigger) === JSON.stringify(definition.trigger);
  } catch {
    return false;
  }
}

/**
 * Where a job goes on whose trigger stays the same: where it is, unless its bounds or `maxRuns` are others. Then from the next
 * fire time that they leave; but what a leader has yet to catch up with stays.
 */
function cursorAfter(
  id: string,
  record: string,
  definition: Definition,
  due: number | undefined,
  now: number,
  anchor: number,
): string {
  const bounds = ({ startAt, endAt, maxRuns }: Definition | JobRecord): string =>
    JSON.stringify([startAt, endAt, maxRuns]);
  const schedule = scheduleOf(definition);
  if (schedule === undefined) return bounds(readJobRecord(record)) === bounds(definition) ? "keep" : "none";
  if (bounds(readJobRecord(record)) === bounds(definition) || (due !== undefined && due <= now))
    return "keep";
  const next = compileSchedule(id, schedule, { anchor, ...(due !== undefined && { fireTime: due }) }).next(
    now - 1,
  );
  if (next !== null) return String(next);
  if (due === undefined) return "keep";
  throw noFireTime(definition);
}
