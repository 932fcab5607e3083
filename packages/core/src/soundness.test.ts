// One property and all that it needs: a model of what may happen, and what must hold after each step of it.
import { type RedisServer, startRedis } from "@escapement/testing";
import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type BenchNode, expectSound, later, StoreBench } from "../test/store-bench.js";
import type { Claimed, Completion } from "./claim.js";
import { retryRun, takeDeadLetters } from "./dead-letters.js";
import { writeJobs } from "./define.js";
import { enqueueRuns } from "./enqueue.js";
import type { JobOptions } from "./job.js";
import { type PauseTarget, pauseName, pauseTarget, resumeTarget } from "./pause.js";

let server: RedisServer;
beforeAll(async () => {
  server = await startRedis();
});
afterAll(() => server.stop());

/** How many random sequences are tried. */
const sequences = Number(process.env["ESCAPEMENT_SOUNDNESS_RUNS"] ?? 80);
/** `c` depends on the others, and has a trigger of its own or none. */
const jobs = ["a", "b", "c"] as const;
const queues = ["default", "second"] as const;
const overlaps = ["skip", "allow", "queue-one", "queue-all", "cancel-running", "replace"] as const;
const outcomes = ["s", "f", "t", "c", "F", "T", "b", "x", "l", "v"] as const;
const lanes = queues.map((queue) => `${queue}@task`);
const job = fc.constantFrom(...jobs);
const node = fc.integer({ min: 0, max: 1 });
/** One of the runs that there have been. */
const run = fc.nat({ max: 30 });
const retry = fc.boolean();
const pausable: readonly PauseTarget[] = [
  "all",
  ...jobs.map((id) => ({ job: id })),
  { tag: "tag" },
  { queue: "default" },
  { task: "task" },
];
const target = fc.constantFrom(...pausable);

const often = <T>(
  weight: number,
  arbitrary: fc.Arbitrary<T>,
): { weight: number; arbitrary: fc.Arbitrary<T> } => ({
  weight,
  arbitrary,
});
const step = fc.oneof(
  often(
    4,
    fc.record({
      do: fc.constant("define" as const),
      job,
      overlap: fc.constantFrom(...overlaps),
      delivery: fc.constantFrom("at-least-once" as const, "at-most-once" as const),
      queue: fc.constantFrom(...queues),
      catchUp: fc.constantFrom("none" as const, "latest" as const, "earliest" as const, "all" as const),
      maxRuns: fc.option(fc.integer({ min: 1, max: 5 }), { nil: undefined }),
      deadLetter: fc.constantFrom(true, true, true, false),
      whenExhausted: fc.constantFrom("keep" as const, "remove" as const),
      tagged: fc.boolean(),
      apart: fc.boolean(),
      keyed: fc.option(fc.constantFrom("wait" as const, "skip" as const), { nil: undefined }),
      parents: fc.constantFrom<readonly string[]>([], ["a"], ["a", "b"]),
      fires: fc.boolean(),
    }),
  ),
  often(1, fc.record({ do: fc.constant("remove" as const), job })),
  often(
    4,
    fc.record({
      do: fc.constant("write" as const),
      which: fc.subarray([...jobs], { minLength: 1 }),
      ahead: fc.integer({ min: -3, max: 3 }),
    }),
  ),
  often(2, fc.record({ do: fc.constant("pause" as const), target })),
  often(2, fc.record({ do: fc.constant("resume" as const), target, how: fc.constantFrom("asked", "gone") })),
  often(1, fc.record({ do: fc.constant("watch" as const) })),
  often(1, fc.record({ do: fc.constant("sweep" as const) })),
  often(2, fc.record({ do: fc.constant("run now" as const), job })),
  often(
    1,
    fc.record({
      do: fc.constant("enqueue" as const),
      delay: fc.constantFrom(0, 30_000),
      priority: fc.integer({ min: -1, max: 1 }),
      queue: fc.constantFrom(...queues),
    }),
  ),
  often(
    5,
    fc.record({
      do: fc.constant("claim" as const),
      node,
      slots: fc.integer({ min: 1, max: 4 }),
      whenFull: fc.constantFrom(undefined, "w" as const, "s" as const),
    }),
  ),
  often(1, fc.record({ do: fc.constant("claim again" as const), node })),
  often(
    5,
    fc.record({
      do: fc.constant("end" as const),
      node,
      outcome: fc.constantFrom(...outcomes),
      count: fc.integer({ min: 1, max: 3 }),
      delay: fc.constantFrom(0, 0, 1000, 30_000),
    }),
  ),
  often(3, fc.record({ do: fc.constant("cancel" as const), run })),
  often(2, fc.record({ do: fc.constant("heartbeat" as const), node })),
  often(1, fc.record({ do: fc.constant("retry" as const), run })),
  often(
    2,
    fc.record({
      do: fc.constant("dead letters" as const),
      queue: fc.constantFrom(...queues),
      limit: fc.integer({ min: 1, max: 3 }),
      retry,
    }),
  ),
  often(1, fc.record({ do: fc.constant("kill" as const), node })),
  often(2, fc.record({ do: fc.constant("wait" as const), ms: fc.constantFrom(1, 20_000, 90_000) })),
);
type Step = typeof step extends fc.Arbitrary<infer S> ? S : never;
type Define = Extract<Step, { do: "define" }>;

const jobOf = (id: string): string | undefined => (id.includes("@") ? id.split("@")[0] : undefined);
const isFirst = ({ run: id, attempt }: Claimed): boolean => /@\d+$/.test(id) && attempt === 1;
const isCode =
  (code: string) =>
  (error: unknown): void =>
    expect(error).toMatchObject({ code });

/** What a sequence keeps: two nodes, and which attempts were given out and accepted. */
class History {
  readonly bench: StoreBench;
  readonly nodes: { node: BenchNode; held: Claimed[] }[] = [];
  readonly started = new Set<string>();
  readonly accepted = new Set<string>();
  /** Runs that were cancelled, and not retried since. */
  readonly cancelled = new Set<string>();
  /** `<job>@<fire time>` of all that was written. */
  readonly written = new Set<string>();
  /** Of each job: its `maxRuns`, and the fire times that have started under one. */
  readonly counted = new Map<string, { most: number | undefined; runs: Set<string> }>();
  readonly removed = new Set<string>();
  /** Names of pauses that there are. */
  readonly paused = new Set<string>();
  /** Of each job: the names of pauses that hold it back. */
  readonly names = new Map<string, readonly string[]>();
  #named = 0;

  constructor(bench: StoreBench) {
    this.bench = bench;
  }

  async fresh(index: number): Promise<void> {
    this.#named += 1;
    this.nodes[index] = { node: await this.bench.node(`node-${this.#named}`, 1e9), held: [] };
  }

  at(index: number): { node: BenchNode; held: Claimed[] } {
    const found = this.nodes[index];
    if (found === undefined) throw new Error(`no node ${index}`);
    return found;
  }

  /** Defines a job; one that depends on others with a trigger only if it `fires`. Of those that it names, the ones that there are. */
  async define(
    id: string,
    { maxRuns, dependsOn = [], ...options }: Partial<JobOptions> = {},
    fires = true,
  ): Promise<void> {
    const known = await this.bench.redis.hkeys(this.bench.store.keys.jobs);
    const parents = id === "c" ? dependsOn.filter((parent) => known.includes(parent)) : [];
    const given = {
      ...{ id, ...options },
      ...(maxRuns !== undefined && { maxRuns }),
      ...(parents.length > 0 && { dependsOn: parents }),
      // In a second life without a trigger it may have what it had in its first.
      ...((fires || parents.length === 0 || this.removed.has(id)) && { trigger: later }),
    };
    await writeJobs(this.bench.store, [{ task: "task", options: given }], 65_536);
    this.counted.set(id, { most: maxRuns, runs: this.counted.get(id)?.runs ?? new Set() });
    this.names.set(id, [
      ...["all", "task:task", `job:${id}`, `queue:${options.queue ?? "default"}`],
      ...(options.tags ?? []).map((tag) => `tag:${tag}`),
    ]);
  }

  took(index: number, claimed: readonly Claimed[]): void {
    for (const item of claimed) {
      const name = `${item.run}#${item.attempt}`;
      // Only an attempt that was handed back unstarted is given out a second time.
      expect(this.started.has(name), `${name} started twice`).toBe(false);
      this.started.add(name);
      expect(this.cancelled.has(item.run), `${item.run} started although it was cancelled`).toBe(false);
      this.at(index).held.push(item);
      const held = (this.names.get(item.job ?? "") ?? ["all", "task:task"]).filter((name) =>
        this.paused.has(name),
      );
      expect(held, `pauses under which ${item.run} started`).toEqual([]);
      const { most, runs } = this.counted.get(item.job ?? "") ?? {};
      if (most === undefined || runs === undefined || !isFirst(item)) continue;
      runs.add(item.run);
      expect(runs.size, `started runs of ${item.job}`).toBeLessThanOrEqual(most);
    }
  }

  /** Ends the first `count` attempts that a node holds, or those of `only`. */
  async end(
    index: number,
    outcome: Completion["outcome"],
    { count = 100, delay = 0, only }: { count?: number; delay?: number; only?: readonly string[] } = {},
  ): Promise<void> {
    const { node: by, held } = this.at(index);
    const ending = held.filter(({ run: id }) => only?.includes(id) ?? true).slice(0, count);
    this.at(index).held = held.filter((item) => !ending.includes(item));
    const result = outcome === "F" || outcome === "T" ? String(delay) : "";
    const accepted = await by.complete(ending, outcome, result);
    expect(accepted).toEqual(ending.map(() => true));
    for (const item of ending) {
      const name = `${item.run}#${item.attempt}`;
      if (outcome === "b") {
        this.started.delete(name);
        if (isFirst(item)) this.counted.get(item.job ?? "")?.runs.delete(item.run);
      } else {
        if (outcome === "v" && isFirst(item)) this.counted.get(item.job ?? "")?.runs.delete(item.run);
        expect(this.accepted.has(name)).toBe(false);
        this.accepted.add(name);
      }
    }
  }

  /** Tells a node what it is to cancel, and ends that. */
  async heartbeat(index: number): Promise<void> {
    const { node: by, held } = this.at(index);
    const told = (await by.heartbeat()).filter((_, at) => at % 2 === 0);
    const mine = held.map((item) => item.run);
    for (const id of told) expect(mine, "a node cancels what it holds").toContain(id);
    await this.end(index, "c", { only: told });
  }
}

/** Which runs have not ended, and the entries of those that have. */
interface Picture {
  readonly live: ReadonlyMap<string, string>;
  /** Texts of entries, by run. */
  readonly ended: ReadonlyMap<string, readonly string[]>;
  readonly missed: readonly {
    readonly job: string;
    readonly from: number;
    readonly to: number;
    readonly count: number;
  }[];
  /** Fire times that have not started. */
  readonly unstarted: ReadonlySet<string>;
  /** Jobs that are defined. */
  readonly jobs: ReadonlySet<string>;
  /** Jobs of which no further fire time starts. */
  readonly exhausted: ReadonlySet<string>;
}

async function look({ redis, store }: StoreBench): Promise<Picture> {
  const { keys } = store;
  const all = await redis.keys(`${keys.prefix}*`);
  const live = new Map<string, string>();
  const ended = new Map<string, string[]>();
  const missed: { job: string; from: number; to: number; count: number }[] = [];
  await Promise.all(
    all.map(async (key) => {
      const name = key.slice(keys.prefix.length);
      if (/^(waiting$|blocked$|paused$|ready:|full:)/.test(name))
        for (const id of await redis.zrange(key, 0, -1)) live.set(id, name);
      if (name.startsWith("active:")) for (const id of await redis.hkeys(key)) live.set(id, name);
      if (name === "finished")
        for (const [id, text] of Object.entries(await redis.hgetall(key))) ended.set(id, [text]);
      const owner = /^(?:history|failures):([^~].*)$/.exec(name)?.[1];
      if (owner === undefined) return;
      for (const text of await redis.lrange(key, 0, -1)) {
        const [at = "", , , state, , , , ...detail] = (text.split("\n")[0] ?? "").split(" ");
        if (state === "m") {
          const { count, to } = JSON.parse(detail.join(" ")) as { count: number; to: number };
          missed.push({ job: owner, from: Number(at), to, count });
        } else ended.set(`${owner}@${at}`, [...(ended.get(`${owner}@${at}`) ?? []), text]);
      }
    }),
  );
  const [defined, unstarted, counts] = await Promise.all([
    redis.hgetall(keys.jobs),
    redis.zrange(keys.unstarted, 0, -1),
    redis.hgetall(keys.counts),
  ]);
  const ids = Object.keys(defined);
  const most = (id: string): number =>
    Number(/^.* mr=(\d+)/.exec(defined[id] ?? "")?.[1] ?? Number.POSITIVE_INFINITY);
  return {
    ...{ live, ended, missed, unstarted: new Set(unstarted), jobs: new Set(ids) },
    exhausted: new Set(ids.filter((id) => Number(counts[id] ?? 0) >= most(id))),
  };
}

/** The entries that were written of a run. */
function entriesOf(id: string, before: Picture, after: Picture): number {
  return (after.ended.get(id) ?? []).filter((text) => before.ended.get(id)?.includes(text) !== true).length;
}

/** Nothing vanishes: what was to run and is so no more has one entry of its end, or was taken back. */
function expectNoLoss(before: Picture, after: Picture, what: Step | "settle"): void {
  const missed = after.missed.filter((one) => {
    return !before.missed.some((old) => JSON.stringify(old) === JSON.stringify(one));
  });
  for (const id of new Set([...before.live.keys(), ...after.live.keys(), ...after.ended.keys()])) {
    const written = entriesOf(id, before, after);
    // One that is written when its parents' runs have succeeded may end without having been there, given up or in one of several steps.
    const givenUp = (after.ended.get(id) ?? []).at(-1)?.endsWith('{"reason":"dependency"}') === true;
    if (!before.live.has(id) && (givenUp || (what === "settle" && jobOf(id) === "c")) && written === 1)
      continue;
    if (!before.live.has(id) || after.live.has(id)) {
      expect(written, `entries of ${id}, which has not ended`).toBe(0);
      continue;
    }
    const [owner, time] = id.split("@");
    const covered =
      before.unstarted.has(id) &&
      missed.some((one) => one.job === owner && one.from <= Number(time) && Number(time) <= one.to);
    if (written === 0 && (covered || isTakenBack(id, before, after, what))) continue;
    expect(written, `entries of ${id}, which has ended`).toBe(1);
  }
}

function isTakenBack(id: string, before: Picture, after: Picture, what: Step | "settle"): boolean {
  const owner = jobOf(id);
  if (owner === undefined) return false;
  if (what === "settle")
    return before.unstarted.has(id) && (after.exhausted.has(owner) || !after.jobs.has(owner));
  if (!after.jobs.has(owner))
    return (
      what.do === "remove" || (what.do === "end" && what.outcome === "b") || before.unstarted.has(id) // whenExhausted
    );
  return before.unstarted.has(id) && (what.do === "define" || after.exhausted.has(owner));
}

/** Dead letters have ended and stand in one queue; a node is told to cancel only what it holds. */
async function expectTidy({ redis, store }: StoreBench, { live }: Picture): Promise<void> {
  const { keys } = store;
  const letters: string[] = [];
  for (const queue of queues) letters.push(...(await redis.zrange(keys.deadLettersOf(queue), 0, -1)));
  expect(letters.sort(), "dead letters of queues").toEqual((await redis.hkeys(keys.deadLetters)).sort());
  expect(
    letters.filter((id) => live.has(id)),
    "dead letters that have not ended",
  ).toEqual([]);
  for (const key of await redis.keys(keys.cancelled("*").replace(/([[\]{}])/g, "\\$1"))) {
    const holder = key.slice(keys.cancelled("").length);
    for (const id of await redis.hkeys(key))
      expect(live.get(id), "where a run to cancel is").toBe(`active:${holder}`);
  }
}

async function cancel({ bench, cancelled }: History, id: string, seen: Picture): Promise<void> {
  const done = await bench.run(id).cancel().catch(isCode("RUN_NOT_FOUND"));
  if (done === true) cancelled.add(id);
  const where = seen.live.get(id);
  expect(done ?? false, `cancelling ${id}, which was in ${where}`).toBe(where !== undefined);
  if (where?.startsWith("active:") === true)
    expect(await bench.redis.hexists(`${bench.store.keys.prefix}cancelled:${where.slice(7)}`, id)).toBe(1);
  else if (where !== undefined) expect(await bench.run(id).get()).toMatchObject({ state: "cancelled" });
}

async function write({ bench, written }: History, what: Extract<Step, { do: "write" }>): Promise<void> {
  const now = await bench.now();
  const times = [0, 1].map((more) => now + what.ahead * 20_000 + more);
  for (const id of what.which) {
    // A fire time is written once: the cursor sees to that. (Time stands still after it was set ahead.)
    const fresh = times.filter((time) => !written.has(`${id}@${time}`));
    for (const time of fresh) written.add(`${id}@${time}`);
    if (fresh.length > 0) await bench.write(id, fresh);
  }
}

const definition = ({
  overlap,
  delivery,
  queue,
  catchUp,
  maxRuns,
  deadLetter,
  whenExhausted,
  tagged,
  apart,
  keyed,
  parents,
}: Define): Partial<JobOptions> => ({
  ...{ overlap, delivery, queue, deadLetter, misfire: { catchUp, max: 2 } },
  ...(maxRuns !== undefined && { maxRuns, whenExhausted }),
  ...(tagged && { tags: ["tag"] }),
  ...(apart && { retain: { failed: 10_000 } }),
  ...(keyed !== undefined && { concurrencyKey: "key", concurrencyLimit: { max: 2, whenFull: keyed } }),
  dependsOn: parents,
});

async function carryOut(history: History, what: Step, seen: Picture): Promise<void> {
  const { bench } = history;
  const { store } = bench;
  const known = [...new Set([...seen.live.keys(), ...seen.ended.keys()])].sort();
  switch (what.do) {
    case "define":
      return history.define(what.job, definition(what), what.fires);
    case "remove":
      await bench.remove(what.job);
      history.counted.delete(what.job);
      return;
    case "write":
      return write(history, what);
    case "run now":
      await bench.runNow(what.job).catch(isCode("JOB_NOT_FOUND"));
      return;
    case "enqueue": {
      const { delay, priority, queue } = what;
      await enqueueRuns(store, "task", [{ delay, priority, queue }], 65_536);
      return;
    }
    case "claim": {
      const limits = what.whenFull === undefined ? [] : [{ scope: "task:task", max: 3, how: what.whenFull }];
      const { claimed } = await history.at(what.node).node.claim({ slots: what.slots, lanes, limits });
      return history.took(what.node, claimed);
    }
    case "claim again": {
      const { node: by, held } = history.at(what.node);
      if (by.number === 0) return;
      const { claimed } = await by.claim({ number: by.number, lanes });
      for (const { token } of claimed) expect(held.map((item) => item.token)).toContain(token);
      return;
    }
    case "end":
      return history.end(what.node, what.outcome, what);
    case "cancel":
    case "retry": {
      const id = known[what.run % known.length];
      if (id === undefined) return;
      if (what.do === "cancel") return cancel(history, id, seen);
      return retryRun(store, id).then(() => void history.cancelled.delete(id), isCode("NOT_A_DEAD_LETTER"));
    }
    case "heartbeat":
      return history.heartbeat(what.node);
    case "dead letters":
      for (const id of await takeDeadLetters(store, { queue: what.queue, limit: what.limit }, what.retry))
        history.cancelled.delete(id);
      return;
    case "kill": {
      const { node: victim } = history.at(what.node);
      await bench.redis.zadd(store.keys.nodes, 1, victim.id); // its lease is over
      while ((await bench.recover()).more);
      return history.fresh(what.node);
    }
    case "pause":
      history.paused.add(pauseName(what.target));
      return pauseTarget(store, what.target, { reason: "a test" });
    case "resume":
      history.paused.delete(pauseName(what.target));
      if (what.how === "asked") await resumeTarget(store, what.target);
      else await bench.redis.del(store.keys.pause(pauseName(what.target)));
      return;
    case "watch":
      return bench.watch();
    case "sweep":
      expect(await bench.sweep(), "what the sweeper takes for wrong").toEqual([]);
      return;
    case "wait":
      await bench.advance(what.ms);
      return;
  }
}

/** Everything ends when nodes go on: nothing is stuck behind anything, and nothing is left of it. */
async function settle(history: History): Promise<void> {
  const { bench } = history;
  for (const name of history.paused) await bench.redis.del(bench.store.keys.pause(name));
  history.paused.clear();
  await bench.watch();
  await bench.advance(10_000_000);
  for (let quiet = 0, rounds = 0; quiet < 2; rounds += 1) {
    expect(rounds, "it does not come to an end").toBeLessThan(200);
    let moved = 0;
    for (const index of [0, 1]) {
      moved += history.at(index).held.length;
      await history.heartbeat(index);
      await history.end(index, "s");
      const { claimed } = await history.at(index).node.claim({ slots: 20, lanes });
      moved += claimed.length;
      history.took(index, claimed);
    }
    if ((await bench.redis.zcard(bench.store.keys.waiting)) > 0) await bench.advance(2e9);
    for (const index of [0, 1]) await history.at(index).node.join();
    quiet = moved === 0 ? quiet + 1 : 0;
  }
  await expectSound(bench);
  const left = (await bench.keysLeft()).filter((key) =>
    /^(waiting|ready|blocked|paused|unstarted|requeued|running|runs|attempts|progress|active|cancelled|full|held|holds|limited|frozen|pauses|paused-by)/.test(
      key,
    ),
  );
  expect(left).toEqual([]);
  const states = await bench.redis.hgetall(bench.store.keys.exhaustion);
  expect(
    Object.values(states).filter((state) => state !== "done"),
    "jobs that are about to be over",
  ).toEqual([]);
  const met = await bench.redis.zrange(bench.store.keys.met, 0, -1);
  expect(
    met.filter((text) => text.endsWith("#")),
    "runs that are held for their parents",
  ).toEqual([]);
}

test(
  "states: S15, S16: whatever happens in whatever order, each run is in one place, and all of it comes to an end",
  async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 40 }), async (steps) => {
        await using bench = await new StoreBench(server, {
          runs: 10_000,
          enqueued: 10_000,
          age: 1e13,
        }).ready();
        const history = new History(bench);
        await history.fresh(0);
        await history.fresh(1);
        for (const name of jobs) await history.define(name, {});
        let seen = await look(bench);
        for (const what of steps) {
          await carryOut(history, what, seen);
          await expectSound(bench);
          const next = await look(bench);
          expectNoLoss(seen, next, what);
          await expectTidy(bench, next);
          for (const name of jobs)
            if (!next.jobs.has(name)) {
              history.counted.delete(name);
              history.removed.add(name);
            }
          seen = next;
        }
        expect(await bench.sweep(), "what the sweeper takes for wrong").toEqual([]);
        await settle(history);
        const end = await look(bench);
        expectNoLoss(seen, end, "settle");
        expect([...end.live]).toEqual([]);
      }),
      { numRuns: sequences, endOnFailure: false },
    );
  },
  Math.max(60_000, sequences * 1000),
);
