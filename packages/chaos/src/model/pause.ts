// A pause is a key that anybody sets and deletes; the leader's watch.lua lets go on what it held back (scripts/watch.lua, lib/pauses.lua).
import type { World } from "./config.js";
import type { Answer } from "./requests.js";
import { add, drop } from "./runs.js";
import { type Job, jobOf, type State, type Store } from "./state.js";
import { type Step, step } from "./step.js";

/** Whether claims take a job for paused. */
export function isPaused(world: World, store: Store, job: Job): boolean {
  return store.pauses.includes(job) && !world.mutants.has("pause-not-read");
}

/** The leader's look at pauses that were noticed: what one that is over held back goes on. */
export function watch({ store }: State): Answer {
  for (const job of [...store.noticed]) {
    if (store.pauses.includes(job)) continue;
    release(store, job);
    drop(store.noticed, job);
  }
  return { kind: "done", yes: true };
}

/** A job goes on from where it was stopped. (The model has no grace: what is late is no misfire.) */
export function release(store: Store, job: Job): void {
  const cursor = store.frozen[job];
  if (cursor !== undefined) {
    delete store.frozen[job];
    store.due[job] = cursor;
  }
  unhold(store, job);
}

/** Due runs of a job that were held back go on. */
export function unhold(store: Store, job: Job): void {
  for (const run of store.paused.filter((one) => jobOf(one) === job)) {
    drop(store.paused, run);
    add(store.ready, run);
  }
}

/** Somebody sets a pause's key, or deletes it. */
export function* pauseSteps(world: World, state: State): Iterable<Step> {
  for (const job of Object.keys(world.jobs)) {
    if (state.store.pauses.includes(job)) {
      yield step(state, `somebody deletes the pause of ${job}`, ({ store }) => drop(store.pauses, job));
    } else if (state.left.pauses > 0) {
      yield step(state, `somebody pauses ${job}, and Redis has answered`, ({ store, left }) => {
        left.pauses -= 1;
        add(store.pauses, job);
      });
    }
  }
}
