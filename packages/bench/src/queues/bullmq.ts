import { type Job, Queue, Worker } from "bullmq";
import { type Contestant, defaultKeep, type Place, queueName, type Recurring } from "./contestant.js";

/** What a run is handed. */
interface Data {
  readonly n?: number;
}

/** BullMQ: a lock an attempt, and as many finished runs kept as we keep. */
export const bullmq: Contestant = {
  name: "BullMQ",
  package: "bullmq",
  store: "redis",
  bulk: true,
  pace: { one: 8000, many: 28_000 },
  events: `bull:${queueName}:events`,
  about: "a lock an attempt; removeOnComplete and removeOnFail keep as many as Escapement keeps",
  client: async (place) => {
    const queue = new Queue<Data>(queueName, { connection: connectionOf(place) });
    queue.on("error", () => undefined); // what fails rejects as well
    await queue.waitUntilReady();
    return {
      enqueue: (n) => queue.add(queueName, dataOf(n)),
      enqueueMany: (ns) => queue.addBulk(ns.map((n) => ({ name: queueName, data: dataOf(n) }))),
      define: ({ id, n, when }: Recurring) =>
        queue.upsertJobScheduler(
          id,
          "cron" in when
            ? { pattern: when.cron, tz: "UTC" }
            : { every: when.every, startDate: new Date(when.from) },
          { name: queueName, data: dataOf(n) },
        ),
      close: () => queue.close(),
    };
  },
  work: async (place, concurrency, handle) => {
    const keep = { count: place.keep ?? defaultKeep };
    const worker = new Worker<Data>(queueName, async (job) => handle(job.data.n ?? 0, dueAt(job)), {
      ...{ connection: connectionOf(place), concurrency },
      ...{ removeOnComplete: keep, removeOnFail: keep },
    });
    worker.on("error", () => undefined);
    await worker.waitUntilReady();
    return { stop: () => worker.close() };
  },
};

function dataOf(n: number | undefined): Data {
  return n === undefined ? {} : { n };
}

/** Of a scheduler's job the last part of its id. */
function dueAt({ id, repeatJobKey, timestamp }: Job): number {
  return repeatJobKey === undefined || id === undefined
    ? timestamp
    : Number(id.slice(id.lastIndexOf(":") + 1));
}

function connectionOf({ redis }: Place): { host: string; port: number; maxRetriesPerRequest: null } {
  const { hostname: host, port } = new URL(redis);
  return { host, port: Number(port), maxRetriesPerRequest: null };
}
