// The model against the real scripts: random walks through it, each request of which goes to a real Redis, too. After every step runs stand in the
// same places there, the answers are the same, and tokens stand in the same order.
import { type RedisServer, startRedis } from "@escapement/testing";
import { once } from "@escapement/triggers";
import { afterAll, beforeAll, expect, test } from "vitest";
import { reconcileHeld } from "../../../core/src/reconcile.js";
import { type BenchNode, StoreBench } from "../../../core/test/store-bench.js";
import { seededRandom } from "../random.js";
import { type Config, configs, nodeTtl, worldOf } from "./config.js";
import { firstState } from "./first-state.js";
import type { Answer, Request } from "./requests.js";
import { allActive } from "./runs.js";
import type { Call, Identity, Report, Run, State } from "./state.js";
import { stepsFrom } from "./steps.js";

let server: RedisServer;
beforeAll(async () => {
  server = await startRedis();
});
afterAll(() => server.stop());

const tick = 1000; // ms of the store's time

/** The real store under a walk. Its clock is set by hand, so far ahead that it stands still between the ticks. */
class RealStore implements AsyncDisposable {
  readonly bench: StoreBench;
  readonly #nodes = new Map<Identity, BenchNode>();
  readonly #tokens = new Map<number, string>();
  #base = 0;
  #now = 0;

  constructor() {
    this.bench = new StoreBench(server);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.bench[Symbol.asyncDispose]();
  }

  async begin(config: Config): Promise<void> {
    await this.bench.ready();
    this.#base = (await this.bench.advance(1_000_000)) - tick;
    for (const [job, { versions, overlap, maxLost }] of Object.entries(config.jobs)) {
      const trigger = once(...(versions[0] ?? []).map((time) => new Date(this.#at(time + 1))));
      const delivery = maxLost === 0 ? "at-most-once" : "at-least-once";
      await this.bench.define(job, {
        trigger,
        overlap,
        delivery,
        maxLost: Math.max(maxLost, 1),
        misfire: { grace: "1h" },
      });
    }
  }

  #at(time: number): number {
    return this.#base + time * tick;
  }

  /** A run as the store calls it, and as the model does. */
  #real(run: Run): string {
    const [job, time] = run.split("@");
    return `${job}@${this.#at(Number(time) + 1)}`;
  }

  #ours(run: string): Run {
    const [job, time] = run.split("@");
    return `${job}@${(Number(time) - this.#base) / tick - 1}`;
  }

  /** Time, ends of leases and terms are what the model says; all else the scripts do. */
  async follow({ store, calls }: State, isTick: boolean): Promise<void> {
    const { redis, store: real } = this.bench;
    if (isTick) this.#now += 1;
    const now = this.#at(this.#now + 1);
    await redis.set(real.keys.clock, now);
    await redis.set(real.keys.epoch, store.epoch);
    this.bench.epoch = store.epoch;
    for (const [id, left] of Object.entries(store.nodes)) {
      if (!this.#nodes.has(id)) this.#nodes.set(id, await this.bench.node(id, nodeTtl * tick));
      // The model's leases end with their last tick, the store's after it.
      await redis.zadd(real.keys.nodes, now + left * tick - 1, id);
    }
    for (const call of calls) await this.#call(call);
  }

  async #call({ from, request, answer }: Call): Promise<void> {
    const said = await this.#ask(from, request).catch(({ code }: { code: unknown }) => ({
      kind: "refused",
      code,
    }));
    expect(said, `the answer to ${JSON.stringify(request)} of ${from}`).toEqual(plain(answer));
  }

  #tokenOf(token: number): string {
    return this.#tokens.get(token) ?? "0";
  }

  async #ask(from: Identity, request: Request): Promise<unknown> {
    const { bench } = this;
    switch (request.kind) {
      case "claim": {
        const completions = request.completions.map((report) => this.#completion(report));
        const { slots, number } = request;
        const line = request.line === 1 ? "" : "2";
        const node = this.#nodes.get(from) ?? expect.fail(`${from} never joined`);
        const { accepted, claimed } = await node.claim({ slots, line, number, completions });
        return {
          kind: "claimed",
          accepted,
          claimed: claimed.map(({ run, attempt }) => `${this.#ours(run)}#${attempt}`),
        };
      }
      case "reconcile": {
        const held = request.held.map(({ run, token }) => ({
          run: this.#real(run),
          token: this.#tokenOf(token),
        }));
        await reconcileHeld(bench.store, from, request.number, held, bench.events);
        return { kind: "done" };
      }
      case "materialise": {
        const { job, version, expected, times, next, epoch } = request;
        const at = (time: number): number => this.#at(time + 1);
        const change = { expected: at(expected), times: times.map(at), next: next === null ? "" : at(next) };
        await bench.materialise({ job, version, ...change }, epoch);
        return { kind: "done" };
      }
      case "recover":
        await bench.recover(request.epoch);
        return { kind: "done" };
      case "heartbeat":
        await this.#nodes.get(from)?.heartbeat();
        return { kind: "done" };
      default:
        return { kind: "done" }; // terms follow the model
    }
  }

  #completion({ run, token, outcome }: Report): {
    run: string;
    token: string;
    outcome: "s" | "F" | "x" | "b";
    detail: string;
    result: string;
  } {
    return { run: this.#real(run), token: this.#tokenOf(token), outcome, detail: "", result: "0" };
  }

  /** Where each run stands, and the order of the tokens of those that are held. Learns the tokens of what was claimed. */
  async expectSame(state: State): Promise<void> {
    const { redis, store } = this.bench;
    const found: Record<Run, string> = {};
    const put = (runs: readonly string[], place: string): void => {
      for (const run of runs) found[this.#ours(run)] = place;
    };
    put(await redis.zrange(store.keys.waiting, 0, -1), "waiting");
    put(await redis.zrange(store.keys.blocked, 0, -1), "blocked");
    put(await redis.zrange(`${store.keys.prefix}ready:default@task`, 0, -1), "ready");
    for (const id of this.#nodes.keys()) {
      for (const [run, text] of Object.entries(await redis.hgetall(store.keys.active(id)))) {
        put([run], `active:${id}`);
        const known = state.store.active[id]?.[this.#ours(run)];
        const [token = "", attempt] = text.split(" ");
        expect(Number(attempt), `the attempt of ${this.#ours(run)}`).toBe(known?.attempt);
        if (known !== undefined) this.#tokens.set(known.token, token);
      }
    }
    expect(found, "places").toEqual(placesIn(state));
    const tokens = [...this.#tokens].sort(([a], [b]) => a - b).map(([, token]) => BigInt(token));
    for (const [at, token] of tokens.entries())
      if (at > 0) expect(token).toBeGreaterThan(tokens[at - 1] ?? 0n);
  }
}

/** An answer without what differs in a real store. */
function plain(answer: Answer): unknown {
  if (answer.kind === "claimed") {
    return { ...answer, claimed: answer.claimed.map(({ run, attempt }) => `${run}#${attempt}`) };
  }
  if (answer.kind === "refused") return answer;
  return { kind: "done" };
}

function placesIn({ store }: State): Record<Run, string> {
  const found: Record<Run, string> = {};
  for (const run of Object.keys(store.waiting)) found[run] = "waiting";
  for (const run of store.blocked) found[run] = "blocked";
  for (const run of store.ready) found[run] = "ready";
  for (const { node, run } of allActive(store)) found[run] = `active:${node}`;
  return found;
}

/** How many walks through each configuration. */
const walks = Number(process.env["ESCAPEMENT_MODEL_WALKS"] ?? 2);

test.each(["faults", "overlap", "late", "lines", "lines-faults"])(
  "random walks through %s do the same with the real scripts",
  async (name) => {
    const config = configs.find((one) => one.name === name) ?? expect.fail();
    const world = worldOf({ ...config, written: false, faults: 3 });
    const lines = new Set<number>();
    for (let seed = 1; seed <= walks; seed += 1) {
      await using real = new RealStore();
      await real.begin(world);
      const random = seededRandom(seed);
      let state = firstState(world);
      await real.follow(state, false);
      const story: string[] = [];
      for (let count = 0; count < 40; count += 1) {
        const [first, ...others] = [...stepsFrom(world, state)];
        if (first === undefined) break;
        const { says, next } = random.pick([first, ...others]);
        story.push(says);
        state = next;
        for (const { request } of state.calls) if (request.kind === "claim") lines.add(request.line);
        await real.follow(state, says.startsWith("a tick"));
        await real.expectSame(state).catch((cause: unknown) => {
          throw new Error(`With seed ${seed}:\n${story.join("\n")}`, { cause });
        });
      }
    }
    expect(lines.size, "lines that something was asked by").toBe(world.lines);
  },
);
