import { batchesOf, type Most } from "./batches.js";
import { enqueue } from "./scripts/index.js";
import type { Store } from "./store.js";

/** An enqueued run that is to be written. */
export interface NewRun {
  readonly id: string;
  readonly record: string;
  readonly lane: string;
  readonly priority: number;
  /** It does not start before that time, in ms; none: at once. */
  readonly notBefore: number | undefined;
}

/** Runs, and characters of their records. */
const most: Most = { count: 500, size: 1 << 20 };

/** Runs in order, in as few batches as one call each can take. */
export function runBatches(runs: readonly NewRun[]): NewRun[][] {
  return batchesOf(runs, most, ({ record }) => record.length);
}

/** Those who wait for the next call, each with runs that are written together or not at all. */
interface Waiting {
  readonly runs: readonly NewRun[];
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/** The real one, where a test of somebody's has put timers of its own in place since. */
const atTheEndOfTheTurn = setImmediate;
const waiting = new WeakMap<Store, Waiting[]>();

/**
 * Queues runs together with all others that this process queues in the same turn of the event loop, in as few calls as that takes.
 *
 * @param runs at most a batch of {@link runBatches}: written whole
 */
export function queueTogether(store: Store, runs: readonly NewRun[]): Promise<void> {
  return new Promise((resolve, reject) => {
    const one = { runs, resolve, reject };
    const others = waiting.get(store);
    if (others !== undefined) others.push(one);
    else {
      waiting.set(store, [one]);
      atTheEndOfTheTurn(() => {
        const all = waiting.get(store) ?? [];
        waiting.delete(store);
        for (const together of callsOf(all)) void send(store, together);
      });
    }
  });
}

/** Who is served by one call each. */
function callsOf(all: readonly Waiting[]): Waiting[][] {
  const calls: Waiting[][] = [];
  let [runs, size] = [0, 0];
  for (const one of all) {
    const own = one.runs.reduce((sum, { record }) => sum + record.length, 0);
    const call = calls.at(-1);
    if (call !== undefined && runs + one.runs.length <= most.count && size + own <= most.size) {
      call.push(one);
      runs += one.runs.length;
      size += own;
    } else {
      calls.push([one]);
      [runs, size] = [one.runs.length, own];
    }
  }
  return calls;
}

async function send(store: Store, all: readonly Waiting[]): Promise<void> {
  try {
    const lists = listsOf(all);
    const { prefix, ...keys } = store.keys;
    await store.calls.run(({ caller, ...numbered }) =>
      store.timed(
        () =>
          enqueue.run(store.commands, {
            keys: { ...keys, caller },
            args: { prefix, ...store.founding, ...numbered },
            lists,
          }),
        ([time]) => time,
      ),
    );
    store.settled();
    for (const { resolve } of all) resolve();
  } catch (error) {
    for (const { reject } of all) reject(error);
  }
}

/** By where and when they are to start, each group in order. Of several runs of one id the first. */
function listsOf(all: readonly Waiting[]): { groups: (string | number)[]; runs: string[] } {
  const seen = new Set<string>();
  const groups = new Map<string, { readonly first: NewRun; readonly texts: string[] }>();
  for (const { runs } of all)
    for (const run of runs) {
      if (seen.has(run.id)) continue;
      seen.add(run.id);
      const name = `${run.lane} ${run.priority} ${run.notBefore}`;
      const group = groups.get(name);
      if (group === undefined) groups.set(name, { first: run, texts: [run.id, run.record] });
      else group.texts.push(run.id, run.record);
    }
  return {
    groups: Array.from(groups.values(), ({ first: { lane, priority, notBefore }, texts }) => [
      ...[lane, priority, notBefore ?? "-", texts.length / 2],
    ]).flat(),
    runs: Array.from(groups.values(), ({ texts }) => texts).flat(),
  };
}
