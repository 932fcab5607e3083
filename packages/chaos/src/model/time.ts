// Time passes, by the store's clock; and the store loses what it acknowledged last.
import { leaderTtl, margin, nodeTtl, type World } from "./config.js";
import { hasUnknown } from "./reconcile.js";
import { isLeased } from "./runs.js";
import { copyStore, identityOf, type State, type Store } from "./state.js";
import { may, type Step, step } from "./step.js";

/** Time passes in one store: leases come to their end, and runs to their time. */
function passIn(store: Store): void {
  for (const [node, ticks] of Object.entries(store.nodes)) store.nodes[node] = Math.max(0, ticks - 1);
  for (const [run, ticks] of Object.entries(store.waiting)) store.waiting[run] = Math.max(0, ticks - 1);
  if (store.leader === null) return;
  store.leader.left -= 1;
  if (store.leader.left <= 0) store.leader = null;
}

/**
 * A tick. Within it all that live prolong their leases, except those that stand still for so long that theirs end: by their own count at once, by
 * the store's a margin later. The clock of one that lags has not seen that much time pass.
 */
function pass(state: State, still: readonly number[], lags: boolean): void {
  state.now += 1;
  const { store, processes } = state;
  for (const [index, process] of processes.entries()) {
    const who = identityOf(process);
    const leads = store.leader?.holder === who && process.term?.epoch === store.epoch;
    if (still.includes(index)) {
      if (store.nodes[who] !== undefined) store.nodes[who] = 1;
      if (store.leader?.holder === who) store.leader.left = margin + 1;
      process.lease = lags ? 1 : 0;
      if (process.term !== null) process.term.left = lags ? margin : 0;
    } else if (process.up && process.lease > 0 && isLeased(store, who)) {
      store.nodes[who] = nodeTtl + 1;
      if (leads && store.leader !== null && process.term !== null && process.term.left > 0) {
        store.leader.left = leaderTtl + 1;
        process.term.left = leaderTtl - margin;
      } else if (process.term !== null) process.term.left = Math.max(0, process.term.left - 1);
    } else {
      process.lease = Math.max(0, process.lease - 1);
      if (process.term !== null) process.term.left = Math.max(0, process.term.left - 1);
    }
  }
  passIn(store);
  if (state.replica !== null) passIn(state.replica);
  for (const message of state.network)
    if (message.what !== "vote") message.age = Math.min(message.age + 1, leaderTtl);
}

function* ticks(world: World, state: State): Iterable<Step> {
  const to = (still: readonly number[], lags: boolean) => (next: State) => {
    pass(next, still, lags);
    next.now = Math.min(next.now, world.horizon);
  };
  yield step(state, "a tick, in which all prolong their leases", to([], false));
  if (!may(world, state, "stall")) return;
  for (const [index, process] of state.processes.entries()) {
    if (!process.up || process.lease === 0) continue;
    yield step(
      state,
      `a tick, and ${identityOf(process)} stands still until its leases end`,
      to([index], false),
      1,
    );
    if (!world.kinds.includes("lag")) continue;
    yield step(
      state,
      `a tick, and ${identityOf(process)} stands still until its leases end, with a clock that lags`,
      to([index], true),
      1,
    );
  }
}

export function* timeSteps(world: World, state: State): Iterable<Step> {
  // A node compares what it holds with the store, once that can have gone back, before a lease is over.
  const compares = state.processes.some(
    (process) =>
      process.up &&
      hasUnknown(state, process) &&
      !world.mutants.has("handlers-not-given-up") &&
      !world.mutants.has("reconcile-skipped"),
  );
  if (!compares) yield* ticks(world, state);
  if (!world.kinds.includes("failover") || state.left.failovers === 0) return;
  if (state.replica === null) {
    yield step(state, "the replica stops following", (next) => {
      next.replica = copyStore(next.store);
    });
  } else {
    yield step(state, "the replica takes over: what came since is lost", (next) => {
      next.left.failovers -= 1;
      if (next.replica !== null) next.store = next.replica;
      next.replica = null;
    });
  }
}
