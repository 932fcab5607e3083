import { once } from "node:events";
import { connect } from "@escapement/redis/internal";
import { eventually, type JobStore, onEach, startJobStore, startRedis } from "@escapement/testing";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { subscribersOf } from "../test/subscribers.js";
import { uniqueKey } from "../test/unique-key.js";
import { type Clock, systemClock } from "./clock.js";
import { createElector, type Elector } from "./elector.js";
import type { ElectorOptions } from "./options.js";

let server: JobStore;
const open: Elector[] = [];

beforeAll(async () => {
  server = await startJobStore();
});
afterAll(() => server.stop());
afterEach(async () => {
  await Promise.all(open.splice(0).map((elector) => elector.close()));
});

function candidate(key: string, options: Partial<ElectorOptions> = {}): Elector {
  const elector = createElector({ redis: server.url, key, ttl: 1000, ...options });
  open.push(elector);
  elector.campaign();
  return elector;
}

/** A clock whose hands tests can move. */
function movableClock(): Clock & { ahead: { monotonic: number; wall: number } } {
  const ahead = { monotonic: 0, wall: 0 };
  return {
    ahead,
    monotonic: () => systemClock.monotonic() + ahead.monotonic,
    wall: () => systemClock.wall() + ahead.wall,
    random: systemClock.random,
  };
}

const leaders = (electors: Elector[]): Elector[] => electors.filter((one) => one.isLeader());

/** How often scripts have been called on the store. */
async function scriptCalls(): Promise<number> {
  const counts = await onEach(server, async (redis) => {
    const stats = await redis.info("commandstats");
    return Number(/cmdstat_evalsha:calls=(\d+)/.exec(stats)?.[1] ?? 0);
  });
  return counts.reduce((sum, count) => sum + count, 0);
}

async function theLeader(electors: Elector[], within = 5000): Promise<Elector> {
  await eventually(() => leaders(electors).length > 0, { within });
  return leaders(electors)[0] as Elector;
}

describe("an election", () => {
  it("has one winner among three, whose id is the lease's value", async () => {
    const key = uniqueKey("one-of-three");
    const electors = [candidate(key), candidate(key), candidate(key)];
    const leader = await theLeader(electors);
    expect(leaders(electors)).toEqual([leader]);
    expect(await server.client().get(key)).toBe(leader.id);
    expect(leader.term()).toEqual({ epoch: 1, validUntil: expect.any(Number) });
  });

  it("keeps its winner for many leases, and says the same term all the time", async () => {
    const elector = candidate(uniqueKey("long"), { ttl: 500 });
    await once(elector, "elected");
    const first = elector.term()?.validUntil ?? 0;
    await eventually(() => (elector.term()?.validUntil ?? 0) > first + 1500);
    expect(elector.term()?.epoch).toBe(1);
  });

  it("is won at once by another one when the leader resigns, in a higher term", async () => {
    const key = uniqueKey("resign");
    // Their leases last so long that only the resignation can be what tells them.
    const electors = [candidate(key, { ttl: 60_000 }), candidate(key, { ttl: 60_000 })];
    const leader = await theLeader(electors);
    const [other] = electors.filter((one) => one !== leader);
    await eventually(async () => (await subscribersOf(server, key)) === 2);
    await leader.resign();
    expect(leader.isLeader()).toBe(false);
    await eventually(() => other?.isLeader() === true, { within: 5000 });
    expect(other?.term()?.epoch).toBe(2);
  });

  it("goes to whom the leader that resigns names, whoever else there is", async () => {
    const key = uniqueKey("successor");
    const before = await scriptCalls();
    const electors = Array.from({ length: 5 }, () => candidate(key, { ttl: 60_000 }));
    await eventually(async () => (await subscribersOf(server, key)) === 5);
    // Each has had its first try: one that comes just now would win.
    await eventually(async () => (await scriptCalls()) >= before + 5);
    for (let round = 0; round < 10; round += 1) {
      const leader = await theLeader(electors);
      const others = electors.filter((one) => one !== leader);
      const successor = others[round % others.length];
      await leader.resign(60_000, successor?.id);
      await eventually(() => electors.some((one) => one.isLeader()), { within: 5000 });
      expect(electors.find((one) => one.isLeader())?.id).toBe(successor?.id);
    }
  });

  it("is open to all when whom the leader named does not take it", async () => {
    const key = uniqueKey("nobody");
    const electors = [candidate(key, { ttl: 800 }), candidate(key, { ttl: 800 })];
    const leader = await theLeader(electors);
    await leader.resign(60_000, "nobody");
    await eventually(() => electors.some((one) => one !== leader && one.isLeader()));
  });

  it("is open to a leader that resigned, once it has stood back", async () => {
    const elector = candidate(uniqueKey("again"), { ttl: 500 });
    await once(elector, "elected");
    await elector.resign();
    const [term] = await once(elector, "elected");
    expect(term.epoch).toBe(2);
  });

  it("goes on after Redis was restarted without its data, in a higher term", async () => {
    await using own = await startRedis();
    const key = uniqueKey("restart");
    const elector = candidate(key, { redis: own.url });
    await once(elector, "elected");
    const lost = once(elector, "lost");
    await own.restart();
    await lost;
    await eventually(() => (elector.term()?.epoch ?? 0) > 1, { within: 10_000 });
  });

  it("I5: ends in time without Redis, keeps trying, and goes on when Redis is back", async () => {
    await using own = await startRedis();
    const elector = candidate(uniqueKey("down"), { redis: own.url });
    const errors: Error[] = [];
    elector.on("failed", (error) => errors.push(error));
    await once(elector, "elected");
    const until = elector.term()?.validUntil ?? 0;
    const lost = once(elector, "lost");
    await own.kill();
    expect((await lost)[0]).toBe("expired");
    expect(elector.isLeader()).toBe(false);
    expect(performance.now() - until).toBeLessThan(2000);
    await eventually(() => errors.length > 3);
    expect(errors.at(-1)).toMatchObject({ code: "REDIS_UNAVAILABLE" });
    await own.restart();
    await eventually(() => elector.isLeader(), { within: 10_000 });
  });
});

describe("a leader", () => {
  it("S3: that makes no progress loses its lease and says so, and another one takes over", async () => {
    const key = uniqueKey("stall");
    const stalling = candidate(key, { requireProgress: true });
    await once(stalling, "elected");
    const other = candidate(key);
    const [stalled, lost] = await Promise.all([once(stalling, "stalled"), once(stalling, "lost")]);
    expect(stalled[0]).toMatch(/no progress for \d+ ms/);
    expect(lost[0]).toBe("stalled");
    await eventually(() => other.isLeader());
  });

  it("S3: that makes progress keeps it", async () => {
    const elector = candidate(uniqueKey("busy"), { requireProgress: true, ttl: 500 });
    await once(elector, "elected");
    const first = elector.term()?.validUntil ?? 0;
    await eventually(() => {
      elector.progress();
      return (elector.term()?.validUntil ?? 0) > first + 1500;
    });
    expect(elector.term()?.epoch).toBe(1);
  });

  it("T4: stays leader when the wall clock is set back by a day", async () => {
    const clock = movableClock();
    const elector = candidate(uniqueKey("back"), { clock });
    await once(elector, "elected");
    const first = elector.term()?.validUntil ?? 0;
    clock.ahead.wall = -86_400_000;
    expect(elector.isLeader()).toBe(true);
    await eventually(() => (elector.term()?.validUntil ?? 0) > first + 1000);
    expect(elector.term()?.epoch).toBe(1);
  });

  it("T7: is none any more after a suspend, during which the monotonic clock stood still", async () => {
    const clock = movableClock();
    const elector = candidate(uniqueKey("suspend"), { clock });
    await once(elector, "elected");
    const lost = once(elector, "lost");
    clock.ahead.wall = 3_600_000;
    expect(elector.isLeader()).toBe(false);
    expect(elector.term()).toBeUndefined();
    expect((await lost)[0]).toBe("expired");
    await eventually(() => elector.term()?.epoch === 2);
  });

  it("is refused a renewal when somebody took its key away", async () => {
    const key = uniqueKey("taken");
    const elector = candidate(key);
    await once(elector, "elected");
    const lost = once(elector, "lost");
    await server.client().set(key, "intruder", "PX", 500);
    expect((await lost)[0]).toBe("refused");
  });

  it("goes on when a listener of its events throws", async () => {
    const elector = createElector({ redis: server.url, key: uniqueKey("throws"), ttl: 500 });
    open.push(elector);
    elector.on("elected", () => {
      throw new Error("listener");
    });
    const failed = once(elector, "failed");
    elector.campaign();
    expect((await failed)[0]).toMatchObject({ message: "listener" });
    await eventually(() => elector.isLeader());
  });
});

describe("createElector", () => {
  it.each([
    [{ ttl: 100 }, /ttl must be a whole number of milliseconds from 500/],
    [{ key: "" }, /key must be a string/],
    [{ renewEvery: 900 }, /renewEvery/],
  ])("refuses %o", (options, message) => {
    expect(() => createElector({ redis: server.url, key: "k", ttl: 1000, ...options })).toThrow(message);
  });

  it("refuses to campaign once closed, and can be closed twice", async () => {
    const elector = createElector({ redis: server.url, key: uniqueKey("lost") });
    await Promise.all([elector.close(), elector.close()]);
    expect(() => elector.campaign()).toThrow(expect.objectContaining({ code: "ELECTOR_CLOSED" }));
  });

  it("leaves connections that it was handed open", async () => {
    const key = uniqueKey("handed");
    const redis = connect(server.url, { profile: "lease", key });
    const subscriber = connect(server.url, { profile: "subscriber", key });
    await Promise.all([redis.ready(), subscriber.ready()]);
    const elector = candidate(key, { redis, subscriber });
    await once(elector, "elected");
    await elector.close();
    expect([redis.isReady, subscriber.isReady]).toEqual([true, true]);
    redis.close();
    subscriber.close();
  });

  it("leaves the lease free when closed", async () => {
    const key = uniqueKey("close");
    const elector = candidate(key);
    await once(elector, "elected");
    const lost = once(elector, "lost");
    await elector.close();
    expect((await lost)[0]).toBe("closed");
    expect(await server.client().exists(key)).toBe(0);
  });
});
