import { RedisBackend } from "@agendajs/redis-backend";
import { Agenda } from "agenda";
import { type Contestant, queueName } from "./contestant.js";

/** What a run is handed. */
interface Data {
  readonly n?: number;
}

/** Agenda on its Redis backend. */
export const agenda: Contestant = {
  name: "Agenda",
  package: "agenda",
  store: "redis",
  bulk: false,
  pace: { one: 200, many: 800, most: 750 },
  about: "its Redis backend; a lock a run, no history (removeOnComplete)",
  client: async (place) => {
    const backend = new RedisBackend({ connectionString: place.redis });
    const client = open(backend, 1);
    await client.ready;
    const enqueue = (n?: number): Promise<unknown> =>
      client.now<Data>(queueName, n === undefined ? {} : { n });
    return {
      enqueue,
      enqueueMany: (ns) => Promise.all(ns.map((n) => enqueue(n))),
      // Its own `stop` does nothing where it was never started.
      close: () => backend.disconnect(),
    };
  },
  work: async (place, concurrency, handle) => {
    const worker = open(new RedisBackend({ connectionString: place.redis }), concurrency);
    worker.on("error", () => undefined);
    worker.define<Data>(queueName, async ({ attrs }) => handle(attrs.data?.n ?? 0, 0));
    await worker.start();
    return { stop: () => worker.stop(true) };
  },
};

function open(backend: RedisBackend, concurrency: number): Agenda {
  return new Agenda({
    backend,
    ...{ defaultConcurrency: concurrency, maxConcurrency: concurrency, removeOnComplete: true },
    processEvery: 100, // ms; what is put there by `now` is told of as well
  });
}
