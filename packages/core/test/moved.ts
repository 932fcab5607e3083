import type { JobStore } from "@escapement/testing";
import { eventually } from "@escapement/testing";
import { NonRetriableError, type Scheduler } from "../src/index.js";
import { Cluster } from "./cluster.js";
import { later, StoreBench } from "./store-bench.js";

export const tasks = ["plain", "fails", "again", "limited"] as const;
export const queues = ["default", "other"] as const;
export const jobs: readonly string[] = Array.from({ length: 12 }, (_, at) => `job-${at}`);

/** See {@link furnish}. */
export interface Furnished extends AsyncDisposable {
  readonly bench: StoreBench;
  readonly cluster: Cluster;
}

/** A task's handlers of all ends. */
export function serve(node: Scheduler, started: (id: string) => void = () => undefined): void {
  node.task("plain", async ({ id, log, attempt }) => {
    started(`${id}#${attempt}`);
    log.info({ id }, "begun");
    return { of: id };
  });
  node.task("limited", ({ id, attempt }) => started(`${id}#${attempt}`));
  node.task("fails", ({ id, attempt }) => {
    started(`${id}#${attempt}`);
    throw new NonRetriableError("as it must");
  });
  node.task("again", ({ id, attempt }) => {
    started(`${id}#${attempt}`);
    if (attempt === 1) throw new Error("once");
  });
}

/**
 * A namespace of one partition in which there is something of every kind: ended runs with results and logs, dead letters, retries that wait, due, delayed,
 * blocked and paused runs, a node that has died with what it held. Nothing lives there.
 */
export async function furnish(server: JobStore): Promise<Furnished> {
  const bench = await new StoreBench(server).ready();
  const cluster = new Cluster(server, { partitions: 1 });
  Object.assign(cluster, { namespace: bench.store.namespace });
  const node = cluster.scheduler({ queues: [...queues], retain: { failed: 50, results: "1h" } });
  serve(node);
  await node.start();
  const retry = { attempts: 3, backoff: "1h" };
  for (const id of jobs) await node.schedule("plain", { id, trigger: later, tags: ["t"], metadata: { id } });
  await node.schedule("again", { id: "retried", trigger: later, retry });
  await node.schedule("fails", {
    id: "failing",
    trigger: later,
    pauseAfterFailures: 5,
    retain: { runs: 7, results: "1h" },
  });
  await node.schedule("plain", { id: "counted", trigger: later, maxRuns: 3 });
  await node.schedule("plain", { id: "child", dependsOn: ["job-0", "job-1"] });
  await node.apply([{ task: "plain", id: "of-list", trigger: later, resumeFrom: "now" }]);
  await node.apply({ name: "set", version: 3, jobs: [{ task: "plain", id: "of-set", trigger: later }] });
  for (const id of [...jobs, "retried", "failing"]) await node.job(id).runNow();
  await node.enqueueMany(
    "plain",
    Array.from({ length: 25 }, (_, input) => ({ input })),
  );
  await node.enqueueMany(
    "fails",
    Array.from({ length: 9 }, (_, at) => ({ queue: queues[at % 2] ?? "default" })),
  );
  await node.enqueueMany(
    "again",
    Array.from({ length: 5 }, (_, at) => ({ id: `once-more-${at}`, retry })),
  );
  await eventually(
    async () => {
      const { due, active, waiting, deadLetters } = await node.load();
      return due === 0 && active === 0 && waiting === 6 && deadLetters === 10;
    },
    { within: 20_000 },
  );
  await node.stop();
  const client = cluster.scheduler();
  // Due, and started by nobody; what a pause holds back; what waits for another run of its job or for a place.
  await client.enqueueMany(
    "plain",
    Array.from({ length: 30 }, (_, at) => ({ input: at, priority: at % 3 })),
  );
  await client.enqueueMany(
    "plain",
    Array.from({ length: 5 }, (_, at) => ({ id: `delayed-${at}`, delay: "1h" })),
  );
  await client.enqueueMany(
    "limited",
    Array.from({ length: 4 }, () => ({ concurrencyKey: "key" })),
  );
  await client.schedule("plain", { id: "queued", trigger: later, overlap: "queue-all" });
  for (let at = 0; at < 3; at += 1) await client.job("queued").runNow();
  for (const id of jobs) await client.job(id).runNow();
  await client.pause({ job: "job-3" }, { reason: "of its own" });
  await client.pause({ tag: "other" }, { reason: "of a tag" });
  await bench.redis.rpush(bench.store.keys.pause("task:nobody"), "by", "hand");
  const dead = await bench.node("dead", 300);
  await dead.claim({ slots: 20, lanes: ["default@limited", "default@plain"] });
  await eventually(
    async () =>
      (await bench.redis.zscore(bench.store.keys.nodes, "dead")) !== null &&
      Number(await bench.redis.zscore(bench.store.keys.nodes, "dead")) < (await bench.now()),
  );
  return {
    bench,
    cluster,
    async [Symbol.asyncDispose]() {
      await cluster[Symbol.asyncDispose]();
      await bench[Symbol.asyncDispose]();
    },
  };
}
