// upsert.lua where a job's trigger is replaced, and remove.lua: what was materialised of the old one is taken back.
import type { World } from "./config.js";
import { release, unhold } from "./pause.js";
import { note, withdraw } from "./runs.js";
import { type Job, jobOf, type State, timeOf } from "./state.js";
import { type Step, step } from "./step.js";

function takeBack(world: World, { store }: State, job: Job, after: number): void {
  if (world.mutants.has("stale-run-not-dropped")) return;
  withdraw(
    store,
    store.unstarted.filter((run) => jobOf(run) === job && timeOf(run) > after),
  );
}

/** The definition is compared and written in one step: a compare-and-set that fails is tried again from the beginning. */
function update(world: World, state: State, job: Job): void {
  const { store, now } = state;
  const former = store.jobs[job];
  const versions = world.jobs[job]?.versions ?? [];
  if (former === undefined) return;
  takeBack(world, state, job, now);
  const cursor = store.due[job] ?? store.frozen[job] ?? Number.POSITIVE_INFINITY;
  for (const time of versions[former.version - 1] ?? []) {
    if (time >= cursor && time <= now) note(store.history, `${job}@${time}`, "missed");
  }
  store.jobs[job] = { version: former.version + 1, since: now };
  delete store.frozen[job];
  delete store.due[job];
  const first = versions[former.version]?.find((time) => time > now);
  if (first !== undefined) store.due[job] = first;
  release(store, job);
}

function remove(world: World, state: State, job: Job): void {
  const { store } = state;
  takeBack(world, state, job, 0);
  const further = Object.keys(store.attempts).filter((run) => jobOf(run) === job && !isHeld(state, run));
  withdraw(store, further);
  unhold(store, job);
  delete store.jobs[job];
  delete store.due[job];
  delete store.frozen[job];
}

function isHeld({ store }: State, run: string): boolean {
  return Object.values(store.active).some((runs) => runs[run] !== undefined);
}

export function* updateSteps(world: World, state: State): Iterable<Step> {
  for (const [job, { version }] of Object.entries(state.store.jobs)) {
    if (state.left.updates > 0 && version < (world.jobs[job]?.versions.length ?? 0)) {
      yield step(state, `somebody replaces the trigger of ${job}`, (next) => {
        next.left.updates -= 1;
        update(world, next, job);
      });
    }
    if (state.left.removals > 0) {
      yield step(state, `somebody removes ${job}`, (next) => {
        next.left.removals -= 1;
        remove(world, next, job);
      });
    }
  }
}
