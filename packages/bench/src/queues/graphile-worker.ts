import { Logger, makeWorkerUtils, run } from "graphile-worker";
import { type Contestant, type Place, queueName } from "./contestant.js";

const logger = new Logger(() => () => undefined);

/** Graphile Worker. */
export const graphileWorker: Contestant = {
  name: "Graphile Worker",
  package: "graphile-worker",
  store: "postgres",
  bulk: false,
  pace: { one: 500, many: 4000 },
  about: "a lock a run, no history, on PostgreSQL without fsync",
  client: async (place) => {
    const utils = await makeWorkerUtils(connectionOf(place));
    await utils.migrate();
    const enqueue = (n?: number): Promise<unknown> => utils.addJob(queueName, n === undefined ? {} : { n });
    return {
      enqueue,
      enqueueMany: (ns) => Promise.all(ns.map((n) => enqueue(n))),
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
