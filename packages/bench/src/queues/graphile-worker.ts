import { Logger, makeWorkerUtils, run } from "graphile-worker";
import { type Contestant, type Place, queueName } from "./contestant.js";

const logger = new Logger(() => () => undefined);

/** Graphile Worker. */
export const graphileWorker: Contestant = {
  name: "Graphile Worker",
  package: "graphile-worker",
  store: "postgres",
  bulk: true,
  pace: { one: 500, many: 10_000 },
  about:
    "its local queue of 500 and batched completions; a lock a run, no history, on PostgreSQL without fsync",
  client: async (place) => {
    const utils = await makeWorkerUtils(connectionOf(place));
    await utils.migrate();
    const dataOf = (n: number | undefined): object => (n === undefined ? {} : { n });
    return {
      enqueue: (n) => utils.addJob(queueName, dataOf(n)),
      enqueueMany: (ns) => utils.addJobs(ns.map((n) => ({ identifier: queueName, payload: dataOf(n) }))),
      close: () => Promise.resolve(utils.release()),
    };
  },
  work: async (place, concurrency, handle) => {
    const runner = await run({
      ...connectionOf(place),
      ...{
        concurrency,
        maxPoolSize: Math.min(concurrency + 1, 20),
        pollInterval: 100,
        noHandleSignals: true,
      },
      preset: {
        worker: { localQueue: { size: 500 }, completeJobBatchDelay: 0, failJobBatchDelay: 0 },
      },
      taskList: { [queueName]: async (payload) => handle(numberIn(payload), 0) },
    });
    return { stop: () => runner.stop() };
  },
};

function numberIn(payload: unknown): number {
  return typeof payload === "object" && payload !== null && "n" in payload ? Number(payload.n) : 0;
}

function connectionOf({ postgres = "" }: Place): { connectionString: string; logger: Logger } {
  return { connectionString: postgres, logger };
}
