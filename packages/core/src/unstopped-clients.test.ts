// Clients that know how many partitions a namespace has, and go on while it is moved to another number.
import { isDeepStrictEqual } from "node:util";
import { eventually, type JobStore, startJobStore } from "@escapement/testing";
import { cron, every } from "@escapement/triggers";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Cluster } from "../test/cluster.js";
import { defineJobs, movePartitions, type Scheduler } from "./index.js";

let server: JobStore;
beforeAll(async () => {
  server = await startJobStore();
});
afterAll(() => server.stop());

const set = (version: number, ...ids: string[]): ReturnType<typeof defineJobs> =>
  defineJobs({ version, jobs: ids.map((id) => ({ id, task: "task", trigger: cron("0 * * * *") })) });

/** What a client may ask that writes, each with a job and a run that there are. */
const calls: Record<string, (client: Scheduler) => Promise<unknown>> = {
  schedule: (client) => client.schedule("task", { id: "other", trigger: every("1h") }),
  "apply of a set": (client) => client.apply(set(2)),
  "apply of a list": (client) => client.apply([{ id: "other", task: "task", trigger: every("1h") }]),
  enqueue: (client) => client.enqueue("task"),
  update: (client) => client.job("job").update({ priority: 1 }),
  remove: (client) => client.job("job").remove(),
  runNow: (client) => client.job("job").runNow(),
  backfill: (client) => {
    const to = new Date();
    return client.job("job").backfill({ from: new Date(Number(to) - 7_200_000), to });
  },
  cancel: (client) => client.run("run").cancel(),
  resume: (client) => client.job("held").resume(),
  "resume from now": (client) => client.job("held").resume({ from: "now" }),
  "resume from what was missed": (client) => client.job("held").resume({ from: "missed" }),
  "resume of a task": (client) => client.resume({ task: "held" }),
  redrive: (client) => client.redrive({ queue: "default" }),
};

for (const [what, call] of Object.entries(calls))
  test(`${what} is refused while the namespace is moved, and after it, and changes nothing`, async () => {
    await using cluster = new Cluster(server, { partitions: 2 });
    const [client, other] = [cluster.scheduler(), cluster.scheduler({ partitions: 3 })];
    await client.apply(set(1, "job", "held"));
    for (const target of [{ job: "held" }, { task: "held" }]) await client.pause(target, { reason: "why" });
    await client.enqueue("task", { id: "run", delay: "1h" });
    const node = cluster.scheduler();
    node.task("fails", () => Promise.reject(new Error("no figures")));
    await node.enqueue("fails", { id: "letter" });
    await node.start();
    await eventually(async () => expect(await node.deadLetters()).toHaveLength(1));
    await node.stop();
    const held: Promise<unknown>[] = [];
    const code = (error: { readonly code?: string }): string | undefined => error.code;
    const options = { redis: server.url, namespace: cluster.namespace };
    const steps = new Set<string>();
    await movePartitions(options, {
      to: 3,
      onProgress: ({ step }) => {
        if (steps.has(step)) return;
        steps.add(step);
        if (step === "copy") held.push(call(client).then(() => "taken", code));
      },
    });
    expect(await Promise.all(held)).toEqual(["NAMESPACE_MOVING"]);
    // What it reads first it finds where that is no more.
    expect(["PARTITION_MISMATCH", "JOB_NOT_FOUND", "RUN_NOT_FOUND", "none"]).toContain(
      await call(client).then((answer) => (isDeepStrictEqual(answer, []) ? "none" : "taken"), code),
    );
    expect(await other.apply(set(1, "job", "held"))).toMatchObject({
      ...{ unchanged: ["job", "held"], set: { before: 1 } },
    });
    expect((await other.pauses()).map(({ target }) => target).sort()).toEqual(["job:held", "task:held"]);
    expect(await other.job("job").get()).toMatchObject({ priority: 0 });
    expect(await other.job("other").get()).toBeUndefined();
    expect((await other.run("run").get())?.state).toBe("scheduled");
    expect((await other.deadLetters()).map(({ id }) => id)).toEqual(["letter"]);
    expect((await other.unfinishedRuns({ task: "task" })).map(({ id }) => id)).toEqual(["run"]);
  });
