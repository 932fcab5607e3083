// What the scripts share: moving runs between the indices (scripts/lib).
import type { World } from "./config.js";
import { attemptKey, type Identity, type Job, jobOf, type Run, type Store, timeOf } from "./state.js";

/** Adds to a set that is kept in order. */
export function add(set: string[], item: string): void {
  if (set.includes(item)) return;
  set.push(item);
  set.sort();
}

export function drop(set: string[], item: string): void {
  const at = set.indexOf(item);
  if (at >= 0) set.splice(at, 1);
}

/** Ready runs in the order in which they are claimed: by fire time, then by id. */
export function inOrder(runs: readonly Run[]): Run[] {
  return [...runs].sort((a, b) => timeOf(a) - timeOf(b) || (a < b ? -1 : 1));
}

export function note(list: Record<string, string[]>, key: string, word: string): void {
  list[key] = [...(list[key] ?? []), word];
}

/** All attempts that nodes hold, by the store. */
export function allActive({ active }: Store): { node: Identity; run: Run }[] {
  return Object.entries(active).flatMap(([node, runs]) => Object.keys(runs).map((run) => ({ node, run })));
}

/** Lets the first run that waits for its job's running one go on. */
export function unblock(store: Store, job: Job): void {
  if (store.running[job] !== undefined) return;
  const [first] = inOrder(store.blocked.filter((run) => jobOf(run) === job));
  if (first === undefined) return;
  drop(store.blocked, first);
  add(store.ready, first);
}

/** A job's run that runs no more. */
function releaseJob(store: Store, run: Run): void {
  if (store.running[jobOf(run)]?.run === run) delete store.running[jobOf(run)];
  unblock(store, jobOf(run));
}

/** Writes the end of a run. */
export function finish(store: Store, run: Run, word: string): void {
  note(store.history, run, word);
  delete store.attempts[run];
  releaseJob(store, run);
}

/** Queues a run for another attempt, in so many ticks. */
export function queueAgain(
  world: World,
  store: Store,
  run: Run,
  attempt: number,
  lost: number,
  ticks: number,
): void {
  const next = world.mutants.has("attempt-not-counted") ? attempt : attempt + 1;
  store.attempts[run] = { next, lost, left: [] };
  if (ticks > 0) store.waiting[run] = ticks;
  else add(store.ready, run);
}

/** An attempt whose outcome will not be known: another one, or the end of the run. */
export function lose(world: World, store: Store, run: Run, attempt: number, ticks: number): void {
  const lost = store.attempts[run]?.lost ?? 0;
  note(store.outcomes, attemptKey(run, attempt), "lost");
  if (lost < (world.jobs[jobOf(run)]?.maxLost ?? 0) && store.jobs[jobOf(run)] !== undefined) {
    queueAgain(world, store, run, attempt, lost + 1, ticks);
  } else finish(store, run, "lost");
}

/** Takes runs that have not started out of wherever they wait. */
export function withdraw(store: Store, runs: readonly Run[]): void {
  for (const run of runs) {
    drop(store.unstarted, run);
    drop(store.ready, run);
    drop(store.blocked, run);
    drop(store.paused, run);
    delete store.waiting[run];
    delete store.attempts[run];
  }
}

/** Whether a node's lease holds, by the store's clock. */
export function isLeased({ nodes }: Store, node: Identity): boolean {
  return (nodes[node] ?? 0) > 0;
}
