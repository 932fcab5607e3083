import { partitionOf } from "@escapement/redis/internal";
import type { ApplyOptions, ApplyReport, ApplySetOptions } from "./apply.js";
import type { ComingFireTime, FireTimesOptions } from "./coming.js";
import type { DeadLetter, DeadLettersOf } from "./dead-letters.js";
import { defineJob, jobOptions } from "./definition.js";
import type { Finding } from "./doctor/index.js";
import { type EnqueueOptions, runOptions } from "./enqueue.js";
import { openMerged } from "./event-merge.js";
import type { EventsOptions, SchedulerEvent } from "./event-stream.js";
import type { Listener, SchedulerEvents } from "./events.js";
import { type JobGroup, mergeGroups } from "./group.js";
import type { JobHandle, RunHandle } from "./handles.js";
import type { Health } from "./health.js";
import { newRunId } from "./id.js";
import type { Job, JobOptions } from "./job.js";
import type { JobDeclaration, JobSet } from "./job-set.js";
import type { ListedNode } from "./list-nodes.js";
import {
  firstOf,
  mergeFindings,
  mergeHealth,
  mergeLoads,
  mergeNodes,
  mergePauses,
  mergeReports,
} from "./merge.js";
import type { Settings } from "./options.js";
import { allEnded, writtenParts } from "./parted.js";
import type { PauseOptions, PauseTarget } from "./pause.js";
import { checkFilter, type JobFilter } from "./read-jobs.js";
import type { ActiveRun, ClusterLoad } from "./read-load.js";
import type { LeaderInfo, PartitionLeader } from "./read-nodes.js";
import type { PauseInfo } from "./read-pauses.js";
import type { RunsOf } from "./read-unfinished.js";
import { RedisScheduler } from "./redis-scheduler.js";
import type { ResignOptions } from "./resign-leader.js";
import type { ResumeOptions } from "./resume.js";
import type { Run } from "./run.js";
import { parseRunId } from "./run-id.js";
import type { Scheduler } from "./scheduler.js";
import { Shared } from "./shared.js";
import { type StopOptions, stopTimeout } from "./stop.js";
import {
  type Handler,
  type InputOf,
  nameOf,
  type OutputOf,
  type Task,
  type TaskOptions,
  type TaskRef,
} from "./task.js";
import { inTurn } from "./ties.js";

/** A scheduler of a namespace that is spread over several partitions: an engine for each, and what is about more than one of them. */
export class PartitionedScheduler implements Scheduler {
  readonly namespace: string;
  readonly #engines: readonly RedisScheduler[];
  readonly #shared: Shared;
  readonly #maxInput: number;
  #started: Promise<void> | undefined;
  #stopped: Promise<void> | undefined;

  constructor(settings: Settings) {
    this.#maxInput = settings.maxInput;
    this.namespace = settings.namespace;
    this.#shared = new Shared(settings);
    this.#engines = Array.from(
      { length: settings.partitions },
      (_, partition) => new RedisScheduler(settings, this.#shared, partition),
    );
  }

  get #first(): RedisScheduler {
    return this.#engines[0] as RedisScheduler;
  }

  /** What is no id lies nowhere: any engine refuses it in its words. */
  #of(id: unknown): RedisScheduler {
    return typeof id === "string" ? this.#engine(partitionOf(id, this.#engines.length)) : this.#first;
  }

  #ofRun(id: unknown): RedisScheduler {
    return this.#of(typeof id === "string" ? (parseRunId(id)?.job ?? id) : id);
  }

  get partitions(): number {
    return this.#engines.length;
  }

  get nodeId(): string | undefined {
    return this.#first.nodeId;
  }

  task<Input, Output>(
    name: string,
    ...rest: [Handler<Input, Output>] | [TaskOptions<Input>, Handler<Input, Output>]
  ): Task<Input, Output> {
    const [options, handler] = rest.length === 1 ? [{}, rest[0]] : rest;
    const task = this.#first.task(name, options as TaskOptions<Input>, handler);
    for (const engine of this.#engines.slice(1)) engine.describe();
    return task;
  }

  async schedule<T extends TaskRef>(task: T, options: JobOptions<InputOf<T>>): Promise<Job<InputOf<T>>> {
    const given = jobOptions(options);
    defineJob(nameOf(task), given, this.#maxInput);
    return this.#of(given.id).schedule(task, given as JobOptions<InputOf<T>>);
  }

  async apply(
    jobs: readonly JobDeclaration[] | JobSet,
    options: ApplyOptions & ApplySetOptions = {},
  ): Promise<ApplyReport> {
    const { whole, parts } = await this.#first.declare(jobs, options);
    const prepared = await Promise.all(parts.map((some, index) => this.#engine(index).prepare(some)));
    const begun = await prepared[0]?.begin();
    const ids = whole.map(({ options: { id } }) => id);
    let before = 0;
    for (const turn of inTurn(whole.map(({ options }) => options))) {
      const writing = prepared.map(({ write }, index) => ({
        size: parts[index]?.wanted.filter(({ options: { id } }) => turn.has(id)).length ?? 0,
        done: write(begun, turn),
      }));
      await writtenParts("jobs", ids, writing, before);
      before += turn.size;
    }
    return mergeReports(await allEnded(prepared.map(({ finish }) => finish(begun))), ids);
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
    const all = runOptions(runs) as EnqueueOptions<InputOf<T>>[];
    // What one partition would refuse is refused before another has written.
    await this.#first.checkRuns(task, all);
    await this.#founded();
    const given = await this.#named(all);
    const handles = new Map<string, RunHandle<OutputOf<T>>>();
    const parts = this.#engines.flatMap((engine, index) => {
      const some = given.filter(({ id }) => partitionOf(String(id), this.#engines.length) === index);
      return some.length === 0 ? [] : [{ size: some.length, done: engine.enqueueMany(task, some) }];
    });
    const ids = given.map(({ id }) => String(id));
    for (const handle of (await writtenParts("runs", ids, parts)).flat()) handles.set(handle.id, handle);
    return ids.map((id) => handles.get(id) as RunHandle<OutputOf<T>>);
  }

  /** Where a run lies is said by its id: each gets one. */
  async #named<Options extends EnqueueOptions>(runs: readonly Options[]): Promise<Options[]> {
    if (runs.every(({ id }) => id !== undefined)) return [...runs];
    const now = await this.#first.nearlyNow();
    return runs.map((run) => (run.id === undefined ? { ...run, id: newRunId(now) } : run));
  }

  job(id: string): JobHandle {
    return this.#of(id).job(id);
  }

  jobs(filter: JobFilter = {}): AsyncIterable<Job> {
    const wanted = checkFilter(filter);
    const engines = this.#engines;
    return (async function* () {
      for (const engine of engines) yield* engine.jobs(wanted);
    })();
  }

  group(filter: JobFilter): JobGroup {
    return mergeGroups(this.#engines.map((engine) => engine.group(filter)));
  }

  run(id: string): RunHandle {
    return this.#ofRun(id).run(id);
  }

  async finishedRuns(task: string, limit = 100): Promise<Run[]> {
    const lists = await this.#each((engine) => engine.finishedRuns(task, limit));
    return firstOf(lists, limit, (one, other) => Number(other.finishedAt) - Number(one.finishedAt));
  }

  async unfinishedRuns(of: RunsOf, limit = 100): Promise<Run[]> {
    const lists = await this.#each((engine) => engine.unfinishedRuns(of, limit));
    return firstOf(lists, limit, (one, other) => (one.id < other.id ? -1 : 1));
  }

  async deadLetters(of: DeadLettersOf = {}): Promise<DeadLetter[]> {
    const lists = await this.#each((engine) => engine.deadLetters(of));
    const order = (one: DeadLetter, other: DeadLetter): number =>
      Number(one.failedAt) - Number(other.failedAt) || (one.id < other.id ? -1 : 1);
    return firstOf(lists, of.limit ?? 100, order);
  }

  async redrive(of: DeadLettersOf = {}): Promise<string[]> {
    return this.#takeLetters(of, (engine, some) => engine.redrive(some));
  }

  async removeDeadLetters(of: DeadLettersOf = {}): Promise<string[]> {
    return this.#takeLetters(of, (engine, some) => engine.removeDeadLetters(some));
  }

  /** The oldest of all partitions, so many of each as are among them. */
  async #takeLetters(
    of: DeadLettersOf,
    take: (engine: RedisScheduler, of: DeadLettersOf) => Promise<string[]>,
  ): Promise<string[]> {
    const letters = await this.deadLetters(of);
    const counts = this.#engines.map(() => 0);
    for (const { id } of letters) {
      const place = partitionOf(parseRunId(id)?.job ?? id, counts.length);
      counts[place] = (counts[place] ?? 0) + 1;
    }
    const taken = await Promise.all(
      counts.map((limit, index) => (limit === 0 ? [] : take(this.#engine(index), { ...of, limit }))),
    );
    const order = new Map(letters.map(({ id }, index) => [id, index]));
    return taken.flat().sort((one, other) => (order.get(one) ?? 0) - (order.get(other) ?? 0));
  }

  async nodes(): Promise<ListedNode[]> {
    return mergeNodes(await this.#each((engine) => engine.nodes()));
  }

  leader(): Promise<LeaderInfo | undefined> {
    return this.#first.leader();
  }

  async leaders(): Promise<PartitionLeader[]> {
    return (await this.#each((engine) => engine.leaders())).flat();
  }

  async load(): Promise<ClusterLoad> {
    return mergeLoads(await this.#each((engine) => engine.load()));
  }

  async activeRuns(limit = 100): Promise<ActiveRun[]> {
    const lists = await this.#each((engine) => engine.activeRuns(limit));
    const order = (one: ActiveRun, other: ActiveRun): number =>
      Number(one.startedAt) - Number(other.startedAt) || (one.id < other.id ? -1 : 1);
    return firstOf(lists, limit, order);
  }

  async nextFireTimes(options: FireTimesOptions = {}): Promise<ComingFireTime[]> {
    const lists = await this.#each((engine) => engine.nextFireTimes(options));
    const order = (one: ComingFireTime, other: ComingFireTime): number =>
      Number(one.at) - Number(other.at) || (one.jobId < other.jobId ? -1 : 1);
    return firstOf(lists, options.count ?? 20, order);
  }

  isLeader(): boolean {
    return this.#first.isLeader();
  }

  async resignLeader(options: ResignOptions = {}): Promise<LeaderInfo | undefined> {
    const [leader] = await this.#each((engine) => engine.resignLeader(options));
    return leader;
  }

  async pause(target: PauseTarget, options: PauseOptions): Promise<void> {
    return this.#first.pause(target, options);
  }

  async resume(target: PauseTarget, options: ResumeOptions = {}): Promise<boolean> {
    return this.#first.resume(target, options);
  }

  async pauses(): Promise<PauseInfo[]> {
    return mergePauses(await this.#each((engine) => engine.pauses()));
  }

  events(options: EventsOptions = {}): AsyncIterableIterator<SchedulerEvent> {
    return openMerged(
      this.#engines.map((engine) => engine.eventStore()),
      options,
    );
  }

  async doctor(): Promise<Finding[]> {
    return mergeFindings(await this.#each((engine) => engine.doctor()));
  }

  health(): Health {
    return mergeHealth(this.#engines.map((engine) => engine.health()));
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
    this.#first.assertOpen();
    this.#started ??= this.#start().catch((error: unknown) => {
      this.#started = undefined; // it can be tried again
      throw error;
    });
    return this.#started;
  }

  async #start(): Promise<void> {
    // The first settles the number of partitions before anything is written in another one.
    await this.#first.start();
    if (this.#stopped === undefined) await Promise.all(this.#engines.map((engine) => engine.start()));
  }

  async stop(options: StopOptions = {}): Promise<void> {
    const ms = stopTimeout(options);
    this.#stopped ??= this.#stop(ms);
    return this.#stopped;
  }

  async #stop(timeout: number): Promise<void> {
    // A handler may use all partitions to its end.
    const drained = this.#engines.map((engine) => engine.drain(timeout));
    await this.#started?.catch(() => undefined);
    await Promise.all(drained);
    await this.#shared.lender?.close();
    await Promise.all(this.#engines.map((engine) => engine.close()));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  #engine(partition: number): RedisScheduler {
    return this.#engines[partition] as RedisScheduler;
  }

  #each<R>(ask: (engine: RedisScheduler) => Promise<R>): Promise<R[]> {
    return Promise.all(this.#engines.map(ask));
  }

  /** Nothing is written in a partition before the first one says how many there are. */
  #founded(): Promise<void> {
    return this.#first.founded();
  }
}
