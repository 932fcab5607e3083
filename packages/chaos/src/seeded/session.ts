import { createScheduler, type Logger, type Scheduler } from "@escapement/core";
import { Store } from "@escapement/core/internal";
import type { Cluster, Redis } from "ioredis";
import { type EvidenceWriter, openEvidence } from "../evidence/evidence.js";
import { dumpStore, type StoreDump } from "../evidence/store-dump.js";
import { type StoreMemory, storeMemory } from "../evidence/store-memory.js";
import { Watcher } from "../evidence/watcher.js";
import { ask } from "../faults/hands.js";
import { partitionOf } from "../partitions.js";
import type { Random } from "../random.js";
import { sourceOf } from "../topologies/address.js";
import { connectTo } from "../topologies/connect.js";
import type { Link } from "../topologies/topology.js";
import type { Trial } from "../trial.js";
import { keptRuns, limits, nodeOptions, rates } from "../workload/cluster.js";
import { Driver } from "../workload/driver.js";
import { Impostor } from "../workload/impostor.js";
import { plannedJobs } from "../workload/jobs.js";
import { OperationRecord } from "../workload/operation-record.js";
import type { Operation, PlannedJob } from "../workload/operations.js";
import { Operator } from "../workload/operator.js";
import { StaleWriter } from "../workload/stale-writer.js";

/** One of several servers may be away for long; whoever reads of it goes on. */
const patient = { commandTimeout: 1000, enableOfflineQueue: false, maxRetriesPerRequest: 0 } as const;

const silent: Logger = { debug() {}, info() {}, warn() {}, error() {}, child: () => silent };

const range = (length: number): number[] => Array.from({ length }, (_, index) => index);

/** Whoever works on a trial's cluster and watches it: the driver with its client and its link, the operator, the watcher. */
export class Session implements AsyncDisposable {
  readonly trial: Trial;
  readonly link: Link;
  readonly client: Scheduler;
  readonly record: OperationRecord;
  readonly operator: Operator;
  readonly watcher: Watcher;
  readonly #redis: Redis | Cluster;
  readonly #watching: Redis | Cluster;
  readonly #evidence: EvidenceWriter;
  /** For those who write what they must not: of each partition. */
  readonly #stores: readonly [Store, ...Store[]];

  private constructor(trial: Trial, link: Link, seed: number) {
    this.trial = trial;
    this.link = link;
    const { namespace, partitions } = trial.client;
    const voters = link.voters.length === 0 ? {} : { voters: [...link.voters] };
    const own = { ...nodeOptions(seed, partitions), ...voters, namespace, deadline: "2s", logger: silent };
    this.client = createScheduler({ ...own, redis: sourceOf(link.address) });
    this.#evidence = openEvidence(trial.evidence.fileOf("driver"), "driver");
    this.record = new OperationRecord(this.#evidence);
    this.#redis = connectTo(trial.topology.address);
    this.operator = new Operator(this.#redis, namespace);
    const storeOf = (partition: number): Store =>
      new Store({
        redis: sourceOf(trial.topology.address),
        ...{ namespace, partitions, partition },
        retention: { runs: 10_000, enqueued: keptRuns(seed), age: 604_800_000, logAge: 86_400_000 },
        events: 1_000_000,
        deadline: 2000,
        leaseDeadline: 2000,
      });
    this.#stores = [storeOf(0), ...range(partitions).slice(1).map(storeOf)];
    const watched = openEvidence(trial.evidence.fileOf("watcher"), "watcher");
    this.#watching = connectTo(trial.topology.address);
    const { keepsWrites, store } = trial.topology;
    const apart = keepsWrites ? [] : store.map((server) => server.client({ readOnly: true, ...patient }));
    this.watcher = new Watcher(this.#watching, namespace, watched, apart, partitions);
  }

  static async open(trial: Trial, seed: number): Promise<Session> {
    const session = new Session(trial, await trial.topology.linkOf("driver"), seed);
    const { name: topology, keepsWrites, voters } = trial.topology;
    const { namespace, partitions } = trial.client;
    const where = { namespace, ...(partitions > 1 && { partitions }) };
    const conditions = { seed, topology, keepsWrites, voters: voters.length, ...where, limits, rates };
    const told = { keptRuns: keptRuns(seed), tellsHandBacks: true, tellsStops: true };
    session.#evidence.write({ kind: "trial", ...conditions, ...told });
    session.watcher.start();
    return session;
  }

  /** Takes something down. */
  write(fact: Parameters<EvidenceWriter["write"]>[0]): void {
    this.#evidence.write(fact);
  }

  /**
   * Asks for something until it is acknowledged.
   *
   * @throws Error if it has not been after a minute
   */
  async insist(does: Operation, call: () => Promise<unknown>): Promise<void> {
    const until = performance.now() + 60_000;
    for (;;) {
      const answer = await this.record.ask(does, call);
      if (answer.end === "acknowledged") return;
      if (performance.now() > until)
        throw new Error(
          `No ${does.do} was acknowledged for a minute; the last said ${answer.code}: ${answer.message}`,
        );
      await this.trial.lasts(500);
    }
  }

  /** Defines the jobs of the seeded mode, and answers who will change them. */
  async prepare(random: Random, begin: number, duration: number): Promise<Driver> {
    const jobs = plannedJobs(begin, duration);
    await this.insist({ do: "define", jobs }, async () => {
      await this.client.apply(jobs);
      const created: Record<string, number> = {};
      for await (const job of this.client.jobs()) created[job.id] = job.createdAt.getTime();
      return { created };
    });
    return this.#driver(random, begin, jobs);
  }

  #driver(random: Random, begin: number, jobs: readonly PlannedJob[]): Driver {
    const { client, operator, record, trial } = this;
    return new Driver({
      ...{ client, operator, record, random, begin, jobs },
      staleWriter: new StaleWriter(
        (job) => this.#stores[partitionOf(job, this.#stores.length)] ?? this.#stores[0],
      ),
      impostor: new Impostor(this.#stores),
      identities: () => this.#identities(),
      lasts: (ms) => trial.lasts(Math.max(1, ms)),
    });
  }

  /** The latest identity of each node. */
  #identities(): string[] {
    return [...new Map(this.trial.facts("up").map(({ node, id }) => [node, id])).values()];
  }

  /** Takes down what the store holds now, each partition at a moment of its own. */
  async dump(when: "during" | "settled" | "removed" | "stopped"): Promise<void> {
    const what = when === "stopped" ? "all" : "live";
    for (const { partition, dump } of await this.#dumps(what)) {
      const own = this.trial.partitions === 1 ? {} : { partition };
      this.write({ kind: "store", when, dump, ...own });
    }
  }

  #dumps(what: "all" | "live"): Promise<{ partition: number; dump: StoreDump }[]> {
    const { client, partitions } = this.trial;
    const each = async (partition: number): Promise<{ partition: number; dump: StoreDump }> => ({
      partition,
      dump: await dumpStore(this.#redis, client.namespace, what, partition),
    });
    return Promise.all(range(partitions).map(each));
  }

  /** Takes down what the data of all masters that have keys of the namespace take now. */
  async memory(when: "begun" | "stopped"): Promise<void> {
    const { topology, partitions } = this.trial;
    const masters = await Promise.all(
      range(partitions).map((partition) => topology.primary(this.trial.keyOf("", partition))),
    );
    const each = await Promise.all([...new Set(masters)].map((server) => ask(server, storeMemory)));
    const sum = (of: keyof StoreMemory): number => each.reduce((all, one) => all + one[of], 0);
    this.write({ kind: "memory", when, data: sum("data"), keys: sum("keys"), ofKeys: sum("ofKeys") });
  }

  /** Whether nothing waits, is due or runs. */
  async isIdle(): Promise<boolean> {
    const names = (await this.#dumps("live")).flatMap(({ dump }) => Object.keys(dump));
    return !names.some((name) =>
      /^(waiting|ready|blocked|paused|unstarted|requeued|attempts|limited|holds|runs|running|active:.*|dead)$/.test(
        name,
      ),
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const store of this.#stores) store.close();
    this.#redis.disconnect();
    this.#watching.disconnect();
    await this.client.stop();
    this.#evidence.close();
  }
}
