import { createScheduler, type ListedNode, type PartitionLeader } from "@escapement/core";
import { eventually, type JobStore, startJobStore, uniqueNamespace } from "@escapement/testing";
import { every } from "@escapement/triggers";
import { afterAll, beforeAll, expect, test } from "vitest";
import { asJson, escapement, start } from "../../test/escapement.js";

let redis: JobStore;
beforeAll(async () => {
  redis = await startJobStore();
});
afterAll(() => redis.stop());

const envOf = (namespace: string): Record<string, string | undefined> => ({
  ESCAPEMENT_REDIS_URL: redis.url,
  ESCAPEMENT_NAMESPACE: namespace,
  // Whatever the tests' own environment says: here the commands are to find out.
  ESCAPEMENT_PARTITIONS: undefined,
});

test("commands take the number of partitions that the namespace has, and are refused with another", {
  timeout: 120_000,
}, async () => {
  const namespace = uniqueNamespace("cli");
  const env = envOf(namespace);
  expect(await escapement(["partitions", "--json"], env)).toMatchObject({
    code: 1,
    out: expect.stringMatching(/NAMESPACE_NOT_FOUND/),
  });
  await using client = createScheduler({ redis: redis.url, namespace, partitions: 3 });
  const ids = Array.from({ length: 9 }, (_, at) => `job-${at}`);
  await client.apply(ids.map((id) => ({ task: "any", id, trigger: every("1h") })));
  expect((await escapement(["partitions"], env)).out).toBe(`Namespace ${namespace} has 3 partitions.`);
  const jobs = await asJson<{ id: string }[]>(["job", "list"], env);
  expect(jobs.map(({ id }) => id).sort()).toEqual(ids);
  for (const args of [
    ["job", "list", "--partitions", "1"],
    ["job", "show", "job-1", "--partitions", "2"],
    ["run", "enqueue", "any", "--partitions", "1"],
    ["node", "--allow-shell", "--partitions", "4"],
  ])
    expect(await escapement([...args, "--json"], env), args.join(" ")).toMatchObject({
      code: 1,
      out: expect.stringMatching(/PARTITION_MISMATCH/),
    });
  const other = { ...env, ESCAPEMENT_PARTITIONS: "2" };
  expect((await escapement(["job", "list"], other)).code).toBe(1);
  expect((await escapement(["job", "list", "--partitions", "3"], other)).code).toBe(0);
  expect((await escapement(["job", "list", "--partitions", "0"], env)).code).toBe(2);
  expect((await escapement(["partitions", "257"], env)).code).toBe(2);
});

test("show who leads which partition, and move a namespace once no node is alive", {
  timeout: 120_000,
}, async () => {
  const namespace = uniqueNamespace("cli");
  const env = envOf(namespace);
  await using node = await start(["node", "--allow-shell", "--partitions", "3"], env);
  const [, id = ""] = (await node.waitForLine(/^node /)).split(" ");
  await eventually(async () => (await escapement(["leader"], env)).code === 0, { within: 20_000 });
  const { out } = await escapement(["leader"], env);
  expect(out.split("\n")).toEqual([
    expect.stringMatching(/^PARTITION +LEADER +TERM +LEASE UNTIL$/),
    ...[0, 1, 2].map((partition) => expect.stringMatching(new RegExp(`^${partition} +${id} +\\d+ +20`))),
  ]);
  const leaders = await asJson<PartitionLeader[]>(["leader"], env);
  expect(leaders.map(({ partition, node }) => [partition, node])).toEqual([
    [0, id],
    [1, id],
    [2, id],
  ]);
  expect((await escapement(["nodes"], env)).out).toMatch(new RegExp(`${id} +alive +0,1,2 `));
  expect(await asJson<ListedNode[]>(["nodes"], env)).toMatchObject([
    { id, leader: true, partitions: [0, 1, 2], leads: [0, 1, 2] },
  ]);
  const findings = await asJson<{ check: string; message: string }[]>(["doctor"], env);
  const checks = findings.map(({ check }) => check);
  expect(
    checks.filter((check) => ["nodes", "namespace", "voters", "permissions"].includes(check)),
  ).toHaveLength(4);
  expect(await escapement(["partitions", "2", "--json"], env)).toMatchObject({
    code: 1,
    out: expect.stringMatching(new RegExp(`NODES_ALIVE.*${id}`, "s")),
  });
  node.kill("SIGTERM");
  await node.exited;
  expect((await escapement(["leader"], env)).code).toBe(1);
  await escapement(["job", "add", "one", "--task", "any", "--every", "1h"], env);
  expect(await asJson(["partitions", "2"], env)).toMatchObject({ namespace, from: 3, to: 2 });
  expect((await escapement(["partitions", "2"], env)).out).toBe(
    `Namespace ${namespace} has 2 partitions already.`,
  );
  expect((await escapement(["job", "show", "one"], env)).code).toBe(0);
  const meta = `escapement:{${namespace}}:meta`;
  await redis.client().hset(meta, "moving", "4 4 another");
  expect((await escapement(["doctor"], env)).out.replace(/\s+/g, " ")).toMatch(/being moved to 4 partitions/);
  expect(await escapement(["job", "list", "--json"], env)).toMatchObject({
    code: 1,
    out: expect.stringMatching(/NAMESPACE_MOVING/),
  });
  expect((await escapement(["partitions", "1"], env)).code).toBe(0);
  expect((await escapement(["job", "show", "one"], env)).code).toBe(0);
});
