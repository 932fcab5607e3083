import { type JobStore, startJobStore } from "@escapement/testing";
import { every, once } from "@escapement/triggers";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { due, expectAlive, expectExhausted, leaderOf, type Situation } from "../test/exhaustion.js";
import { StoreBench } from "../test/store-bench.js";
import type { Claimed } from "./claim.js";
import type { JobOptions, Overlap } from "./job.js";
import { pauseTarget } from "./pause.js";
import { resumeTarget } from "./resume.js";

let server: JobStore;
beforeAll(async () => {
  server = await startJobStore();
});
afterAll(() => server.stop());

/** Jobs of one fire time, a second after their definition. `counted`: by maxRuns, which only starts use up. */
const lasts: [name: string, options: (now: number) => Partial<JobOptions>, counted: boolean][] = [
  ["once", (now) => ({ trigger: once(new Date(now + 1000)) }), false],
  [
    "endAt",
    (now) => ({ trigger: every(1000, { from: new Date(now) }), endAt: now + 1500, startAt: now + 1 }),
    false,
  ],
  ["maxRuns", (now) => ({ trigger: every("1h", { from: new Date(now + 1000) }), maxRuns: 1 }), true],
  [
    "completion, endAt",
    (now) => ({ trigger: every(1000, { after: "completion" }), endAt: now + 1900 }),
    false,
  ],
  ["completion, maxRuns", () => ({ trigger: every(1000, { after: "completion" }), maxRuns: 1 }), true],
];

/** How it ends; each looks that the job is alive until then. */
const ends: [
  name: string,
  counts: boolean,
  more: Partial<JobOptions>,
  end: (now: Situation) => Promise<void>,
][] = [
  ...(["s", "f", "t", "c"] as const).map((outcome): (typeof ends)[number] => [
    `ends as ${outcome}`,
    true,
    {},
    async ({ bench, node }) => {
      const { claimed } = await node.claim();
      expect(claimed).toHaveLength(1);
      await expectAlive(bench);
      await node.complete(claimed, outcome);
    },
  ]),
  [
    "is retried",
    true,
    { retry: { attempts: 2 } },
    async ({ bench, node }) => {
      await node.complete((await node.claim()).claimed, "F", "1000");
      await expectAlive(bench);
      await bench.advance(1001);
      const { claimed } = await node.claim();
      await expectAlive(bench);
      await node.complete(claimed);
    },
  ],
  [
    "is lost and retried",
    true,
    {},
    async ({ bench, node }) => {
      const dying = await bench.node("dying", 1000);
      expect(await dying.take()).toHaveLength(1);
      await bench.advance(2000);
      await bench.recover();
      await expectAlive(bench);
      const { claimed } = await node.claim();
      await expectAlive(bench);
      await node.complete(claimed);
    },
  ],
  [
    "is lost",
    true,
    { delivery: "at-most-once" },
    async ({ bench }) => {
      await (await bench.node("dying", 1000)).take();
      await bench.advance(2000);
      await expectAlive(bench);
      await bench.recover();
    },
  ],
  [
    "is handed back, and ends on another node",
    true,
    {},
    async ({ bench, node }) => {
      await node.complete((await node.claim()).claimed, "b");
      await expectAlive(bench);
      const other = await bench.node("other", 1e9);
      await other.complete((await other.claim()).claimed);
    },
  ],
  [
    "is handed back, and then cancelled",
    false,
    {},
    async ({ bench, node, run }) => {
      await node.complete((await node.claim()).claimed, "b");
      await expectAlive(bench);
      await bench.run(run).cancel();
    },
  ],
  [
    "is cancelled while it waits",
    false,
    {},
    async ({ bench, run }) => {
      await expectAlive(bench);
      await bench.run(run).cancel();
    },
  ],
  [
    "is skipped",
    false,
    {},
    async ({ bench, node }) => {
      await node.claim({ limits: [{ scope: "all", max: 0, how: "s" }] });
      expect((await bench.job("job").history())[0]).toMatchObject({ state: "skipped" });
    },
  ],
  [
    "is missed",
    false,
    { misfire: { catchUp: "none" } },
    async ({ bench, node }) => {
      await bench.advance(100_000);
      await expectAlive(bench);
      expect(await node.take()).toEqual([]);
    },
  ],
];

describe("whenExhausted: a job is exhausted, and told so once, when its last run", () => {
  for (const [last, options, counted] of lasts) {
    for (const [end, counts, more, how] of ends) {
      if (counted && !counts) continue; // it would go on
      test(`${end} (${last})`, async () => {
        const situation = await due(server, options, more);
        await how(situation);
        await expectExhausted(situation.bench);
        await situation.node.claim();
        await leaderOf(situation.bench).round(situation.bench.epoch);
        await expectExhausted(situation.bench);
        await situation.bench[Symbol.asyncDispose]();
      });
    }
  }

  test("was never written, since all that was left is missed", async () => {
    await using bench = await new StoreBench(server).ready();
    const options = {
      trigger: once(new Date((await bench.now()) + 1000)),
      misfire: { catchUp: "none" } as const,
    };
    await bench.define("job", options);
    await bench.advance(100_000);
    await leaderOf(bench).round(bench.epoch);
    await expectExhausted(bench);
  });

  for (const overlap of ["allow", "replace", "queue-all", "queue-one", "cancel-running"] as Overlap[]) {
    test(`ends, of several (${overlap})`, async () => {
      await using bench = await new StoreBench(server).ready();
      const now = await bench.now();
      await bench.define("job", { trigger: once(new Date(now + 1000), new Date(now + 1001)), overlap });
      await leaderOf(bench).round(bench.epoch);
      await bench.advance(2000);
      const node = await bench.node("node", 1e9);
      const running = [...(await node.claim()).claimed];
      for (let turn = 0; running.length > 0; turn += 1) {
        expect(turn).toBeLessThan(3);
        await expectAlive(bench);
        await node.complete(running.splice(0, 1));
        running.push(...(await node.claim()).claimed);
      }
      await expectExhausted(bench);
    });
  }

  test("ends, of two under `allow`, of which one waits for another attempt", async () => {
    await using bench = await new StoreBench(server).ready();
    const retry = { attempts: 2 };
    await bench.define("job", { trigger: every("1h"), maxRuns: 2, overlap: "allow", retry });
    const now = await bench.now();
    await bench.write("job", [now - 2, now - 1]);
    const node = await bench.node("node", 1e9);
    const { claimed } = await node.claim();
    await node.complete(claimed.slice(0, 1), "F", "1000");
    await node.complete(claimed.slice(1));
    await expectAlive(bench);
    await bench.advance(1001);
    await node.complete((await node.claim()).claimed);
    await expectExhausted(bench);
  });

  test("ends, though more by hand follow it", async () => {
    await using bench = await new StoreBench(server).ready();
    await bench.define("job", { trigger: every("1h"), maxRuns: 1, overlap: "allow" });
    const node = await bench.node("node", 1e9);
    await bench.write("job", [(await bench.now()) - 1]);
    const last = (await node.claim()).claimed;
    await bench.runNow("job");
    const byHand = (await node.claim()).claimed;
    await node.complete(last);
    await expectAlive(bench); // a run by hand is a run that has not ended
    await node.complete(byHand);
    await expectExhausted(bench);
    await bench.runNow("job");
    await node.complete((await node.claim()).claimed);
    await expectExhausted(bench);
  });

  test("was held back by a pause, and has ended after it", async () => {
    const { bench, node, run } = await due(server, (now) => ({ trigger: once(new Date(now + 1000)) }), {});
    await pauseTarget(bench.store, { job: "job" }, { reason: "tests" });
    expect(await node.take()).toEqual([]);
    await expectAlive(bench);
    await resumeTarget(bench.store, { job: "job" });
    const { claimed } = await node.claim();
    expect(claimed.map((one) => one.run)).toEqual([run]);
    await node.complete(claimed);
    await expectExhausted(bench);
    await bench[Symbol.asyncDispose]();
  });

  test("ends, of two under `allow`, though meanwhile no overlap is allowed any more", async () => {
    await using bench = await new StoreBench(server).ready();
    await bench.define("job", { trigger: every("1h"), maxRuns: 2, overlap: "allow" });
    const now = await bench.now();
    await bench.write("job", [now - 2, now - 1]);
    const node = await bench.node("node", 1e9);
    const { claimed } = await node.claim();
    await bench.job("job").update({ overlap: "skip" });
    await node.complete(claimed.slice(0, 1));
    await expectAlive(bench);
    await node.complete(claimed.slice(1));
    await expectExhausted(bench);
  });

  test("two nodes end the two last runs in one moment", async () => {
    for (let turn = 0; turn < 20; turn += 1) {
      await using bench = await new StoreBench(server).ready();
      await bench.define("job", { trigger: every("1h"), maxRuns: 2, overlap: "allow" });
      const now = await bench.now();
      await bench.write("job", [now - 2, now - 1]);
      const nodes = [await bench.node("a", 1e9), await bench.node("b", 1e9)];
      const held: Claimed[][] = [];
      for (const node of nodes) held.push((await node.claim({ slots: 1 })).claimed.slice());
      await Promise.all(nodes.map((node, index) => node.complete(held[index] ?? [])));
      await expectExhausted(bench);
    }
  });
});

describe("maxRuns: a run that is handed back leaves the job none short, when it", () => {
  const thens: [name: string, then: (now: Situation) => Promise<void>][] = [
    [
      "is cancelled",
      ({ bench, run }) =>
        bench
          .run(run)
          .cancel()
          .then(() => undefined),
    ],
    [
      "is missed",
      async ({ bench, node }) => {
        await bench.advance(100_000);
        const at = (await bench.now()) - 1;
        await bench.write("job", [at]); // the latest: this one runs
        const { claimed } = await node.claim();
        expect(claimed.map(({ run }) => run)).toEqual([`job@${at}`]);
        await node.complete(claimed, "b");
        await bench.run(`job@${at}`).cancel();
      },
    ],
  ];
  for (const looks of [false, true])
    for (const [name, then] of thens)
      test(`${name}${looks ? ", and the leader has looked meanwhile" : ""}`, async () => {
        const { bench, node, run } = await due(
          server,
          (now) => ({ trigger: every(5000, { from: new Date(now + 1000) }), maxRuns: 1 }),
          {},
        );
        const { claimed } = await node.claim({ slots: 1 });
        expect(claimed.map((one) => one.run)).toEqual([run]);
        if (looks) {
          await bench.advance(5000);
          await leaderOf(bench).round(bench.epoch);
          expect(await node.take()).toEqual([]);
        }
        await node.complete(claimed, "b");
        await then({ bench, node, run });
        await expectAlive(bench);
        expect((await bench.job("job").get())?.startedRuns).toBe(0);
        const leader = leaderOf(bench);
        let later: readonly Claimed[] = [];
        for (let turn = 0; turn < 5 && later.length === 0; turn += 1) {
          await leader.round(bench.epoch);
          await bench.advance(5000);
          later = (await node.claim()).claimed;
        }
        expect(later).toHaveLength(1);
        await expectAlive(bench);
        await node.complete(later);
        await expectExhausted(bench);
        await bench[Symbol.asyncDispose]();
      });

  const unstarted = [
    ["b", "handed back"],
    ["v", "vetoed"],
  ] as const;
  test.each(unstarted)("was to be cancelled before its node had heard of it (%s: %s)", async (outcome) => {
    await using bench = await new StoreBench(server).ready();
    await bench.define("job", { trigger: every("1h"), maxRuns: 1 });
    const node = await bench.node("node", 1e9);
    const [run = ""] = await bench.write("job", [(await bench.now()) - 1]);
    const { claimed } = await node.claim();
    await bench.run(run).cancel();
    await node.complete(claimed, outcome);
    expect(await bench.run(run).get()).toMatchObject({ state: "cancelled" });
    expect(await bench.job("job").get()).toMatchObject({ state: "scheduled", startedRuns: 0 });
    expect((await bench.job("job").get())?.nextFireTime).toBeDefined();
    await expectAlive(bench);
  });

  test("was the last fire time as well: then the job is over", async () => {
    await using bench = await new StoreBench(server).ready();
    const now = await bench.now();
    await bench.define("job", { trigger: once(new Date(now + 1000)), maxRuns: 1 });
    await leaderOf(bench).round(bench.epoch);
    await bench.advance(2000);
    const node = await bench.node("node", 1e9);
    await node.complete((await node.claim()).claimed, "b");
    await expectAlive(bench);
    await bench.run(`job@${now + 1000}`).cancel();
    await expectExhausted(bench);
  });
});
