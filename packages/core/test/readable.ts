import type { StoreClient } from "@escapement/testing";
import type { Job, Scheduler } from "../src/index.js";

/** Everything that can be read of jobs and runs, as one whoever the namespace is spread. Without what changes as time passes. */
export async function readable(
  client: Scheduler,
  of: { readonly tasks: readonly string[]; readonly queues: readonly string[] },
): Promise<Record<string, unknown>> {
  const jobs: Job[] = [];
  for await (const job of client.jobs()) jobs.push(job);
  const byId = <T extends { readonly id: string }>(items: readonly T[]): T[] =>
    [...items].sort((one, other) => (one.id < other.id ? -1 : 1));
  const runs: string[] = [];
  const ofJobs: Record<string, unknown> = {};
  for (const job of byId(jobs)) {
    const handle = client.job(job.id);
    const [history, unfinished] = [await handle.history(), await client.unfinishedRuns({ job: job.id })];
    runs.push(...history.map(({ id }) => id), ...unfinished.map(({ id }) => id));
    ofJobs[job.id] = { job, history, unfinished };
  }
  const ofTasks: Record<string, unknown> = {};
  for (const task of of.tasks) {
    const finished = await client.finishedRuns(task);
    const unfinished = await client.unfinishedRuns({ task });
    runs.push(...finished.map(({ id }) => id), ...unfinished.map(({ id }) => id));
    // Of one millisecond in no order.
    const ends = finished.map(({ finishedAt }) => Number(finishedAt));
    if (ends.some((end, at) => end > (ends[at - 1] ?? end))) throw new Error(`Not in order: ${ends}`);
    ofTasks[task] = { finished: byId(finished), unfinished: byId(unfinished) };
  }
  const dead = await Promise.all(of.queues.map(async (queue) => byId(await client.deadLetters({ queue }))));
  const logs: Record<string, unknown> = {};
  for (const run of runs) logs[run] = await client.run(run).logs();
  const { at: _, lag: __, ...load } = await client.load();
  const pauses = (await client.pauses()).map(({ target, reason, by, since }) => ({
    target,
    reason,
    by,
    since,
  }));
  return { ofJobs, ofTasks, dead, logs, load, active: await client.activeRuns(), pauses };
}

/** All keys of a namespace with one partition, and what is in them, in an order of their own; without those that tell of time and nodes. */
export async function contents(redis: StoreClient, namespace: string): Promise<Record<string, unknown>> {
  const prefix = `escapement:{${namespace}}:`;
  const found: Record<string, unknown> = {};
  for (const key of (await redis.keys(`${prefix}*`)).sort()) {
    const name = key.slice(prefix.length);
    const pairs = (flat: string[]): string[][] =>
      flat.flatMap((text, at) => (at % 2 === 0 ? [[text, flat[at + 1] ?? ""]] : []));
    const read: Record<string, () => Promise<unknown>> = {
      string: () => redis.get(key),
      hash: async () => Object.fromEntries(Object.entries(await redis.hgetall(key)).sort()),
      set: async () => (await redis.smembers(key)).sort(),
      zset: async () => pairs(await redis.zrange(key, 0, -1, "WITHSCORES")),
      list: async () => {
        const items = await redis.lrange(key, 0, -1);
        return /^(history|failures):~/.test(name) ? items.sort() : items; // of one millisecond in no order
      },
      stream: () => redis.xrange(key, "-", "+"),
    };
    const ends = (await redis.pttl(key)) > 0;
    found[name] = { ends, content: await read[await redis.type(key)]?.() };
  }
  return found;
}
