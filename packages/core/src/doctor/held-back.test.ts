import { eventually, type JobStore, startJobStore } from "@escapement/testing";
import { every } from "@escapement/triggers";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Cluster, idsTogether } from "../../test/cluster.js";
import { findingsOf } from "../../test/findings.js";
import type { Scheduler, SchedulerOptions } from "../index.js";

// What is due and does not start since somebody wanted that, for all of it or for more than was meant.

let server: JobStore;
beforeAll(async () => {
  server = await startJobStore({ appendonly: "everysec" });
});
afterAll(() => server.stop());

const why = { reason: "new disks", by: "ada" };

/** A node with handlers for these tasks, whose lease a slow machine keeps as well. */
async function worker(
  cluster: Cluster,
  tasks: readonly string[] = ["task"],
  options: SchedulerOptions = {},
): Promise<{ readonly node: Scheduler; readonly id: string }> {
  const node = cluster.scheduler({ nodeTtl: 10_000, ...options });
  for (const task of tasks) node.task(task, () => undefined);
  await node.start();
  return { node, id: node.nodeId ?? "" };
}

describe("workers that are drained", () => {
  test("are told of as long as others take runs, and are no fault", async () => {
    await using cluster = new Cluster(server);
    const { node, id } = await worker(cluster);
    await worker(cluster);
    await node.pause({ node: id }, why);
    const findings = await findingsOf(node, "nodes");
    expect(findings.map(({ level }) => level)).toEqual(["ok", "ok"]);
    expect(findings[1]?.message).toMatch(
      new RegExp(`^1 of 2 workers are drained: ${id} for \\d+ s by ada \\("new disks"\\)`),
    );
  });

  test("are a warning when there is no other, and an error once something is due", async () => {
    await using cluster = new Cluster(server);
    const first = await worker(cluster);
    const second = await worker(cluster);
    await worker(cluster, ["task"], { roles: ["leader"] });
    for (const { node, id } of [first, second]) await node.pause({ node: id }, why);
    const client = cluster.scheduler();
    expect(await findingsOf(client, "nodes")).toMatchObject([
      { level: "ok" },
      {
        level: "warning",
        message: expect.stringMatching(/^Every running worker is drained.*nothing is due/),
      },
    ]);
    await client.enqueue("task");
    const findings = await findingsOf(client, "nodes");
    expect(findings.map(({ level }) => level)).toEqual(["ok", "error"]);
    for (const { id } of [first, second])
      expect(findings[1]?.message).toMatch(new RegExp(`${id} for \\d+ s by ada \\("new disks"\\)`));
    expect(findings[1]?.message).toMatch(
      /of the 1 runs that are due none starts.*escapement nodes undrain \w+/,
    );
  });

  test("are a warning when what is due is paused by itself", async () => {
    await using cluster = new Cluster(server);
    const { node, id } = await worker(cluster);
    await node.pause({ task: "task" }, why);
    await node.pause({ node: id }, why);
    await node.enqueue("task");
    await eventually(async () => expect((await node.load()).due).toBe(1));
    expect(await findingsOf(node, "nodes")).toMatchObject([{ level: "ok" }, { level: "warning" }]);
  });

  test("and alone have a handler for what is due are an error, though others take runs", async () => {
    await using cluster = new Cluster(server);
    const { node, id } = await worker(cluster, ["task", "rare"]);
    await worker(cluster);
    await node.pause({ node: id }, why);
    await node.enqueue("rare");
    await eventually(async () =>
      expect(await findingsOf(node, "unclaimed")).toMatchObject([
        {
          level: "error",
          message: expect.stringMatching(
            new RegExp(`task rare in queue default.*are drained: ${id}.*escapement nodes undrain ${id}`),
          ),
        },
      ]),
    );
  });
});

describe("a pause of everything", () => {
  test("is no fault as long as nothing is due, and a warning once a run is", async () => {
    await using cluster = new Cluster(server);
    const { node } = await worker(cluster);
    await node.pause("all", { ...why, for: "1h" });
    expect(await findingsOf(node, "pauses")).toMatchObject([{ level: "ok" }]);
    await node.enqueue("task");
    expect(await findingsOf(node, "pauses")).toMatchObject([
      {
        level: "warning",
        message: expect.stringMatching(
          /^Everything has been paused for \d+ s by ada \("new disks"\), and it ends at .*1 runs are due.*escapement resume all/,
        ),
      },
    ]);
  });

  test("is a warning once a job's fire time has come, told once although it lasts too long as well", async () => {
    await using cluster = new Cluster(server);
    const { node } = await worker(cluster, ["task"], { pausedTooLong: 1000, partitions: 1 });
    await node.pause("all", why);
    await node.schedule("task", { id: "job", trigger: every("1s") });
    await eventually(
      async () =>
        expect(await findingsOf(node, "pauses")).toMatchObject([
          {
            level: "warning",
            message: expect.stringMatching(/paused for (?:[2-9]|\d\d+) s.*fire times of 1 jobs have come/),
          },
        ]),
      { within: 15_000 },
    );
  });
});

describe("due runs for which no node has a handler", () => {
  test("are told with their number, and for how long the first has been due, whatever its priority", async () => {
    await using cluster = new Cluster(server);
    const { node } = await worker(cluster);
    const [urgent = "", usual = ""] = idsTogether(2);
    await node.enqueue("rare", { id: urgent, priority: 10 });
    await node.enqueue("rare", { id: usual });
    const [lane, redis] = [`escapement:{${cluster.namespace}}:ready:default@rare`, server.client()];
    await eventually(async () => expect(await redis.zcard(lane)).toBe(2));
    const [, old = ""] = await redis.zrange(lane, 0, -1);
    await redis.zincrby(lane, -600_000, old);
    expect(await findingsOf(node, "unclaimed")).toMatchObject([
      {
        level: "error",
        message: expect.stringMatching(/task rare in queue default are due \(2, the first for 10 min\)/),
      },
    ]);
  });

  test.each(["all", "queue:default", "task:rare"])("are a warning where %s is paused", async (target) => {
    await using cluster = new Cluster(server);
    const { node } = await worker(cluster);
    const [kind = "", name = ""] = target.split(":");
    await node.pause(target === "all" ? "all" : ({ [kind]: name } as { task: string }), why);
    await node.enqueue("rare");
    const paused = target === "all" ? "everything" : target;
    await eventually(async () =>
      expect(await findingsOf(node, "unclaimed")).toMatchObject([
        {
          level: "warning",
          message: expect.stringMatching(
            new RegExp(
              `\\(1, the first for \\d+ s\\).*${paused} has been paused for \\d+ s by ada \\("new disks"\\)`,
            ),
          ),
        },
      ]),
    );
  });

  test("are an error in spite of a pause if they were asked for by force, and the time is right", async () => {
    await using cluster = new Cluster(server);
    const { node } = await worker(cluster);
    await node.schedule("rare", { id: "job", trigger: every("1d") });
    await node.pause({ task: "rare" }, why);
    await node.job("job").runNow({ force: true });
    await eventually(async () =>
      expect(await findingsOf(node, "unclaimed")).toMatchObject([
        { level: "error", message: expect.stringMatching(/\(1, the first for \d+ s\).*Start one that does/) },
      ]),
    );
  });
});
