import type { JobStore } from "@escapement/testing";
import { uniqueNamespace } from "@escapement/testing";
import { once, type Trigger } from "@escapement/triggers";
import type { Redis } from "ioredis";
import { expect } from "vitest";
import {
  type ClaimAnswer,
  type Claimed,
  type ClaimRequest,
  type Completion,
  completeAndClaim,
} from "../src/claim.js";
import { writeJobs } from "../src/define.js";
import { Events } from "../src/events.js";
import { jobHandle, runHandle } from "../src/handles.js";
import type { JobOptions } from "../src/job.js";
import { recoverDeadNodes } from "../src/recover.js";
import { runIdOf } from "../src/run-id.js";
import type { RunNowOptions } from "../src/run-now.js";
import { heartbeat, join, leave, materialise } from "../src/scripts/index.js";
import { Store } from "../src/store.js";
import { Sweeper } from "../src/sweep.js";
import { PauseWatch } from "../src/watch.js";
import { silentLogger } from "./silent-logger.js";

/** Far enough ahead that nothing fires by itself while a test runs. */
export const later: Trigger = once(new Date("2099-01-01T00:00:00Z"));

/** A partition of a namespace. */
export type Place = Pick<Store, "namespace" | "partitions" | "partition">;

/** One step of a node at a time, on a real store, with no loops of their own: tests say what happens when. */
export class StoreBench implements AsyncDisposable {
  readonly store: Store;
  readonly #server: JobStore;
  #redis: Redis | undefined;
  readonly url: string;
  readonly events: Events = new Events(silentLogger);
  epoch = 1;

  /** @param place the partition of a namespace that it is, if not the only one; the address, if not the server's */
  constructor(
    server: JobStore,
    retention: Partial<Store["retention"]> = {},
    { url = server.url, ...place }: Partial<Place> & { readonly url?: string } = {},
  ) {
    this.#server = server;
    this.url = url;
    this.store = new Store({
      redis: url,
      namespace: uniqueNamespace("bench"),
      ...place,
      retention: { runs: 100, enqueued: 1000, age: 3_600_000, logAge: 3_600_000, ...retention },
      deadline: 5000,
      leaseDeadline: 5000,
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.store.close();
    this.#redis?.disconnect();
  }

  /** A plain client of the server that has this partition. */
  get redis(): Redis {
    if (this.#redis === undefined) throw new Error("ready() first");
    return this.#redis;
  }

  /** Waits for connections; the first leader's term begins. */
  async ready(): Promise<this> {
    this.#redis ??= (await this.#server.masterOf(this.store.keys.clock)).client();
    await Promise.all([this.store.commands.ready(), this.store.lease.ready()]);
    await this.redis.set(this.store.keys.epoch, this.epoch);
    return this;
  }

  async define(id: string, options: Partial<JobOptions> = {}, task = "task"): Promise<void> {
    await writeJobs(this.store, [{ task, options: { id, trigger: later, ...options } }], 65_536);
  }

  remove(id: string): Promise<boolean> {
    return jobHandle(this.parts, id).remove();
  }

  async runNow(id: string, options?: RunNowOptions): Promise<string> {
    return (await jobHandle(this.parts, id).runNow(options)).id;
  }

  run(id: string): ReturnType<typeof runHandle> {
    return runHandle(this.store, id);
  }

  job(id: string): ReturnType<typeof jobHandle> {
    return jobHandle(this.parts, id);
  }

  get parts(): Parameters<typeof jobHandle>[0] {
    return {
      store: this.store,
      events: this.events,
      maxInput: 65_536,
      validate: async (_task: string, input: unknown) => input,
    };
  }

  now(): Promise<number> {
    return this.store.now();
  }

  /** The store's time jumps ahead by that much, as when its machine's clock is set; it never goes back. */
  async advance(ms: number): Promise<number> {
    const now = (await this.now()) + ms;
    await this.redis.set(this.store.keys.clock, now);
    return now;
  }

  /** Writes runs of a job at these times, as a leader does. Answers their ids. */
  async write(
    id: string,
    times: readonly number[],
    change: Partial<MaterialiseItem> = {},
  ): Promise<string[]> {
    const { keys } = this.store;
    const version = ((await this.redis.hget(keys.state, id)) ?? "").split(" ")[0] ?? "";
    const cursor = (await this.redis.zscore(keys.due, id)) ?? "0";
    await this.materialise({ job: id, version, expected: cursor, next: cursor, times, ...change });
    return times.map((time) => runIdOf(id, time));
  }

  /** One commit of a leader. Answers whether it was taken. */
  async materialise(item: MaterialiseItem, epoch = this.epoch): Promise<boolean> {
    const { prefix: _, ...keys } = this.store.keys;
    const { job, version, expected, next, times, missed = 0, missedFrom = 0, missedTo = 0 } = item;
    const [, done] = await materialise.run(this.store.lease, {
      keys,
      args: { ...this.store.history, epoch },
      lists: {
        jobs: [job, version, expected, next, times.length, missed, missedFrom, missedTo, 1],
        runs: times.flatMap((time) => [runIdOf(job, time), time]),
      },
    });
    return done === "1";
  }

  /** The leader's look at what was paused, until there is no more to let go. */
  async watch(tooLong = 86_400_000): Promise<void> {
    const watch = new PauseWatch(this.store, this.epoch, this.events, tooLong);
    while (await watch.look());
  }

  /** A whole sweep. Answers what was put right: subject and what, in turn. */
  async sweep(): Promise<string[]> {
    const mended: string[] = [];
    this.events.on("mended", ({ subject, what }) => mended.push(subject, what));
    const sweeper = new Sweeper(this.store, this.epoch, this.events, 60_000);
    for (sweeper.nextLook = 0; sweeper.nextLook < performance.now() + 30_000; ) {
      sweeper.nextLook = 0;
      await sweeper.look();
    }
    await new Promise((resolve) => setImmediate(resolve));
    return mended;
  }

  recover(epoch = this.epoch): ReturnType<typeof recoverDeadNodes> {
    return recoverDeadNodes(this.store, epoch, this.events);
  }

  async node(id: string, ttl = 60_000): Promise<BenchNode> {
    const node = new BenchNode(this, id, ttl);
    await node.join();
    return node;
  }

  /** Everything in the namespace, by key without its prefix. */
  async keysLeft(): Promise<string[]> {
    const { prefix } = this.store.keys;
    const keys = await this.redis.keys(`${prefix}*`);
    return keys.map((key) => key.slice(prefix.length)).sort();
  }
}

interface MaterialiseItem {
  readonly job: string;
  readonly version: string | number;
  readonly expected: string | number;
  readonly next: string | number;
  readonly times: readonly number[];
  readonly missed?: number;
  readonly missedFrom?: number;
  readonly missedTo?: number;
}

interface ClaimOptions {
  readonly slots?: number;
  readonly ahead?: number;
  readonly lanes?: readonly string[];
  readonly completions?: readonly Completion[];
  readonly number?: number;
  readonly line?: ClaimRequest["line"];
  readonly lockTtl?: number;
  readonly limits?: ClaimRequest["limits"];
  readonly rates?: ClaimRequest["rates"];
}

/** A node whose requests the test sends. */
export class BenchNode {
  readonly id: string;
  readonly ttl: number;
  number = 0;
  readonly #bench: StoreBench;

  constructor(bench: StoreBench, id: string, ttl: number) {
    this.#bench = bench;
    this.id = id;
    this.ttl = ttl;
  }

  /** @param began when it asked first, by the store's clock; now, if left out */
  async join(again = 0, formers: readonly string[] = [], began?: number): Promise<void> {
    const { store } = this.#bench;
    const info = JSON.stringify({ tasks: ["task"], queues: ["default"] });
    const ours = { node: this.id, ttl: this.ttl, info, began: began ?? (await store.now()) };
    const args = { ...store.told, ...ours, ...store.founding, again };
    await join.run(store.commands, { keys: store.keys, args, lists: { formers } });
  }

  /** Answers what is to be cancelled: runs, each with the reason. */
  async heartbeat(): Promise<string[]> {
    const { store } = this.#bench;
    const keys = { ...store.keys, cancelled: store.keys.cancelled(this.id) };
    const args = { node: this.id, ttl: this.ttl, info: "" };
    const [, cancelled] = await heartbeat.run(store.lease, { keys, args });
    return cancelled;
  }

  async leave(): Promise<void> {
    const { keys, commands } = this.#bench.store;
    const own = {
      ...keys,
      active: keys.active(this.id),
      request: keys.request(this.id),
      cancelled: keys.cancelled(this.id),
    };
    await leave.run(commands, { keys: own, args: { ...this.#bench.store.told, node: this.id } });
  }

  claim(options: ClaimOptions = {}): Promise<ClaimAnswer> {
    this.number = options.number ?? this.number + 1;
    return completeAndClaim(this.#bench.store, {
      node: this.id,
      number: this.number,
      ...(options.line !== undefined && { line: options.line }),
      slots: options.slots ?? 10,
      ahead: options.ahead ?? 0,
      completions: options.completions ?? [],
      lanes: options.lanes ?? ["default@task"],
      lockTtl: options.lockTtl ?? 60_000,
      // For how long a run waits whose lock was lost: not for as long as a node lives that is to outlast a test.
      leaseTtl: Math.min(this.ttl, 60_000),
      ...(options.limits !== undefined && { limits: options.limits }),
      ...(options.rates !== undefined && { rates: options.rates }),
    });
  }

  /** Claims and answers the run ids. */
  async take(slots = 10, lanes?: readonly string[]): Promise<string[]> {
    return (await this.claim(lanes === undefined ? { slots } : { slots, lanes })).claimed.map(
      ({ run }) => run,
    );
  }

  /** Reports attempts as ended, claiming nothing. */
  async complete(
    claimed: readonly Pick<Claimed, "run" | "token">[],
    outcome: Completion["outcome"] = "s",
    result = "",
  ): Promise<readonly boolean[]> {
    const completions = claimed.map(({ run, token }) => ({
      ...{ run, token, outcome, result },
      detail: run.includes("@") ? "" : '{"task":"task"}',
    }));
    return (await this.claim({ slots: 0, completions })).accepted;
  }
}

/**
 * Each run stands in exactly one index, each lane in `ready` by its first run, and nothing is kept of runs that are in
 * none.
 */
export async function expectSound({ redis, store }: StoreBench): Promise<void> {
  const { keys } = store;
  const everything = await redis.keys(`${keys.prefix}*`);
  const places = new Map<string, string[]>();
  const put = (runs: readonly string[], place: string): void => {
    for (const run of runs) places.set(run, [...(places.get(run) ?? []), place]);
  };
  put(await redis.zrange(keys.waiting, 0, -1), "waiting");
  put(await redis.zrange(keys.blocked, 0, -1), "blocked");
  put(await redis.zrange(keys.paused, 0, -1), "paused");
  const heads = new Map<string, string>();
  for (const key of everything) {
    const name = key.slice(keys.prefix.length);
    if (name.startsWith("active:")) put(await redis.hkeys(key), name);
    if (name.startsWith("full:")) put(await redis.zrange(key, 0, -1), name);
    if (!name.startsWith("ready:")) continue;
    put(await redis.zrange(key, 0, -1), name);
    heads.set(name.slice("ready:".length), (await redis.zrange(key, 0, 0, "WITHSCORES"))[1] ?? "");
  }
  const twice = [...places].filter(([, where]) => where.length !== 1);
  expect(twice, "runs in more than one index").toEqual([]);
  const index = await redis.zrange(keys.ready, 0, -1, "WITHSCORES");
  const listed = Object.fromEntries(
    index.flatMap((lane, at) => (at % 2 === 0 ? [[lane, index[at + 1]]] : [])) as [string, string][],
  );
  expect(listed, "heads of lanes").toEqual(Object.fromEntries(heads));
  const held = (run: string): boolean => (places.get(run)?.[0] ?? "").startsWith("active:");
  const strays = (runs: readonly string[]): string[] => runs.filter((run) => !places.has(run));
  expect(strays(await redis.hkeys(keys.attempts)), "attempts of no run").toEqual([]);
  expect(strays(await redis.hkeys(keys.runs)), "records of no run").toEqual([]);
  const unstarted = await redis.zrange(keys.unstarted, 0, -1);
  expect(strays(unstarted), "unstarted runs in no index").toEqual([]);
  expect(unstarted.filter(held), "unstarted runs that have started").toEqual([]);
  const requeued = await redis.zrange(keys.requeued, 0, -1);
  const queued = [...places.keys()].filter((run) => run.includes("@") && !held(run));
  expect([...unstarted, ...requeued].sort(), "queued runs of jobs, by job").toEqual(queued.sort());
  const running = (await redis.hvals(keys.running)).map((text) => text.split(" ")[0] ?? "");
  expect(strays(running), "running runs that do not run").toEqual([]);
  expect(
    (await redis.hkeys(keys.progress)).filter((run) => !held(run)),
    "progress of no run",
  ).toEqual([]);
  const holders_ = await redis.hgetall(keys.holds);
  expect(
    Object.keys(holders_).filter((run) => !held(run)),
    "places of runs that do not run",
  ).toEqual([]);
  for (const key of everything.filter((name) => name.startsWith(keys.held("")))) {
    const scope = key.slice(keys.held("").length);
    const inScope = Object.entries(holders_).filter(([, scopes]) => scopes.split(" ").includes(scope));
    expect((await redis.smembers(key)).sort(), `holders of ${scope}`).toEqual(
      inScope.map(([run]) => run).sort(),
    );
  }
  const limited = await redis.hgetall(keys.limited);
  for (const [run, [where]] of places)
    if (where?.startsWith("full:")) expect(limited[run], "the key that a run waits for").toBe(where.slice(5));
  expect(strays(Object.keys(limited)), "runs that wait for a key nowhere").toEqual([]);
  const jobOf = (run: string): string => run.split("@")[0] ?? "";
  const going = new Set(await redis.hkeys(keys.running));
  for (const [run, [where]] of places) if (where !== "blocked") going.add(jobOf(run));
  const stuck = [...places].filter(([run, [where]]) => where === "blocked" && !going.has(jobOf(run)));
  expect(stuck, "runs that wait for nothing").toEqual([]);
}
