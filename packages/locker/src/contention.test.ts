import { startVoters, uniqueNamespace } from "@escapement/testing";
import { expect, it } from "vitest";
import { createLocker, type Locker } from "./locker.js";

it("however many compete, and while voters die and freeze, no name is granted to two at once", {
  timeout: 120_000,
}, async () => {
  await using voters = await startVoters(3, { appendonly: "always" });
  const ns = uniqueNamespace("contention");
  const lockers = Array.from({ length: 4 }, () =>
    createLocker({ voters: voters.urls, ttl: 120_000, deadline: 800 }),
  );
  const names = Array.from({ length: 24 }, (_, index) => `${ns}:${index}`);
  const holders = new Map<string, Locker>();
  let grants = 0;
  let over = false;

  async function compete(locker: Locker, seed: number): Promise<void> {
    for (let round = seed; !over; round++) {
      const wanted = names.filter((_, index) => (index * 7 + round * 5 + seed) % 4 === 0);
      const { granted } = await locker.acquire(wanted);
      // Redlock asks of those who were refused to stand back for a random time: else they split the votes again and again.
      if (granted.length === 0) await new Promise((resolve) => setTimeout(resolve, Math.random() * 200));
      for (const { name } of granted) {
        expect(holders.has(name), `${name} was granted twice`).toBe(false);
        holders.set(name, locker);
        grants += 1;
      }
      // Some are given back at once, some after a further attempt has met them.
      if (round % 3 === 0) await locker.acquire(wanted);
      for (const { name } of granted) holders.delete(name);
      await locker.release(granted);
    }
  }

  const competing = Promise.all(lockers.map((locker, seed) => compete(locker, seed)));
  const faults = async (): Promise<void> => {
    for (let fault = 0; fault < 6; fault++) {
      const server = voters.servers[fault % 3];
      const before = grants;
      if (fault % 2 === 0) await server?.kill();
      else await server?.freeze();
      await expect.poll(() => grants, { timeout: 20_000 }).toBeGreaterThan(before + 5);
      if (fault % 2 === 0) await server?.restart();
      else await server?.thaw();
      await expect
        .poll(() => lockers.every((one) => one.status().voters.every(({ up }) => up)), { timeout: 10_000 })
        .toBe(true);
    }
  };
  const faulting = faults();
  try {
    await Promise.race([faulting, competing]);
  } finally {
    over = true;
    await Promise.allSettled([faulting, competing]);
    await Promise.all(lockers.map((locker) => locker.close()));
  }
  await competing;
  expect(grants).toBeGreaterThan(50);
});
