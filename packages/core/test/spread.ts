import { partitionOf } from "@escapement/redis/internal";
import { eventually, type JobStore, type StoreClient } from "@escapement/testing";
import type { Scheduler, SchedulerOptions } from "../src/index.js";
import { Cluster } from "./cluster.js";

/** A start of a handler. */
export interface Start {
  readonly run: string;
  /** Monotonic, ms. */
  readonly at: number;
}

/** Schedulers of one namespace that is spread over several partitions of one server, and somebody with `redis-cli`. */
export class Spread implements AsyncDisposable {
  readonly partitions: number;
  readonly cluster: Cluster;
  readonly redis: StoreClient;
  /** What the handlers of {@link node} have begun. */
  readonly starts: Start[] = [];

  constructor(server: JobStore, partitions = 8) {
    this.cluster = new Cluster(server);
    this.redis = server.client();
    this.partitions = partitions;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.cluster[Symbol.asyncDispose]();
    this.redis.disconnect();
  }

  scheduler(options: SchedulerOptions = {}): Scheduler {
    return this.cluster.scheduler({ partitions: this.partitions, pollEvery: "60s", ...options });
  }

  /** One that runs `task`, started. Each start is noted; `fails`: then it throws. */
  async node(
    options: SchedulerOptions = {},
    fails: (run: string) => boolean = () => false,
  ): Promise<Scheduler> {
    const scheduler = this.scheduler(options);
    scheduler.task("task", ({ id }) => {
      this.starts.push({ run: id, at: performance.now() });
      if (fails(id)) throw new TypeError("no figures");
    });
    await scheduler.start();
    return scheduler;
  }

  /** An id, with that beginning, of each partition. */
  ids(begin: string): string[] {
    return Array.from({ length: this.partitions }, (_, partition) => this.id(begin, partition));
  }

  id(begin: string, partition: number): string {
    for (let number = 0; ; number += 1) {
      const id = `${begin}-${number}`;
      if (partitionOf(id, this.partitions) === partition) return id;
    }
  }

  prefix(partition = 0): string {
    return `escapement:{${this.cluster.namespace}${partition === 0 ? "" : `:${partition}`}}:`;
  }

  /** The key of a pause. */
  pause(name: string, partition = 0): string {
    return `${this.prefix(partition)}pause:${name}`;
  }

  /** In which partitions there is a key for that pause. */
  async pausedIn(name: string): Promise<number[]> {
    const all = Array.from({ length: this.partitions }, (_, partition) => partition);
    const found = await Promise.all(all.map((partition) => this.redis.exists(this.pause(name, partition))));
    return all.filter((partition) => found[partition] === 1);
  }

  /** Until the server's clock has gone on by so many ms: that nothing happens shows only in time. */
  async passes(ms: number): Promise<void> {
    const now = async (): Promise<number> => {
      const [s, us] = await this.redis.time();
      return Number(s) * 1000 + Number(us) / 1000;
    };
    const until = (await now()) + ms;
    await eventually(async () => (await now()) >= until, { within: ms + 10_000 });
  }
}
