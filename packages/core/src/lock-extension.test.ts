import { startRedis, startVoters } from "@escapement/testing";
import { expect, test, vi } from "vitest";
import { silentLogger } from "../test/silent-logger.js";
import { StoreBench } from "../test/store-bench.js";
import { monotonic } from "./clock.js";
import { enqueueRuns } from "./enqueue.js";
import { Events } from "./events.js";
import { RunLocks } from "./lock.js";

test("T4: the lock of an attempt that runs for long is prolonged though the wall clock was set ahead: voters say whether it is held", async () => {
  await using server = await startRedis();
  await using voters = await startVoters(3);
  await using bench = await new StoreBench(server).ready();
  const locks = new RunLocks(bench.store, voters.urls, 60_000, new Events(silentLogger));
  await expect.poll(() => locks.hasQuorum).toBe(true);
  const [run = ""] = await enqueueRuns(bench.store, "task", [{}], 1000);
  const { claimed } = await (await bench.node("node")).claim({ lockTtl: 0 });
  expect((await locks.acquire(claimed)).granted).toHaveLength(1);
  const key = bench.store.keys.lock(run, 1);
  const clients = voters.servers.map((voter) => voter.client());
  const left = (): Promise<number[]> => Promise.all(clients.map((client) => client.pttl(key)));
  const half = monotonic() + 31_000;

  for (const client of clients) await client.pexpire(key, 20_000);
  const real = Date.now;
  const set = vi.spyOn(Date, "now").mockImplementation(() => real() + 7_200_000);
  try {
    await locks.extend(half);
  } finally {
    set.mockRestore();
  }
  expect((await left()).filter((ms) => ms > 50_000).length).toBeGreaterThanOrEqual(2);

  // What others hold by now is not touched.
  for (const client of clients) await client.set(key, "another's");
  await locks.extend(half);
  expect(await left()).toEqual([-1, -1, -1]);
  await locks.close();
});
