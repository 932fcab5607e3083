import { createScheduler } from "@escapement/core";
import type { Redis } from "ioredis";
import { quiet } from "../cost/quiet.js";
import { type Arena, openArena } from "../queues/arena.js";
import { type Client, type Contestant, type Place, queueName, type Recurring } from "../queues/contestant.js";
import { bullmq, escapement, schedulers } from "../queues/index.js";
import { usedMemory } from "../queues/store-reading.js";
import { allDone, workOff } from "../queues/work-off.js";
import { WorkerProcess } from "../queues/worker-process.js";
import { type Row, ratiosOf, takeTurns } from "../rounds.js";
import { sectionLines } from "../section.js";
import { queueSection } from "./queue-section.js";
import type { Work } from "./work.js";

const jobName = "a recurring job: id of 20 characters, daily, no input";
const waitingName = "a waiting run without input";
const endedName = "a finished run that is kept: enqueued, without input";
const historyName = "a finished run that is kept: of a recurring job";
const jobsWithHistory = 100; // as many entries of each

/** How many bytes of Redis' memory each thing takes that is stored. */
export const memory: Work = {
  name: "memory",
  about: "bytes of Redis' memory that a recurring job, a waiting run and a finished one take",
  run: async ({ rounds }) => {
    const count = rounds < 3 ? 2000 : 20_000;
    await using arena = await openArena({ wanted: schedulers });
    const turns = schedulers.map((contestant) => ({
      row: "bytes",
      contestant: contestant.name,
      measure: async () => {
        await arena.clear();
        // So that all scripts are in Redis' memory from the start.
        await workOff(contestant, arena.place, [arena.redis], { runs: 200, concurrency: 100 });
        return {
          [jobName]: await ofJobs(arena, contestant, count),
          ...(await ofRuns(arena, contestant, count)),
          ...(contestant === escapement ? { [historyName]: await ofHistory(arena, count) } : {}),
        };
      },
    }));
    const { samples, failures } = await takeTurns([turns], 1);
    const rows = [jobName, waitingName, endedName, historyName].map((name): Row => {
      // What BullMQ keeps of a finished run is the same for each.
      const peer = samples[name === historyName ? endedName : name]?.[bullmq.name] ?? [];
      return { name, better: "less", samples: { ...samples[name], [bullmq.name]: peer } };
    });
    const notes = [
      ...failures,
      `Of ${count.toLocaleString("en-US")} each, by \`used_memory\` of Redis before and after; streams of events, which are bounded, are left out.`,
    ];
    const names = schedulers.map(({ name }) => name);
    const section = queueSection("Bytes of Redis' memory", rows, names, notes);
    const ratios = ratiosOf("memory", rows, escapement.name, bullmq.name);
    return { lines: sectionLines(section), figures: { rows, failures, ratios }, section, ratios };
  },
};

async function ofJobs(arena: Arena, contestant: Contestant, count: number): Promise<number> {
  const jobs = Array.from(
    { length: count + 200 },
    (_, n): Recurring => ({
      id: `job-${String(n).padStart(16, "0")}`,
      when: { cron: `${n % 60} ${n % 24} * * *` },
    }),
  );
  return stored(arena, contestant, count, async (client, from, to) => {
    if (client.defineMany !== undefined) await client.defineMany(jobs.slice(from, to));
    else
      for (let at = from; at < to; at += 1000)
        await Promise.all(jobs.slice(at, Math.min(at + 1000, to)).map((job) => client.define?.(job)));
  });
}

async function ofRuns(
  arena: Arena,
  contestant: Contestant,
  count: number,
): Promise<Record<typeof waitingName | typeof endedName, number>> {
  const place = { ...arena.place, keep: 1_000_000 };
  let empty = 0;
  const waiting = await stored(arena, contestant, count, async (client, from, to) => {
    empty ||= await settled(arena.redis, contestant);
    for (let at = from; at < to; at += 1000)
      await client.enqueueMany(Array.from({ length: Math.min(1000, to - at) }, () => undefined));
  });
  const worker = await begun(contestant, place);
  await allDone([worker], count + 200);
  await worker.stop();
  const ended = ((await settled(arena.redis, contestant)) - empty) / (count + 200);
  return { [waitingName]: waiting, [endedName]: ended };
}

/** Ours keeps them by job. */
async function ofHistory(arena: Arena, count: number): Promise<number> {
  await arena.clear();
  const { redis } = arena.place;
  const client = await escapement.client(arena.place);
  const ids = Array.from({ length: count / jobsWithHistory }, (_, n) => `job-${String(n).padStart(16, "0")}`);
  await client.defineMany?.(ids.map((id) => ({ id, when: { cron: "0 9 1 1 *" } })));
  await client.close();
  const empty = await settled(arena.redis, escapement);
  const worker = await begun(escapement, arena.place);
  const scheduler = createScheduler({ redis, namespace: queueName, logger: quiet });
  for (let run = 0; run < jobsWithHistory; run += 1) {
    await Promise.all(ids.map((id) => scheduler.job(id).runNow()));
    await allDone([worker], (run + 1) * ids.length); // else they would overlap, and be skipped
  }
  await scheduler.stop();
  await worker.stop();
  return ((await settled(arena.redis, escapement)) - empty) / count;
}

/** Bytes for each of so many, after the first 200 of them: what there is but once is there by then. */
async function stored(
  arena: Arena,
  contestant: Contestant,
  count: number,
  store: (client: Client, from: number, to: number) => Promise<void>,
): Promise<number> {
  await arena.clear();
  const client = await contestant.client(arena.place);
  await store(client, 0, 200);
  const before = await settled(arena.redis, contestant);
  await store(client, 200, 200 + count);
  await client.close();
  return ((await settled(arena.redis, contestant)) - before) / count;
}

async function begun(contestant: Contestant, place: Place): Promise<WorkerProcess> {
  const instructions = { contestant: contestant.name, place, concurrency: 100, jobs: 0 } as const;
  const worker = await WorkerProcess.start({ ...instructions, handler: "nothing" });
  await worker.begin();
  return worker;
}

/** The memory in use without the stream of events. */
async function settled(redis: Redis, { events }: Contestant): Promise<number> {
  if (events !== undefined) await redis.del(events);
  return usedMemory(redis);
}
