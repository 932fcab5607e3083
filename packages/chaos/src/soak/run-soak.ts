import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { createScheduler, type Logger } from "@escapement/core";
import { startProcess, startRedis, type TestProcess, uniqueNamespace } from "@escapement/testing";
import type { Redis } from "ioredis";
import { type JudgedTrend, judgeTrends } from "./judge-soak.js";
import { type Mild, mildFaults } from "./mild-faults.js";
import { type NodeReport, quantilesOf, reportStart, type Sample, sampleEvery } from "./sample.js";
import { sampleStore } from "./store-sample.js";
import { compareSecond, type Mismatch, Tally } from "./tally.js";
import { Workload } from "./workload.js";

const program = fileURLToPath(new URL("../../dist/soak/soak-node.js", import.meta.url));
const silent: Logger = { debug() {}, info() {}, warn() {}, error() {}, child: () => silent };

/** What a soak is told. */
export interface SoakOptions {
  /** Milliseconds. */
  readonly duration: number;
  /** Runs a second. @default 2000 */
  readonly rate?: number;
  /** @default 3 */
  readonly nodes?: number;
  /** Whether Redis writes its data to the disk, many gigabytes of it, which not every disk bears beside the load. @default "no" */
  readonly appendonly?: "no" | "everysec";
  /** Whether a node stands still, connections are cut and the leader resigns now and then. @default false */
  readonly faults?: boolean;
}

/** The report of a soak. */
export interface SoakReport {
  /** Each run started once, and nothing grew. */
  readonly valid: boolean;
  readonly duration: number;
  readonly rate: number;
  readonly expected: number;
  readonly started: number;
  readonly retried: number;
  readonly refused: number;
  /** Seconds in which not each run started once. */
  readonly mismatches: readonly Mismatch[];
  readonly trends: readonly JudgedTrend[];
  readonly faults: readonly Mild[];
  readonly samples: readonly Sample[];
}

/** Runs nodes for a long time under a steady load, and judges whether each run started once and whether anything grows. */
export async function runSoak(
  options: SoakOptions,
  tell: (sample: Sample, before: Sample | undefined) => void,
): Promise<SoakReport> {
  const { duration, rate = 2000, nodes: count = 3, appendonly = "no" } = options;
  await using redis = await startRedis({ appendonly });
  const seconds = Math.round(duration / 1000);
  const shared = {
    redis: redis.url,
    namespace: uniqueNamespace("soak"),
    concurrency: 100,
    // As by default, but for short soaks: full within the first half, so that only what leaks grows in the second.
    retain: { runs: Math.min(100, Math.max(5, Math.floor(seconds / 4))) },
  };
  await using client = createScheduler({ ...shared, logger: silent });
  await using soak = await Soak.start(shared, count);
  const workload = new Workload(client, rate);
  await workload.begin();
  const from = Date.now() + 2000; // the first full second of all jobs comes after they were defined
  const redisClient = redis.client();
  const faults = options.faults ? mildFaults(client, redisClient, soak.processes) : undefined;
  await soak.sample(redisClient, duration, tell);
  faults?.stop();
  const until = Date.now() - 1000;
  await workload.end();
  const mismatches = await soak.compare(workload, from, until);
  const trends = judgeTrends(soak.samples);
  const { expected, started } = soak;
  return {
    valid: mismatches.length === 0 && trends.every(({ holds }) => holds) && expected > 0,
    ...{ duration, rate, expected, started, retried: soak.retried, refused: soak.refused },
    ...{ mismatches, trends, faults: faults?.done ?? [], samples: soak.samples },
  };
}

/** The nodes of a soak, and what they have told. */
class Soak implements AsyncDisposable {
  readonly processes: readonly TestProcess[];
  readonly samples: Sample[] = [];
  readonly #tally = new Tally();
  readonly #read: number[];
  retried = 0;
  refused = 0;
  expected = 0;
  started = 0;

  private constructor(processes: readonly TestProcess[]) {
    this.processes = processes;
    this.#read = processes.map(() => 0);
  }

  static async start(config: object, count: number): Promise<Soak> {
    const env = { ESCAPEMENT_SOAK_NODE: JSON.stringify(config), NODE_ENV: "production" };
    const starting = Array.from({ length: count }, () => startProcess(process.execPath, [program], { env }));
    const processes = await Promise.all(starting);
    await Promise.all(processes.map((one) => one.waitForLine(/^joined/, 30_000)));
    return new Soak(processes);
  }

  /** Takes a sample each few seconds until the time is over. */
  async sample(
    redis: Redis,
    duration: number,
    tell: (sample: Sample, before: Sample | undefined) => void,
  ): Promise<void> {
    const begin = performance.now();
    for (let number = 1; performance.now() - begin < duration; number += 1) {
      await sleep(Math.max(1, begin + number * sampleEvery - performance.now()));
      const store = await sampleStore(redis, number % 6 === 1);
      const reports = this.#news();
      if (reports.size === 0) continue;
      const sample = this.#sampleOf(Math.round((performance.now() - begin) / 1000), reports, store);
      tell(sample, this.samples.at(-1));
      this.samples.push(sample);
    }
  }

  /** Waits until each second's runs have started, for a while, and answers the seconds of which that cannot be said. */
  async compare(workload: Workload, from: number, until: number): Promise<Mismatch[]> {
    const seconds = workload.enqueuedSeconds;
    for (let second = Math.ceil(from / 1000); second < Math.floor(until / 1000); second += 1)
      seconds.push(`fired ${second}`);
    const all = seconds.map((second) => ({ second, expected: workload.expected(second) }));
    const end = performance.now() + 30_000;
    for (;;) {
      this.#news();
      const wrong = all.flatMap(({ second, expected }) => {
        const started = this.#tally.of(second);
        return compareSecond(second, expected, started, () => workload.idsOf(second)) ?? [];
      });
      this.expected = all.reduce((sum, { expected }) => sum + expected.count, 0);
      this.started = all.reduce((sum, { second }) => sum + this.#tally.of(second).count, 0);
      if (wrong.length === 0 || performance.now() > end) return wrong;
      await sleep(500);
    }
  }

  /** What the nodes have told since the last time, the latest of each by its name, and all of it counted. */
  #news(): Map<string, NodeReport[]> {
    const news = new Map<string, NodeReport[]>();
    for (const [index, { lines }] of this.processes.entries()) {
      const reports = lines.slice(this.#read[index]).filter((line) => line.startsWith(reportStart));
      this.#read[index] = lines.length;
      if (reports.length > 0)
        news.set(
          `n${index + 1}`,
          reports.map((line) => JSON.parse(line) as NodeReport),
        );
    }
    for (const { started, retried, refused } of [...news.values()].flat()) {
      this.#tally.merge(started);
      this.retried += retried;
      this.refused += refused;
    }
    return news;
  }

  #sampleOf(at: number, news: ReadonlyMap<string, readonly NodeReport[]>, store: Sample["store"]): Sample {
    const late = new Map<number, number>();
    for (const { lateness } of [...news.values()].flat())
      for (const [ms, count] of Object.entries(lateness))
        late.set(Number(ms), (late.get(Number(ms)) ?? 0) + count);
    const nodes = Object.fromEntries(
      [...news].map(([name, reports]) => {
        const { rss, heapUsed, loop, cpu } = reports.at(-1) as NodeReport;
        return [name, { rss, heapUsed, loop, cpu }];
      }),
    );
    const starts = [...late.values()].reduce((sum, count) => sum + count, 0);
    return { at, nodes, store, starts, lateness: quantilesOf(late) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const one of this.processes) one.kill("SIGTERM");
    await Promise.race([
      Promise.all(this.processes.map(({ exited }) => exited)),
      sleep(15_000, undefined, { ref: false }),
    ]);
    await Promise.all(this.processes.map((one) => one.stop()));
  }
}
