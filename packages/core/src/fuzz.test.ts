import { createKeys } from "@escapement/redis/internal";
import { type RedisServer, redisWay, startRedis, uniqueNamespace } from "@escapement/testing";
import fc from "fast-check";
import type { Redis } from "ioredis";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Cluster } from "../test/cluster.js";
import { drawn } from "../test/drawn.js";
import { callsAt } from "../test/fuzz/calls.js";
import { expectStored, expectTyped, outcomeOf } from "../test/fuzz/outcome.js";
import { made } from "../test/fuzz/values.js";
import { expectSound, type StoreBench } from "../test/store-bench.js";

const { numRuns, seed } = drawn("FUZZ_DEFINITIONS", 300);
/** Calls that meet what earlier ones stored. */
const together = 250;
const secret = "s3cret-of-the-store";

let server: RedisServer;
let redis: Redis;
const loose: unknown[] = [];
const onLoose = (reason: unknown): void => void loose.push(reason);
beforeAll(async () => {
  if (redisWay() === "url") return;
  server = await startRedis({ password: secret, args: ["--enable-debug-command", "local"] });
  redis = server.client();
  process.on("unhandledRejection", onLoose);
});
afterAll(async () => {
  process.off("unhandledRejection", onLoose);
  await server?.stop();
});

/** All that is stored, but for the time that scripts note. */
async function stored(prefix: string): Promise<string> {
  const keys = (await redis.keys(`${prefix}*`)).filter((key) => key !== `${prefix}clock`).sort();
  if (keys.length === 0) return "";
  const digests = (await redis.call("DEBUG", "DIGEST-VALUE", ...keys)) as string[];
  return keys.map((key, index) => `${key} ${digests[index]}`).join("\n");
}

test.skipIf(redisWay() === "url")(
  `whatever is called with whatever ends in a typed error with nothing written, or is stored whole (seed ${seed})`,
  async () => {
    for (let done = 0; done < numRuns; done += together)
      await batch(Math.min(together, numRuns - done), seed + done);
    expect(loose).toEqual([]);
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
  },
  numRuns * 500 + 60_000,
);

async function batch(count: number, from: number): Promise<void> {
  await using cluster = new Cluster(server);
  const namespace = uniqueNamespace("fuzz");
  const client = cluster.scheduler({ namespace });
  const keys = createKeys(namespace);
  const { calls, carryOut } = callsAt(client);
  const tally = { stored: 0, refused: 0 };
  await fc.assert(
    fc.asyncProperty(calls, async (drawn) => {
      const call = { ...drawn, args: drawn.args.map(made) };
      const before = await stored(keys.prefix);
      const { error, value } = await outcomeOf(() => carryOut(call));
      if (error === undefined) {
        tally.stored += 1;
        await expectStored(client, call, value);
        return;
      }
      tally.refused += 1;
      expectTyped(error, call, secret);
      expect(await stored(keys.prefix), `${call.what}: ${String(error)}`).toBe(before);
    }),
    { numRuns: count, seed: from, endOnFailure: true },
  );
  expect(tally.stored).toBeGreaterThan(count / 10);
  expect(tally.refused).toBeGreaterThan(count / 10);
  const view = { redis, store: { keys } } as StoreBench;
  await expectSound(view);
  const pauses = await redis.keys(keys.pause("*"));
  if (pauses.length > 0) await redis.del(...pauses);
  const node = cluster.scheduler({ namespace, sweepEvery: 50 });
  node.task("normal", () => "done");
  await node.start();
  const run = await node.enqueue("normal", { queue: "default" });
  expect(await run.result({ timeout: 20_000 })).toBe("done");
  expect(await redis.hgetall(keys.mended)).toEqual({});
}
