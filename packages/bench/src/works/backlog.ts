import { createScheduler } from "@escapement/core";
import { every } from "@escapement/triggers";
import type { Redis } from "ioredis";
import { quiet } from "../cost/quiet.js";
import { openArena } from "../queues/arena.js";
import { queueName } from "../queues/contestant.js";
import { escapement } from "../queues/index.js";
import { usedMemory } from "../queues/store-reading.js";
import { allDone } from "../queues/work-off.js";
import { WorkerProcess } from "../queues/worker-process.js";
import { sectionLines } from "../section.js";
import { figure } from "../table.js";
import type { Work } from "./work.js";

const missedEach = 100; // as many as `misfire.max` lets "all" run by default
const hour = 3_600_000;

/** How fast a cluster catches up that stood still. Ours only: BullMQ does not make up for what was missed. */
export const backlog: Work = {
  name: "backlog",
  about: "seconds to catch up with 1,000,000 missed runs of 10,000 jobs; ours only",
  run: async ({ rounds }) => {
    const missed = rounds < 3 ? 10_000 : 1_000_000;
    await using arena = await openArena({ wanted: [escapement] });
    await defineMissed(arena.place.redis, missed / missedEach);
    await rewind(arena.redis);
    const place = arena.place;
    const instructions = { contestant: escapement.name, place, concurrency: 500, jobs: 0 } as const;
    const worker = await WorkerProcess.start({ ...instructions, handler: "nothing" });
    const startedAt = performance.now();
    await worker.begin();
    await allDone([worker], missed);
    const seconds = (performance.now() - startedAt) / 1000;
    const [use, stored] = [await worker.use(), await usedMemory(arena.redis)];
    await worker.stop();
    const figures = { missed, seconds, perSecond: missed / seconds, use, redisBytes: stored };
    const section = {
      title: "Catching up",
      head: ["missed runs", "seconds", "runs a second", "node, MiB at most", "Redis, MiB after"],
      rows: [
        [
          missed.toLocaleString("en-US"),
          figure(seconds),
          figure(missed / seconds),
          ...[use.mostMemory, stored].map((bytes) => figure(bytes / 2 ** 20)),
        ],
      ],
      notes: [
        `${(missed / missedEach).toLocaleString("en-US")} jobs that missed ${missedEach} fire times each, with \`catchUp: "all"\`; one node, 500 handlers at once, from its start to the last run.`,
      ],
    };
    return { lines: sectionLines(section), figures, section };
  },
};

async function defineMissed(redis: string, jobs: number): Promise<void> {
  const client = createScheduler({ redis, namespace: queueName, logger: quiet });
  const trigger = every(hour, { from: Date.now() - 1000 * hour - hour / 2 });
  const all = Array.from({ length: jobs }, (_, n) => ({
    ...{ task: queueName, id: `job-${n}`, trigger, input: { n } },
    misfire: { catchUp: "all", max: missedEach } as const,
  }));
  for (let from = 0; from < jobs; from += 5000) await client.apply(all.slice(from, from + 5000));
  await client.stop();
}

/** As if nobody had led for so long: each job's next fire time is what it was then. */
async function rewind(redis: Redis): Promise<void> {
  const script = `
    for _, id in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do
      redis.call('ZINCRBY', KEYS[1], -ARGV[1], id)
    end`;
  await redis.eval(script, 1, `escapement:{${queueName}}:due`, missedEach * hour);
}
