import { type JobStore, startJobStore } from "@escapement/testing";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Cluster } from "../../test/cluster.js";
import { drawn } from "../../test/drawn.js";
import { differences, largeKeysMoved, readLargeKeys, writeLargeKeys } from "../../test/large-keys.js";
import { stoppedAt } from "../../test/stopped-at.js";
import { later } from "../../test/store-bench.js";
import { movePartitions } from "../index.js";

let server: JobStore;
beforeAll(async () => {
  server = await startJobStore();
});
afterAll(() => server.stop());

/** A namespace that has large keys, which are deleted in the end. */
class Large implements AsyncDisposable {
  readonly #redis = server.client();
  readonly #cluster = new Cluster(server);

  async lay(partitions: number): Promise<this> {
    const client = this.#cluster.scheduler({ partitions });
    await client.schedule("task", { id: "any", trigger: later });
    await writeLargeKeys(this.#redis, this.#cluster.namespace, partitions);
    return this;
  }

  /** Whether it came to its end before its nth write. */
  async move(to: number, nth = Number.POSITIVE_INFINITY): Promise<boolean> {
    const options = { redis: server.url, namespace: this.#cluster.namespace };
    const end = await movePartitions(options, { to, signal: stoppedAt(nth) }).catch(
      (error: { code: string }) => error,
    );
    if ("code" in end && end.code !== "ABORTED") throw end;
    return !("code" in end);
  }

  /** What of it is not as after a move from so many partitions to so many. */
  async lost(from: number, to: number): Promise<string[]> {
    return differences(await readLargeKeys(this.#redis, this.#cluster.namespace), largeKeysMoved(from, to));
  }

  keys(): Promise<string[]> {
    return this.#redis.keys(`escapement:{${this.#cluster.namespace}*`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#cluster[Symbol.asyncDispose]();
    for (const key of await this.keys()) await this.#redis.unlink(key);
    this.#redis.disconnect();
  }
}

describe("keys that are larger than one write, of a namespace whose move is stopped", () => {
  test.each([
    ["the same call again", 1, 2, 2],
    ["the same call again", 2, 1, 1],
    ["the same call again", 2, 3, 3],
    ["one with the old number", 1, 3, 1],
    ["one with the old number", 2, 1, 2],
    ["one with a third number", 1, 3, 2],
  ])(
    "before any of its writes, are whole after %s: from %i to %i, then to %i",
    {
      timeout: 300_000,
    },
    async (_, from, to, then) => {
      const losses: Record<string, string[]> = {};
      let [isDone, left] = [false, 0];
      for (let nth = 1; !isDone; nth += 1) {
        await using large = await new Large().lay(from);
        isDone = await large.move(to, nth);
        if (isDone) expect(nth).toBeGreaterThan(40);
        if ((await large.keys()).some((key) => key.includes("}:moving:"))) left += 1;
        if (!isDone) await large.move(then);
        const lost = await large.lost(from, isDone ? to : then);
        if (lost.length > 0) losses[`before write ${nth}`] = lost;
      }
      expect(losses).toEqual({});
      expect(left).toBeGreaterThan(3);
    },
  );

  test("again and again, on its way to one number and another, are whole in the end", {
    timeout: 600_000,
  }, async () => {
    const number = fc.integer({ min: 1, max: 4 });
    const stops = fc.array(fc.tuple(number, fc.integer({ min: 1, max: 160 })), {
      minLength: 1,
      maxLength: 5,
    });
    await fc.assert(
      fc.asyncProperty(number, stops, number, async (from, [first, ...more], then) => {
        fc.pre(first !== undefined && first[0] !== from); // else nothing is moved
        await using large = await new Large().lay(from);
        for (const [to, nth] of [first ?? [from, 1], ...more]) await large.move(to, nth);
        await large.move(then);
        expect(await large.lost(from, then)).toEqual([]);
      }),
      drawn("MOVES", 15),
    );
  });
});

test("`ready` is made anew of more queues and tasks than one write takes", { timeout: 60_000 }, async () => {
  await using cluster = new Cluster(server);
  const client = cluster.scheduler({ partitions: 1 });
  const tasks = Array.from({ length: 230 }, (_, at) => `task-${at}`);
  await Promise.all(tasks.map((task) => client.enqueue(task, { id: `run-of-${task}` })));
  const redis = server.client();
  const prefix = `escapement:{${cluster.namespace}}:`;
  const before = await redis.zrange(`${prefix}ready`, 0, -1, "WITHSCORES");
  expect(before.length).toBe(460);
  for (const to of [3, 1]) await movePartitions({ redis: server.url, namespace: cluster.namespace }, { to });
  expect(await redis.zrange(`${prefix}ready`, 0, -1, "WITHSCORES")).toEqual(before);
  expect(await redis.keys(`${prefix}moving:*`)).toEqual([]);
  redis.disconnect();
});
