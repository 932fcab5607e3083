import { assertUsable, checkServer, EscapementError } from "@escapement/redis";
import { checkEncryption } from "@escapement/redis/internal";
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
import { Carrier } from "./carrier.js";
import { nameAt, whole } from "./check.js";
import type { Wanted } from "./check-jobs.js";
import { type ComingFireTime, comingOfAll, type FireTimesOptions } from "./coming.js";
import { catchCrashes } from "./crash.js";
import { type DeadLetter, type DeadLettersOf, listDeadLetters, takeDeadLetters } from "./dead-letters.js";
import { jobOptions } from "./definition.js";
import { examine, type Finding } from "./doctor/index.js";
import { checkRuns, type EnqueueOptions, queueRuns, runOptions } from "./enqueue.js";
import { InvalidOptionError } from "./errors.js";
import { type EventsOptions, openEvents, type SchedulerEvent } from "./event-stream.js";
import { Events, type Listener, type SchedulerEvents } from "./events.js";
import { Founding } from "./founding.js";
import { type JobGroup, jobGroup } from "./group.js";
import { type JobHandle, jobHandle, type RunHandle, runHandle } from "./handles.js";
import { type Health, judgeHealth } from "./health.js";
import type { Job, JobOptions } from "./job.js";
import type { JobDeclaration, JobSet } from "./job-set.js";
import { Lender } from "./lender.js";
import { type ListedNode, listNodes } from "./list-nodes.js";
import { RunLocks } from "./lock.js";
import { Membership } from "./membership.js";
import { type Settings, storeVotes } from "./options.js";
import { PartitionEvents } from "./partition-events.js";
import { type PauseOptions, type PauseTarget, pauseTarget } from "./pause.js";
import { SeenPauses } from "./pause-gate.js";
import { ProcessNames } from "./process-names.js";
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
import { Slots } from "./slots.js";
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

/** What the partitions of one process share. */
export class Shared {
  readonly events: Events;
  readonly tasks: Map<string, AnyTask> = new Map();
  readonly slots: Slots;
  readonly names: ProcessNames = new ProcessNames();
  /** Of all partitions, in order. */
  readonly stores: Store[] = [];
  /** Which pauses there are not, as its engines have seen. */
  readonly seenPauses: SeenPauses = new SeenPauses();
  readonly carrier: Carrier;
  readonly lender: Lender | undefined;
  /** Of the first partition's store, which says so of all. */
  founding: Founding | undefined;
  readonly #told = new Set<string>();
  readonly #settings: Settings;

  constructor(settings: Settings) {
    this.#settings = settings;
    this.events = new Events(settings.logger);
    this.carrier = new Carrier(this.events);
    this.slots = new Slots(settings.concurrency);
    if (settings.partitions > 1) this.lender = new Lender(this.events);
  }

  /** What a partition tells. */
  eventsOf(partition: number): Events {
    const { partitions, logger } = this.#settings;
    return partitions === 1 ? this.events : new PartitionEvents(this.events, logger, partition, this.#told);
  }
}

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
  #locks: RunLocks | undefined;
  #member: Membership | undefined;
  #state: "open" | "stopping" | "stopped" = "open";
  #listening = false;
  #started: Promise<void> | undefined;
  #stopped: Promise<void> | undefined;
  #releaseCrashes: (() => void) | undefined;

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
    if (partitions > 1) shared.carrier.join(this.#store);
    shared.lender?.join(this.#store);
    this.#events = shared.eventsOf(partition);
    this.#jobs = new ScheduleTogether(this.#parts);
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
    return this.#member?.node?.id;
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
    this.#member?.node
      ?.describe()
      .catch((error: unknown) => this.#events.emit("error", { step: "describe", error: error as Error }));
  }

  // Not async, whose promise would be one more a call.
  schedule<T extends TaskRef>(task: T, options: JobOptions<InputOf<T>>): Promise<Job<InputOf<T>>> {
    try {
      this.#assertUsable();
      const wanted = { task: nameOf(task), options: jobOptions(options) };
      return this.#jobs.schedule(wanted) as Promise<Job<InputOf<T>>>;
    } catch (error) {
      return Promise.reject(error);
    }
  }

  async apply(
    jobs: readonly JobDeclaration[] | JobSet,
    options: ApplyOptions & ApplySetOptions = {},
  ): Promise<ApplyReport> {
    this.#assertUsable();
    return applyJobs(this.#parts, jobs, options);
  }

  /** The same in three steps, for each partition: what is to be is read and split, and what can be checked is, before anything is written. */
  async declare(
    jobs: readonly JobDeclaration[] | JobSet,
    options: ApplyOptions & ApplySetOptions,
  ): Promise<{ readonly whole: readonly Wanted[]; readonly parts: readonly Declared[] }> {
    this.#assertUsable();
    const declared = await readDeclared(this.#parts, jobs, options);
    const parts = splitDeclared(declared, this.#settings.partitions, this.#settings.maxInput);
    return { whole: declared.wanted, parts };
  }

  /** @param whole what is applied in all partitions, which jobs may depend on */
  async prepare(declared: Declared, whole: readonly Wanted[]): Promise<PreparedJobs> {
    this.#assertUsable();
    return prepareJobs(this.#parts, declared, whole);
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
    this.#assertUsable();
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
    this.#assertUsable();
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
    this.#assertUsable();
    return readEnqueuedHistory(this.#store, nameAt("task", task), whole("limit", limit, 1, 10_000));
  }

  async unfinishedRuns(of: RunsOf, limit = 100): Promise<Run[]> {
    this.#assertUsable();
    return readUnfinished(this.#store, of, limit);
  }

  async deadLetters(of: DeadLettersOf = {}): Promise<DeadLetter[]> {
    this.#assertUsable();
    return listDeadLetters(this.#store, of);
  }

  async redrive(of: DeadLettersOf = {}): Promise<string[]> {
    this.#assertUsable();
    return takeDeadLetters(this.#store, of, true);
  }

  async removeDeadLetters(of: DeadLettersOf = {}): Promise<string[]> {
    this.#assertUsable();
    return takeDeadLetters(this.#store, of, false);
  }

  async nodes(): Promise<ListedNode[]> {
    this.#assertUsable();
    return listNodes(this.#store);
  }

  async leader(): Promise<LeaderInfo | undefined> {
    this.#assertUsable();
    return readLeader(this.#store);
  }

  async leaders(): Promise<PartitionLeader[]> {
    const leader = await this.leader();
    return leader === undefined ? [] : [{ partition: this.#store.partition, ...leader }];
  }

  async load(): Promise<ClusterLoad> {
    this.#assertUsable();
    return readLoad(this.#store);
  }

  async activeRuns(limit = 100): Promise<ActiveRun[]> {
    this.#assertUsable();
    return readActiveRuns(this.#store, limit);
  }

  async nextFireTimes(options: FireTimesOptions = {}): Promise<ComingFireTime[]> {
    this.#assertUsable();
    return comingOfAll(this.#store, options);
  }

  async resignLeader(options: ResignOptions = {}): Promise<LeaderInfo | undefined> {
    this.#assertUsable();
    return resignLeader(this.#store, options);
  }

  isLeader(): boolean {
    return this.#member?.node?.isLeader() ?? false;
  }

  async pause(target: PauseTarget, options: PauseOptions): Promise<void> {
    this.#assertUsable();
    return pauseTarget(this.#store, target, options, this.#events);
  }

  async resume(target: PauseTarget, options: ResumeOptions = {}): Promise<boolean> {
    this.#assertUsable();
    return resumeTarget(this.#store, target, options, this.#events);
  }

  async pauses(): Promise<PauseInfo[]> {
    this.#assertUsable();
    return listPauses(this.#store);
  }

  events(options: EventsOptions = {}): AsyncIterableIterator<SchedulerEvent> {
    return openEvents(this.eventStore(), options);
  }

  /** Whose events there are, as long as this scheduler is not being stopped. */
  eventStore(): Store {
    this.assertOpen();
    return this.#store;
  }

  async doctor(): Promise<Finding[]> {
    this.#assertUsable();
    this.#openLocks();
    const store = this.#store.unguarded();
    try {
      return await examine(store, this.#settings, this.#locks);
    } finally {
      store.close();
    }
  }

  /** The store's time in ms, as well as it is known. */
  nearlyNow(): Promise<number> {
    return this.#store.nearlyNow();
  }

  /** Settles the number of partitions, if it is not, before anything is written in another one. @throws EscapementError `PARTITION_MISMATCH` */
  async founded(): Promise<void> {
    this.#assertUsable();
    return this.#founding.founded();
  }

  health(): Health {
    const started = this.#member?.node !== undefined;
    return judgeHealth({
      state: this.#state === "open" && !started ? "client" : this.#state,
      connected: this.#store.isConnected,
      refusal: this.#store.refusal,
      joined: this.#member?.node?.isAlive ?? false,
      votersLost: this.#locks?.hasQuorum === false,
      stuck: this.#member?.node?.stuckLoops ?? [],
    });
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
    this.assertOpen();
    this.#started ??= this.#start();
    return this.#started;
  }

  async #start(): Promise<void> {
    try {
      await this.#store.commands.ready();
      const results = await checkServer(this.#store.commands, {
        allowEviction: this.#settings.allowEviction,
      });
      assertUsable(results);
      const voters = this.#settings.voters.flatMap((voter, index) =>
        checkEncryption(voter, `The connection to voter-${index + 1}`),
      );
      for (const { check, level, message } of [...results, ...voters])
        if (level === "warning") this.#settings.logger.warn({ check }, message);
      await this.#store.lease.ready();
      await this.#store.now();
      this.#openLocks();
      this.#listen();
      if (this.#settings.catchCrashes) this.#releaseCrashes ??= catchCrashes();
      this.#member ??= this.#newMember();
      await this.#member.join();
    } catch (error) {
      this.#started = undefined; // it can be tried again
      throw error;
    }
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
  async drain(timeout: number): Promise<void> {
    this.#state = "stopping";
    await this.#started?.catch(() => undefined);
    await this.#member?.stop(timeout);
  }

  /** The other half. */
  async close(): Promise<void> {
    this.#releaseCrashes?.();
    await this.#locks?.close();
    // What was enqueued or defined before is written; where Redis does not answer, nobody waits for that for ever: each such call has a deadline.
    await Promise.allSettled([...this.#enqueuing, this.#jobs.settled()]);
    this.#store.close();
    this.#state = "stopped";
  }

  #listen(): void {
    if (this.#listening) return;
    this.#listening = true;
    this.#store.listen();
    this.#store.on("lost", () => this.#events.emit("storeLost", { node: this.nodeId ?? "-" }));
    this.#store.on("restored", () => this.#events.emit("storeRestored", { node: this.nodeId ?? "-" }));
  }

  #newMember(): Membership {
    return new Membership({
      store: this.#store,
      settings: this.#settings,
      locks: this.#locks,
      events: this.#events,
      logger: this.#settings.logger,
      tasks: this.#shared.tasks,
      slots: this.#shared.slots,
      lender: this.#shared.lender,
      names: this.#shared.names,
      seenPauses: this.#shared.seenPauses,
    });
  }

  #openLocks(): void {
    const { voters, lockTtl } = this.#settings;
    if (!storeVotes(this.#settings)) this.#locks ??= new RunLocks(this.#store, voters, lockTtl, this.#events);
  }

  /** Nothing where there is nothing to check an input by. */
  #validate(task: string, input: unknown): Promise<unknown> | undefined {
    const options = this.#shared.tasks.get(task)?.options;
    return options?.input === undefined ? undefined : validateInput(options, input);
  }

  /** Handlers may use it to their end while it is stopping. */
  #assertUsable(): void {
    if (this.#state !== "stopped") return;
    throw new EscapementError("SCHEDULER_STOPPED", "This scheduler has been stopped. Create another.");
  }

  /** @throws EscapementError `SCHEDULER_STOPPED` once it is being stopped */
  assertOpen(): void {
    if (this.#state === "stopping")
      throw new EscapementError("SCHEDULER_STOPPED", "This scheduler is being stopped. Create another.");
    this.#assertUsable();
  }
}
