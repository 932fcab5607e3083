import { createKeys, partitionOf } from "@escapement/redis/internal";
import { eventually, uniqueNamespace } from "@escapement/testing";
import { every } from "@escapement/triggers";
import { createScheduler, type RedisSource, type Scheduler, type SchedulerEvent } from "../src/index.js";
import { partitions } from "./cluster.js";
import { silentLogger } from "./silent-logger.js";

/** Milliseconds between two fire times. */
const step = 250;

/** Two nodes that share a job which fires every quarter of a second, and all that is seen of it. */
export class Ticking implements AsyncDisposable {
  readonly namespace: string = uniqueNamespace("ticking");
  /** A key of the partition that the job lives in. */
  readonly key: string = createKeys(this.namespace, partitionOf("tick", partitions)).clock;
  readonly nodes: readonly Scheduler[];
  /** Fire times of the attempts that were started, in the order in which that was told. */
  readonly started: { readonly at: number; readonly attempt: number; readonly node: number }[] = [];
  /** What a reader of the cluster's events got. */
  readonly events: SchedulerEvent[] = [];
  #readerEnded: unknown;
  readonly #ended = new AbortController();

  private constructor(source: () => RedisSource) {
    this.nodes = [0, 1].map((node) => {
      const scheduler = createScheduler({
        redis: source(),
        namespace: this.namespace,
        nodeTtl: 4000,
        leaderTtl: 2000,
        lookahead: 5000,
        deadline: 1500,
        logger: silentLogger,
      });
      scheduler.task("tick", async () => undefined);
      scheduler.on("beforeRun", ({ scheduledAt, attempt }) => {
        this.started.push({ at: scheduledAt.getTime(), attempt, node });
      });
      return scheduler;
    });
  }

  /** Resolves when both nodes have started a run. */
  static async start(source: () => RedisSource): Promise<Ticking> {
    const ticking = new Ticking(source);
    const [first] = ticking.nodes;
    for (const node of ticking.nodes) await node.start();
    await first?.schedule("tick", { id: "tick", trigger: every(step), overlap: "allow" });
    void ticking.#read();
    await ticking.goesOn();
    return ticking;
  }

  /** Resolves when a run that is due from now on was started, and a reader of events got word of something that came later. */
  async goesOn(within: number = 25_000): Promise<void> {
    const from = Date.now();
    await eventually(
      () => {
        if (this.#readerEnded !== undefined) throw this.#readerEnded;
        const isTold = this.events.some(({ at }) => at.getTime() >= from);
        return isTold && this.started.some(({ at }) => at >= from);
      },
      { within, every: 50 },
    );
  }

  /** The fire times, by when they are due, that were not started between the first and the last that was, and those that were twice. */
  odd(): { readonly missing: number; readonly twice: number } {
    const times = this.started.map(({ at }) => at);
    const once = new Set(times);
    const [first, last] = [Math.min(...times), Math.max(...times)];
    return { missing: (last - first) / step + 1 - once.size, twice: times.length - once.size };
  }

  /** Resolves when nothing between the first and the last fire time is missing. */
  async isWhole(): Promise<void> {
    await eventually(() => this.odd().missing === 0, { within: 20_000, every: 50 });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#ended.abort();
    await Promise.all(this.nodes.map((node) => node.stop({ timeout: 1000 })));
  }

  async #read(): Promise<void> {
    const [first] = this.nodes;
    const events = first?.events({ signal: this.#ended.signal }) ?? [];
    try {
      for await (const event of events) this.events.push(event);
    } catch (error) {
      this.#readerEnded = error;
    }
  }
}
