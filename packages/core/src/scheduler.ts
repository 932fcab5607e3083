import type { ApplyOptions, ApplyReport, ApplySetOptions } from "./apply.js";
import type { ComingFireTime, FireTimesOptions } from "./coming.js";
import type { DeadLetter, DeadLettersOf } from "./dead-letters.js";
import type { Finding } from "./doctor/index.js";
import type { EnqueueOptions } from "./enqueue.js";
import type { EventsOptions, SchedulerEvent } from "./event-stream.js";
import type { Listener, SchedulerEvents } from "./events.js";
import type { JobGroup } from "./group.js";
import type { JobHandle, RunHandle } from "./handles.js";
import type { Health } from "./health.js";
import type { Job, JobOptions } from "./job.js";
import type { JobDeclarations, JobSet } from "./job-set.js";
import type { ListedNode } from "./list-nodes.js";
import { type SchedulerOptions, settingsOf } from "./options.js";
import { PartitionedScheduler } from "./partitioned-scheduler.js";
import type { PauseOptions, PauseTarget } from "./pause.js";
import type { JobFilter } from "./read-jobs.js";
import type { ActiveRun, ClusterLoad } from "./read-load.js";
import type { LeaderInfo, PartitionLeader } from "./read-nodes.js";
import type { PauseInfo } from "./read-pauses.js";
import type { RunsOf } from "./read-unfinished.js";
import { RedisScheduler } from "./redis-scheduler.js";
import type { ResignOptions } from "./resign-leader.js";
import type { ResumeOptions } from "./resume.js";
import type { Run } from "./run.js";
import type { StopOptions } from "./stop.js";
import type { Handler, InputOf, OutputOf, Task, TaskOptions, TaskRef } from "./task.js";

/**
 * A scheduler: without `start()` a client, which defines, triggers and reads; after `start()` a node of the cluster, which also
 * leads when elected and runs tasks.
 */
export interface Scheduler extends AsyncDisposable {
  /** The identity of this node since its last start; `undefined` for a client. */
  readonly nodeId: string | undefined;
  readonly namespace: string;
  /** Over how many partitions this process takes the namespace to be spread. */
  readonly partitions: number;
  /** Registers a handler. To be done before `start()`, so that what is due does not wait. */
  task<Input = unknown, Output = unknown>(name: string, handler: Handler<Input, Output>): Task<Input, Output>;
  task<Input = unknown, Output = unknown>(
    name: string,
    options: TaskOptions<Input>,
    handler: Handler<Input, Output>,
  ): Task<Input, Output>;
  /**
   * Defines a job, or changes it: idempotent. With the same trigger a job keeps its place in time; a redeploy that changes nothing
   * changes nothing. Calls for the same job are carried out in the order in which they are made.
   *
   * @throws InvalidOptionError, InvalidTriggerError; EscapementError `JOB_EXISTS` with `onConflict: "error"`
   */
  schedule<T extends TaskRef>(task: T, options: JobOptions<InputOf<T>>): Promise<Job<InputOf<T>>>;
  /**
   * Defines many jobs, in batches; all are checked before the first is written.
   *
   * @throws InvalidOptionError, InvalidTriggerError; EscapementError `JOB_EXISTS`
   */
  apply<const T extends readonly TaskRef[]>(
    jobs: JobDeclarations<T>,
    options?: ApplyOptions,
  ): Promise<ApplyReport>;
  /**
   * Makes the jobs of a set what it declares: defines those, and removes the set's others. Applied by several at once, the newest
   * version is what is there in the end.
   *
   * @throws StaleJobSetError if the store has a newer version; EscapementError `JOB_OF_ANOTHER_SET`; and as for a list
   */
  apply(set: JobSet, options?: ApplySetOptions): Promise<ApplyReport>;
  /** Queues one run of a task. */
  enqueue<T extends TaskRef>(task: T, options?: EnqueueOptions<InputOf<T>>): Promise<RunHandle<OutputOf<T>>>;
  /**
   * Queues many, in order, 500 in one step.
   *
   * @throws PartlyWrittenError if some steps were taken, and then Redis failed; it has the ids with which the same call does the rest
   */
  enqueueMany<T extends TaskRef>(
    task: T,
    runs: readonly EnqueueOptions<InputOf<T>>[],
  ): Promise<RunHandle<OutputOf<T>>[]>;
  job(id: string): JobHandle;
  jobs(filter?: JobFilter): AsyncIterable<Job>;
  /** All jobs that fit a filter, to be changed, removed or run together. @throws InvalidOptionError, also for an empty filter */
  group(filter: JobFilter): JobGroup;
  run(id: string): RunHandle;
  /** Finished enqueued runs of a task that are still kept, latest first. */
  finishedRuns(task: string, limit?: number): Promise<Run[]>;
  /** Runs of a job, enqueued runs of a task, or runs that a node holds, that have not ended: waiting, due or running. At most `limit`, 100 if left out. */
  unfinishedRuns(of: RunsOf, limit?: number): Promise<Run[]>;
  /** Runs of a queue that failed for good, oldest first. */
  deadLetters(of?: DeadLettersOf): Promise<DeadLetter[]>;
  /** Gives the oldest dead letters of a queue another attempt each, now. Answers their run ids. */
  redrive(of?: DeadLettersOf): Promise<string[]>;
  /** Forgets the oldest dead letters of a queue. Answers their run ids. */
  removeDeadLetters(of?: DeadLettersOf): Promise<string[]>;
  /** The nodes that have not left, dead ones whose runs are not taken over yet included. */
  nodes(): Promise<ListedNode[]>;
  /** Who leads; of a namespace with several partitions, the first one. `undefined` while nobody does. */
  leader(): Promise<LeaderInfo | undefined>;
  /** Who leads each partition, without those that nobody leads at present. */
  leaders(): Promise<PartitionLeader[]>;
  /** How much waits, is due and runs. */
  load(): Promise<ClusterLoad>;
  /** Runs that nodes hold, longest running first. At most `limit`, 100 if left out. */
  activeRuns(limit?: number): Promise<ActiveRun[]>;
  /**
   * The next fire times of all jobs that fit, merged in order, 20 if `count` is left out. Goes through all jobs.
   *
   * @throws InvalidOptionError
   */
  nextFireTimes(options?: FireTimesOptions): Promise<ComingFireTime[]>;
  isLeader(): boolean;
  /**
   * Asks the leader to let another node lead, and waits until one does: in a new term, the same one if no other can.
   *
   * @returns who leads then; `undefined` if nobody led
   * @throws EscapementError `LEADER_NOT_CHANGED` when the time is over: the leader did not listen, or nobody has been elected
   */
  resignLeader(options?: ResignOptions): Promise<LeaderInfo | undefined>;
  /**
   * Keeps attempts of what is named from starting, until `resume`, or until the time is over. What runs goes on; nothing is lost.
   *
   * @throws InvalidOptionError
   */
  pause(target: PauseTarget, options: PauseOptions): Promise<void>;
  /**
   * Ends a pause. Jobs go on with what they missed, under their misfire rule, with the next fire time, or with one from a date on: see
   * {@link ResumeOptions.from}. Answers whether there was one.
   *
   * @throws InvalidOptionError
   */
  resume(target: PauseTarget, options?: ResumeOptions): Promise<boolean>;
  /** The pauses that there are, by target. Goes through all jobs, so that those set by hand are found. */
  pauses(): Promise<PauseInfo[]>;
  /**
   * What happens in the whole cluster, as it happens; with `since` what has happened, as far as it is kept, and then what happens. Goes on
   * through broken connections; ends when this scheduler is stopped, or the signal says so.
   *
   * @throws InvalidOptionError, EscapementError `SCHEDULER_STOPPED`, at once
   */
  events(options?: EventsOptions): AsyncIterableIterator<SchedulerEvent>;
  /**
   * Looks at everything that could keep runs from starting, in the whole cluster. What cannot be looked at, such as a Redis that does not
   * answer, is a finding too.
   *
   * @throws EscapementError `SCHEDULER_STOPPED`
   */
  doctor(): Promise<Finding[]>;
  /**
   * How this process is, for whoever supervises it: by what it knows already, at once and whatever hangs; asks nobody and never throws.
   * A pause does not make it unready.
   */
  health(): Health;
  /**
   * Hears of what happens on this node.
   *
   * @throws InvalidOptionError for an event that there is not
   */
  on<E extends keyof SchedulerEvents>(event: E, listener: Listener<E>): this;
  off<E extends keyof SchedulerEvents>(event: E, listener: Listener<E>): this;
  /** Becomes a node. @throws EscapementError `REDIS_UNUSABLE` and others, if the server will not do */
  start(): Promise<void>;
  /**
   * Stops claiming, lets another lead, waits for handlers up to `timeout` (default 30 s), aborts the rest, hands back what has not
   * started, and closes all connections. Can be called twice; the first call's options count.
   *
   * @throws InvalidOptionError; nothing is stopped then
   */
  stop(options?: StopOptions): Promise<void>;
}

/**
 * Creates a scheduler. Connects in the background; nothing runs until `start()`.
 *
 * @throws InvalidOptionError
 */
export function createScheduler(options: SchedulerOptions = {}): Scheduler {
  const settings = settingsOf(options);
  return settings.partitions === 1 ? new RedisScheduler(settings) : new PartitionedScheduler(settings);
}
