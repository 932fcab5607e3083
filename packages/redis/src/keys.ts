import { checkNamespace } from "./names.js";

/** Separates what names may not hold: `@` and `~` stand in no id, name or namespace. */
export interface Keys {
  /** What every key of the partition starts with, `escapement:{<namespace>}:`. */
  readonly prefix: string;
  /** Hash: layout and number of partitions, written once. */
  readonly meta: string;
  /** String: the last time (ms) that a script saw; keeps time from going back. */
  readonly clock: string;
  /** Hash: job id → definition. */
  readonly jobs: string;
  /**
   * Hash: job id → its version, when it was first defined, and the first fencing token that could be given then: what was claimed with a lower one is
   * of a former job.
   */
  readonly state: string;
  /** Sorted set: job id by the next fire time (ms) to materialise. */
  readonly due: string;
  /** Sorted set: job id by the time (ms) at which it was parked with an error. */
  readonly parked: string;
  /** Hash: job id → `full`, `ending` or `done`; only of jobs of which no further fire time starts. */
  readonly exhaustion: string;
  /** Hash: job id → how many of its runs failed in a row, and `paused` once that was enough; of jobs with a `pauseAfterFailures`. */
  readonly failing: string;
  /** Hash: name of a pause (`all`, `job:<id>` …) that has been noticed → when, and when it was last said that it lasts too long. */
  readonly pauses: string;
  /**
   * Hash: name of a pause that a job here has set itself, or that has gone with its job → `+` or `-` and its text, until partition 0 has been told. Only
   * in further partitions.
   */
  readonly carry: string;
  /** Sorted set, all scores 0: due runs of jobs that are held back: paused, or until the leader has caught up. */
  readonly paused: string;
  /** Sorted set: paused job id by the next fire time (ms) to materialise once it goes on. */
  readonly frozen: string;
  /** Sorted set, all scores 0: runs of fire times that were cancelled before they came. */
  readonly calledOff: string;
  /** Stream: what the cluster is told. */
  readonly events: string;
  /** Hash: what the sweeper found → how often it has put it right. */
  readonly mended: string;
  /** Sorted set: run id by its not-before time (ms). */
  readonly waiting: string;
  /** Sorted set: `<queue>@<task>` by the first score of its ready runs. Only those that have one. */
  readonly ready: string;
  /** Sorted set, all scores 0: runs of jobs that were materialised and have not started, so that they can be taken back by job. */
  readonly unstarted: string;
  /** Sorted set, all scores 0: runs of jobs that are queued and not in `unstarted`: further attempts, and runs by hand. */
  readonly requeued: string;
  /** Sorted set, all scores 0: due runs that wait for the end of their job's running run. */
  readonly blocked: string;
  /** Hash: job id → run id and start of the run that runs, for jobs whose runs may not overlap. */
  readonly running: string;
  /** Hash: job id → interval in ms, for jobs whose interval counts from the end of their runs. */
  readonly paced: string;
  /** Set: jobs that go on from now when a pause of theirs ends (`resumeFrom`), and not from what they missed. */
  readonly resumeNow: string;
  /** Hash: job id → what is kept of its runs, for jobs with a `retain`. */
  readonly retention: string;
  /** Sorted set, all scores 0: which jobs' runs depend on which, in both directions. Only of jobs with `dependsOn` or `then`. */
  readonly edges: string;
  /** Sorted set, all scores 0: `<run> <what>`, what is known of the parents of runs that depend on others. */
  readonly met: string;
  /** Hash: partition → the last message of its outbox for this one that was applied here. Only of namespaces of several partitions. */
  readonly inbox: string;
  /** Hash: run id → the scopes, with spaces between, in whose `held:<scope>` it has a place. Only of runs that are limited. */
  readonly holds: string;
  /** Hash: run id → the concurrency key that it waits for, in `full:<key>`. */
  readonly limited: string;
  /** Hash: set of jobs → `<version> <digest>` of what was applied last. */
  readonly sets: string;
  /** Hash: job id → the set that owns it. Only of jobs that were declared in one. */
  readonly setOf: string;
  /** Hash: job id → how many runs of fire times have started, for jobs with a `maxRuns`. */
  readonly counts: string;
  /** Hash: run id → last attempt and, for an enqueued run, record of a run that failed for good. In the order of `dead-letters:<queue>`. */
  readonly deadLetters: string;
  /** Hash: run id → record of an enqueued run that has not ended. Jobs' runs need none: their job's record serves. */
  readonly runs: string;
  /** Hash: run id → number of its next attempt and what became of earlier ones; only from the second attempt on. */
  readonly attempts: string;
  /** Hash: run id → what the handler of a run that runs last reported of its progress. */
  readonly progress: string;
  /** Hash: run id → record of an enqueued run that ended. Bounded together with the lists `history:~<task>`. */
  readonly finished: string;
  /** Sorted set: node id by the end (ms) of its lease. */
  readonly nodes: string;
  /** Hash: node id → what it said of itself. */
  readonly nodeInfo: string;
  /** Sorted set: dead nodes whose runs are not all taken over yet, by the time of their death. */
  readonly dead: string;
  /** String: the leader's node id, with the lease as its time to live. */
  readonly leader: string;
  /** String: number of the latest leader's term. */
  readonly epoch: string;
  /** String: the last fencing token given. */
  readonly fence: string;
  /** String: by which history of writes what was lent to other partitions is known, and since when. */
  readonly lending: string;
  /** Channel: something is due sooner than nodes may know. */
  readonly wake: string;
  /** Any type: while it is there, what it names does not start. `all`, `queue:<queue>`, `task:<task>`, `tag:<tag>`, `job:<job>`, `node:<node>`. */
  pause(name: string): string;
  /** String: what jobs go on with, as who ended the pause said, until all partitions have heard of it. */
  resumed(name: string): string;
  /** String: the text with which a job in another partition has paused itself, so that it is set once. */
  carried(name: string): string;
  /** Set: jobs that a pause holds back. */
  pausedBy(name: string): string;
  /** Hash: run id → token, attempt and start of what a node holds. */
  active(node: string): string;
  /** Hash: the last claim request of a node and how it was answered. */
  request(node: string): string;
  /** Sorted set: due runs of one task in one queue, by priority, then time. */
  readyOf(queue: string, task: string): string;
  /** Set: runs that hold a place of a limit. */
  held(scope: string): string;
  /** Hash: what the home of a scope has lent of its places, where there are several partitions. Of rates with `rate:` before the scope. */
  lent(scope: string): string;
  /** Hash: what another partition has borrowed of them. */
  borrowed(scope: string): string;
  /** Sorted set: due runs that wait for a place of a concurrency key. */
  full(name: string): string;
  /** Sorted set: the dead letters of a queue by the time (ms) at which they failed. */
  deadLettersOf(queue: string): string;
  /** Hash: run id → why a run that this node holds is to be cancelled. */
  cancelled(node: string): string;
  /** List: finished runs of a job, oldest first; of enqueued runs, as `~<task>`, their ids. */
  history(owner: string): string;
  /** List: as `history`, of runs that failed, timed out, were lost or cancelled, where these are kept apart. */
  failures(owner: string): string;
  /** Hash: run id, `#<attempt>` behind it from the second attempt on → result of the finished runs of a job; of a task's enqueued ones (`~<task>`) by run id. */
  results(owner: string): string;
  /** String: a result that has a time to live of its own, by the same name as in `results`. */
  result(name: string): string;
  /** Stream: the latest log lines of a run, at `<fencing token>-<number>`. */
  log(run: string): string;
  /** Stream: what the jobs of that partition have to know of this one's that they depend on, or that depend on them. */
  outbox(partition: number): string;
  /** String: number and answer of the last call of a sender whose calls are sent again until they are answered. */
  caller(id: string): string;
  /** The Redlock key of one attempt, also its name on independent voters. */
  lock(run: string, attempt: number): string;
}

/**
 * The names of all keys of a namespace; `docs/redis-layout.md` describes each.
 *
 * @param partition 0, whose tag is the bare namespace, or a further one, whose tag is `<namespace>:<partition>`
 * @throws EscapementError `INVALID_NAME`
 */
export function createKeys(namespace: string, partition = 0): Keys {
  checkNamespace(namespace);
  const prefix = `escapement:{${partition === 0 ? namespace : `${namespace}:${partition}`}}:`;
  return {
    prefix,
    meta: `${prefix}meta`,
    clock: `${prefix}clock`,
    jobs: `${prefix}jobs`,
    state: `${prefix}state`,
    due: `${prefix}due`,
    parked: `${prefix}parked`,
    exhaustion: `${prefix}exhaustion`,
    failing: `${prefix}failing`,
    pauses: `${prefix}pauses`,
    carry: `${prefix}carry`,
    paused: `${prefix}paused`,
    frozen: `${prefix}frozen`,
    calledOff: `${prefix}called-off`,
    events: `${prefix}events`,
    mended: `${prefix}mended`,
    waiting: `${prefix}waiting`,
    ready: `${prefix}ready`,
    unstarted: `${prefix}unstarted`,
    requeued: `${prefix}requeued`,
    blocked: `${prefix}blocked`,
    running: `${prefix}running`,
    paced: `${prefix}paced`,
    resumeNow: `${prefix}resume-now`,
    retention: `${prefix}retention`,
    edges: `${prefix}edges`,
    met: `${prefix}met`,
    inbox: `${prefix}inbox`,
    holds: `${prefix}holds`,
    limited: `${prefix}limited`,
    counts: `${prefix}counts`,
    sets: `${prefix}sets`,
    setOf: `${prefix}set-of`,
    deadLetters: `${prefix}dead-letters`,
    runs: `${prefix}runs`,
    attempts: `${prefix}attempts`,
    progress: `${prefix}progress`,
    finished: `${prefix}finished`,
    nodes: `${prefix}nodes`,
    nodeInfo: `${prefix}node-info`,
    dead: `${prefix}dead`,
    leader: `${prefix}leader`,
    epoch: `${prefix}epoch`,
    fence: `${prefix}fence`,
    lending: `${prefix}lending`,
    wake: `${prefix}wake`,
    pause: (name) => `${prefix}pause:${name}`,
    resumed: (name) => `${prefix}resumed:${name}`,
    carried: (name) => `${prefix}carried:${name}`,
    pausedBy: (name) => `${prefix}paused-by:${name}`,
    active: (node) => `${prefix}active:${node}`,
    request: (node) => `${prefix}request:${node}`,
    readyOf: (queue, task) => `${prefix}ready:${queue}@${task}`,
    held: (scope) => `${prefix}held:${scope}`,
    lent: (scope) => `${prefix}lent:${scope}`,
    borrowed: (scope) => `${prefix}borrowed:${scope}`,
    full: (name) => `${prefix}full:${name}`,
    deadLettersOf: (queue) => `${prefix}dead-letters:${queue}`,
    cancelled: (node) => `${prefix}cancelled:${node}`,
    history: (owner) => `${prefix}history:${owner}`,
    failures: (owner) => `${prefix}failures:${owner}`,
    results: (owner) => `${prefix}results:${owner}`,
    result: (name) => `${prefix}result:${name}`,
    log: (run) => `${prefix}log:${run}`,
    outbox: (partition) => `${prefix}outbox:${partition}`,
    caller: (id) => `${prefix}caller:${id}`,
    lock: (run, attempt) => `${prefix}lock:${run}#${attempt}`,
  };
}
