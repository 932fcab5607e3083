import BeeQueue from "bee-queue";
import { type Contestant, type Place, queueName } from "./contestant.js";

/** What a run is handed. */
interface Data {
  readonly n?: number;
}

/** Bee-Queue, with all off that it can do without. It has no recurring jobs. */
export const beeQueue: Contestant = {
  name: "Bee-Queue",
  package: "bee-queue",
  store: "redis",
  bulk: true,
  pace: { one: 8000, many: 25_000 },
  about: "no history, no events, no locks: a run is given to another when its worker stalls",
  client: async (place) => {
    const queue = open(place, false);
    await queue.ready();
    return {
      enqueue: (n) => queue.createJob(dataOf(n)).save(),
      enqueueMany: (ns) => queue.saveAll(ns.map((n) => queue.createJob(dataOf(n)))),
      close: () => queue.close(),
    };
  },
  work: async (place, concurrency, handle) => {
    const queue = open(place, true);
    await queue.ready();
    queue.process(concurrency, async (job) => handle(job.data.n ?? 0, 0));
    return { stop: () => queue.close() };
  },
};

function dataOf(n: number | undefined): Data {
  return n === undefined ? {} : { n };
}

function open({ redis }: Place, isWorker: boolean): BeeQueue<Data> {
  const { hostname: host, port } = new URL(redis);
  const queue = new BeeQueue<Data>(queueName, {
    ...{ redis: { host, port: Number(port) }, isWorker },
    ...{ getEvents: false, sendEvents: false, storeJobs: false, removeOnSuccess: true },
  });
  queue.on("error", () => undefined);
  return queue;
}
