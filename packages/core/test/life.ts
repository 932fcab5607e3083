import { setTimeout as sleep } from "node:timers/promises";
import { cron, every } from "@escapement/triggers";
import { defineJobs, NonRetriableError, type Scheduler, type SchedulerOptions } from "../src/index.js";
import type { Cluster } from "./cluster.js";

const past = Date.parse("2026-01-01T00:00:00Z");

/** What a node is in these lives: handlers of all kinds, with limits and rates. */
export function lively(cluster: Cluster, options: SchedulerOptions): Scheduler {
  const node = cluster.scheduler({
    ...options,
    sweepEvery: 50,
    queues: ["default", { name: "narrow", limit: 1, rateLimit: { max: 50, per: "1s" } }],
    retain: { failed: 5, results: "1m" },
  });
  node.task("plain", async ({ id, log, progress, extend }) => {
    log.info({ id }, "begun");
    await progress({ half: true });
    await extend();
    return id;
  });
  node.task("fails", () => {
    throw new NonRetriableError("as it must");
  });
  node.task("again", ({ attempt }) => {
    if (attempt === 1) throw new Error("once");
  });
  node.task("slow", ({ signal }) => sleep(60_000, undefined, { signal, ref: false }));
  return node;
}

/** What whoever defines and asks does: jobs, runs, pauses, and every question. */
export async function clientsLife(client: Scheduler): Promise<void> {
  await client.schedule("plain", { id: "often", trigger: every("1s"), tags: ["t"], retain: { runs: 3 } });
  await client.schedule("again", {
    id: "retried",
    trigger: every("1s"),
    retry: { attempts: 2, backoff: "1s" },
  });
  await client.schedule("plain", {
    id: "past",
    trigger: every("1h", { from: new Date(past) }),
    queue: "narrow",
  });
  await client.schedule("fails", { id: "bad", trigger: every("1s"), pauseAfterFailures: 1 });
  await client.schedule("plain", { id: "child", dependsOn: ["often"], resumeFrom: "now", maxRuns: 50 });
  await client.schedule("plain", {
    ...{ id: "paced", trigger: every("1s", { after: "completion" }), overlap: "queue-one" },
    ...{ concurrencyKey: "key", rateLimit: { max: 100, per: "1s" } },
  });
  await client.schedule("slow", { id: "held", trigger: every("1s"), overlap: "queue-all" });
  await client.apply(
    defineJobs({
      name: "set",
      version: 1,
      jobs: [{ task: "plain", id: "of-set", trigger: cron("0 9 * * *") }],
    }),
  );
  await client.job("past").update({ priority: 5 });
  const runs = await client.enqueueMany("plain", [
    { input: 1 },
    { delay: "1h", id: "delayed" },
    { queue: "narrow" },
  ]);
  await client.enqueue("fails", { id: "dead" });
  await client.run("delayed").cancel({ reason: "no" });
  await client.job("past").runNow();
  await client.job("past").backfill({ from: past, to: past + 7_200_000 });
  await client.pause({ tag: "t" }, { reason: "stop" });
  await client.pause({ job: "past" }, { reason: "stop", for: "1h" });
  await client.job("past").resume({ from: "now" });
  await client.resume({ tag: "t" });
  await asks(client, runs[0]?.id ?? "");
}

/** Every question. */
export async function asks(client: Scheduler, run: string): Promise<void> {
  await all(client.jobs({ state: "paused" }));
  await all(client.jobs({ match: "p*", tag: "t" }));
  await client.job("often").get();
  await client.job("often").history();
  await client.job("often").nextFireTimes(2);
  await client.nextFireTimes({ count: 5 });
  for (const id of [run, "dead", "held@1"]) {
    await client.run(id).get();
    await client.run(id).logs();
  }
  await client.finishedRuns("plain");
  for (const of of [{ job: "held" }, { task: "plain" }]) await client.unfinishedRuns(of);
  await client.deadLetters();
  const nodes = await client.nodes();
  for (const { id } of nodes) await client.unfinishedRuns({ node: id });
  await client.leader();
  await client.load();
  await client.activeRuns();
  await client.pauses();
  await all(client.events({ since: "start", follow: false }));
}

/** What whoever may define does besides, once nodes have run. */
export async function clientsLaterLife(client: Scheduler): Promise<void> {
  await client.redrive({ limit: 1 });
  await client.removeDeadLetters();
  for (const of of [{ job: "held" }])
    for (const { id } of await client.unfinishedRuns(of)) await client.run(id).cancel();
  await client.job("held").remove({ cancelRunning: true });
  await client.group({ match: "*t*" }).remove();
}

async function all(items: AsyncIterable<unknown>): Promise<void> {
  for await (const _ of items);
}
