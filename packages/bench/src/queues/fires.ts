import { setTimeout as pause } from "node:timers/promises";
import { quantile } from "../statistics.js";
import type { Client, Contestant, Place } from "./contestant.js";
import type { Columns } from "./records.js";
import type { Instructions, Use } from "./worker-messages.js";
import { WorkerProcess } from "./worker-process.js";

const second = 1000;
/** What is later than so many ms after the last fire time of a window counts as lost. */
const latest = 3000;
const wave = 1000;

/** How jobs fire that each fire once a second. */
export interface Firing {
  readonly jobs: number;
  /** All in one instant of each second, or spread over it. */
  readonly when: "at once" | "spread";
  /** How many seconds go by before it is watched, and how many it is. */
  readonly warmUp: number;
  readonly seconds: number;
  /** Handlers at once. */
  readonly concurrency: number;
}

/** How late they started. */
export interface Fires {
  /** Milliseconds from the fire time to the handler's call, rising; for what was lost, until it was given up, which is less than it would have been; of each part of the window. */
  readonly lateness: readonly Float64Array[];
  /** Fire times for which no handler was called, and for which more than one was. */
  readonly lost: number;
  readonly repeated: number;
  /** What the worker process used from its begin to the end of the window. */
  readonly use: Use;
}

/** Defines the jobs, and watches one worker process start their runs. */
export async function watchFires(contestant: Contestant, place: Place, firing: Firing): Promise<Fires> {
  const client = await contestant.client(place);
  const { jobs, concurrency } = firing;
  const instructions = { contestant: contestant.name, place, concurrency, handler: "nothing", jobs } as const;
  return watch(instructions, firing, async () => {
    // By then all are defined: some 2000 a second are, by the slowest.
    const first = Math.ceil((Date.now() + 2 * second + jobs / 2) / second) * second;
    await defineAll(client, firing, first);
    await client.close();
    if (Date.now() > first)
      throw new Error(`defining ${jobs} jobs took too long: the first were due by then`);
    return first;
  });
}

/** The same for one in process, which has no store. */
export async function watchTimers(contestant: string, firing: Firing): Promise<Fires> {
  const instructions = { contestant, place: { redis: "" }, concurrency: 0, handler: "nothing" } as const;
  return watch({ ...instructions, jobs: firing.jobs }, firing, async () => Date.now() + 2 * second);
}

async function watch(
  instructions: Instructions,
  firing: Firing,
  define: () => Promise<number>,
): Promise<Fires> {
  const worker = await WorkerProcess.start(instructions);
  try {
    await worker.begin();
    const first = await define();
    const from = Math.ceil(first / second + firing.warmUp) * second;
    const until = from + firing.seconds * second;
    await pause(from - Date.now());
    await worker.watch();
    await pause(until - Date.now());
    const use = await worker.use();
    await pause(latest);
    const { columns } = await worker.stop();
    return { ...judge(columns, firing, from, until), use };
  } finally {
    worker.kill();
  }
}

async function defineAll(client: Client, { jobs, when }: Firing, first: number): Promise<void> {
  const wanted = Array.from({ length: jobs }, (_, n) => ({
    ...{ id: `job-${n}`, n },
    when: { every: second, from: first + phaseOf(n, jobs, when) },
  }));
  for (let from = 0; from < jobs; from += wave) {
    const some = wanted.slice(from, from + wave);
    if (client.defineMany !== undefined) await client.defineMany(some);
    else await Promise.all(some.map((job) => client.define?.(job)));
  }
}

/** How many ms after the others' first it fires. */
const phaseOf = (n: number, jobs: number, when: Firing["when"]): number =>
  when === "at once" ? 0 : Math.floor((n * second) / jobs);

/** Those of the window, by thirds of it: medians of three are shown, and their spread. */
function judge(
  { times, due, numbers }: Columns,
  { jobs, seconds, when }: Firing,
  from: number,
  until: number,
): Omit<Fires, "use"> {
  const parts = 3;
  const lateness: number[][] = Array.from({ length: parts }, () => []);
  const partOf = (dueAt: number): number[] | undefined =>
    lateness[Math.floor(((dueAt - from) / (until - from)) * parts)];
  const seen = new Map<number, number>(); // by second and job: how often
  for (const [index, dueAt] of due.entries()) {
    if (dueAt < from || dueAt >= until) continue;
    const slot = Math.floor((dueAt - from) / second) * jobs + (numbers[index] ?? 0);
    seen.set(slot, (seen.get(slot) ?? 0) + 1);
    partOf(dueAt)?.push((times[index] ?? 0) - dueAt);
  }
  // What was lost counts as well: else the rest would look the better the more were lost.
  for (let slot = 0; slot < seconds * jobs; slot += 1) {
    if (seen.has(slot)) continue;
    const dueAt = from + Math.floor(slot / jobs) * second + phaseOf(slot % jobs, jobs, when);
    partOf(dueAt)?.push(until + latest - dueAt);
  }
  return {
    lateness: lateness.map((part) => Float64Array.from(part).sort()),
    lost: seconds * jobs - seen.size,
    repeated: [...seen.values()].filter((count) => count > 1).length,
  };
}

/** Its quantile in each part of the window, in ms, at least a tenth: clocks and timers are no better. */
export function latenessAt({ lateness }: Fires, share: number): number[] {
  return lateness.map((part) => Math.max(quantile(part, share), 0.1));
}
