import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { eventually, startProxy, startVoters, uniqueNamespace, type Voters } from "@escapement/testing";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type Clock, systemClock } from "./clock.js";
import { reliableTime } from "./lock.js";
import { createLocker } from "./locker.js";

let voters: Voters;
let ns: string;

beforeAll(async () => {
  voters = await startVoters(3);
});
afterAll(() => voters.stop());
beforeEach(() => {
  ns = uniqueNamespace("redlock");
});

const source = fileURLToPath(new URL(".", import.meta.url));
const exists = (name: string): Promise<number[]> =>
  Promise.all(voters.servers.map((server) => server.client().exists(name)));

describe("redlock's defects", () => {
  it("R1: a lock counts from before its attempt; one that came too late is refused and given back", async () => {
    let asked = 0;
    // The clock jumps ahead by the lock's whole time while the voters are asked.
    const clock: Clock = {
      monotonic: () => systemClock.monotonic() + (asked++ > 2 ? 60_000 : 0),
      wall: systemClock.wall,
    };
    await using locker = createLocker({ voters: voters.urls, ttl: 60_000, clock });
    const { granted, refused } = await locker.acquire([ns]);
    expect(granted).toEqual([]);
    expect(refused).toMatchObject([{ name: ns, reason: "unavailable" }]);
    await eventually(async () => expect(await exists(ns)).toEqual([0, 0, 0]));
  });

  it("R1: validity is the time to live less 1% and 2 ms, from before the attempt", async () => {
    await using locker = createLocker({ voters: voters.urls, ttl: 10_000 });
    await locker.acquire([`${ns}:warm`]);
    const before = performance.now();
    const { granted } = await locker.acquire([ns]);
    expect(reliableTime(10_000)).toBe(9898);
    expect(granted[0]?.validUntil).toBeGreaterThanOrEqual(before + 9898);
    expect(granted[0]?.validUntil).toBeLessThanOrEqual(performance.now() + 9898);
  });

  it("R1, T7: a lock is invalid when its time is over by either clock, and is then not prolonged", async () => {
    const ahead = { monotonic: 0, wall: 0 };
    const clock: Clock = {
      monotonic: () => systemClock.monotonic() + ahead.monotonic,
      wall: () => systemClock.wall() + ahead.wall,
    };
    await using locker = createLocker({ voters: voters.urls, ttl: 60_000, clock });
    const { granted } = await locker.acquire([ns]);
    ahead.wall = -60_000;
    expect(granted[0]?.isValid()).toBe(true);
    ahead.wall = 60_000;
    expect(granted[0]?.isValid()).toBe(false);
    expect((await locker.extend(granted)).lost).toEqual([{ lock: granted[0], reason: "gone" }]);
    ahead.wall = 0;
    ahead.monotonic = 60_000;
    expect(granted[0]?.isValid()).toBe(false);
  });

  it("R2: settles when one voter votes for, one against and one never answers", async () => {
    await using proxy = await startProxy(voters.urls[2] as string);
    await using locker = createLocker({ voters: [...voters.urls.slice(0, 2), proxy.url], deadline: 600 });
    await locker.acquire([`${ns}:warm`]);
    await voters.servers[0]?.client().set(ns, "theirs");
    proxy.pause();
    const from = performance.now();
    expect((await locker.acquire([ns])).refused).toMatchObject([{ name: ns, reason: "held" }]);
    expect(performance.now() - from).toBeLessThan(1500);
  });

  it("R3: neither `using` nor `quit` is used, and redlock is known to one file", () => {
    const files = readdirSync(source).filter((file) => /(?<!test|\.d)\.ts$/.test(file));
    const users = files.filter((file) => readFileSync(source + file, "utf8").includes('from "redlock"'));
    expect(users).toEqual(["redlock.ts"]);
    expect(readFileSync(`${source}redlock.ts`, "utf8")).not.toMatch(/\.(using|quit)\(/);
  });

  it("R4: what a minority granted is given back, also by a voter that was away for a while", async () => {
    await using proxy = await startProxy(voters.urls[2] as string);
    await using locker = createLocker({ voters: [...voters.urls.slice(0, 2), proxy.url], deadline: 600 });
    await locker.acquire([`${ns}:warm`]);
    for (const server of voters.servers.slice(0, 2)) await server.client().set(ns, "theirs");
    expect((await locker.acquire([ns])).refused).toHaveLength(1);
    await eventually(async () => expect(await exists(ns)).toEqual([1, 1, 0]));
    // Now the third one takes the lock, and neither its answer nor the release comes through.
    proxy.blockReplies(true);
    expect((await locker.acquire([ns])).refused).toHaveLength(1);
    await proxy.refuse(true);
    proxy.cut();
    proxy.blockReplies(false);
    await proxy.refuse(false);
    await eventually(async () => expect(await exists(ns)).toEqual([1, 1, 0]), { within: 10_000 });
  });

  it("R5: the release of a lock that is gone is over at once", async () => {
    await using locker = createLocker({ voters: voters.urls });
    const { granted } = await locker.acquire([ns]);
    await Promise.all(voters.servers.map((server) => server.client().del(ns)));
    const from = performance.now();
    await locker.release(granted);
    expect(performance.now() - from).toBeLessThan(500);
  });

  it("R6: redlock's types are no part of what this package exports", () => {
    const exported = ["index", "locker", "lock", "options", "voter"];
    for (const file of exported)
      expect(readFileSync(`${source}${file}.ts`, "utf8")).not.toContain('"redlock"');
  });
});
