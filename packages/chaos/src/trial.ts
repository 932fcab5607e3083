import {
  createScheduler,
  type Job,
  type JobOptions,
  type Logger,
  type Scheduler,
  type SchedulerOptions,
} from "@escapement/core";
import {
  canMoveClocks,
  eventually,
  type MovedClock,
  movedClock,
  type RedisServer,
  uniqueNamespace,
} from "@escapement/testing";
import type { Trigger } from "@escapement/triggers";
import { accountFor } from "./checker/accounts.js";
import type { JobCase, Outcome } from "./checker/case.js";
import { expectedFireTimes } from "./checker/expected.js";
import { judge, type Verdict } from "./checker/judge.js";
import { type Evidence, machineClock, wallClockAhead } from "./evidence/evidence.js";
import { EvidenceFolder } from "./evidence/evidence-folder.js";
import { found } from "./found.js";
import { type ChaosNode, type NodeProcess, startNode } from "./nodes/chaos-node.js";
import { type NodeHabits, taskNames } from "./nodes/node-config.js";
import { prefixOf } from "./partitions.js";
import { sourceOf } from "./topologies/address.js";
import { singleServer } from "./topologies/single.js";
import type { Topology } from "./topologies/topology.js";

/** What a trial is made of. */
export interface TrialOptions {
  /** How many nodes are started; 0: none yet. */
  readonly nodes: number;
  /** The servers. The trial stops them in the end. @default one server with AOF `always`, no proxies */
  readonly topology?: () => Promise<Topology>;
  /** What a node's process is made of, by its name: another program, or variables. */
  readonly processOf?: (node: string) => NodeProcess;
  /** What every node does besides running jobs. */
  readonly habits?: NodeHabits;
  /** Whether each node has a wall clock of its own that can be moved while it runs, where that is possible. @default false */
  readonly clocks?: boolean;
  /** Options of every node. */
  readonly scheduler?: Omit<SchedulerOptions, "redis" | "namespace" | "voters" | "logger">;
}

/** A fault that was injected. */
export interface Fault {
  readonly kind: string;
  readonly target: string;
  /** Wall clock, ms. */
  readonly at: number;
}

const silent: Logger = { debug() {}, info() {}, warn() {}, error() {}, child: () => silent };

/** A cluster of real processes around real servers, the jobs that it is to run, and all that is witnessed of it. */
export class Trial implements AsyncDisposable {
  readonly evidence: EvidenceFolder = new EvidenceFolder();
  readonly nodes: Map<string, ChaosNode> = new Map();
  /** All of their processes, former ones as well. */
  readonly processes: ChaosNode[] = [];
  readonly faults: Fault[] = [];
  readonly topology: Topology;
  /** Defines jobs and reads; runs nothing. */
  readonly client: Scheduler;
  readonly #processOf: (node: string) => NodeProcess;
  readonly #habits: NodeHabits;
  readonly #hasClocks: boolean;
  readonly #clocks = new Map<string, MovedClock>();
  readonly #shared: Omit<SchedulerOptions, "redis" | "logger">;
  readonly #jobs: Job[] = [];
  readonly #former = new Map<string, { readonly job: Job; readonly until: number }>();
  readonly #enqueued: string[] = [];

  private constructor(options: TrialOptions, topology: Topology) {
    this.#processOf = options.processOf ?? (() => ({}));
    this.topology = topology;
    this.#habits = options.habits ?? {};
    this.#hasClocks = options.clocks === true && canMoveClocks();
    this.#shared = {
      retain: { runs: 10_000, enqueued: 100_000 },
      ...options.scheduler,
      namespace: uniqueNamespace("chaos"),
    };
    const voters = topology.voters.map(({ url }) => url);
    this.client = createScheduler({
      ...this.#shared,
      ...(voters.length === 0 ? {} : { voters }),
      redis: sourceOf(topology.address),
      logger: silent,
    });
  }

  /** Over how many partitions its namespace is spread. */
  get partitions(): number {
    return this.client.partitions;
  }

  /** The name of a key, without what all have in common, in one of the partitions. */
  keyOf(name: string, partition = 0): string {
    return prefixOf(this.client.namespace, partition) + name;
  }

  /** The first server of the store: the only one, in most trials. */
  get redis(): RedisServer {
    const [first] = this.topology.store;
    if (first === undefined) throw new Error("The topology has no server");
    return first;
  }

  /** Starts the servers and the nodes; resolves when all nodes have joined and one leads. */
  static async start(options: TrialOptions): Promise<Trial> {
    const start = options.topology ?? (() => singleServer("single", { proxies: false }));
    const trial = new Trial(options, await start());
    for (let number = 1; number <= options.nodes; number += 1) await trial.addNode(`n${number}`);
    await eventually(
      () =>
        trial.facts("up").length >= options.nodes &&
        (options.nodes === 0 || trial.facts("elected").length > 0),
      { within: 20_000 },
    );
    return trial;
  }

  /** Starts a node, with options, habits and a process of its own if need be; resolves when its process runs. */
  async addNode(
    name: string,
    own: NodeHabits & Pick<TrialOptions, "scheduler"> = {},
    madeOf: NodeProcess = this.#processOf(name),
  ): Promise<ChaosNode> {
    const { address: store, voters } = await this.topology.linkOf(name);
    if (this.#hasClocks && !this.#clocks.has(name)) this.#clocks.set(name, await movedClock());
    const votes = voters.length === 0 ? {} : { voters };
    const scheduler = { ...this.#shared, ...votes, ...own.scheduler };
    const node = await startNode(
      {
        ...this.#habits,
        ...own,
        name,
        evidence: this.evidence.fileOf(name),
        wallAhead: wallClockAhead(),
        store,
        scheduler,
      },
      { ...madeOf, env: { ...this.clockOf(name)?.env, ...madeOf.env } },
    );
    this.nodes.set(name, node);
    this.processes.push(node);
    return node;
  }

  /** The wall clock of the node of that name, where it can be moved. */
  clockOf(name: string): MovedClock | undefined {
    return this.#clocks.get(name);
  }

  /** All evidence of one kind so far. */
  facts<K extends Evidence["kind"]>(kind: K): Extract<Evidence, { kind: K }>[] {
    return this.evidence.read().filter((line): line is Extract<Evidence, { kind: K }> => line.kind === kind);
  }

  /** Defines jobs of a task and remembers them for the judgement. */
  async define(task: string, jobs: readonly JobOptions[]): Promise<void> {
    await this.client.apply(jobs.map((job) => ({ task, ...job })));
    await this.remember(jobs.map(({ id }) => id));
  }

  /** Remembers jobs that others have defined, as they are now, for the judgement. */
  async remember(ids: readonly string[]): Promise<readonly Job[]> {
    for (const id of ids) {
      const job = await this.client.job(id).get();
      if (job !== undefined) this.#jobs.push(job);
    }
    return this.#jobs;
  }

  /**
   * Gives a remembered job another trigger, at a moment at which neither of the two fires: until then the fire times are those of the one,
   * from then on those of the other.
   */
  async retrigger(id: string, trigger: Trigger): Promise<void> {
    const index = this.#jobs.findIndex((job) => job.id === id);
    const job = this.#jobs[index];
    if (job === undefined) throw new Error(`${id} is not remembered`);
    const quiet = (now: number): boolean =>
      [job.trigger, trigger].every((one) => {
        const times = expectedFireTimes({ ...job, trigger: one }, now + 180);
        return !times.some((time) => time > now - 20);
      });
    await eventually(() => quiet(Date.now()), { within: 10_000, every: 5 });
    this.#former.set(id, { job, until: Date.now() });
    this.#jobs[index] = await this.client.job(id).update({ trigger });
  }

  /** Enqueues a run of a task, again and again under the same id until that is acknowledged. */
  async enqueue(task: string, id: string, delay: number, queue = "default"): Promise<void> {
    this.#enqueued.push(id);
    await eventually(() => this.client.enqueue(task, { id, delay, queue }), { within: 60_000, every: 200 });
  }

  /** Every enqueued run, and how it ended. */
  async enqueued(): Promise<{ readonly id: string; readonly outcome: Outcome | undefined }[]> {
    const ended = new Map<string, Outcome>();
    for (const task of taskNames)
      for (const run of await this.client.finishedRuns(task, 10_000)) ended.set(run.id, run);
    return this.#enqueued.map((id) => ({ id, outcome: ended.get(id) }));
  }

  /** Notes a fault, and lets it happen. */
  async fault(kind: string, target: string, happens: () => unknown): Promise<number> {
    const at = Date.now();
    this.faults.push({ kind, target, at });
    await happens();
    return at;
  }

  /** The node that leads, by what the store says; of one that was killed another's election is waited for. */
  async leader(): Promise<ChaosNode> {
    return found(async () => {
      const leader = this.nodeOf((await this.client.leader())?.node ?? "-");
      return leader?.alive ? leader : undefined;
    }, 15_000);
  }

  /** The process that has the identity `id`. */
  nodeOf(id: string): ChaosNode | undefined {
    const name = this.facts("up").find((line) => line.id === id)?.node;
    return name === undefined ? undefined : this.nodes.get(name);
  }

  /** Resolves once a run that was due at `time` (ms) or later has started. */
  async started(time: number, within: number = time - Date.now() + 20_000): Promise<void> {
    await eventually(() => this.facts("start").some(({ scheduledAt }) => scheduledAt >= time), {
      within,
      every: 50,
    });
  }

  /** Resolves `ms` after now, for faults that have to last. */
  async lasts(ms: number): Promise<void> {
    const end = machineClock() + ms;
    await eventually(() => machineClock() >= end, { within: ms + 5000, every: Math.min(50, ms) });
  }

  /** Handlers of a node that have begun and not ended. */
  running(node: string): Extract<Evidence, { kind: "start" }>[] {
    const ended = new Set<string>(this.facts("end").map(({ token }) => token));
    return this.facts("start").filter((start) => start.node === node && !ended.has(start.token));
  }

  /** Every job with its expected fire times until `until` and its history. */
  async cases(until: number): Promise<JobCase[]> {
    const cases: JobCase[] = [];
    for (const job of this.#jobs) {
      const history: Outcome[] = await this.client.job(job.id).history({ limit: 10_000 });
      cases.push({
        id: job.id,
        fireTimes: this.#fireTimesOf(job, until),
        overlap: job.overlap === "allow" || job.overlap === "replace" ? "allow" : "skip",
        history,
      });
    }
    return cases;
  }

  /** Waits until every fire time up to `until` has come to an end, at most `within` ms; if some have not, the verdict will say so. */
  async settled(until: number, within: number): Promise<void> {
    const done = async (): Promise<boolean> => (await this.#open(until)).length === 0;
    await eventually(done, { within, every: 250 }).catch(() => undefined);
  }

  async #open(until: number): Promise<string[]> {
    return [
      ...(await this.cases(until)).flatMap((job) => accountFor(job).open.map((time) => `${job.id}@${time}`)),
      ...(await this.enqueued()).flatMap(({ id, outcome }) => (outcome === undefined ? [id] : [])),
    ];
  }

  #fireTimesOf(job: Job, until: number): number[] {
    const former = this.#former.get(job.id);
    if (former === undefined) return expectedFireTimes(job, until);
    return [
      ...expectedFireTimes(former.job, Math.min(until, former.until)),
      ...expectedFireTimes(job, until).filter((time) => time > former.until),
    ];
  }

  /**
   * Waits until every fire time up to `until` has come to an end, at most `within` ms, stops the nodes and judges. Fire times
   * that have not ended by then are judged as they are.
   */
  async verdict(
    until: number,
    { within = 30_000, storeRolledBack = false }: { within?: number; storeRolledBack?: boolean } = {},
  ): Promise<Verdict & { readonly open: readonly string[] }> {
    await this.settled(until, within);
    for (const node of this.nodes.values()) if (node.frozen) node.thaw();
    const left = await this.#open(until);
    await Promise.all([...this.nodes.values()].map((node) => node.stop()));
    const [jobs, enqueued] = [await this.cases(until), await this.enqueued()];
    const facts = { evidence: this.evidence.read(), jobs, enqueued, storeRolledBack };
    return { ...judge(facts), open: left };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.nodes.values()].map((node) => node.kill()));
    await this.client.stop();
    await this.topology[Symbol.asyncDispose]();
    this.evidence.remove();
  }
}
