import { RedisError } from "@escapement/redis";
import { createKeys } from "@escapement/redis/internal";
import { startProxy, startRedis, uniqueNamespace } from "@escapement/testing";
import { every } from "@escapement/triggers";
import type { Redis } from "ioredis";
import { expect, test } from "vitest";
import { idsTogether, partitions } from "../test/cluster.js";
import { createScheduler, type EscapementError } from "./index.js";
import { readBack, repeat } from "./repeat.js";

/** How many enqueued runs are stored, in all partitions. */
async function runsIn(redis: Redis, namespace: string): Promise<number> {
  const all = Array.from({ length: partitions }, (_, partition) => createKeys(namespace, partition));
  const counts = await Promise.all(all.map(({ runs }) => redis.hlen(runs)));
  return counts.reduce((sum, count) => sum + count, 0);
}

test("I1, I3: what a client asks for while Redis restarts, or whose reply is lost, is done once", async () => {
  await using redis = await startRedis({ appendonly: "always" });
  await using proxy = await startProxy(redis.url);
  const namespace = uniqueNamespace("repeat");
  await using client = createScheduler({ redis: proxy.url, namespace, deadline: "20s" });
  const [before = "", ...ids] = idsTogether(4);
  await client.enqueue("task", { id: before });

  await redis.kill();
  const asked = Promise.all([
    client.enqueueMany("task", [{ id: "a" }, { id: "b" }]),
    client.schedule("task", { id: "job", trigger: every("1h") }),
  ]);
  await redis.restart();
  await asked;

  proxy.blockReplies(true);
  const unanswered = client.enqueueMany(
    "task",
    ids.map((id) => ({ id })),
  );
  const server = redis.client();
  await expect.poll(() => runsIn(server, namespace)).toBe(6);
  proxy.cut();
  proxy.blockReplies(false);
  const handles = await unanswered;

  expect(handles).toHaveLength(3);
  expect(await runsIn(server, namespace)).toBe(6);
  expect((await client.job("job").get())?.version).toBe(1);
});

test("I3: what was sent once and not answered is not said to be refused, though it could not be sent again", async () => {
  await using redis = await startRedis();
  await using proxy = await startProxy(redis.url);
  const namespace = uniqueNamespace("repeat");
  await using client = createScheduler({ redis: proxy.url, namespace, deadline: "1s" });
  const [before = "", id = ""] = idsTogether(2);
  await client.enqueue("task", { id: before });
  const server = redis.client();

  proxy.blockReplies(true);
  const asked = client.enqueue("task", { id }).catch((error: EscapementError) => error.code);
  await expect.poll(() => runsIn(server, namespace)).toBe(2);
  await proxy.refuse(true);
  proxy.cut();

  expect(await asked).toBe("REDIS_TIMEOUT");
});

test("I3: what was sent once and not answered is not said to be refused, though it was when it was sent again", async () => {
  const answers = [
    new RedisError("REDIS_TIMEOUT", "No reply."),
    new RedisError("REDIS_AUTH", "Give a password."),
  ];
  const asked = repeat(10_000, () => Promise.reject(answers.shift()));
  await expect(asked).rejects.toMatchObject({
    code: "REDIS_TIMEOUT",
    message: expect.stringContaining("Give a password."),
    cause: { code: "REDIS_AUTH" },
  });

  const refused = repeat(10_000, () => Promise.reject(new RedisError("REDIS_AUTH", "Give a password.")));
  await expect(refused).rejects.toMatchObject({ code: "REDIS_AUTH" });
});

test("I3: what was written is not said to be refused, since it cannot be read afterwards", async () => {
  const busy = (): Promise<never> => Promise.reject(new RedisError("REDIS_UNAVAILABLE", "Redis is busy."));
  await expect(readBack(10, "Job a", busy)).rejects.toMatchObject({
    code: "REDIS_TIMEOUT",
    message: expect.stringContaining("Job a was written"),
  });
  const foreign = (): Promise<never> => Promise.reject(new RedisError("REDIS_AUTH", "No."));
  await expect(readBack(10, "Job a", foreign)).rejects.toMatchObject({ code: "REDIS_AUTH" });
});
