import { randomBytes } from "node:crypto";
import {
  eventually,
  type RedisServer,
  redisWay,
  startProxy,
  startRedis,
  startVoters,
} from "@escapement/testing";
import { expect, test } from "vitest";
import { Cluster } from "../../test/cluster.js";
import type { Finding, SchedulerOptions } from "../index.js";

// A Redis that cannot be asked is what the doctor finds, never what it throws.

async function diagnose(server: RedisServer, options: SchedulerOptions = {}): Promise<Finding[]> {
  await using cluster = new Cluster(server);
  return await cluster.scheduler({ deadline: 700, ...options }).doctor();
}

test("a Redis that is not there is the one finding, an error with the address that was tried", async () => {
  await using redis = await startRedis();
  await redis.kill();
  expect(await diagnose(redis)).toMatchObject([
    {
      check: "connection",
      level: "error",
      message: expect.stringContaining(`ECONNREFUSED 127.0.0.1:${redis.port}`),
    },
  ]);
});

test("voters that answer are told of, though the store is not there", async () => {
  await using redis = await startRedis();
  await using voters = await startVoters(3);
  await redis.kill();
  expect(await diagnose(redis, { voters: voters.urls })).toMatchObject([
    { check: "connection", level: "error" },
    { check: "voters", level: "ok", message: "All 3 voters answer." },
  ]);
});

test("a wrong password is an error that does not repeat it", async () => {
  await using redis = await startRedis({ password: "right" });
  const findings = await diagnose(redis, { redis: redis.url.replace(":right@", ":wr0ng@") });
  expect(findings[0]).toMatchObject({
    check: "connection",
    level: "error",
    message: expect.stringMatching(/Check the credentials/),
  });
  expect(JSON.stringify(findings)).not.toContain("wr0ng");
});

test("a Redis that loads its data is an error that says so", async () => {
  const slowly = ["--key-load-delay", "40000", "--loading-process-events-interval-bytes", "1024"];
  await using redis = await startRedis({ args: slowly });
  const client = redis.client();
  for (let key = 0; key < 100; key += 1) await client.set(`key:${key}`, randomBytes(2048));
  await redis.save();
  await redis.kill();
  const restarted = redis.restart();
  const once = { enableReadyCheck: false, maxRetriesPerRequest: 0, retryStrategy: () => null };
  const said = (): Promise<string> =>
    redis
      .client(once)
      .ping()
      .catch((error: Error) => error.message);
  await eventually(async () => (await said()).startsWith("LOADING"));
  const finding = (await diagnose(redis))[0];
  await restarted;
  expect(finding).toMatchObject({
    check: "connection",
    level: "error",
    message: expect.stringMatching(/is loading its data.*Wait for it/),
  });
  await eventually(
    async () =>
      expect((await diagnose(redis))[0]).toEqual({
        check: "connection",
        level: "ok",
        message: "Redis answers.",
      }),
    { within: 15_000 },
  );
});

test.skipIf(redisWay() === "url")("a Redis that stands still is an error that says so", async () => {
  await using redis = await startRedis();
  await redis.freeze();
  const findings = await diagnose(redis);
  await redis.thaw();
  expect(findings[0]).toMatchObject({
    check: "connection",
    level: "error",
    message: expect.stringMatching(/takes connections and answers nothing within 700 ms.*restart it/),
  });
});

test("a Redis that stops answering half-way leaves the rest unlooked at, and says so", async () => {
  await using redis = await startRedis();
  const stopAfterPing = (text: string): string => {
    if (text.includes("+PONG")) setImmediate(() => proxy.pause());
    return text;
  };
  await using proxy = await startProxy(redis.url, { rewriteReplies: stopAfterPing });
  // Of one partition: each asks by a connection of its own, and others would not have got as far.
  expect(await diagnose(redis, { redis: proxy.url, partitions: 1 })).toMatchObject([
    { check: "connection", level: "ok" },
    { check: "voters", level: "ok" },
    {
      check: "connection",
      level: "error",
      message: expect.stringMatching(/Not looked at for that reason: .*leader/),
    },
  ]);
});
