import { setTimeout as pause } from "node:timers/promises";
import type { Redis } from "ioredis";
import type { Contestant, Place } from "./contestant.js";
import { type Reading, readStores, since } from "./store-reading.js";
import type { Instructions, Report } from "./worker-messages.js";
import { WorkerProcess } from "./worker-process.js";

/** Runs that are queued, and then worked off. */
export interface Task {
  readonly runs: number;
  /** Handlers at once in each process. */
  readonly concurrency: number;
  /** @default 1 */
  readonly processes?: number;
  /** @default "nothing" */
  readonly handler?: Instructions["handler"];
}

/** What working them off took. */
export interface WorkedOff {
  /** Runs a second, over the last nine tenths of them: connections have been made by then, and some of the code has been compiled. */
  readonly perSecond: number;
  /** CPU seconds of all worker processes, from the first run on. */
  readonly cpuSeconds: number;
  /** Of Redis, all the while. */
  readonly store: Reading;
  /** Of how many cores Redis made use, over the last nine tenths. */
  readonly cores: number;
}

const wave = 2000;
/** After so many ms without a single run it is given up. */
const patience = 20_000;

/**
 * Queues all runs, starts the processes, and waits until all runs were done.
 *
 * @param servers those of the store whose counters are read
 * @throws Error if a run was done twice or not at all
 */
export async function workOff(
  contestant: Contestant,
  place: Place,
  servers: readonly Redis[],
  task: Task,
): Promise<WorkedOff> {
  const { runs, concurrency, processes = 1, handler = "nothing" } = task;
  await queueRuns(contestant, place, runs);
  const instructions = { contestant: contestant.name, place, concurrency, handler, jobs: 0 };
  const started = Array.from({ length: processes }, () => WorkerProcess.start(instructions));
  const workers = await Promise.all(started);
  try {
    const before = await readStores(servers);
    await Promise.all(workers.map((worker) => worker.begin()));
    await allDone(workers, Math.floor(runs / 10));
    const [early, startedAt] = [await readStores(servers), performance.now()];
    await allDone(workers, runs);
    const after = await readStores(servers);
    const cores = (since(early, after).cpuSeconds * 1000) / (performance.now() - startedAt);
    const reports = await Promise.all(workers.map((worker) => worker.stop()));
    assertOnce(reports, runs);
    const cpuSeconds = reports.reduce((sum, report) => sum + report.cpuSeconds, 0);
    return { perSecond: rateOf(reports, runs), cpuSeconds, store: since(before, after), cores };
  } finally {
    for (const worker of workers) worker.kill();
  }
}

async function queueRuns(contestant: Contestant, place: Place, runs: number): Promise<void> {
  const client = await contestant.client(place);
  for (let from = 0; from < runs; from += wave)
    await client.enqueueMany(Array.from({ length: Math.min(wave, runs - from) }, (_, index) => from + index));
  await client.close();
}

/** Waits until so many handlers were called. */
export async function allDone(workers: readonly WorkerProcess[], runs: number): Promise<void> {
  let [count, progressAt] = [0, performance.now()];
  while (count < runs) {
    await pause(10);
    const counted = workers.reduce((sum, worker) => sum + worker.count, 0);
    if (counted > count) progressAt = performance.now();
    count = counted;
    if (performance.now() - progressAt > patience) throw new Error(`stuck after ${count} of ${runs} runs`);
  }
}

function assertOnce(reports: readonly Report[], runs: number): void {
  const times = new Uint8Array(runs);
  for (const { columns } of reports) for (const n of columns.numbers) times[n] = (times[n] ?? 0) + 1;
  const missing = times.filter((count) => count === 0).length;
  const repeated = times.filter((count) => count > 1).length;
  if (missing + repeated > 0)
    throw new Error(`of ${runs} runs ${missing} were not done, and ${repeated} were done more than once`);
}

function rateOf(reports: readonly Report[], runs: number): number {
  const times = new Float64Array(runs);
  let filled = 0;
  for (const { columns } of reports) {
    times.set(columns.times, filled);
    filled += columns.times.length;
  }
  times.sort();
  const first = Math.floor(runs / 10);
  const ms = (times[runs - 1] ?? 0) - (times[first] ?? 0);
  return ((runs - 1 - first) * 1000) / Math.max(ms, 0.001);
}
