import { type JobStore, startJobStore } from "@escapement/testing";
import fc from "fast-check";
import { afterAll, beforeAll, test } from "vitest";
import { Sequence, type Step, steps } from "../test/dependency-sequence.js";
import { drawn } from "../test/drawn.js";
import { Following } from "../test/following.js";
import { FollowingPartitions } from "../test/following-partitions.js";
import { expectSound } from "../test/store-bench.js";
import { deliver } from "./scripts/index.js";

let server: JobStore;
beforeAll(async () => {
  server = await startJobStore();
});
afterAll(() => server.stop());

const sequences = drawn("DEPENDENCIES", 40);
const within = Math.max(120_000, sequences.numRuns * 3000);
const step: fc.Arbitrary<Step> = fc.oneof(...steps);

test(
  "dependsOn, then: whatever ends how, and when: each child runs once where all its parents' runs succeeded, and is skipped once where one did not",
  async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 40 }), async (steps) => {
        await using bench = await new Following(server).ready();
        const sequence = new Sequence(bench);
        await sequence.begin();
        for (const what of steps) {
          await sequence.carryOut(what);
          await expectSound(bench);
        }
        await sequence.drain();
        await expectSound(bench);
        await sequence.judge();
      }),
      sequences,
    );
  },
  within,
);

const partitions = 4; // some of the jobs share one
const partition = fc.integer({ min: 0, max: partitions - 1 });
const message = fc.record({
  /** `again`: all that there is, by one that does not know that it has been carried. */
  do: fc.constantFrom("carry" as const, "carry" as const, "again" as const),
  from: partition,
  to: partition,
});

/** All messages that are kept, from the first one on. */
async function carryAgain(bench: FollowingPartitions, from: number, to: number): Promise<void> {
  const [teller, { store }] = [bench.at(from), bench.at(to)];
  const { meta, wake } = store.keys;
  const entries = await teller.redis.xrange(teller.store.keys.outbox(to), "-", "+");
  await deliver.run(store.commands, {
    keys: { meta, wake },
    args: { ...store.history, ...store.founding, mover: "", teller: from, after: "0-0", most: 500 },
    lists: { messages: entries.flatMap(([id, [, text = ""]]) => [id, text]) },
  });
}

test(
  "and the same over partitions, whoever carries their messages, and whenever",
  async () => {
    const each = fc.oneof(...steps, { weight: 8, arbitrary: message });
    await fc.assert(
      fc.asyncProperty(fc.array(each, { minLength: 5, maxLength: 50 }), async (steps) => {
        await using bench = await new FollowingPartitions(server, partitions).ready();
        const sequence = new Sequence(bench);
        await sequence.begin();
        for (const what of steps) {
          if (!("from" in what)) await sequence.carryOut(what);
          else if (what.from === what.to) continue;
          else if (what.do === "carry") await bench.carrier.carry(what.from, what.to);
          else await carryAgain(bench, what.from, what.to);
          await bench.expectSound();
        }
        await sequence.drain(() => bench.carryAll());
        await bench.expectSound();
        await sequence.judge();
      }),
      sequences,
    );
  },
  within,
);
