import { createScheduler, type JobDeclaration } from "@escapement/core";
import { cron, every } from "@escapement/triggers";
import { quiet } from "../cost/quiet.js";
import {
  type Client,
  type Contestant,
  defaultKeep,
  type Place,
  queueName,
  type Recurring,
} from "./contestant.js";

/** This project, with its defaults: leases, locks, fencing tokens, history and events are on. */
export const escapement: Contestant = {
  name: "Escapement",
  package: "@escapement/core",
  store: "redis",
  bulk: true,
  pace: { one: 40_000, many: 60_000 },
  events: `escapement:{${queueName}}:events`,
  about: "defaults: a lease a node, a lock and a fencing token an attempt, history, events",
  client: async (place) => clientOf(place),
  work: async (place, concurrency, handle) => {
    const { redis, voters = [], partitions = 1, keep = defaultKeep } = place;
    const scheduler = createScheduler({
      ...{ redis, voters, partitions, concurrency, namespace: queueName, logger: quiet },
      retain: { enqueued: keep },
    });
    scheduler.task<{ n: number } | undefined>(queueName, ({ input, scheduledAt }) =>
      handle(input?.n ?? 0, scheduledAt.getTime()),
    );
    await scheduler.start();
    return { stop: () => scheduler.stop() };
  },
};

async function clientOf({ redis, partitions = 1 }: Place): Promise<Client> {
  const scheduler = createScheduler({ redis, partitions, namespace: queueName, logger: quiet });
  await scheduler.load(); // connected
  return {
    enqueue: (n) => scheduler.enqueue(queueName, options(n)),
    enqueueMany: (ns) =>
      scheduler.enqueueMany(
        queueName,
        ns.map((n) => options(n)),
      ),
    define: (job) => scheduler.schedule(queueName, jobOf(job)),
    defineMany: (jobs) => scheduler.apply(jobs.map(jobOf)),
    close: () => scheduler.stop(),
  };
}

function jobOf({ id, n, when }: Recurring): JobDeclaration {
  const trigger = "cron" in when ? cron(when.cron) : every(when.every, { from: when.from });
  return { task: queueName, id, trigger, ...options(n) };
}

function options(n: number | undefined): { input?: { n: number } } {
  return n === undefined ? {} : { input: { n } };
}
