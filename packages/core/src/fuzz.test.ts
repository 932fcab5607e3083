import { createKeys } from "@escapement/redis/internal";
import {
  type JobStore,
  redisWay,
  type StoreClient,
  startJobStore,
  uniqueNamespace,
} from "@escapement/testing";
import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Cluster, partitions } from "../test/cluster.js";
import { drawn } from "../test/drawn.js";
import { callsAt } from "../test/fuzz/calls.js";
import { defining, madeOf } from "../test/fuzz/defining.js";
import { judge } from "../test/fuzz/judged.js";
import { expectTyped, outcomeOf } from "../test/fuzz/outcome.js";
import { Tally } from "../test/fuzz/tally.js";
import { made } from "../test/fuzz/values.js";
import { expectSound, type StoreBench } from "../test/store-bench.js";

const { numRuns, seed } = drawn("FUZZ_DEFINITIONS", 500);
/** Calls that define jobs, and meet what earlier ones stored. */
const together = 250;
const tally = new Tally();
const secret = "s3cret-of-the-store";

let server: JobStore;
let redis: StoreClient;
/** Of each server. */
let admins: readonly StoreClient[];
const loose: unknown[] = [];
const onLoose = (reason: unknown): void => void loose.push(reason);
beforeAll(async () => {
  if (redisWay() === "url") return;
  server = await startJobStore({ password: secret, args: ["--enable-debug-command", "local"] });
  redis = server.client();
  admins = server.servers.map((one) => one.client());
  process.on("unhandledRejection", onLoose);
});
afterAll(async () => {
  process.off("unhandledRejection", onLoose);
  await server?.stop();
});

/** All that is stored, but for the time that scripts note, and for what is about to end by itself. */
async function stored(namespace: string): Promise<string> {
  // With several partitions, how many there are may stay behind of a call that is refused.
  const beside = partitions > 1 ? /\}:(clock|meta)$/ : /\}:clock$/;
  const lines = admins.map(async (admin) => {
    const all = (await admin.keys(`escapement:{${namespace}*}:*`)).filter((key) => !beside.test(key));
    const lefts = await Promise.all(all.map((key) => admin.pttl(key)));
    const keys = all.filter((_, index) => lefts[index] === -1 || (lefts[index] ?? 0) > 20_000);
    if (keys.length === 0) return [];
    const digests = (await admin.call("DEBUG", "DIGEST-VALUE", ...keys)) as string[];
    return keys.map((key, index) => `${key} ${digests[index]}`);
  });
  return (await Promise.all(lines)).flat().sort().join("\n");
}

test.skipIf(redisWay() === "url")(
  `whatever is called with whatever ends in a typed error with nothing written, or is stored whole (seed ${seed})`,
  async () => {
    for (let done = 0; done < numRuns; done += together)
      await batch(Math.min(together, numRuns - done), seed + done);
    expect(loose).toEqual([]);
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
    console.log(String(tally));
    tally.expectEnough(numRuns);
  },
  numRuns * 500 + 60_000,
);

async function batch(count: number, from: number): Promise<void> {
  await using cluster = new Cluster(server);
  const namespace = uniqueNamespace("fuzz");
  const client = cluster.scheduler({ namespace });
  const allKeys = Array.from({ length: partitions }, (_, partition) => createKeys(namespace, partition));
  const { calls, carryOut } = callsAt(client);
  const place = {
    client,
    redis,
    jobs: allKeys.map(({ jobs }) => jobs),
    secret,
    stored: () => stored(namespace),
  };
  const others = fc.oneof(
    { weight: 2, arbitrary: fc.constant([]) },
    { weight: 1, arbitrary: fc.array(calls, { minLength: 1, maxLength: 2 }) },
  );
  await fc.assert(
    fc.asyncProperty(defining, others, async (definitions, others) => {
      tally.add(await judge(madeOf(definitions), place));
      for (const drawn of others) {
        const call = { ...drawn, args: drawn.args.map(made) };
        const before = await place.stored();
        const { error } = await outcomeOf(() => carryOut(call));
        tally.addOther();
        if (error === undefined) continue;
        expectTyped(error, call.what, secret);
        expect(await place.stored(), `${call.what}: ${String(error)}`).toBe(before);
      }
    }),
    { numRuns: count, seed: from, endOnFailure: true },
  );
  for (const keys of allKeys) {
    const view = { redis, store: { keys } } as StoreBench;
    await expectSound(view);
    const pauses = await redis.keys(keys.pause("*"));
    if (pauses.length > 0) await redis.del(...pauses);
  }
  const node = cluster.scheduler({ namespace, sweepEvery: 50 });
  node.task("normal", () => "done");
  await node.start();
  const run = await node.enqueue("normal", { queue: "default" });
  expect(await run.result({ timeout: 20_000 })).toBe("done");
  for (const { mended } of allKeys) expect(await redis.hgetall(mended)).toEqual({});
}
