import { EscapementError, RedisError } from "@escapement/redis";
import { batchesOf, type Most } from "./batches.js";
import { checkJobs, type Item, type Wanted } from "./check-jobs.js";
import { compare, type Defined, type Stored, type Write } from "./compare.js";
import { isTied } from "./dependencies.js";
import { PartlyWrittenError } from "./errors.js";
import { locate } from "./locate.js";
import { repeat } from "./repeat.js";
import { upsert } from "./scripts/index.js";
import type { Store } from "./store.js";
import { Ties } from "./ties.js";

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

/** Jobs, and characters of their records. */
const most: Most = { count: 100, size: 1 << 20 };
const rounds = 20;

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

/**
 * Writes jobs that have been checked; with an owner only while that may write, and as its own.
 *
 * @throws PartlyWrittenError if some batches were written, and then Redis failed
 */
export async function writeItems(store: Store, items: readonly Item[], owner?: Owner): Promise<Defined[]> {
  const done = new Map<string, Defined>();
  const fail = (_: string, error: unknown): never => {
    throw error;
  };
  const writing = { store, owner, done, ties: new Ties(store), fail };
  const batches = jobBatches(items, (item) => item);
  let written = 0;
  let next = plan(writing, batches[0] ?? []);
  for (const [index, batch] of batches.entries()) {
    try {
      const planned = await next;
      // While this one is written, the next is compared with what is stored.
      next = plan(writing, batches[index + 1] ?? []);
      next.catch(() => undefined); // told when it is its turn
      await defineBatch(writing, planned);
    } catch (error) {
      if (written === 0 || !(error instanceof RedisError)) throw error;
      const ids = items.map(({ id }) => id);
      throw new PartlyWrittenError("jobs", ids, written, error);
    }
    written += batch.length;
  }
  await writing.ties.stand();
  return items.flatMap(({ id }) => done.get(id) ?? []);
}

/**
 * Writes jobs that are nothing to each other, each whole or not at all: what is wrong with one is no matter of the others.
 *
 * @param items at most a batch of {@link jobBatches}, each id once
 * @returns what became of each by its id, or the error that it met: what befalls the store or the connection is met by all that are not written yet
 */
export async function writeEach(
  store: Store,
  items: readonly Item[],
): Promise<ReadonlyMap<string, Defined | { readonly error: unknown }>> {
  const done = new Map<string, Defined>();
  const failed = new Map<string, { readonly error: unknown }>();
  const fail = (id: string, error: unknown): void => {
    if (!done.has(id) && !failed.has(id)) failed.set(id, { error });
  };
  const writing = { store, owner: undefined, done, ties: new Ties(store), fail };
  try {
    await defineBatch(writing, await plan(writing, items));
  } catch (error) {
    for (const { id } of items) fail(id, error);
  }
  // They are written, but not all that they are tied to knows of it yet.
  await writing.ties.stand().catch((error: unknown) => {
    for (const item of items) if (isTied(item)) failed.set(item.id, { error });
  });
  return new Map<string, Defined | { readonly error: unknown }>([...done, ...failed]);
}

/** What has a checked job each, in as few batches as one call each can take. */
export function jobBatches<T>(all: readonly T[], itemOf: (one: T) => Item): T[][] {
  return batchesOf(all, most, (one) => itemOf(one).text.length);
}

/**
 * What writing jobs would do. Writes nothing.
 *
 * @param set whose jobs they are to be
 */
export async function previewItems(store: Store, items: readonly Item[], set?: string): Promise<Preview[]> {
  const previews: Preview[] = [];
  for (const some of jobBatches(items, (item) => item)) {
    const [now, all] = await Promise.all([store.now(), readStored(store, some, set !== undefined)]);
    for (const [index, item] of some.entries()) {
      const stored = all[index] as Stored;
      const write = locate(item.where, item.id, () => compare(item, stored, now, set));
      const outcome = "outcome" in write ? write.outcome : write.expected === 0 ? "added" : "updated";
      previews.push({ item, outcome, stored });
    }
  }
  return previews;
}

/** Whose jobs are written where, what has become of them so far, and what becomes of the error that one meets. */
interface Writing {
  readonly store: Store;
  readonly owner: Owner | undefined;
  readonly done: Map<string, Defined>;
  readonly ties: Ties;
  fail(id: string, error: unknown): void;
}

async function defineBatch(writing: Writing, planned: readonly Write[]): Promise<void> {
  let left = await send(writing, planned);
  // Those that others changed in between.
  for (let round = 1; left.length > 0 && round < rounds; round += 1)
    left = await send(writing, await plan(writing, left, round));
  for (const { id } of left) {
    const message = `Job ${id} is being changed by others all the time. Try again.`;
    writing.fail(id, new EscapementError("JOB_CONTENDED", message));
  }
}

/** What is to be written of jobs, by what the store has of them now. */
async function plan(writing: Writing, items: readonly Item[], round = 0): Promise<Write[]> {
  const { store, owner, done, ties, fail } = writing;
  if (items.length === 0) return [];
  const [time, all] = await repeat(store.deadline, () =>
    Promise.all([store.now(), readStored(store, items, owner !== undefined)]),
  );
  // A first fire time that passes while the definition is on its way is refused; the next one is computed from a little later.
  const now = time + (round === 0 ? 0 : 2 ** Math.min(round, 7));
  const writes: Write[] = [];
  for (const [index, item] of items.entries()) {
    try {
      const write = compare(item, all[index] as Stored, now, owner?.set);
      ties.add(item.definition, all[index]?.record);
      if ("outcome" in write) done.set(item.id, write);
      else writes.push(write);
    } catch (error) {
      fail(item.id, error);
    }
  }
  return writes;
}

/** Writes; answers those that others have changed since they were compared. */
async function send({ store, owner, done }: Writing, writes: readonly Write[]): Promise<Item[]> {
  if (writes.length === 0) return [];
  if (store.partition > 0) await store.founded();
  const jobs: string[] = [];
  for (const { item, expected, record, cursor, created, passed } of writes) {
    const about = `${expected} ${cursor} ${created}`;
    const { count, from, to, exact } = passed ?? {};
    jobs.push(item.id, passed ? `${about} ${count} ${from} ${to} ${exact ? 1 : 0}` : about, record);
  }
  const { prefix: _, ...keys } = store.keys;
  const args = { ...store.history, ...store.founding, set: owner?.set ?? "", mark: owner?.mark ?? "" };
  const lists = { jobs };
  const [, digits] = await store.calls.run(({ caller, ...numbered }) =>
    store.timed(
      () => upsert.run(store.commands, { keys: { ...keys, caller }, args: { ...args, ...numbered }, lists }),
      ([sent]) => sent,
    ),
  );
  store.settled();
  const again: Item[] = [];
  for (const [index, { item, expected }] of writes.entries()) {
    const { id } = item;
    if (digits[index] === "1") done.set(id, { id, outcome: expected === 0 ? "added" : "updated" });
    else again.push(item);
  }
  return again;
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
