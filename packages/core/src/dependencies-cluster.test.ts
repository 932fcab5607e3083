import { eventually, type JobStore, startJobStore } from "@escapement/testing";
import { every } from "@escapement/triggers";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Cluster } from "../test/cluster.js";

let server: JobStore;
beforeAll(async () => {
  server = await startJobStore();
});
afterAll(() => server.stop());

test("dependsOn, then: over three nodes each run follows its parents' runs of the same fire time, once, whoever ran them", async () => {
  await using cluster = new Cluster(server);
  const order: string[] = [];
  const nodes = ["one", "two", "three"].map(() => cluster.scheduler());
  for (const node of nodes) {
    node.task("work", (run) => {
      if (run.jobId === "left" && run.scheduledAt.getTime() % 900 === 0) throw new Error("every third fails");
      order.push(run.id);
    });
    await node.start();
  }
  const trigger = every(300, { from: new Date(0) });
  const common = { task: "work", maxRuns: 12, overlap: "allow", jitter: 50 } as const;
  await cluster.scheduler().apply([
    { ...common, id: "left", trigger, then: ["both"] },
    { ...common, id: "right", trigger },
    { task: "work", id: "both", dependsOn: ["right"], overlap: "allow" },
    { task: "work", id: "last", dependsOn: ["both"], overlap: "allow" },
  ]);
  const client = cluster.scheduler();
  const endsOf = async (id: string) =>
    new Map(
      (await client.job(id).history()).map(
        ({ scheduledAt, state }) => [scheduledAt.getTime(), state] as const,
      ),
    );
  const last = await eventually(
    async () => {
      const ends = await endsOf("last");
      expect(ends.size).toBe(12);
      return ends;
    },
    { within: 20_000 },
  );
  const [left, right] = [await endsOf("left"), await endsOf("right")];
  for (const [t, state] of last) {
    const [first, second] = [left.get(t), right.get(t)];
    expect(state).toBe(first === "succeeded" && second === "succeeded" ? "succeeded" : "skipped");
    if (state === "skipped") continue;
    const places = ["left", "right", "both", "last"].map((id) => order.indexOf(`${id}@${t}`));
    expect(Math.max(places[0] ?? 0, places[1] ?? 0)).toBeLessThan(places[2] ?? 0);
    expect(places[2]).toBeLessThan(places[3] ?? 0);
  }
  expect([...last.values()].filter((state) => state === "skipped").length).toBeGreaterThanOrEqual(4);
  expect(new Set(order).size).toBe(order.length);
});
