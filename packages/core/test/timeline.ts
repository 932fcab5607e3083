import type { JobStore } from "@escapement/testing";
import { every } from "@escapement/triggers";
import type { JobOptions } from "../src/job.js";
import { Materialiser } from "../src/materialise.js";
import { PauseWatch } from "../src/watch.js";
import { type BenchNode, StoreBench } from "./store-bench.js";

/** A job's fire times are so far apart. */
export const step = 10_000;
/** The first one comes so long after the beginning. */
const first = 1000;

/** What is recorded of fire times that did not start: indices of the first and the last, and how many. */
export interface Recorded {
  readonly reason: string;
  readonly from: number;
  readonly to: number;
  readonly count: number;
}

/**
 * A store whose time stands still but for `advance`, with a leader and a node that go round when they are told to. Fire times are told by
 * index: 0 comes one second after the beginning, each further one 10 s later.
 */
export class Timeline implements AsyncDisposable {
  readonly bench: StoreBench;
  readonly begin: number;
  readonly node: BenchNode;
  readonly leader: Materialiser;
  /** Indices of the fire times that have started, by job; of other runs their ids. */
  readonly started = new Map<string, (number | string)[]>();

  private constructor(bench: StoreBench, begin: number, node: BenchNode) {
    this.bench = bench;
    this.begin = begin;
    this.node = node;
    this.leader = new Materialiser(bench.store, 15_000, bench.events);
  }

  static async start(server: JobStore): Promise<Timeline> {
    const bench = await new StoreBench(server).ready();
    const begin = await bench.advance(3_600_000); // far enough ahead that real time does not catch up
    return new Timeline(bench, begin, await bench.node("node", 1e12));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.bench[Symbol.asyncDispose]();
  }

  at(index: number): number {
    return this.begin + first + index * step;
  }

  indexOf(time: number): number {
    return (time - this.begin - first) / step;
  }

  /** A job with those fire times, which allows overlap and has 5 s of grace. */
  define(id: string, { misfire, ...options }: Partial<JobOptions> = {}): Promise<void> {
    return this.bench.define(id, {
      trigger: every(step, { from: new Date(this.at(0)) }),
      overlap: "allow",
      misfire: { grace: 5000, ...misfire },
      ...options,
    });
  }

  /** The leader writes what comes next. */
  async lead(): Promise<void> {
    while ((await this.leader.round(this.bench.epoch)).more);
  }

  /** One look of the leader at pauses, in pages: answers whether there is more to do. */
  watcher(): PauseWatch {
    return new PauseWatch(this.bench.store, this.bench.epoch, this.bench.events, 86_400_000);
  }

  /** The node starts what is due, and ends it at once. Answers the run ids. */
  async run(): Promise<string[]> {
    const all: string[] = [];
    for (let more = true; more; ) {
      const { claimed } = await this.node.claim({ slots: 100, lanes: ["default@task", "second@task"] });
      for (const { run, job = "-", scheduledAt } of claimed) {
        const what = /@\d+$/.test(run) ? this.indexOf(scheduledAt ?? Number.NaN) : run;
        this.started.set(job, [...(this.started.get(job) ?? []), what]);
        all.push(run);
      }
      await this.node.complete(claimed);
      more = claimed.length > 0;
    }
    return all;
  }

  /** Time goes on until a little after a fire time, with a look of everybody at each one in between. */
  async goOnTo(index: number): Promise<void> {
    for (;;) {
      await this.lead();
      await this.run();
      const now = await this.bench.now();
      if (this.indexOf(now) >= index) return;
      const next = this.at(Math.floor(this.indexOf(now)) + 1);
      await this.bench.advance(next + 1 - now);
    }
  }

  /** Time goes on to a little after a fire time, and nobody looks. */
  async skipTo(index: number): Promise<void> {
    await this.bench.advance(this.at(index) + 1 - (await this.bench.now()));
  }

  startsOf(id: string): (number | string)[] {
    return this.started.get(id) ?? [];
  }

  /** What is recorded as missed of a job, first to last. */
  async missedOf(id: string): Promise<Recorded[]> {
    const { redis, store } = this.bench;
    const entries = await redis.lrange(store.keys.history(id), 0, -1);
    return entries.flatMap((text) => {
      const [from, , , state, , , , ...detail] = text.split(" ");
      if (state !== "m") return [];
      const { reason, count, to } = JSON.parse(detail.join(" ")) as {
        reason: string;
        count: number;
        to: number;
      };
      return [{ reason, from: this.indexOf(Number(from)), to: this.indexOf(to), count }];
    });
  }
}
