import { type JobStore, startJobStore, startVoters, uniqueNamespace } from "@escapement/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { silentLogger } from "../test/silent-logger.js";
import { expectSound, StoreBench } from "../test/store-bench.js";
import type { Claimed } from "./claim.js";
import { enqueueRuns } from "./enqueue.js";
import { Events } from "./events.js";
import { RunLocks } from "./lock.js";

let server: JobStore;
beforeAll(async () => {
  server = await startJobStore();
});
afterAll(() => server.stop());

/** A job whose first attempt was given up by a node that stopped, and a run of it by hand. */
async function withQueuedRuns(): Promise<{ bench: StoreBench; runs: string[] }> {
  const bench = await new StoreBench(server).ready();
  await bench.define("job", { queue: "old", overlap: "queue-all" });
  const now = await bench.now();
  await bench.write("job", [now - 10]);
  const node = await bench.node("first");
  const { claimed } = await node.claim({ lanes: ["old@task"] });
  await node.complete(claimed, "l");
  const byHand = await bench.runNow("job");
  return { bench, runs: [claimed[0]?.run ?? "", byHand] };
}

describe("a further attempt and a run by hand that are queued", () => {
  test("follow their job into another queue, and hold up nothing", async () => {
    const { bench, runs } = await withQueuedRuns();
    await bench.define("job", { queue: "new", overlap: "queue-all" });
    await expectSound(bench);
    const node = await bench.node("second");
    const { claimed } = await node.claim({ lanes: ["new@task"] });
    expect(claimed.map(({ run, attempt }) => [run, attempt])).toEqual([[runs[0], 2]]);
    await node.complete(claimed);
    const next = await node.claim({ lanes: ["new@task"] });
    expect(next.claimed.map(({ run }) => run)).toEqual([runs[1]]);
    await node.complete(next.claimed);
    await expectSound(bench);
    await bench[Symbol.asyncDispose]();
  });

  test("go with their job when it is removed, and do not hold up one that is defined with its id", async () => {
    const { bench } = await withQueuedRuns();
    await bench.remove("job");
    await expectSound(bench);
    await bench.define("job", { queue: "new" });
    const [run] = await bench.write("job", [(await bench.now()) - 1]);
    const node = await bench.node("second");
    expect(await node.take(10, ["old@task", "new@task"])).toEqual([run]);
    await bench[Symbol.asyncDispose]();
  });
});

describe("an attempt that was handed back unstarted", () => {
  test("is not taken for started because its lock was left at the voters", async () => {
    await using voters = await startVoters(3);
    const bench = await new StoreBench(server).ready();
    const first = new RunLocks(bench.store, voters.urls, 60_000, new Events(silentLogger));
    const second = new RunLocks(bench.store, voters.urls, 60_000, new Events(silentLogger));
    await expect.poll(() => first.hasQuorum && second.hasQuorum).toBe(true);
    await bench.define("job", { delivery: "at-most-once" });
    await bench.write("job", [(await bench.now()) - 10]);
    const node = await bench.node("first");
    const { claimed } = await node.claim({ lockTtl: 0 });
    expect((await first.acquire(claimed)).granted).toHaveLength(1);

    const handBack = async ([item]: readonly Claimed[], value: string): Promise<readonly Claimed[]> => {
      const { run = "", token = "" } = item ?? {};
      const completions = [{ run, token, outcome: "b", detail: value, result: "" }] as const;
      return (await node.claim({ lockTtl: 0, completions })).claimed;
    };

    // Its value is not known: it may be a lock of a start elsewhere, or its own. It waits until that is gone.
    let current = await handBack(claimed, "-");
    const doubtful = await second.acquire(current);
    expect([doubtful.refused, doubtful.unavailable.length]).toEqual([[], 1]);
    // Its value is known: what was left is released, and the attempt can start.
    current = await handBack(current, first.valueOf(claimed[0] as Claimed));
    expect((await second.acquire(current)).granted).toHaveLength(1);
    await node.complete(current);
    await expectSound(bench);
    await first.close();
    await second.close();
    await bench[Symbol.asyncDispose]();
  });
});

test("an attempt whose lock could not be had while most voters stood still starts when they are back, whatever they took meanwhile", async () => {
  await using voters = await startVoters(3);
  const bench = await new StoreBench(server).ready();
  const first = new RunLocks(bench.store, voters.urls, 60_000, new Events(silentLogger));
  const second = new RunLocks(bench.store, voters.urls, 60_000, new Events(silentLogger));
  await expect.poll(() => first.hasQuorum && second.hasQuorum).toBe(true);
  const [run = ""] = await enqueueRuns(bench.store, "task", [{}], 1000);
  const node = await bench.node("first");
  const { claimed } = await node.claim({ lockTtl: 0 });
  const most = voters.servers.slice(1);
  await Promise.all(most.map((voter) => voter.freeze()));
  expect((await first.acquire(claimed)).unavailable).toHaveLength(1);
  const value = first.valueOf(claimed[0] as Claimed);
  await first.close(); // its node has ended, and gives nothing back any more
  await Promise.all(most.map((voter) => voter.thaw()));
  for (const voter of most)
    await voter.client().set(bench.store.keys.lock(run, 1), value.split(",")[0] ?? "", "PX", 60_000);
  const token = claimed[0]?.token ?? "";
  const completions = [{ run, token, outcome: "b", detail: value, result: "" }] as const;
  const again = (await node.claim({ lockTtl: 0, completions })).claimed;
  await expect.poll(() => second.hasQuorum).toBe(true);
  expect((await second.acquire(again)).granted).toMatchObject([{ run, attempt: 1 }]);
  await second.close();
  await bench[Symbol.asyncDispose]();
});

test("an attempt that started before the store lost its claim is not waited for, though it was handed back since: the voters tell whose lock it is", async () => {
  await using voters = await startVoters(3);
  const bench = await new StoreBench(server).ready();
  const locks = new RunLocks(bench.store, voters.urls, 60_000, new Events(silentLogger));
  await expect.poll(() => locks.hasQuorum).toBe(true);
  const [run = ""] = await enqueueRuns(bench.store, "task", [{}], 1000);
  const most = voters.servers.slice(1);
  const setAll = (value: string): Promise<unknown> =>
    Promise.all(most.map((voter) => voter.client().set(bench.store.keys.lock(run, 1), value, "PX", 60_000)));
  await setAll("of-the-start-that-is-forgotten");
  const node = await bench.node("node");
  const handBack = async ({ token }: Claimed, value: string): Promise<readonly Claimed[]> => {
    const completions = [{ run, token, outcome: "b", detail: value, result: "" }] as const;
    return (await node.claim({ lockTtl: 0, completions })).claimed;
  };
  const [first] = (await node.claim({ lockTtl: 0 })).claimed as [Claimed];
  const second = await handBack(first, "of-its-first-claim");
  expect((await locks.acquire(second)).refused).toEqual(second);

  // What only its own claims can have left is no proof.
  await setAll("of-its-first-claim");
  const held = await locks.acquire([{ ...(second[0] as Claimed), locksLeft: ["of-another", "-"] }]);
  expect([held.refused, held.unavailable.length]).toEqual([[], 1]);
  await locks.close();
  await bench[Symbol.asyncDispose]();
});

test("values that are too many to keep are not taken to be all there were", async () => {
  const bench = await new StoreBench(server).ready();
  const [run = ""] = await enqueueRuns(bench.store, "task", [{}], 1000);
  const node = await bench.node("node");
  let [claimed] = (await node.claim({ lockTtl: 0 })).claimed;
  for (let round = 0; round < 60; round += 1) {
    const detail = `${round}-`.padEnd(36, "x");
    const completions = [{ run, token: claimed?.token ?? "", outcome: "b", detail, result: "" }] as const;
    [claimed] = (await node.claim({ lockTtl: 0, completions })).claimed;
  }
  const [first, ...others] = claimed?.locksLeft ?? [];
  expect(first).toBe("-");
  expect(others.length).toBeGreaterThan(40);
  expect(others.at(-1)).toMatch(/^59-/);
  expect(others.every((value) => value.length === 36)).toBe(true);
  await bench[Symbol.asyncDispose]();
});

test("an id that was never handed back is refused where voters hold its lock", async () => {
  await using voters = await startVoters(3);
  const bench = await new StoreBench(server).ready();
  const locks = new RunLocks(bench.store, voters.urls, 60_000, new Events(silentLogger));
  await expect.poll(() => locks.hasQuorum).toBe(true);
  const name = uniqueNamespace("job").replaceAll("/", "-");
  await bench.define(name);
  await bench.write(name, [(await bench.now()) - 10]);
  const node = await bench.node("first");
  const { claimed } = await node.claim({ lockTtl: 0 });
  expect((await locks.acquire(claimed)).granted).toHaveLength(1);
  expect((await locks.acquire(claimed)).refused).toHaveLength(1);
  await locks.close();
  await bench[Symbol.asyncDispose]();
});
