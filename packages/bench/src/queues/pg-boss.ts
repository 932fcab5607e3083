import PgBoss from "pg-boss";
import { type Contestant, type Place, queueName } from "./contestant.js";

/** What a run is handed. */
interface Data {
  readonly n?: number;
}

/** pg-boss, by `fetch` and `complete`: its `work` fetches one batch each half second at best. */
export const pgBoss: Contestant = {
  name: "pg-boss",
  package: "pg-boss",
  store: "postgres",
  bulk: true,
  pace: { one: 300, many: 8000 },
  about: "fetch and complete in batches of the concurrency, on PostgreSQL without fsync",
  client: async (place) => {
    const boss = await open(place);
    await boss.createQueue(queueName);
    const dataOf = (n: number | undefined): Data => (n === undefined ? {} : { n });
    return {
      enqueue: (n) => boss.send(queueName, dataOf(n)),
      enqueueMany: (ns) => boss.insert(ns.map((n) => ({ name: queueName, data: dataOf(n) }))),
      close: () => boss.stop({ graceful: false }),
    };
  },
  work: async (place, concurrency, handle) => {
    const boss = await open(place);
    let isOpen = true;
    const loop = (async () => {
      while (isOpen) {
        const jobs = await boss.fetch<Data>(queueName, { batchSize: concurrency });
        await Promise.all(jobs.map(({ data }) => handle(data.n ?? 0, 0)));
        if (jobs.length > 0)
          await boss.complete(
            queueName,
            jobs.map(({ id }) => id),
          );
        else await new Promise((resolve) => setTimeout(resolve, 5));
      }
    })();
    const stop = async (): Promise<void> => {
      isOpen = false;
      await loop;
      await boss.stop({ graceful: false });
    };
    return { stop };
  },
};

async function open({ postgres = "" }: Place): Promise<PgBoss> {
  const boss = new PgBoss({ connectionString: postgres, max: 10, supervise: false, schedule: false });
  boss.on("error", () => undefined);
  return boss.start();
}
