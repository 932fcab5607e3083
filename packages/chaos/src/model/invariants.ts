// What must hold in every state (docs/guarantees.md), whatever has happened.
import type { World } from "./config.js";
import { allActive, isLeased } from "./runs.js";
import { identityOf, jobOf, type Run, type State, timeOf } from "./state.js";

export interface Invariant {
  readonly name: string;
  /** What is wrong with a state, or undefined. */
  broken(world: World, state: State): string | undefined;
}

/** In how many places a run stands. */
function places({ store }: State, run: Run): string[] {
  const found = (["ready", "blocked", "paused"] as const).filter((name) =>
    store[name].includes(run),
  ) as string[];
  if (store.waiting[run] !== undefined) found.push("waiting");
  for (const held of allActive(store)) if (held.run === run) found.push(`active:${held.node}`);
  for (const word of store.history[run] ?? []) found.push(word);
  return found;
}

/** Whether a fire time has been passed by the cursor of a job that has it. */
function isPassed(world: World, { store }: State, run: Run): boolean {
  const job = jobOf(run);
  const at = store.jobs[job];
  if (at === undefined) return false;
  const versions = world.jobs[job]?.versions ?? [];
  const time = timeOf(run);
  const cursor = store.due[job] ?? store.frozen[job] ?? Number.POSITIVE_INFINITY;
  if (time > at.since || at.version === 1)
    return (versions[at.version - 1]?.includes(time) ?? false) && time < cursor;
  return versions[at.version - 2]?.includes(time) ?? false;
}

export const invariants: readonly Invariant[] = [
  {
    name: "an attempt starts once",
    broken: (_world, { witness }) =>
      Object.keys(witness.starts).find((key) => (witness.starts[key] ?? 0) > 1),
  },
  {
    name: "an attempt has one outcome",
    broken: (_world, { store }) =>
      Object.keys(store.outcomes).find((key) => (store.outcomes[key]?.length ?? 0) > 1),
  },
  {
    name: "a run ends once",
    broken: (_world, { store }) =>
      Object.keys(store.history).find((run) => (store.history[run]?.length ?? 0) > 1),
  },
  {
    name: "no fire time vanishes, and none is in two places",
    broken: (world, state) => {
      for (const run of world.runs) {
        const found = places(state, run);
        if (found.length > 1) return `${run} stands in ${found.join(" and ")}`;
        if (found.length === 0 && isPassed(world, state, run)) return `${run} is nowhere`;
      }
      return undefined;
    },
  },
  {
    name: "one attempt of a run at a time",
    broken: (_world, { processes, store }) => {
      const seen = new Set<Run>();
      for (const process of processes) {
        if (!isLeased(store, identityOf(process))) continue;
        for (const { run, state } of process.held) {
          if (state !== "running") continue;
          if (seen.has(run)) return `two attempts of ${run} run, on nodes whose leases hold`;
          seen.add(run);
        }
      }
      return undefined;
    },
  },
  {
    name: "at most once starts once",
    broken: (world, { witness }) =>
      world.runs.find((run) => {
        const starts = Object.entries(witness.starts).filter(([key]) => key.startsWith(`${run}#`));
        return (
          world.jobs[jobOf(run)]?.maxLost === 0 &&
          world.failures === 0 &&
          starts.reduce((sum, [, n]) => sum + n, 0) > 1
        );
      }),
  },
  {
    name: "one leader at a time by its own count",
    broken: (world, { processes }) => {
      if (world.kinds.includes("failover")) return undefined; // a term may be forgotten with other writes
      const leaders = processes.filter(({ up, term }) => up && term !== null && term.left > 0);
      return leaders.length > 1 ? leaders.map(identityOf).join(" and ") : undefined;
    },
  },
  {
    name: "no more are held than the limit",
    broken: (world, { store }) =>
      world.limit > 0 && allActive(store).length > world.limit
        ? `${allActive(store).length} are held`
        : undefined,
  },
  {
    name: "runs of a job do not overlap",
    broken: (world, { store }) => {
      const jobs = allActive(store).map(({ run }) => jobOf(run));
      return jobs.find((job, at) => world.jobs[job]?.overlap === "skip" && jobs.indexOf(job) !== at);
    },
  },
];

/** The first thing that is wrong with a state: what a step has found, or one of the invariants. */
export function whatIsWrong(world: World, state: State): string | undefined {
  const [found] = state.witness.broken;
  if (found !== undefined) return found;
  for (const invariant of invariants) {
    const wrong = invariant.broken(world, state);
    if (wrong !== undefined) return `${invariant.name}: ${wrong}`;
  }
  return undefined;
}

/** Whether all is over: every fire time has come and ended, and nothing is owed. */
export function isTerminal(world: World, { store }: State): boolean {
  if (!world.works) return Object.keys(store.due).length === 0;
  const sets = [store.due, store.frozen, store.waiting, store.ready, store.blocked, store.paused];
  return sets.every((set) => Object.keys(set).length === 0) && allActive(store).length === 0;
}
