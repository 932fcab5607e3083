// What is explored: how many nodes, jobs and fire times, and which faults, each within a budget.
import type { Mutant } from "./mutants.js";
import type { Loop } from "./requests.js";
import type { Job, Run } from "./state.js";

/** crash: a process dies. stall: it does not prolong a lease in time. lag: its clock misses a tick. lost: a request or a reply is. late: a
 * request arrives after its sender has given up on it. failover: the store loses its last writes. voter: one cannot be reached. */
export type Fault = "crash" | "stall" | "lag" | "lost" | "late" | "failover" | "voter";

/** A job: its fire times by version, and its options. */
export interface JobSetting {
  readonly versions: readonly (readonly number[])[];
  readonly overlap: "allow" | "skip";
  /** How many lost attempts are followed by another; 0 is at-most-once. */
  readonly maxLost: number;
}

/** One space to explore. */
export interface Config {
  readonly name: string;
  readonly about: string;
  readonly processes: number;
  readonly jobs: Readonly<Record<Job, JobSetting>>;
  /** Runs that a process holds at once. */
  readonly slots: number;
  /** How many claim requests a process may have under way, each of a line of its own. */
  readonly lines: 1 | 2;
  /** How many runs may be held in the whole cluster; 0: any number. */
  readonly limit: number;
  readonly faults: number;
  readonly kinds: readonly Fault[];
  /** Loops whose requests and replies are steps of their own; the others' are one step, which a fault can take apart. */
  readonly travels: readonly Loop[];
  readonly pauses: number;
  readonly updates: number;
  readonly removals: number;
  readonly failures: number;
  readonly voters: 0 | 3;
  /** Whether process A leads from the start. */
  readonly settled: boolean;
  /** Whether anything is claimed; else a space ends once all is written. */
  readonly works: boolean;
  /** Whether all runs are written from the start. */
  readonly written: boolean;
}

/** A configuration with what follows from it, and with what is broken on purpose. */
export interface World extends Config {
  readonly mutants: ReadonlySet<Mutant>;
  /** All runs that there can be. */
  readonly runs: readonly Run[];
  /** The clock stops counting here: nothing fires later. Leases go on ending. */
  readonly horizon: number;
}

/** Ticks of a node's lease, of a leader's lease, of the margin that a leader takes off, and of the lookahead. */
export const nodeTtl = 2;
export const leaderTtl = 3;
export const margin = 1;
export const lookahead = 1;

export function worldOf(config: Config, mutants: readonly Mutant[] = []): World {
  const runs = new Set<Run>();
  let horizon = 0;
  for (const [job, { versions }] of Object.entries(config.jobs)) {
    for (const time of versions.flat()) {
      runs.add(mutants.includes("lock-without-fire-time") ? `${job}@0` : `${job}@${time}`);
      horizon = Math.max(horizon, time + 1);
    }
  }
  return { ...config, mutants: new Set(mutants), runs: [...runs].sort(), horizon };
}

const plain: Omit<Config, "name" | "about"> = {
  processes: 2,
  jobs: { a: { versions: [[1, 2]], overlap: "allow", maxLost: 1 } },
  slots: 1,
  lines: 1,
  limit: 0,
  faults: 1,
  kinds: ["crash", "stall", "lost", "late"],
  travels: [],
  pauses: 0,
  updates: 0,
  removals: 0,
  failures: 0,
  voters: 0,
  settled: false,
  works: true,
  written: false,
};

/** Two requests of a worker under way at once. */
const lines: Omit<Config, "name" | "about"> = {
  ...plain,
  slots: 2,
  lines: 2,
  travels: ["worker", "second"],
  settled: true,
  written: true,
};

/** The spaces. */
export const configs: readonly Config[] = [
  {
    ...plain,
    name: "work",
    about: "claim, complete and recover, each request and each reply a step of its own",
    jobs: { a: { versions: [[1]], overlap: "allow", maxLost: 1 } },
    travels: ["worker"],
    settled: true,
    written: true,
  },
  {
    ...plain,
    name: "faults",
    about: "the same with two faults; a request and its reply are one step unless a fault parts them",
    jobs: { a: { versions: [[1]], overlap: "allow", maxLost: 1 } },
    faults: 2,
    settled: true,
    written: true,
  },
  {
    ...plain,
    name: "late",
    about: "two fire times of a job, and requests that arrive late",
    jobs: { a: { versions: [[1, 2]], overlap: "allow", maxLost: 1 } },
    kinds: ["late"],
    settled: true,
    written: true,
  },
  {
    ...plain,
    name: "lead",
    about: "election and materialise, each request and each reply a step of its own; clocks that lag",
    jobs: { a: { versions: [[1, 2]], overlap: "allow", maxLost: 0 } },
    kinds: ["crash", "stall", "lag", "lost", "late"],
    travels: ["leader", "elector"],
    faults: 2,
    works: false,
  },
  {
    ...plain,
    name: "whole",
    about: "all of it, from the first election to the last outcome, for two fire times at most once",
    jobs: { a: { versions: [[1, 2]], overlap: "allow", maxLost: 0 } },
  },
  {
    ...plain,
    name: "overlap",
    about: "a job whose runs do not overlap, and of which one attempt fails and is tried again",
    jobs: { a: { versions: [[1, 2]], overlap: "skip", maxLost: 1 } },
    kinds: ["crash", "stall", "lost"],
    failures: 1,
    settled: true,
  },
  {
    ...plain,
    name: "limit",
    about: "two jobs, of which one run may be held at a time",
    jobs: {
      a: { versions: [[1]], overlap: "allow", maxLost: 1 },
      b: { versions: [[1]], overlap: "allow", maxLost: 0 },
    },
    limit: 1,
    settled: true,
    written: true,
  },
  {
    ...plain,
    name: "pause",
    about:
      "a job's pause is set and deleted at any time, each of the leader's requests and replies a step of its own",
    pauses: 1,
    travels: ["leader"],
    kinds: ["crash", "late"],
    settled: true,
  },
  {
    ...plain,
    name: "change",
    about: "a job's trigger is replaced, and the job is removed, at any time",
    jobs: { a: { versions: [[1, 2], [3]], overlap: "allow", maxLost: 1 } },
    updates: 1,
    removals: 1,
    kinds: ["crash", "late"],
    settled: true,
  },
  {
    ...plain,
    name: "voters",
    about:
      "three voters hold the locks; one cannot be reached, requests to them are late and answers are lost",
    jobs: { a: { versions: [[1]], overlap: "allow", maxLost: 1 } },
    kinds: ["voter", "late", "lost"],
    faults: 2,
    voters: 3,
    settled: true,
    written: true,
  },
  {
    ...plain,
    name: "failover",
    about: "the store loses acknowledged writes; three voters remember locks",
    jobs: { a: { versions: [[1]], overlap: "allow", maxLost: 1 } },
    kinds: ["failover", "voter", "late", "crash"],
    voters: 3,
    settled: true,
    written: true,
  },
  {
    ...plain,
    name: "three",
    about: "three nodes",
    processes: 3,
    jobs: { a: { versions: [[1]], overlap: "allow", maxLost: 1 } },
    settled: true,
    written: true,
  },
  {
    ...lines,
    name: "lines",
    about: "a node has two claims under way, two fire times; each request and each reply a step of its own",
    faults: 0,
  },
  {
    ...lines,
    name: "lines-alone",
    about: "the same with one node, and one fault",
    processes: 1,
  },
  {
    ...lines,
    name: "lines-faults",
    about: "the same with two nodes; a request and its reply are one step unless a fault parts them",
    travels: [],
  },
  {
    ...lines,
    name: "lines-failover",
    about:
      "one node with two claims under way; the store loses acknowledged writes; three voters remember locks",
    processes: 1,
    jobs: { a: { versions: [[1]], overlap: "allow", maxLost: 1 } },
    faults: 0,
    kinds: ["failover", "crash"],
    voters: 3,
  },
];
