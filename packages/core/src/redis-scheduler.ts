import {
  type ApplyOptions,
  type ApplyParts,
  type ApplyReport,
  type ApplySetOptions,
  applyJobs,
  type Declared,
  type PreparedJobs,
  prepareJobs,
  readDeclared,
  splitDeclared,
} from "./apply.js";
import { nameAt, whole } from "./check.js";
import type { Wanted } from "./check-jobs.js";
import { type ComingFireTime, comingOfAll, type FireTimesOptions } from "./coming.js";
import { type DeadLetter, type DeadLettersOf, listDeadLetters, takeDeadLetters } from "./dead-letters.js";
import { jobOptions } from "./definition.js";
import { examine, type Finding } from "./doctor/index.js";
import { checkRuns, type EnqueueOptions, queueRuns, runOptions } from "./enqueue.js";
import { InvalidOptionError } from "./errors.js";
import { type EventsOptions, openEvents, type SchedulerEvent } from "./event-stream.js";
import type { Events, Listener, SchedulerEvents } from "./events.js";
import { Founding } from "./founding.js";
import { type JobGroup, jobGroup } from "./group.js";
import { type JobHandle, jobHandle, type RunHandle, runHandle } from "./handles.js";
import type { Health } from "./health.js";
import type { Job, JobOptions } from "./job.js";
import { type JobDeclaration, type JobSet, readStanding } from "./job-set.js";
import { Lifetime } from "./lifetime.js";
import { type ListedNode, listNodes } from "./list-nodes.js";
import type { Settings } from "./options.js";
import { type PauseOptions, type PauseTarget, pauseTarget } from "./pause.js";
import { readEnqueuedHistory } from "./read-history.js";
import { checkFilter, type JobFilter, listJobs } from "./read-jobs.js";
import { type ActiveRun, type ClusterLoad, readActiveRuns, readLoad } from "./read-load.js";
import { type LeaderInfo, type PartitionLeader, readLeader } from "./read-nodes.js";
import { listPauses, type PauseInfo } from "./read-pauses.js";
import { type RunsOf, readUnfinished } from "./read-unfinished.js";
import { type ResignOptions, resignLeader } from "./resign-leader.js";
import { type ResumeOptions, resumeTarget } from "./resume.js";
import type { Run } from "./run.js";
import { ScheduleTogether } from "./schedule-together.js";
import type { Scheduler } from "./scheduler.js";
import { Shared } from "./shared.js";
import { type StopOptions, stopTimeout } from "./stop.js";
import { Store } from "./store.js";
import {
  type AnyTask,
  type Handler,
  type InputOf,
  nameOf,
  type OutputOf,
  type Task,
  type TaskOptions,
  type TaskRef,
  taskOptions,
  validateInput,
} from "./task.js";

/** What users see of a scheduler of one partition, put together from the files that do the work; its life from start to stop. */
export class RedisScheduler implements Scheduler {
  readonly namespace: string;
  readonly #settings: Settings;
  readonly #store: Store;
  readonly #events: Events;
  readonly #shared: Shared;
  readonly #founding: Founding;
  readonly #jobs: ScheduleTogether;
  readonly #enqueuing = new Set<Promise<unknown>>();
  readonly #life: Lifetime;
  #stopped: Promise<void> | undefined;

  /** @param partition of those that the settings say, if it is not the only one; what it shares with the others is `shared` */
  constructor(settings: Settings, shared: Shared = new Shared(settings), partition = 0) {
    this.#settings = settings;
    this.#shared = shared;
    this.namespace = settings.namespace;
    const { redis, namespace, partitions, retention, deadline } = settings;
    shared.founding ??= new Founding(() => this.#store);
    this.#founding = shared.founding;
    this.#store = new Store({
      redis,
      namespace,
      partitions,
      partition,
      family: shared.stores,
      retention,
      events: settings.eventsMax,
      deadline,
      leaseDeadline: Math.min(deadline, settings.nodeTtl / 3),
      guard: this.#founding,
    });
    shared.stores[partition] = this.#store;
    shared.carrier?.join(this.#store);
    shared.lender?.join(this.#store);
    this.#events = shared.eventsOf(partition);
    this.#jobs = new ScheduleTogether(this.#parts);
    this.#life = new Lifetime(settings, this.#store, this.#events, shared);
  }

  get #parts(): ApplyParts {
    return {
      store: this.#store,
      events: this.#events,
      maxInput: this.#settings.maxInput,
      logger: this.#settings.logger,
      validate: (task, input) => this.#validate(task, input),
    };
  }

  get partitions(): number {
    return this.#settings.partitions;
  }

  get nodeId(): string | undefined {
    return this.#life.node?.id;
  }

  task<Input, Output>(
    name: string,
    ...rest: [Handler<Input, Output>] | [TaskOptions<Input>, Handler<Input, Output>]
  ): Task<Input, Output> {
    nameAt("task", name);
    const [options, handler] = rest.length === 1 ? [{}, rest[0]] : rest;
    if (typeof handler !== "function")
      throw new InvalidOptionError("handler", `of task ${name} must be a function.`);
    const checked = taskOptions(options);
    const { tasks } = this.#shared;
    if (tasks.has(name)) throw new InvalidOptionError("task", `${name} has a handler already.`);
    const task = { name, options: checked, handler } as Task<Input, Output>;
    tasks.set(name, task as AnyTask);
    this.describe();
    return task;
  }

  /** Tells the store, if it is a node, of tasks that were registered since. */
  describe(): void {
    this.#life.node
      ?.describe()
      .catch((error: unknown) => this.#events.emit("error", { step: "describe", error: error as Error }));
  }

  // Not async, whose promise would be one more a call.
  schedule<T extends TaskRef>(task: T, options: JobOptions<InputOf<T>>): Promise<Job<InputOf<T>>> {
    try {
      this.#life.assertUsable();
      const wanted = { task: nameOf(task), options: jobOptions(options), read: true };
      return this.#jobs.schedule(wanted) as Promise<Job<InputOf<T>>>;
    } catch (error) {
      return Promise.reject(error);
    }
  }

  async apply(
    jobs: readonly JobDeclaration[] | JobSet,
    options: ApplyOptions & ApplySetOptions = {},
  ): Promise<ApplyReport> {
    this.#life.assertUsable();
    return applyJobs(this.#parts, jobs, options);
  }

  /** The same in three steps, for each partition: what is to be is read and split, and what can be checked is, before anything is written. */
  async declare(
    jobs: readonly JobDeclaration[] | JobSet,
    options: ApplyOptions & ApplySetOptions,
  ): Promise<{ readonly whole: readonly Wanted[]; readonly parts: readonly Declared[] }> {
    this.#life.assertUsable();
    const declared = await readDeclared(this.#parts, jobs, options);
    const parts = splitDeclared(declared, this.#settings.partitions, this.#settings.maxInput);
    const { set, force } = declared;
    const standing = set && (await readStanding(this.#store, set, force));
    return { whole: declared.wanted, parts: parts.map((part) => ({ ...part, standing })) };
  }

  async prepare(declared: Declared): Promise<PreparedJobs> {
    this.#life.assertUsable();
    return prepareJobs(this.#parts, declared);
  }

  async enqueue<T extends TaskRef>(
    task: T,
    options: EnqueueOptions<InputOf<T>> = {},
  ): Promise<RunHandle<OutputOf<T>>> {
    const [handle] = await this.enqueueMany(task, [options]);
    return handle as RunHandle<OutputOf<T>>;
  }

  async enqueueMany<T extends TaskRef>(
    task: T,
    runs: readonly EnqueueOptions<InputOf<T>>[],
  ): Promise<RunHandle<OutputOf<T>>[]> {
    this.#life.assertUsable();
    const [name, given] = [nameOf(task), runOptions(runs)];
    if (this.#shared.tasks.get(name)?.options.input !== undefined)
      for (const { input } of given) await this.#validate(name, input);
    const queued = queueRuns(this.#store, name, given, this.#settings.maxInput);
    this.#enqueuing.add(queued);
    const ids = await queued.finally(() => this.#enqueuing.delete(queued));
    return ids.map((id) => runHandle<OutputOf<T>>(this.#store, id));
  }

  /** Whether these could be queued, as far as that can be said without asking. @throws InvalidOptionError */
  async checkRuns(task: TaskRef, runs: readonly EnqueueOptions[]): Promise<void> {
    this.#life.assertUsable();
    const name = nameOf(task);
    if (this.#shared.tasks.get(name)?.options.input !== undefined)
      for (const { input } of runs) await this.#validate(name, input);
    checkRuns(name, runs, this.#settings.maxInput);
  }

  job(id: string): JobHandle {
    return jobHandle(this.#parts, id);
  }

  jobs(filter: JobFilter = {}): AsyncIterable<Job> {
    return listJobs(this.#store, checkFilter(filter));
  }

  group(filter: JobFilter): JobGroup {
    return jobGroup(this.#parts, filter);
  }

  run(id: string): RunHandle {
    return runHandle(this.#store, id);
  }

  async finishedRuns(task: string, limit = 100): Promise<Run[]> {
    this.#life.assertUsable();
    return readEnqueuedHistory(this.#store, nameAt("task", task), whole("limit", limit, 1, 10_000));
  }

  async unfinishedRuns(of: RunsOf, limit = 100): Promise<Run[]> {
    this.#life.assertUsable();
    return readUnfinished(this.#store, of, limit);
  }

  async deadLetters(of: DeadLettersOf = {}): Promise<DeadLetter[]> {
    this.#life.assertUsable();
    return listDeadLetters(this.#store, of);
  }

  async redrive(of: DeadLettersOf = {}): Promise<string[]> {
    this.#life.assertUsable();
    return takeDeadLetters(this.#store, of, true);
  }

  async removeDeadLetters(of: DeadLettersOf = {}): Promise<string[]> {
    this.#life.assertUsable();
    return takeDeadLetters(this.#store, of, false);
  }

  async nodes(): Promise<ListedNode[]> {
    this.#life.assertUsable();
    return listNodes(this.#store);
  }

  async leader(): Promise<LeaderInfo | undefined> {
    this.#life.assertUsable();
    return readLeader(this.#store);
  }

  async leaders(): Promise<PartitionLeader[]> {
    const leader = await this.leader();
    return leader === undefined ? [] : [{ partition: this.#store.partition, ...leader }];
  }

  async load(): Promise<ClusterLoad> {
    this.#life.assertUsable();
    return readLoad(this.#store);
  }

  async activeRuns(limit = 100): Promise<ActiveRun[]> {
    this.#life.assertUsable();
    return readActiveRuns(this.#store, limit);
  }

  async nextFireTimes(options: FireTimesOptions = {}): Promise<ComingFireTime[]> {
    this.#life.assertUsable();
    return comingOfAll(this.#store, options);
  }

  async resignLeader(options: ResignOptions = {}): Promise<LeaderInfo | undefined> {
    this.#life.assertUsable();
    return resignLeader(this.#store, options);
  }

  isLeader(): boolean {
    return this.#life.node?.isLeader() ?? false;
  }

  async pause(target: PauseTarget, options: PauseOptions): Promise<void> {
    this.#life.assertUsable();
    return pauseTarget(this.#store, target, options, this.#events);
  }

  async resume(target: PauseTarget, options: ResumeOptions = {}): Promise<boolean> {
    this.#life.assertUsable();
    return resumeTarget(this.#store, target, options, this.#events);
  }

  async pauses(): Promise<PauseInfo[]> {
    this.#life.assertUsable();
    return listPauses(this.#store);
  }

  events(options: EventsOptions = {}): AsyncIterableIterator<SchedulerEvent> {
    return openEvents(this.eventStore(), options);
  }

  /** Whose events there are, as long as this scheduler is not being stopped. */
  eventStore(): Store {
    this.#life.assertOpen();
    return this.#store;
  }

  async doctor(): Promise<Finding[]> {
    this.#life.assertUsable();
    const store = this.#store.unguarded();
    try {
      return await examine(store, this.#settings, this.#life.openLocks());
    } finally {
      store.close();
    }
  }

  /** @throws EscapementError `SCHEDULER_STOPPED` once it is being stopped */
  assertOpen(): void {
    this.#life.assertOpen();
  }

  /** The store's time in ms, as well as it is known. */
  nearlyNow(): Promise<number> {
    return this.#store.nearlyNow();
  }

  /** Settles the number of partitions, if it is not, before anything is written in another one. @throws EscapementError `PARTITION_MISMATCH` */
  async founded(): Promise<void> {
    this.#life.assertUsable();
    return this.#founding.founded();
  }

  health(): Health {
    return this.#life.health();
  }

  on<E extends keyof SchedulerEvents>(event: E, listener: Listener<E>): this {
    this.#shared.events.on(event, listener);
    return this;
  }

  off<E extends keyof SchedulerEvents>(event: E, listener: Listener<E>): this {
    this.#shared.events.off(event, listener);
    return this;
  }

  async start(): Promise<void> {
    return this.#life.start();
  }

  async stop(options: StopOptions = {}): Promise<void> {
    const ms = stopTimeout(options);
    this.#stopped ??= this.#stop(ms);
    return this.#stopped;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  async #stop(timeout: number): Promise<void> {
    await this.drain(timeout);
    await this.close();
  }

  /** The first half of stopping: it claims nothing more, and what runs has ended, or is left. Its handlers may still read and write. */
  drain(timeout: number): Promise<void> {
    return this.#life.drain(timeout);
  }

  /** The other half. */
  close(): Promise<void> {
    return this.#life.close(() => [...this.#enqueuing, this.#jobs.settled()]);
  }

  /** Nothing where there is nothing to check an input by. */
  #validate(task: string, input: unknown): Promise<unknown> | undefined {
    const options = this.#shared.tasks.get(task)?.options;
    return options?.input === undefined ? undefined : validateInput(options, input);
  }
}
