import { type RedisServer, redisWay, startRedis } from "@escapement/testing";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { drawn } from "../test/drawn.js";
import { type Fate, type Limited, Partitions } from "../test/lending.js";

// Whatever becomes of those who carry places from partition to partition, and of what a master had written last: no more are in use than there are, and none is lost.

const count = 3;
let servers: RedisServer[];
beforeAll(async () => {
  const args = ["--enable-debug-command", "yes"];
  servers = await Promise.all(Array.from({ length: count }, () => startRedis({ args })));
});
afterAll(() => Promise.all(servers.map((server) => server.stop())));

// What was found before: word of a place that the home lent and has forgotten arrives after it has counted.
const found: [number, Step[]] = [
  1,
  [
    { does: "claim", at: 0, fates: ["sent", "late"], slots: 1 },
    { does: "failOver", at: 2 },
    { does: "claim", at: 2, fates: [], slots: 1 },
    { does: "claim", at: 0, fates: [], slots: 1 },
    { does: "arrive", at: 0 },
    { does: "claim", at: 0, fates: [], slots: 1 },
    { does: "advance", at: 2, ms: 150 },
    { does: "claim", at: 2, fates: [], slots: 1 },
  ],
];

const kinds = ["limit", "key", "rate"] as const;

function limitedBy(kind: (typeof kinds)[number], max: number): Limited {
  if (kind === "limit") return { scope: "task:task", limits: [{ scope: "task:task", max, how: "w" }] };
  if (kind === "rate") return { scope: "rate:task:task", rates: [{ scope: "task:task", max, per: 5000 }] };
  return { scope: "key:k", options: { concurrencyKey: "k", concurrencyLimit: max } };
}

const at = fc.nat(count - 1);
const fates = fc.array(
  fc.constantFrom<Fate>("sent", "sent", "sent", "sent", "unheard", "unsent", "late", "twice"),
  { maxLength: 8 },
);
const step = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      ...{ does: fc.constant("claim" as const), at, fates },
      slots: fc.integer({ min: 1, max: 3 }),
    }),
  },
  { weight: 4, arbitrary: fc.record({ does: fc.constant("complete" as const), at, fates }) },
  { weight: 2, arbitrary: fc.record({ does: fc.constant("arrive" as const), at }) },
  {
    weight: 4,
    arbitrary: fc.record({
      ...{ does: fc.constant("advance" as const), at },
      ms: fc.constantFrom(60, 150, 2500, 6000),
    }),
  },
  { weight: 2, arbitrary: fc.record({ does: fc.constant("replicate" as const), at }) },
  { weight: 1, arbitrary: fc.record({ does: fc.constant("failOver" as const), at }) },
  { weight: 1, arbitrary: fc.record({ does: fc.constant("forget" as const), at }) },
);

async function walk(kind: (typeof kinds)[number], max: number, steps: readonly Step[]): Promise<void> {
  await using all = await new Partitions(servers, limitedBy(kind, max)).ready();
  for (const index of all.benches.keys()) await all.enqueue(index, 60);
  // The home has been one before.
  await all.claim(all.home, 1);
  await all.completeAll(all.home);
  for (const index of all.benches.keys()) await all.replicate(index);
  let unsettled: number | undefined; // the partition that went back last, until that is known
  for (const one of steps) {
    all.fates = "fates" in one ? [...one.fates] : [];
    if (one.does === "claim") await all.claim(one.at, one.slots);
    if (one.does === "complete") await all.complete(one.at);
    if (one.does === "arrive") await all.arrive();
    if (one.does === "advance") await all.bench(one.at).advance(one.ms);
    if (one.does === "replicate") await all.replicate(one.at);
    if (one.does === "forget") await all.forget(one.at);
    if (one.does === "failOver" && (unsettled === undefined || (await all.isKnown(unsettled)))) {
      await all.failOver(one.at);
      unsettled = one.at;
    }
    expect(await all.inUseOfAll(), JSON.stringify(one)).toBeLessThanOrEqual(max);
  }
  all.fates = [];
  for (const index of all.benches.keys()) {
    await all.arrive();
    await all.completeAll(index);
  }
  // Whoever needs them all gets them all.
  for (const index of all.benches.keys()) {
    await all.enqueue(index, 10 * max);
    if (kind === "rate") await all.advance(6000);
    for (let asked = 0; asked < 40 && (await all.inUse(index)) < max; asked += 1) {
      await all.claim(index, max);
      expect(await all.inUseOfAll()).toBeLessThanOrEqual(max);
      await all.advance(150);
    }
    expect(await all.inUse(index), `in use in ${index}`).toBe(max);
    await all.completeAll(index);
  }
}

type Step = typeof step extends fc.Arbitrary<infer S> ? S : never;

describe.skipIf(redisWay() === "url")("places that partitions lend to one another", () => {
  test("a partition that is away keeps what it has, and nothing else from the others", async () => {
    const [first, second, third] = await Promise.all([0, 1, 2].map(() => startRedis()));
    if (first === undefined || second === undefined || third === undefined)
      throw new Error("Three were started.");
    const own = [first, second, third];
    {
      await using all = await new Partitions(own, limitedBy("limit", 2)).ready();
      const [away = 0, other = 1] = all.borrowers;
      for (const index of [away, other]) await all.enqueue(index, 3);
      await all.claim(away, 1);
      await all.claim(away, 1);
      expect(await all.inUse(away)).toBe(1);
      const gone = own[away] as RedisServer;
      await gone.freeze();
      for (let asked = 0; asked < 3; asked += 1) {
        await all.bench(all.home).advance(150);
        await all.bench(other).advance(150);
        await all.claim(other, 2);
      }
      expect(await all.inUse(other)).toBe(1);
      await gone.thaw();
      await all.completeAll(away);
      for (let asked = 0; asked < 20 && (await all.inUse(other)) < 2; asked += 1) {
        await all.advance(150);
        await all.claim(other, 2);
      }
      expect(await all.inUse(other)).toBe(2);
    }
    await Promise.all(own.map((server) => server.stop()));
  }, 60_000);

  test.each(["the home", "the borrower", "all"])(
    "none is skipped for want of one that its own partition has and does not use, after a failover of %s",
    async (which) => {
      const scope = "task:task";
      const skip: Limited = { scope, limits: [{ scope, max: 1, how: "s" }] };
      await using all = await new Partitions(servers, skip).ready();
      const [borrower = 0] = all.borrowers;
      const befallen = { "the home": [all.home], "the borrower": [borrower], all: [...all.benches.keys()] };
      /** What becomes of its next run. */
      const next = async (): Promise<string> => {
        await all.enqueue(borrower, 1);
        for (let asked = 0; asked < 10; asked += 1) {
          const { claimed, passed } = await all.claim(borrower, 1);
          if (claimed.length > 0) return "claimed";
          if (passed.length > 0) return JSON.stringify(passed);
          await all.advance(150);
        }
        return "waits";
      };
      expect(await next()).toBe("claimed");
      await all.completeAll(borrower);
      await all.advance(150);
      for (const index of befallen[which as keyof typeof befallen]) {
        await all.replicate(index);
        await all.failOver(index);
      }
      expect(await next()).toBe("claimed");
    },
  );

  test.each(kinds)(
    "of a %s: never more in use than there are, and in the end none is lost",
    async (kind) => {
      await fc.assert(
        fc.asyncProperty(
          fc.integer({ min: 1, max: 4 }),
          fc.array(step, { minLength: 10, maxLength: 60 }),
          (max, steps) => walk(kind, max, steps),
        ),
        { ...drawn("LENDING", 25), examples: [found] },
      );
    },
    600_000,
  );
});
