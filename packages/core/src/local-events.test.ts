import { hostname, userInfo } from "node:os";
import { eventually, type JobStore, startJobStore } from "@escapement/testing";
import { every, once } from "@escapement/triggers";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Cluster, gate, heard } from "../test/cluster.js";

let server: JobStore;
beforeAll(async () => {
  server = await startJobStore();
});
afterAll(() => server.stop());

describe("listeners hear of what happens on their own node", () => {
  test("jobExhausted when the last run has ended, once, on the node where it ended; jobRemoved with whenExhausted", async () => {
    await using cluster = new Cluster(server);
    const node = cluster.scheduler();
    const other = cluster.scheduler({ queues: ["other"] });
    const held = gate();
    node.task("task", () => held.opened);
    const exhausted = heard(node, "jobExhausted");
    const removed = heard(node, "jobRemoved");
    const elsewhere = heard(other, "jobExhausted");
    await Promise.all([node.start(), other.start()]);
    await other.schedule("task", { id: "kept", trigger: once("now") });
    await other.schedule("task", { id: "gone", trigger: every("20ms"), maxRuns: 1, whenExhausted: "remove" });
    await eventually(async () => {
      expect((await other.job("kept").get())?.running).toBeDefined();
      expect((await other.job("gone").get())?.running).toBeDefined();
    });
    expect(exhausted).toEqual([]);
    held.open();
    await eventually(() => expect(exhausted).toHaveLength(2));
    expect(exhausted.map(({ jobId }) => jobId).sort()).toEqual(["gone", "kept"]);
    await eventually(() => expect(removed).toEqual([{ jobId: "gone" }]));
    expect((await other.job("kept").get())?.state).toBe("exhausted");
    await (await other.job("kept").runNow()).result();
    expect(exhausted).toHaveLength(2);
    expect(elsewhere).toEqual([]);
  });

  test("afterRun also of who begins to listen while the handler runs, and not before the store has taken the end", async () => {
    await using cluster = new Cluster(server);
    const node = cluster.scheduler();
    const [begun, held] = [gate(), gate()];
    node.task("task", () => {
      begun.open();
      return held.opened;
    });
    await node.start();
    const run = await node.enqueue("task");
    await begun.opened;
    const states: unknown[] = [];
    node.on("afterRun", ({ runId }) => void run.get().then((known) => states.push([runId, known?.state])));
    held.open();
    await eventually(() => expect(states).toEqual([[run.id, "succeeded"]]));
  });

  test("paused and resumed by the process that pauses and resumes, by target or by a job's handle", async () => {
    await using cluster = new Cluster(server);
    const [one, other] = [cluster.scheduler(), cluster.scheduler()];
    const [paused, resumed] = [heard(one, "paused"), heard(one, "resumed")];
    const until = new Date("2090-01-01T00:00:00Z");
    const who = `${userInfo().username}@${hostname()}`;
    await one.pause("all", { reason: "maintenance", by: "ops", until });
    await one.job("sales").pause({ reason: "wrong figures" });
    await other.pause({ tag: "emea" }, { reason: "elsewhere" });
    const keys = await server.client().keys(`escapement:{${cluster.namespace}}:pause:*`);
    expect(keys.map((key) => key.split(":pause:")[1]).sort()).toEqual(["all", "job:sales", "tag:emea"]);
    await eventually(() =>
      expect(paused).toEqual([
        { target: "all", reason: "maintenance", by: "ops", since: expect.any(Date), until },
        { target: "job:sales", reason: "wrong figures", by: who, since: expect.any(Date), until: undefined },
      ]),
    );
    expect(await one.job("sales").resume()).toBe(true);
    expect(await one.job("sales").resume({ from: "missed" })).toBe(false);
    expect(await one.resume("all", { from: "missed" })).toBe(true);
    await eventually(() =>
      expect(resumed).toEqual([
        { target: "job:sales", from: undefined, by: who },
        { target: "all", from: "missed", by: who },
      ]),
    );
    expect(await server.client().exists(keys)).toBe(1);
  });
});
