import { setTimeout as pause } from "node:timers/promises";
import { createScheduler } from "@escapement/core";
import { cron, once } from "@escapement/triggers";
import { quiet } from "../cost/quiet.js";
import { type Arena, openArena } from "../queues/arena.js";
import { queueName } from "../queues/contestant.js";
import { latenessAt, watchFires } from "../queues/fires.js";
import { escapement } from "../queues/index.js";
import { usedMemory } from "../queues/store-reading.js";
import { WorkerProcess } from "../queues/worker-process.js";
import { type Row, ratioOf } from "../rounds.js";
import { sectionLines } from "../section.js";
import { median } from "../statistics.js";
import { figure } from "../table.js";
import type { Budget, Outcome, Work } from "./work.js";

const firing = 1000; // jobs that fire once a second, spread over it

/** Whether jobs that are stored and not due cost those that are. Ours only. */
export const manyJobs: Work = {
  name: "many-jobs",
  about: "lateness at 1,000 fires a second beside 1,000,000 stored jobs, start-up and memory; ours only",
  run,
};

/** What was found with so many jobs stored. */
interface Found {
  readonly stored: number;
  readonly p50: readonly number[];
  readonly p99: readonly number[];
  readonly lost: number;
  /** From the start of the only node until it leads and has written a run that was due. */
  readonly startUpMs: number;
  readonly nodeBytes: number;
  readonly redisBytes: number;
}

async function run({ rounds }: Budget): Promise<Outcome> {
  const isQuick = rounds < 3;
  const sizes = isQuick ? [firing, 10_000] : [firing, 1_000_000];
  const found: Found[] = [];
  for (const stored of sizes) found.push(await measure(stored, isQuick));
  const rows = found.map(({ stored, p50, p99, lost, startUpMs, nodeBytes, redisBytes }) => [
    stored.toLocaleString("en-US"),
    ...[median(p50), median(p99), lost, startUpMs].map(figure),
    ...[nodeBytes, redisBytes].map((bytes) => figure(bytes / 2 ** 20)),
  ]);
  const section = {
    title: "Many stored jobs",
    head: ["stored jobs", "p50, ms", "p99, ms", "lost", "start-up, ms", "node, MiB at most", "Redis, MiB"],
    rows,
    notes: [
      "1,000 jobs fire once a second, spread over it; all others once a year. Start-up is from the start of the only node, which has to be elected first, until it has written the run of a job that was defined while nobody led.",
    ],
  };
  const [few, many] = found;
  const samples = { few: few?.p99 ?? [], many: many?.p99 ?? [] };
  const row: Row = { name: "p99", better: "less", samples };
  const ratio = ratioOf(row, "many", "few");
  const ratios = ratio === undefined ? {} : { "many-jobs: p99 with few to p99 with many": ratio };
  return { lines: sectionLines(section), figures: { found, ratios }, section, ratios };
}

async function measure(stored: number, isQuick: boolean): Promise<Found> {
  await using arena = await openArena({ wanted: [escapement] });
  await store(arena.place.redis, stored - firing);
  const [warmUp, seconds] = isQuick ? [1, 3] : [3, 15];
  const wanted = { jobs: firing, when: "spread", warmUp, seconds, concurrency: 500 } as const;
  const fires = await watchFires(escapement, arena.place, wanted);
  const startUpMs = await startUp(arena);
  return {
    ...{ stored, startUpMs, lost: fires.lost },
    ...{ p50: latenessAt(fires, 0.5), p99: latenessAt(fires, 0.99) },
    ...{ nodeBytes: fires.use.mostMemory, redisBytes: await usedMemory(arena.redis) },
  };
}

/** Of another node, once the first one has gone: until it has written the run of a job that was defined while nobody led. */
async function startUp({ place, redis }: Arena): Promise<number> {
  const instructions = { contestant: escapement.name, place, concurrency: 500, jobs: 0 } as const;
  const worker = await WorkerProcess.start({ ...instructions, handler: "nothing" });
  const client = createScheduler({ redis: place.redis, namespace: queueName, logger: quiet });
  await client.schedule(queueName, { id: "defined-meanwhile", trigger: once("now") });
  await client.stop();
  const startedAt = performance.now();
  await worker.begin();
  while ((await redis.zscore(`escapement:{${queueName}}:due`, "defined-meanwhile")) !== null) await pause(2);
  const ms = performance.now() - startedAt;
  await worker.stop();
  return ms;
}

/** Jobs that are due once a year, each at a minute of its own. */
async function store(redis: string, count: number): Promise<void> {
  const client = createScheduler({ redis, namespace: queueName, logger: quiet });
  const month = new Date().getUTCMonth() < 6 ? 11 : 3; // a month that is not now
  const page = 10_000;
  for (let from = 0; from < count; from += page) {
    const jobs = Array.from({ length: Math.min(page, count - from) }, (_, index) => {
      const n = from + index;
      const trigger = cron(
        `${n % 60} ${Math.floor(n / 60) % 24} ${1 + (Math.floor(n / 1440) % 28)} ${month} *`,
      );
      return { task: queueName, id: `stored-${n}`, trigger };
    });
    await client.apply(jobs);
  }
  await client.stop();
}
