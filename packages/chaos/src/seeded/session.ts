import { createScheduler, type Logger, type Scheduler } from "@escapement/core";
import { Store } from "@escapement/core/internal";
import type { Cluster, Redis } from "ioredis";
import { type EvidenceWriter, openEvidence } from "../evidence/evidence.js";
import { dumpStore } from "../evidence/store-dump.js";
import { storeMemory } from "../evidence/store-memory.js";
import { Watcher } from "../evidence/watcher.js";
import { ask } from "../faults/hands.js";
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
  /** For those who write what they must not. */
  readonly #store: Store;

  private constructor(trial: Trial, link: Link, seed: number) {
    this.trial = trial;
    this.link = link;
    const { namespace } = trial.client;
    const voters = link.voters.length === 0 ? {} : { voters: [...link.voters] };
    const own = { ...nodeOptions(seed), ...voters, namespace, deadline: "2s", logger: silent };
    this.client = createScheduler({ ...own, redis: sourceOf(link.address) });
    this.#evidence = openEvidence(trial.evidence.fileOf("driver"), "driver");
    this.record = new OperationRecord(this.#evidence);
    this.#redis = connectTo(trial.topology.address);
    this.operator = new Operator(this.#redis, namespace);
    this.#store = new Store({
      redis: sourceOf(trial.topology.address),
      namespace,
      retention: { runs: 10_000, enqueued: keptRuns(seed), age: 604_800_000, logAge: 86_400_000 },
      events: 1_000_000,
      deadline: 2000,
      leaseDeadline: 2000,
    });
    const watched = openEvidence(trial.evidence.fileOf("watcher"), "watcher");
    this.#watching = connectTo(trial.topology.address);
    const { keepsWrites, store } = trial.topology;
    const apart = keepsWrites ? [] : store.map((server) => server.client({ readOnly: true, ...patient }));
    this.watcher = new Watcher(this.#watching, namespace, watched, apart);
  }

  static async open(trial: Trial, seed: number): Promise<Session> {
    const session = new Session(trial, await trial.topology.linkOf("driver"), seed);
    const { name: topology, keepsWrites, voters } = trial.topology;
    const { namespace } = trial.client;
    const conditions = { seed, topology, keepsWrites, voters: voters.length, namespace, limits, rates };
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
      staleWriter: new StaleWriter(this.#store),
      impostor: new Impostor(this.#store),
      identities: () => this.#identities(),
      lasts: (ms) => trial.lasts(Math.max(1, ms)),
    });
  }

  /** The latest identity of each node. */
  #identities(): string[] {
    return [...new Map(this.trial.facts("up").map(({ node, id }) => [node, id])).values()];
  }

  /** Takes down what the store holds now. */
  async dump(when: "during" | "settled" | "removed" | "stopped"): Promise<void> {
    const what = when === "stopped" ? "all" : "live";
    this.write({
      kind: "store",
      when,
      dump: await dumpStore(this.#redis, this.trial.client.namespace, what),
    });
  }

  /** Takes down what the store's data take now. */
  async memory(when: "begun" | "stopped"): Promise<void> {
    const server = await this.trial.topology.primary(`escapement:{${this.trial.client.namespace}}:`);
    this.write({ kind: "memory", when, ...(await ask(server, storeMemory)) });
  }

  /** Whether nothing waits, is due or runs. */
  async isIdle(): Promise<boolean> {
    const dump = await dumpStore(this.#redis, this.trial.client.namespace, "live");
    return !Object.keys(dump).some((name) =>
      /^(waiting|ready|blocked|paused|unstarted|requeued|attempts|limited|holds|runs|running|active:.*|dead)$/.test(
        name,
      ),
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#store.close();
    this.#redis.disconnect();
    this.#watching.disconnect();
    await this.client.stop();
    this.#evidence.close();
  }
}
