import { type RedisServer, startRedis } from "@escapement/testing";
import { every, once } from "@escapement/triggers";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Cluster, gate } from "../test/cluster.js";
import { type BenchNode, expectSound, StoreBench } from "../test/store-bench.js";
import type { Claimed } from "./claim.js";
import type { JobOptions, Overlap } from "./job.js";
import { Materialiser } from "./materialise.js";
import { pauseTarget, resumeTarget } from "./pause.js";
import { listJobs } from "./read-jobs.js";

let server: RedisServer;
beforeAll(async () => {
  server = await startRedis();
});
afterAll(() => server.stop());

/** How often the cluster was told that the job is exhausted. */
async function timesTold(bench: StoreBench, job = "job"): Promise<number> {
  const entries = await bench.redis.xrange(bench.store.keys.events, "-", "+");
  return entries
    .flatMap(([, values]) => (values[3] ?? "").split("\n"))
    .filter((line) => line === `jobExhausted ${job}`).length;
}

async function exhaustedJobs(bench: StoreBench): Promise<string[]> {
  const ids: string[] = [];
  for await (const { id } of listJobs(bench.store, { state: "exhausted" })) ids.push(id);
  return ids;
}

async function expectAlive(bench: StoreBench): Promise<void> {
  expect(await bench.job("job").get()).toMatchObject({ state: "scheduled" });
  expect(await exhaustedJobs(bench)).toEqual([]);
  expect(await timesTold(bench)).toBe(0);
}

async function expectExhausted(bench: StoreBench): Promise<void> {
  expect(await bench.job("job").get()).toMatchObject({ state: "exhausted", nextFireTime: undefined });
  expect(await exhaustedJobs(bench)).toEqual(["job"]);
  expect(await timesTold(bench)).toBe(1);
  expect(await bench.redis.zscore(bench.store.keys.due, "job")).toBeNull();
  await expectSound(bench);
}

const leaderOf = (bench: StoreBench): Materialiser => new Materialiser(bench.store, 10_000, bench.events);

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

interface Situation {
  readonly bench: StoreBench;
  readonly node: BenchNode;
  readonly run: string;
}

/** The job's last run is due. */
async function due(
  options: (now: number) => Partial<JobOptions>,
  more: Partial<JobOptions>,
): Promise<Situation> {
  const bench = await new StoreBench(server).ready();
  await bench.define("job", { ...options(await bench.now()), ...more });
  const node = await bench.node("node", 1e9);
  const leader = leaderOf(bench);
  while ((await leader.round(bench.epoch)).runs > 0);
  const [run = ""] = await bench.redis.zrange(bench.store.keys.unstarted, 0, -1);
  await bench.advance(2000);
  return { bench, node, run };
}

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

describe("a job is exhausted, and told so once, when its last run", () => {
  for (const [last, options, counted] of lasts) {
    for (const [end, counts, more, how] of ends) {
      if (counted && !counts) continue; // it would go on
      test(`${end} (${last})`, async () => {
        const situation = await due(options, more);
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
    const { bench, node, run } = await due((now) => ({ trigger: once(new Date(now + 1000)) }), {});
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

describe("a run of maxRuns that is handed back leaves the job none short, when it", () => {
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

  test("was to be cancelled before its node had heard of it", async () => {
    await using bench = await new StoreBench(server).ready();
    await bench.define("job", { trigger: every("1h"), maxRuns: 1 });
    const node = await bench.node("node", 1e9);
    const [run = ""] = await bench.write("job", [(await bench.now()) - 1]);
    const { claimed } = await node.claim();
    await bench.run(run).cancel();
    await node.complete(claimed, "b");
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

describe("whenExhausted: remove", () => {
  test("takes the job away after its last run, and leaves its history and result", async () => {
    const { bench, node, run } = await due((now) => ({ trigger: once(new Date(now + 1000)) }), {
      whenExhausted: "remove",
    });
    const { claimed } = await node.claim();
    expect(await bench.job("job").get()).toMatchObject({ whenExhausted: "remove" });
    await node.claim({
      slots: 0,
      completions: claimed.map((one) => ({
        run: one.run,
        token: one.token,
        outcome: "s",
        detail: "",
        result: '"done"',
      })),
    });
    expect(await bench.job("job").get()).toBeUndefined();
    expect((await bench.job("job").history()).map(({ state }) => state)).toEqual(["succeeded"]);
    expect(await bench.run(run).result({ timeout: 1000 })).toBe("done");
    expect(await timesTold(bench)).toBe(1);
    const left = ["counts", "due", "exhaustion", "frozen", "jobs", "paced", "state", "unstarted"];
    expect((await bench.keysLeft()).filter((key) => left.includes(key))).toEqual([]);
    await expectSound(bench);
    await bench.define("job", { trigger: every("1h") });
    expect(await bench.job("job").get()).toMatchObject({ version: 1, state: "scheduled" });
    await bench[Symbol.asyncDispose]();
  });

  test("waits for the end of each of the last runs, in a running cluster, and its result can be had", async () => {
    await using cluster = new Cluster(server);
    const [one, two] = [cluster.scheduler({ concurrency: 1 }), cluster.scheduler({ concurrency: 1 })];
    const go = gate();
    const removed = gate();
    for (const scheduler of [one, two]) scheduler.task("task", () => go.opened.then(() => "done"));
    const events = two.events();
    const told: string[] = [];
    const reading = (async () => {
      for await (const { type } of events) {
        told.push(type);
        if (type === "jobRemoved") removed.open();
      }
    })();
    await Promise.all([one.start(), two.start()]);
    const trigger = every("50ms");
    await one.schedule("task", { id: "job", trigger, maxRuns: 2, overlap: "allow", whenExhausted: "remove" });
    await expect.poll(() => told.filter((type) => type === "beforeRun").length, { timeout: 5000 }).toBe(2);
    expect(await one.job("job").get()).toMatchObject({ state: "scheduled", startedRuns: 2 });
    go.open();
    await removed.opened;
    expect(await one.job("job").get()).toBeUndefined();
    const history = await two.job("job").history();
    expect(history.map(({ state, result }) => [state, result])).toEqual(Array(2).fill(["succeeded", "done"]));
    expect(told.filter((type) => type === "jobExhausted" || type === "jobRemoved")).toEqual([
      "jobExhausted",
      "jobRemoved",
    ]);
    await two.stop();
    await reading;
  });

  test("is taken up by a change while the last run runs", async () => {
    const { bench, node } = await due((now) => ({ trigger: once(new Date(now + 1000)) }), {});
    const { claimed } = await node.claim();
    await bench.job("job").update({ whenExhausted: "remove" });
    await node.complete(claimed);
    expect(await bench.job("job").get()).toBeUndefined();
    await bench[Symbol.asyncDispose]();
  });
});

describe("a job that is exhausted", () => {
  const lives: [
    name: string,
    options: (now: number) => Partial<JobOptions>,
    change: (now: number) => Partial<JobOptions>,
  ][] = [
    [
      "a higher maxRuns",
      (now) => ({ trigger: every(1000, { from: new Date(now) }), startAt: now + 1, maxRuns: 1 }),
      () => ({ maxRuns: 2 }),
    ],
    [
      "a later endAt",
      (now) => ({ trigger: every(1000, { from: new Date(now) }), startAt: now + 1, endAt: now + 1500 }),
      (now) => ({ endAt: now + 1e6 }),
    ],
    ["another trigger", (now) => ({ trigger: once(new Date(now + 1000)) }), () => ({ trigger: every("5s") })],
    [
      "a higher maxRuns, counting from completion",
      () => ({ trigger: every(1000, { after: "completion" }), maxRuns: 1 }),
      () => ({ maxRuns: 2 }),
    ],
  ];
  for (const [name, options, change] of lives)
    for (const when of ["after", "before"] as const)
      test(`lives on with ${name}, given ${when} the last run's end`, async () => {
        const { bench, node } = await due(options, { misfire: { grace: "1h" } });
        const { claimed } = await node.claim({ slots: 1 });
        expect(claimed).toHaveLength(1);
        if (when === "after") {
          await node.complete(claimed);
          await expectExhausted(bench);
        }
        await bench.job("job").update(change(await bench.now()));
        if (when === "before") await node.complete(claimed);
        expect(await bench.job("job").get()).toMatchObject({ state: "scheduled" });
        expect((await bench.job("job").get())?.nextFireTime).toBeDefined();
        await leaderOf(bench).round(bench.epoch);
        await bench.advance(10_000);
        expect((await node.claim()).claimed).toHaveLength(1);
        expect(await timesTold(bench)).toBe(when === "after" ? 1 : 0);
        await expectSound(bench);
        await bench[Symbol.asyncDispose]();
      });

  for (const paused of [false, true])
    test(`lives on with a higher maxRuns though the leader has to catch up with it${paused ? " after a pause" : ""}`, async () => {
      const trigger = (now: number) => every(60_000, { from: new Date(now + 1000) });
      const misfire = { grace: "1h" };
      const { bench, node } = await due((now) => ({ trigger: trigger(now), maxRuns: 1 }), { misfire });
      const { claimed } = await node.claim();
      if (paused) {
        await pauseTarget(bench.store, { job: "job" }, { reason: "tests" });
        await bench.advance(60_000);
        await leaderOf(bench).round(bench.epoch);
        expect(await bench.redis.zcard(bench.store.keys.frozen)).toBe(1);
      }
      await bench.advance(120_000);
      await bench.job("job").update({ maxRuns: 3 });
      if (paused) await leaderOf(bench).round(bench.epoch);
      await node.complete(claimed);
      await expectAlive(bench);
      await resumeTarget(bench.store, { job: "job" });
      await leaderOf(bench).round(bench.epoch);
      expect((await node.claim()).claimed).toHaveLength(1);
      await bench[Symbol.asyncDispose]();
    });

  test("stays so when it is defined the same again, or changed otherwise", async () => {
    const trigger = once(new Date((await new StoreBench(server).now()) + 1000));
    const { bench, node } = await due(() => ({ trigger }), {});
    await node.complete((await node.claim()).claimed);
    await bench.define("job", { trigger });
    await bench.job("job").update({ priority: 5 });
    await expectExhausted(bench);
    await bench[Symbol.asyncDispose]();
  });

  test("can be removed, and leaves no mark of it", async () => {
    const { bench, node } = await due((now) => ({ trigger: once(new Date(now + 1000)) }), {});
    await node.complete((await node.claim()).claimed);
    expect(await bench.remove("job")).toBe(true);
    expect(await bench.redis.exists(bench.store.keys.exhaustion)).toBe(0);
    await bench.define("job");
    await expect(bench.job("job").get()).resolves.toMatchObject({ state: "scheduled" });
    await bench[Symbol.asyncDispose]();
  });
});
