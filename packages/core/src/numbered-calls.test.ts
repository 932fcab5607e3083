import { eventually, startJobStore, startProxy, uniqueNamespace } from "@escapement/testing";
import { every, once } from "@escapement/triggers";
import { expect, test } from "vitest";
import { StoreBench } from "../test/store-bench.js";
import { createScheduler, type Scheduler } from "./index.js";
import { enqueue } from "./scripts/index.js";

/**
 * What starts while the answer to what a client asks is lost, and it cannot send it again until `meanwhile` is over. The node keeps one
 * run of each kind.
 */
async function unanswered(
  ask: (client: Scheduler) => Promise<unknown>,
  meanwhile: (node: Scheduler) => Promise<unknown>,
): Promise<readonly string[]> {
  await using redis = await startJobStore();
  await using proxy = await startProxy(redis.url);
  const place = { namespace: uniqueNamespace("numbered"), partitions: 1 };
  await using client = createScheduler({ ...place, redis: proxy.url, deadline: "20s" });
  await using node = createScheduler({ ...place, redis: redis.url, retain: { runs: 1, enqueued: 1 } });
  const started: string[] = [];
  node.task("task", ({ id }) => {
    started.push(id);
  });
  await node.start();
  // Redis knows the scripts from now on: their first sending is no answer's loss.
  await client.schedule("task", { id: "later", trigger: every("1h") });
  await client.enqueue("task", { id: "before" });
  await eventually(() => started.length === 1);

  await proxy.refuse(true);
  const lost = proxy.cutAfter(":caller:");
  const asked = ask(client);
  await eventually(() => lost.hit !== undefined && started.length === 2);
  await meanwhile(node);
  await proxy.refuse(false);
  await asked;
  const after = await node.enqueue("task", { id: "after", priority: -1 });
  await after.result({ timeout: 10_000 });
  return started;
}

test("I3: a run that was enqueued, has ended and is forgotten is not queued again when its enqueuing is sent again", async () => {
  const started = await unanswered(
    (client) => client.enqueue("task", { id: "important" }),
    async (node) => {
      for (const id of ["a", "b", "c"])
        await (await node.enqueue("task", { id })).result({ timeout: 10_000 });
      expect(await node.run("important").get()).toBeUndefined();
    },
  );
  expect(started).toEqual(["before", "important", "a", "b", "c", "after"]);
});

test("I3: a job that has run and removed itself is not added again when its definition is sent again", async () => {
  const started = await unanswered(
    async (client) => {
      const job = { id: "once", trigger: once("now"), whenExhausted: "remove" } as const;
      expect(await client.schedule("task", job)).toMatchObject({
        id: "once",
        task: "task",
        state: "exhausted",
      });
    },
    async (node) => eventually(async () => (await node.job("once").get()) === undefined),
  );
  expect(started.map((id) => id.split("@")[0])).toEqual(["before", "once", "after"]);
});

test("a call that arrives after a later one of its sender is refused", async () => {
  await using redis = await startJobStore();
  await using bench = await new StoreBench(redis).ready();
  const { prefix, ...keys } = bench.store.keys;
  const call = (number: number, id: string): Promise<[string, string]> =>
    enqueue.run(bench.store.commands, {
      keys: { ...keys, caller: keys.caller("sender") },
      args: { prefix, ...bench.store.founding, number, caller_ttl: 60_000 },
      lists: { groups: ["default@task", 0, "-", 1], runs: [id, "0 default task 0 r a - none 3\n{}"] },
    });
  const [, first] = await call(1, "a");
  const [, again] = await call(1, "b");
  const [, second] = await call(2, "c");
  expect([first, again, second]).toEqual(["1", "1", "1"]);
  await expect(call(1, "d")).rejects.toMatchObject({ code: "STALE_REQUEST" });
  expect((await bench.redis.hkeys(keys.runs)).sort()).toEqual(["a", "c"]);
});

test("a sender leaves as many keys as it had calls at the same time, and each goes by itself", async () => {
  await using redis = await startJobStore();
  const namespace = uniqueNamespace("numbered");
  await using client = createScheduler({ redis: redis.url, namespace, partitions: 1 });
  const server = redis.client();
  const callers = (): Promise<string[]> => server.keys("*:caller:*");
  for (let n = 0; n < 5; n += 1) await client.enqueue("task");
  expect(await callers()).toHaveLength(1);
  // As many as one call takes, each time.
  await Promise.all(Array.from({ length: 5 }, () => client.enqueueMany("task", Array(500).fill({}))));
  const keys = await callers();
  expect(keys).toHaveLength(5);
  for (const key of keys) expect(await server.pttl(key)).toBeGreaterThan(60_000);
});
