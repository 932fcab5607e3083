// What the model knows of the system: the store, the processes, what is in flight between them, the voters, and what really happened.
import type { Answer, Line, Loop, Request } from "./requests.js";

/** A process's identity as a node: its letter and how many it has had, `A1`. */
export type Identity = string;
/** A job's id, one letter. */
export type Job = string;
/** `<job>@<fire time>`. */
export type Run = string;
/** `<run>#<attempt>`: what a lock is called after. */
export type AttemptKey = string;

/** An attempt as `active:<node>` has it. */
export interface Active {
  token: number;
  attempt: number;
  /** The number of the request that claimed it. */
  number: number;
}

/** The number and the answer of the last request of one line, in `request:<node>`. */
export interface Last {
  number: number;
  accepted: boolean[];
}

/** What `attempts` knows of a run that is to have a further attempt, or was handed back. */
export interface Further {
  next: number;
  lost: number;
  /** Values under which voters may still hold the lock of that attempt; -1: an unknown one. */
  left: number[];
}

/** The indices of the store, by the names that docs/redis-layout.md gives them. Times are ticks until then. */
export interface Store {
  nodes: Record<Identity, number>;
  leader: { holder: Identity; left: number } | null;
  epoch: number;
  /** Each job's version, and the tick from which it holds. */
  jobs: Record<Job, { version: number; since: number }>;
  due: Record<Job, number>;
  frozen: Record<Job, number>;
  waiting: Record<Run, number>;
  ready: Run[];
  blocked: Run[];
  paused: Run[];
  unstarted: Run[];
  active: Record<Identity, Record<Run, Active>>;
  requests: Record<Identity, Partial<Record<Line, Last>>>;
  attempts: Record<Run, Further>;
  running: Record<Job, { run: Run; since: number }>;
  locks: AttemptKey[];
  fence: number;
  /** Jobs with a pause's key. */
  pauses: Job[];
  /** Pauses that have held something back. */
  noticed: Job[];
  /** How each run ended; more than one word is a fault. */
  history: Record<Run, string[]>;
  /** How each attempt ended; more than one word is a fault. */
  outcomes: Record<AttemptKey, string[]>;
}

/** What a voter said of one attempt's lock. */
export type Vote = "?" | "granted" | "held" | "silent";

/** An attempt that a process was given. */
export interface Held {
  run: Run;
  token: number;
  attempt: number;
  left: number[];
  state: "claimed" | "voting" | "granted" | "running";
  votes: Vote[];
}

/** What a process has to say of an attempt. s: succeeded, F: failed and to be tried again, x: a lock stood against it, b: handed back. */
export interface Report {
  run: Run;
  token: number;
  attempt: number;
  outcome: "s" | "F" | "x" | "b";
  /** With `b`: the value of a lock that may be left. */
  value: number;
}

/** One commit that a leader has computed from what it read, and not sent yet. */
export interface Plan {
  job: Job;
  version: number;
  expected: number;
  times: number[];
  next: number | null;
}

/** A process: what it believes may be long out of date. */
export interface Process {
  name: string;
  up: boolean;
  /** How many identities it has had. */
  born: number;
  /** Ticks for which it believes that its lease lasts. */
  lease: number;
  /** Of the last request of each line. */
  numbers: Record<Line, number>;
  held: Held[];
  reports: Report[];
  /** Requests that it waits for, by loop. */
  asking: Partial<Record<Loop, Request>>;
  /** The term in which it believes to lead, and for how many ticks. */
  term: { epoch: number; left: number } | null;
  ended: number;
  seen: number;
  plan: Plan | null;
}

/** Something in flight. `orphan`: whoever sent it waits for it no more. */
export type Message =
  | { what: "request"; from: Identity; request: Request; age: number; orphan: boolean }
  | { what: "reply"; from: Identity; request: Request; answer: Answer; age: number }
  | { what: "vote"; from: Identity; voter: number; key: AttemptKey; value: number };

/** One independent voter: locks with the values that they were taken under. */
export interface Voter {
  up: boolean;
  locks: Record<AttemptKey, number>;
}

/** What really happened, which nobody in the system need know. */
export interface Witness {
  /** Handlers called, by attempt. */
  starts: Record<AttemptKey, number>;
  /** The highest token that was ever given. */
  token: number;
  /** The highest term that was ever granted. */
  epoch: number;
  /** Invariants broken by a step rather than by a state. */
  broken: string[];
}

/** What a store was asked in a step, by whom, and its answer: for whoever compares it with a real one. */
export interface Call {
  readonly from: Identity;
  readonly request: Request;
  readonly answer: Answer;
}

/** One state of the whole. */
export interface State {
  now: number;
  store: Store;
  /** What a replica that has stopped following has, from when it has. */
  replica: Store | null;
  processes: Process[];
  network: Message[];
  voters: Voter[];
  /** Faults that may still happen, and what the operator may still do. */
  left: {
    faults: number;
    failovers: number;
    pauses: number;
    updates: number;
    removals: number;
    failures: number;
  };
  witness: Witness;
  /** Of the step that led here; no part of what a state is. */
  calls: Call[];
}

/** A process's present identity. */
export function identityOf({ name, born }: Process): Identity {
  return `${name}${born}`;
}

/** The number of a process's last request, of whichever line. */
export function lastNumber({ numbers }: Process): number {
  return Math.max(numbers[1], numbers[2]);
}

export function attemptKey(run: Run, attempt: number): AttemptKey {
  return `${run}#${attempt}`;
}

export function jobOf(run: Run): Job {
  return run.slice(0, run.indexOf("@"));
}

export function timeOf(run: Run): number {
  return Number(run.slice(run.indexOf("@") + 1));
}

/** A copy that steps may change. What they only ever replace, such as requests and entries of indices, is shared. */
export function copy(state: State): State {
  const { store, replica, processes, network, voters, left, witness } = state;
  return {
    now: state.now,
    store: copyStore(store),
    replica: replica === null ? null : copyStore(replica),
    processes: processes.map(copyProcess),
    network: network.map((message) => ({ ...message })),
    voters: voters.map(({ up, locks }) => ({ up, locks: { ...locks } })),
    left: { ...left },
    witness: { ...witness, starts: { ...witness.starts }, broken: [...witness.broken] },
    calls: [],
  };
}

export function copyStore(store: Store): Store {
  const active: Store["active"] = {};
  for (const node in store.active) active[node] = { ...store.active[node] };
  return {
    nodes: { ...store.nodes },
    leader: store.leader === null ? null : { ...store.leader },
    epoch: store.epoch,
    jobs: { ...store.jobs },
    due: { ...store.due },
    frozen: { ...store.frozen },
    waiting: { ...store.waiting },
    ready: [...store.ready],
    blocked: [...store.blocked],
    paused: [...store.paused],
    unstarted: [...store.unstarted],
    active,
    requests: { ...store.requests },
    attempts: { ...store.attempts },
    running: { ...store.running },
    locks: [...store.locks],
    fence: store.fence,
    pauses: [...store.pauses],
    noticed: [...store.noticed],
    history: { ...store.history },
    outcomes: { ...store.outcomes },
  };
}

function copyProcess(process: Process): Process {
  return {
    ...process,
    held: process.held.map((item) => ({ ...item, votes: [...item.votes] })),
    reports: [...process.reports],
    numbers: { ...process.numbers },
    asking: { ...process.asking },
    term: process.term === null ? null : { ...process.term },
  };
}
