// The real system that the model is compared with: two nodes and a leader on one store, whose time stands still.
import type { JobStore } from "@escapement/testing";
import { every } from "@escapement/triggers";
import { expect } from "vitest";
import type { Claimed, Completion } from "../../src/claim.js";
import type { JobOptions } from "../../src/job.js";
import type { ScopedLimit } from "../../src/limit.js";
import { Materialiser } from "../../src/materialise.js";
import { retryDelay } from "../../src/retry.js";
import { type BenchNode, StoreBench } from "../store-bench.js";
import type { Outcome, Request } from "./claiming.js";
import { type Bound, type Definition, interval, type Job, lookahead, type Setting } from "./entities.js";
import { look, type Picture, pictureOf } from "./picture.js";
import type { World } from "./world.js";

/** Where time starts: so far ahead of any clock that the store's stands still but where it is set on. */
export const dawn: number = Date.UTC(2090, 0, 1);

/** The two jobs: each in its own queue, one with a tag; they never fire at the same instant. */
export const places = {
  a: { queue: "default", tags: ["tagged"], offset: 0 },
  b: { queue: "second", tags: [], offset: 3000 },
} as const satisfies Record<string, Pick<Job, "queue" | "tags" | "offset">>;

/** An attempt that ends as `outcome`; `again`: after how many ms its run is tried again. */
export interface Ending {
  readonly run: string;
  readonly outcome: Outcome;
  readonly again: number | undefined;
}

const letters = {
  succeeded: "s",
  failed: "f",
  "timed-out": "t",
  cancelled: "c",
  "handed-back": "b",
  vetoed: "v",
  "given-up": "l",
} as const satisfies Record<Outcome, Completion["outcome"]>;

export class Cluster {
  readonly bench: StoreBench;
  readonly #leader: Materialiser;
  readonly #limits: readonly ScopedLimit[];
  readonly #setting: Setting;
  readonly #nodes = new Map<string, BenchNode>();
  /** What was claimed last, by run. */
  readonly #claimed = new Map<string, Claimed>();
  #lastToken = 0;

  private constructor(bench: StoreBench, setting: Setting) {
    this.bench = bench;
    this.#setting = setting;
    this.#limits = limitsOf(setting);
    this.#leader = new Materialiser(bench.store, lookahead, bench.events);
  }

  static async start(server: JobStore, setting: Setting): Promise<Cluster> {
    const bench = await new StoreBench(server, { runs: 10_000, age: 1e13 }).ready();
    await bench.redis.set(bench.store.keys.clock, dawn);
    return new Cluster(bench, setting);
  }

  async define(id: keyof typeof places, definition: Definition): Promise<void> {
    await this.bench.define(id, optionsOf(id, definition, this.#setting.key));
  }

  async join(node: string): Promise<void> {
    this.#nodes.set(node, await this.bench.node(node, 1e12));
  }

  node(id: string): BenchNode {
    const node = this.#nodes.get(id);
    if (node === undefined) throw new Error(`no node ${id}`);
    return node;
  }

  /** Its lease ends, and the leader takes over what it held. */
  async kill(id: string): Promise<void> {
    await this.bench.redis.zadd(this.bench.store.keys.nodes, 1, id);
    while ((await this.bench.recover()).more);
    this.#nodes.delete(id);
  }

  async materialise(): Promise<void> {
    while ((await this.#leader.round(this.bench.epoch)).more);
  }

  /** One request. Answers `<run>#<attempt>` of all that start, in order. */
  async work({ node, slots, limited }: Request, endings: readonly Ending[]): Promise<string[]> {
    const completions = await Promise.all(endings.map((ending) => this.#completion(ending)));
    const { accepted, claimed } = await this.node(node).claim({
      ...{ slots, completions, lanes: ["default@task", "second@task"] },
      ...(limited && { limits: this.#limits }),
    });
    expect(accepted, "completions are taken").toEqual(endings.map(() => true));
    for (const item of claimed) {
      expect(Number(item.token), "fencing tokens rise").toBeGreaterThan(this.#lastToken);
      this.#lastToken = Number(item.token);
      this.#claimed.set(item.run, item);
    }
    return claimed.map(({ run, attempt }) => `${run}#${attempt}`);
  }

  /** What a node reports of an attempt: it decides itself whether there is another one. */
  async #completion({ run, outcome, again }: Ending): Promise<Completion> {
    const claimed = this.#claimed.get(run);
    if (claimed === undefined) throw new Error(`${run} was not claimed`);
    const failed = outcome === "failed" || outcome === "timed-out";
    const delay = failed ? await retryDelay(claimed.body?.retry, claimed, new Error(outcome), {}) : undefined;
    expect(delay, `the wait before ${run} is tried again`).toBe(again);
    const letter = letters[outcome];
    return {
      ...{ run, token: claimed.token, result: String(delay ?? "") },
      detail: outcome === "vetoed" ? '{"reason":"vetoed"}' : "",
      outcome: delay === undefined ? letter : (letter.toUpperCase() as "F" | "T"),
    };
  }

  /** What the node is told to cancel, with the reasons. */
  async asked(node: string): Promise<Record<string, string>> {
    const told = await this.node(node).heartbeat();
    return Object.fromEntries(told.flatMap((run, at) => (at % 2 === 0 ? [[run, told[at + 1] ?? ""]] : [])));
  }

  /** Everything is in the store as the model says. */
  async expectSame(world: World): Promise<void> {
    const { jobs, runs }: Picture = await look(this.bench, [...world.jobs.keys()], [...this.#nodes.keys()]);
    expect({ jobs, runs }, "the store, compared with the model").toEqual(pictureOf(world));
  }
}

function limitsOf({ all, task, queue }: Setting): ScopedLimit[] {
  const limits: [string, Bound | undefined][] = [
    ["all", all],
    ["task:task", task],
    ["queue:second", queue],
  ];
  return limits.flatMap(([scope, bound]) =>
    bound === undefined
      ? []
      : [{ scope, max: bound.max, how: bound.whenFull === "wait" ? ("w" as const) : ("s" as const) }],
  );
}

function optionsOf(id: keyof typeof places, definition: Definition, key: Bound): Partial<JobOptions> {
  const { overlap, maxRuns, grace, catchUp, max, attempts, backoff, delivery, maxLost, priority, keyed } =
    definition;
  const { queue, tags, offset } = places[id];
  return {
    ...{
      trigger: every(interval, { from: 0, phase: offset }),
      queue,
      tags,
      overlap,
      delivery,
      maxLost,
      priority,
    },
    ...{ misfire: { grace, catchUp, max }, retry: { attempts, backoff } },
    ...(maxRuns !== undefined && { maxRuns }),
    ...(definition.pauseAfterFailures !== undefined && { pauseAfterFailures: definition.pauseAfterFailures }),
    ...(keyed && { concurrencyKey: "discounted", concurrencyLimit: key }),
  };
}
