import { partitionOf } from "@escapement/redis/internal";
import { eventually, type JobStore, startJobStore } from "@escapement/testing";
import { every, once } from "@escapement/triggers";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Cluster, heard } from "../test/cluster.js";
import { idIn } from "../test/following-partitions.js";
import type { RunState, Scheduler } from "./index.js";

const partitions = 8;
let server: JobStore;
beforeAll(async () => {
  server = await startJobStore();
});
afterAll(() => server.stop());

async function endsOf(client: Scheduler, id: string): Promise<Map<number, RunState>> {
  const runs = await client.job(id).history();
  return new Map(runs.map(({ scheduledAt, state }) => [scheduledAt.getTime(), state]));
}

test("over three nodes and eight partitions each run follows its parents' runs of the same fire time, once", async () => {
  await using cluster = new Cluster(server);
  const [left, right, both, last, own] = [
    idIn(1, "left"),
    idIn(2, "right"),
    idIn(3, "both"),
    idIn(4, "last"),
    idIn(5, "own"),
  ] as const;
  const order: string[] = [];
  for (const _ of ["one", "two", "three"]) {
    const node = cluster.scheduler({ partitions });
    node.task("work", (run) => {
      if (run.jobId === left && run.scheduledAt.getTime() % 1500 === 0) throw new Error("every third fails");
      order.push(run.id);
    });
    await node.start();
  }
  const client = cluster.scheduler({ partitions });
  const trigger = every(500, { from: new Date(0) });
  const common = { task: "work", maxRuns: 8, overlap: "allow" } as const;
  await client.apply([
    { ...common, id: left, trigger, then: [both] },
    { ...common, id: right, trigger },
    { task: "work", id: both, dependsOn: [right], overlap: "allow" },
    { task: "work", id: last, dependsOn: [both], overlap: "allow" },
    { ...common, id: own, trigger, dependsOn: [both], misfire: { grace: "1m" } },
  ]);
  const [ends, ofOwn] = await eventually(
    async () => {
      const found = [await endsOf(client, last), await endsOf(client, own)] as const;
      expect(found.map(({ size }) => size)).toEqual([8, 8]);
      return found;
    },
    { within: 30_000 },
  );
  const [first, second] = [await endsOf(client, left), await endsOf(client, right)];
  for (const [t, state] of ends) {
    const met = first.get(t) === "succeeded" && second.get(t) === "succeeded";
    expect(state).toBe(met ? "succeeded" : "skipped");
    if (ofOwn.has(t)) expect(ofOwn.get(t)).toBe(state);
    if (!met) continue;
    const places = [left, right, both, last].map((id) => order.indexOf(`${id}@${t}`));
    expect(Math.max(places[0] ?? 0, places[1] ?? 0)).toBeLessThan(places[2] ?? 0);
    expect(places[2]).toBeLessThan(places[3] ?? 0);
  }
  expect([...ends.values()].filter((state) => state === "skipped").length).toBeGreaterThanOrEqual(2);
  expect(new Set(order).size).toBe(order.length);
});

test("what fires at once when it is defined is followed by all that is defined with it", async () => {
  await using cluster = new Cluster(server);
  const node = cluster.scheduler({ partitions });
  node.task("work", () => undefined);
  await node.start();
  const ids = Array.from({ length: 10 }, (_, at) => idIn(at % partitions, `round-${at}`));
  for (const [at, id] of ids.entries()) {
    const [middle, end] = [
      idIn((at + 3) % partitions, `middle-${at}`),
      idIn((at + 5) % partitions, `end-${at}`),
    ];
    await node.apply([
      { task: "work", id, trigger: once("now"), ...(at % 2 === 0 && { then: [middle] }) },
      { task: "work", id: middle, dependsOn: at % 2 === 0 ? [] : [id] },
      { task: "work", id: end, dependsOn: [middle] },
    ]);
  }
  await eventually(
    async () => {
      for (const [at] of ids.entries()) {
        const end = idIn((at + 5) % partitions, `end-${at}`);
        expect([...(await endsOf(node, end)).values()], end).toEqual(["succeeded"]);
      }
    },
    { within: 20_000 },
  );
});

test("what a node could not carry before it died is carried by the leader; what cannot be keeps nothing else", async () => {
  await using cluster = new Cluster(server);
  const [parent, child, other] = [idIn(1, "parent"), idIn(3, "child"), idIn(4, "other")] as const;
  const redis = server.client();
  const inboxOf = (partition: number) => `escapement:{${cluster.namespace}:${partition}}:inbox`;
  const node = cluster.scheduler({ partitions });
  node.task("work", () => undefined);
  await node.start();
  const client = cluster.scheduler({ partitions });
  await client.apply([
    { task: "work", id: parent, trigger: every("1h") },
    { task: "work", id: child, dependsOn: [parent] },
    { task: "work", id: other, dependsOn: [parent] },
  ]);
  // Nobody can hand anything over to the child's partition; to the other one all goes as ever.
  const errors = heard(node, "error");
  const inbox = await redis.hgetall(inboxOf(3));
  await redis.set(inboxOf(3), "garbage");
  const first = await fire(client, parent);
  await eventually(async () => expect((await endsOf(client, other)).get(first)).toBe("succeeded"), {
    within: 10_000,
  });
  await eventually(() => errors.some(({ step }) => step === "carry"), { within: 10_000 });
  expect((await endsOf(client, child)).size).toBe(0);
  await node.stop({ timeout: 1000 });
  await redis.del(inboxOf(3));
  if (Object.keys(inbox).length > 0) await redis.hset(inboxOf(3), inbox);
  // One that knows nothing of it: its leader finds what was left.
  const next = cluster.scheduler({ partitions });
  next.task("work", () => undefined);
  await next.start();
  await eventually(async () => expect((await endsOf(client, child)).get(first)).toBe("succeeded"), {
    within: 10_000,
  });
  expect((await client.job(other).history()).length).toBe(1);
});

/** Lets a job fire at once, and answers when. */
async function fire(client: Scheduler, id: string): Promise<number> {
  const at = Date.now() + 300;
  await client.job(id).update({ trigger: once(new Date(at)) });
  await eventually(async () => expect((await endsOf(client, id)).has(at)).toBe(true), { within: 10_000 });
  return at;
}

test("what a step of the leader, or of a client, has left is carried as well: a run that was lost, one that was cancelled", async () => {
  await using cluster = new Cluster(server);
  const [parent, child] = [idIn(6, "parent"), idIn(2, "child")] as const;
  expect(partitionOf(parent, partitions)).not.toBe(partitionOf(child, partitions));
  const node = cluster.scheduler({ partitions });
  await node.start();
  await node.apply([
    { task: "none", id: parent, trigger: once(new Date(Date.now() + 300)) },
    { task: "none", id: child, dependsOn: [parent] },
  ]);
  const [at] = await node.job(parent).nextFireTimes(1);
  const run = `${parent}@${at?.getTime()}`;
  await eventually(async () => expect((await node.run(run).get())?.state).toBeDefined(), { within: 10_000 });
  await node.run(run).cancel();
  await eventually(async () => expect([...(await endsOf(node, child)).values()]).toEqual(["skipped"]), {
    within: 10_000,
  });
});
