import { once } from "node:events";
import { eventually, type RedisServer, startVoters, uniqueNamespace, type Voters } from "@escapement/testing";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { createLocker, type Locker } from "./locker.js";

const open: Locker[] = [];
let voters: Voters;
let ns: string;

beforeAll(async () => {
  voters = await startVoters(3);
});
afterAll(() => voters.stop());
beforeEach(() => {
  ns = uniqueNamespace("lock");
});
afterEach(async () => {
  await Promise.all(open.splice(0).map((locker) => locker.close()));
});

function locker(
  urls: readonly string[] = voters.urls,
  options: { ttl?: number; deadline?: number } = {},
): Locker {
  const created = createLocker({ voters: urls, ttl: 60_000, ...options });
  open.push(created);
  return created;
}

const names = (count: number): string[] => Array.from({ length: count }, (_, index) => `${ns}:${index}`);

/** How many of the names exist on each server. */
const kept = (servers: readonly RedisServer[], wanted: string[]): Promise<number[]> =>
  Promise.all(servers.map((server) => server.client().exists(...wanted)));

describe("a locker over three voters", () => {
  it("grants all of a batch at once, with the same value and validity on each voter", async () => {
    const { granted, refused } = await locker().acquire(names(20), { value: "mine" });
    expect(refused).toEqual([]);
    expect(granted.map(({ name }) => name)).toEqual(names(20));
    expect(await kept(voters.servers, names(20))).toEqual([20, 20, 20]);
    const [lock] = granted;
    expect(lock).toMatchObject({ name: `${ns}:0`, value: "mine" });
    expect(lock?.isValid()).toBe(true);
    expect(await voters.servers[0]?.client().get(`${ns}:0`)).toBe("mine");
    expect(await voters.servers[0]?.client().pttl(`${ns}:0`)).toBeGreaterThan(50_000);
  });

  it("writes names as they are, whatever their alphabet, and many of them", async () => {
    const wanted = names(120).map((name, index) => `${name}:Zürich-東京-${"🙂".repeat(index % 3)}`);
    expect((await locker().acquire(wanted, { value: "ümine" })).granted).toHaveLength(120);
    expect(await kept(voters.servers, wanted)).toEqual([120, 120, 120]);
    expect(await voters.servers[2]?.client().get(wanted[119] as string)).toBe("ümine");
  });

  it("refuses exactly the names that others hold, and grants the rest", async () => {
    const all = names(50);
    const theirs = [3, 17, 18, 49].map((index) => all[index] as string);
    await locker().acquire(theirs);
    const { granted, refused } = await locker().acquire(all);
    expect(refused.map(({ name }) => name).sort()).toEqual([...theirs].sort());
    expect(new Set(refused.map(({ reason }) => reason))).toEqual(new Set(["held"]));
    expect(granted).toHaveLength(46);
  });

  it("handles thousands of names, in batches", async () => {
    const { granted } = await locker().acquire(names(1700));
    expect(granted).toHaveLength(1700);
    const { extended } = await locker().extend(granted);
    expect(extended).toHaveLength(1700);
    await locker().release(granted);
    await eventually(async () => expect(await kept(voters.servers, names(1700))).toEqual([0, 0, 0]));
  });

  it("takes a name that is given twice once", async () => {
    const { granted } = await locker().acquire([`${ns}:a`, `${ns}:a`]);
    expect(granted).toHaveLength(1);
  });

  it("prolongs what is still held, and tells what is gone", async () => {
    const one = locker();
    const { granted } = await one.acquire(names(3));
    await Promise.all(voters.servers.map((server) => server.client().del(`${ns}:1`)));
    const { extended, lost } = await one.extend(granted);
    expect(extended.map(({ name }) => name).sort()).toEqual([`${ns}:0`, `${ns}:2`]);
    expect(lost.map(({ lock, reason }) => [lock.name, reason])).toEqual([[`${ns}:1`, "gone"]]);
    expect(extended[0]?.validUntil).toBeGreaterThan(granted[0]?.validUntil ?? 0);
  });

  it("lets a released name go to another one, and releases only its own", async () => {
    const [one, two] = [locker(), locker()];
    const first = await one.acquire([ns]);
    await one.release(first.granted);
    const second = await two.acquire([ns]);
    expect(second.granted).toHaveLength(1);
    await one.release(first.granted);
    expect((await one.acquire([ns])).refused).toMatchObject([{ name: ns, reason: "held" }]);
  });

  it("I7: goes on after the voters forgot all scripts", async () => {
    const one = locker();
    await one.acquire(names(1));
    await Promise.all(voters.servers.map((server) => server.client().script("FLUSH")));
    expect((await one.acquire([`${ns}:more`])).granted).toHaveLength(1);
  });

  it("shows its voters without passwords", async () => {
    const one = locker(voters.urls.map((url) => url.replace("redis://", "redis://nobody:secret@")));
    await eventually(() => one.status().voters.every(({ lastError }) => lastError !== undefined));
    expect(JSON.stringify(one.status())).not.toContain("secret");
    expect(one.status().quorum).toBe(false);
    expect(one.status().voters[0]).toMatchObject({ name: "voter-1", url: expect.stringContaining("***@") });
  });
});

describe("a single voter", () => {
  it("respects a lock that was set by hand in redlock's format, and the other way round", async () => {
    const one = locker(voters.urls.slice(0, 1));
    const client = (voters.servers[0] as RedisServer).client();
    expect(await client.set(`${ns}:hand`, "token", "PX", 60_000, "NX")).toBe("OK");
    const { granted, refused } = await one.acquire([`${ns}:hand`, `${ns}:free`]);
    expect(refused).toMatchObject([{ name: `${ns}:hand`, reason: "held" }]);
    expect(granted).toHaveLength(1);
    expect(await client.set(`${ns}:free`, "token", "PX", 60_000, "NX")).toBeNull();
    await one.release([{ ...(granted[0] as (typeof granted)[0]), name: `${ns}:hand`, value: "token" }]);
    expect(await client.exists(`${ns}:hand`)).toBe(0);
  });

  it("tells under which value most voters hold a name", async () => {
    await using one = createLocker({ voters: voters.urls, ttl: 60_000 });
    const { granted } = await one.acquire([`${ns}:held`]);
    const few = voters.servers[0]?.client();
    await few?.set(`${ns}:few`, "one voter's");
    const holders = await one.holders([`${ns}:held`, `${ns}:few`, `${ns}:free`]);
    expect([...holders]).toEqual([[`${ns}:held`, granted[0]?.value]]);
  });
});

describe("voters that fail", () => {
  it.each([3, 5] as const)(
    "%i voters: work without a minority, refuse without a majority, recover",
    async (count) => {
      await using own = await startVoters(count);
      const one = locker(own.urls, { deadline: 1000 });
      const most = (count - 1) / 2;
      expect((await one.acquire([`${ns}:0`])).granted).toHaveLength(1);

      const down = own.servers.slice(0, most);
      await Promise.all(down.map((server) => server.kill()));
      expect((await one.acquire([`${ns}:1`])).granted).toHaveLength(1);

      const voterLost = once(one, "voters-lost");
      await own.servers[most]?.kill();
      await voterLost;
      const from = performance.now();
      expect((await one.acquire([`${ns}:2`, `${ns}:3`])).refused).toMatchObject([
        { name: `${ns}:2`, reason: "unavailable" },
        { name: `${ns}:3`, reason: "unavailable" },
      ]);
      expect(performance.now() - from).toBeLessThan(1500);
      expect(one.status()).toMatchObject({ quorum: false });

      const restored = once(one, "voters-restored");
      await own.servers[most]?.restart();
      await restored;
      expect((await one.acquire([`${ns}:2`])).granted).toHaveLength(1);
    },
  );

  it("a frozen voter delays nobody beyond the deadline, and not at all once it is known", async () => {
    await using own = await startVoters(3);
    const one = locker(own.urls, { deadline: 1000 });
    await one.acquire([`${ns}:warm`]);
    await own.servers[0]?.freeze();
    const from = performance.now();
    expect((await one.acquire(names(10))).granted).toHaveLength(10);
    expect((await one.acquire(names(10))).refused.map(({ reason }) => reason)).toEqual(
      Array(10).fill("held"),
    );
    expect(performance.now() - from).toBeLessThan(2500);
    await own.servers[0]?.thaw();
  });

  it("two frozen voters: everything is refused as unavailable, within the deadline", async () => {
    await using own = await startVoters(3);
    const one = locker(own.urls, { deadline: 600 });
    await one.acquire([`${ns}:warm`]);
    await Promise.all([own.servers[0]?.freeze(), own.servers[1]?.freeze()]);
    const from = performance.now();
    const { refused } = await one.acquire(names(3));
    expect(performance.now() - from).toBeLessThan(1500);
    expect(refused.map(({ reason }) => reason)).toEqual(["unavailable", "unavailable", "unavailable"]);
    await eventually(async () => expect(await kept(own.servers.slice(2), names(3))).toEqual([0]));
    // What they took when they thawed is given back as well.
    await Promise.all([own.servers[0]?.thaw(), own.servers[1]?.thaw()]);
    await eventually(async () => expect(await kept(own.servers, names(3))).toEqual([0, 0, 0]), {
      within: 10_000,
    });
  });

  it("a lock cannot be prolonged without a majority, and still holds until its end", async () => {
    await using own = await startVoters(3);
    const one = locker(own.urls, { deadline: 600 });
    const { granted } = await one.acquire([ns]);
    await Promise.all([own.servers[0]?.kill(), own.servers[1]?.kill()]);
    const { extended, lost } = await one.extend(granted);
    expect(extended).toEqual([]);
    expect(lost).toEqual([{ lock: granted[0], reason: "unavailable" }]);
    expect(granted[0]?.isValid()).toBe(true);
  });
});

describe("createLocker", () => {
  it("R2: refuses an even number of voters", () => {
    for (const count of [2, 4]) {
      expect(() => createLocker({ voters: Array(count).fill("redis://localhost") })).toThrow(
        expect.objectContaining({ code: "EVEN_VOTERS" }),
      );
    }
  });

  it.each([0, 7])("refuses %i voters", (count) => {
    expect(() => createLocker({ voters: Array(count).fill("redis://localhost") })).toThrow(
      expect.objectContaining({ code: "INVALID_OPTION" }),
    );
  });

  it("refuses names that cannot be keys, and everything once closed", async () => {
    const one = locker();
    await expect(one.acquire([""])).rejects.toMatchObject({ code: "INVALID_NAME" });
    await one.close();
    await expect(one.acquire(["a"])).rejects.toMatchObject({ code: "LOCKER_CLOSED" });
  });
});
