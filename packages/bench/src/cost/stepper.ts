import { setTimeout as pause } from "node:timers/promises";
import type { JobOptions } from "@escapement/core";
import {
  type Claimed,
  type Completion,
  completeAndClaim,
  Events,
  enqueueRuns,
  join,
  Materialiser,
  report,
  type ScopedLimit,
  type ScopedRate,
  Store,
  writeJobs,
} from "@escapement/core/internal";
import type { RedisServer } from "@escapement/testing";
import { cron } from "@escapement/triggers";
import type { Redis } from "ioredis";
import { Meter, noTraffic, plus, storedBytes, type Traffic } from "./meter.js";
import { quiet } from "./quiet.js";

const node = "node00000001"; // as long as a real one
const lookahead = 15_000;
const day = 86_400_000;
let namespaces = 0;

/** What the configuration of nodes adds to each of their claims. */
export interface NodeOptions {
  readonly limits?: readonly ScopedLimit[];
  readonly rates?: readonly ScopedRate[];
  /** How many entries the stream of events keeps. @default 5000 */
  readonly events?: number;
}

/** What costs something. */
export type StepName = "enqueue" | "materialise" | "claim" | "complete" | "progress";

/** The steps of a leader and a node on a namespace of their own, one at a time and nothing else: what they cost can be read exactly. */
export class Stepper implements AsyncDisposable {
  readonly store: Store;
  readonly redis: Redis;
  readonly #meter: Meter;
  readonly #options: NodeOptions;
  readonly #materialiser: Materialiser;
  #number = 0;
  #spent = new Map<StepName, Traffic>();

  private constructor(server: RedisServer, options: NodeOptions) {
    namespaces += 1;
    this.#options = options;
    this.redis = server.client();
    this.store = new Store({
      redis: server.url,
      namespace: `cost-${String(process.pid).padStart(8, "0")}-${String(namespaces).padStart(4, "0")}`,
      retention: { runs: 100, enqueued: 1000, age: 7 * day, logAge: day },
      ...(options.events !== undefined && { events: options.events }),
      deadline: 20_000,
      leaseDeadline: 20_000,
    });
    this.#meter = new Meter(this.redis, [this.store.commands.client, this.store.lease.client]);
    this.#materialiser = new Materialiser(this.store, lookahead, new Events(quiet));
  }

  /** A node has joined and leads. */
  static async open(server: RedisServer, options: NodeOptions = {}): Promise<Stepper> {
    const stepper = new Stepper(server, options);
    const { store, redis } = stepper;
    await Promise.all([store.commands.ready(), store.lease.ready(), redis.ping()]);
    await redis.set(store.keys.epoch, 1);
    const info = JSON.stringify({ tasks: ["task"], queues: ["default"] });
    const own = { node, ttl: day, info, layout: 1, partitions: 1, again: 0, began: await store.now() };
    await join.run(store.commands, {
      keys: store.keys,
      args: { ...store.told, ...own },
      lists: { formers: [] },
    });
    return stepper;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const { prefix } = this.store.keys;
    for await (const keys of this.redis.scanStream({ match: `${prefix}*`, count: 1000 }))
      if ((keys as string[]).length > 0) await this.redis.unlink(...(keys as string[]));
    this.store.close();
    this.redis.disconnect();
  }

  /** What the steps have cost since this was asked last. */
  spent(): ReadonlyMap<StepName, Traffic> {
    const spent = this.#spent;
    this.#spent = new Map();
    return spent;
  }

  /** Defines so many daily jobs, with ids of 20 characters. `from`: the place of the first among all. */
  async define(count: number, options: Partial<JobOptions> = {}, from = 0): Promise<void> {
    const wanted = Array.from({ length: count }, (_, index) => ({
      task: "task",
      options: { id: idOf(from + index), trigger: cron("0 9 * * *"), ...options },
    }));
    await writeJobs(this.store, wanted, 65_536);
  }

  /** Makes this the next fire time of so many jobs: two seconds ago, or in `ahead` ms. */
  async come(count: number, from = 0, ahead = -2000): Promise<void> {
    const at = (await this.store.now()) + ahead;
    const scores = Array.from({ length: count }, (_, index) => [at, idOf(from + index)]).flat();
    await this.redis.zadd(this.store.keys.due, ...(scores as [number, string]));
  }

  /** The leader writes the runs of what has come, and looks whether there is more. */
  async materialise(): Promise<void> {
    for (let more = true; more; ) {
      await this.#step("materialise", async () => {
        ({ more } = await this.#materialiser.round(1));
      });
    }
  }

  async enqueue(count: number, options: object = {}): Promise<void> {
    const all = Array.from({ length: count }, () => options);
    await this.#step("enqueue", () => enqueueRuns(this.store, "task", all, 65_536));
  }

  /** Asks for so many due runs. Answers those that it was given. */
  claim(slots: number): Promise<readonly Claimed[]> {
    return this.#request("claim", slots, []);
  }

  /** Reports all these attempts in one request, which asks for as many others that are due. Answers those. */
  complete(
    claimed: readonly Claimed[],
    outcome: Completion["outcome"] = "s",
    result = "",
  ): Promise<readonly Claimed[]> {
    const completions = claimed.map((attempt) => {
      const detail = {
        ...(attempt.job === undefined && { task: "task", at: attempt.scheduledAt }),
        ...(/[ft]/i.test(outcome) && { error: { name: "Error", message: "no such customer" } }),
      };
      const text = Object.keys(detail).length === 0 ? "" : JSON.stringify(detail);
      return { run: attempt.run, token: attempt.token, outcome, result, detail: text };
    });
    return this.#request("complete", claimed.length, completions);
  }

  /** The handlers of these attempts report this, one after the other. */
  async progress(claimed: readonly Claimed[], progress: string): Promise<void> {
    const keys = { ...this.store.keys, active: this.store.keys.active(node) };
    for (const { run, token } of claimed) {
      await this.#step("progress", () =>
        report.run(this.store.lease, { keys, args: { node, run, token, progress } }),
      );
    }
  }

  /** Pauses the job at this place among all. */
  async pause(index: number): Promise<void> {
    await this.redis.set(this.store.keys.pause(`job:${idOf(index)}`), "for a while");
  }

  /** Bytes of all keys of the namespace. */
  bytes(): Promise<number> {
    return storedBytes(this.redis, this.store.keys.prefix);
  }

  async #request(
    name: StepName,
    slots: number,
    completions: readonly Completion[],
  ): Promise<readonly Claimed[]> {
    this.#number += 1;
    const request = {
      node,
      number: this.#number,
      slots,
      completions,
      lanes: ["default@task"],
      lockTtl: 300_000,
      leaseTtl: 10_000,
      ...this.#options,
    };
    return (await this.#step(name, () => completeAndClaim(this.store, request))).claimed;
  }

  /** Does something and remembers what it cost. */
  async #step<T>(name: StepName, doing: () => Promise<T>): Promise<T> {
    await evenTime();
    const [answer, traffic] = await this.#meter.around(doing);
    this.#spent.set(name, plus(this.#spent.get(name) ?? noTraffic, traffic));
    return answer;
  }
}

function idOf(index: number): string {
  return `job-${String(index).padStart(16, "0")}`;
}

/**
 * Scripts write the time where it has moved on: of two within a millisecond the second writes once less. And the answer of
 * TIME is shorter where the second has just begun.
 */
async function evenTime(): Promise<void> {
  await pause(2);
  const inSecond = Date.now() % 1000;
  if (inSecond < 120) await pause(120 - inSecond);
  if (inSecond > 950) await pause(1120 - inSecond);
}
