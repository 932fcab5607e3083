import { type JobStore, redisWay, startJobStore } from "@escapement/testing";
import { every } from "@escapement/triggers";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type BenchNode, later, StoreBench } from "../test/store-bench.js";
import type { Claimed, ClaimRequest } from "./claim.js";
import { writeJobs } from "./define.js";
import type { JobOptions } from "./job.js";

// How many commands scripts call within Redis for a run: docs/cost.md says what that means to users. After a change that is worth
// its price: `npx vitest run packages/core/src/cost.test.ts -u`, look at what git shows, and `npm run bench -- --only cost --docs`.

let server: JobStore;
beforeAll(async () => {
  server = await startJobStore();
});
afterAll(() => server.stop());

interface Use {
  readonly options?: Partial<JobOptions>;
  /** What the nodes are given for a task. */
  readonly node?: (task: string) => Pick<ClaimRequest, "limits" | "rates">;
  /** How the attempts end. @default they succeed */
  readonly end?: (steps: Steps, claimed: readonly Claimed[]) => Promise<unknown>;
}

const key = { concurrencyKey: "customer-17" };
const retry = { attempts: 3, backoff: "1s" };
const uses: Readonly<Record<string, Use>> = {
  plain: {},
  input: { options: { input: { customer: 17 } } },
  metadata: { options: { metadata: { owner: "billing" } } },
  tags: { options: { tags: ["customer", "invoices"] } },
  priority: { options: { priority: 5 } },
  "startAt, endAt": { options: { startAt: "2020-01-01T00:00:00Z", endAt: "2099-01-01T00:00:00Z" } },
  jitter: { options: { jitter: "1s" } },
  misfire: { options: { misfire: { grace: "5m", catchUp: "all", max: 50 } } },
  maxRuns: { options: { maxRuns: 1000 } },
  "after completion": { options: { trigger: every("1d", { after: "completion" }) } },
  whenExhausted: { options: { whenExhausted: "remove" } },
  retain: { options: { retain: { runs: 50, age: "3d" } } },
  "overlap allow": { options: { overlap: "allow" } },
  "overlap queue-one": { options: { overlap: "queue-one" } },
  "overlap replace": { options: { overlap: "replace" } },
  timeout: { options: { timeout: "30s" } },
  "at-most-once": { options: { delivery: "at-most-once" } },
  "retry, not needed": { options: { retry } },
  "retry, needed once": {
    options: { retry },
    end: async (steps, claimed) => {
      await steps.complete(claimed, "F", "1");
      await steps.complete(await steps.claim(claimed.length));
    },
  },
  "dead letter": { end: (steps, claimed) => steps.complete(claimed, "f") },
  "no dead letter": {
    options: { deadLetter: false },
    end: (steps, claimed) => steps.complete(claimed, "f"),
  },
  pauseAfterFailures: { options: { pauseAfterFailures: 1000 } },
  "the same, failed": {
    options: { pauseAfterFailures: 1000 },
    end: (steps, claimed) => steps.complete(claimed, "f"),
  },
  result: { end: (steps, claimed) => steps.complete(claimed, "s", '"done"') },
  concurrencyKey: { options: { ...key, concurrencyLimit: 1000 } },
  "key's rateLimit": { options: { ...key, rateLimit: { max: 1000, per: "1m" } } },
  limit: { node: (task) => ({ limits: [{ scope: `task:${task}`, max: 1000, how: "w" }] }) },
  rateLimit: { node: (task) => ({ rates: [{ scope: `task:${task}`, max: 1000, per: 60_000 }] }) },
};

// Whoever else uses a server is counted as well.
describe.skipIf(redisWay() === "url")("the commands that scripts call", { timeout: 120_000 }, () => {
  test("for a run, alone and of 100 that are claimed and end together, with each option", async () => {
    const lines: string[] = [];
    for (const [name, use] of Object.entries(uses)) {
      const steps = await playTwice(use, 1);
      const many = (await playTwice(use, 100)).calls / 100;
      lines.push(`${name.padEnd(20)}${String(steps.calls).padStart(4)}${many.toFixed(2).padStart(8)}`);
    }
    expect(`\n${lines.join("\n")}\n`).toMatchInlineSnapshot(`
      "
      plain                 75    4.57
      input                 75    4.57
      metadata              75    4.57
      tags                  75    4.57
      priority              75    4.57
      startAt, endAt        75    4.57
      jitter                75    4.57
      misfire               75    4.57
      maxRuns              108   14.82
      after completion     109   11.87
      whenExhausted         75    4.57
      retain               110   10.89
      overlap allow         72    4.54
      overlap queue-one     75    4.57
      overlap replace       75    4.57
      timeout               75    4.57
      at-most-once          75    4.57
      retry, not needed     75    4.57
      retry, needed once   162   15.43
      dead letter           89   11.66
      no dead letter        85    7.66
      pauseAfterFailures    75    4.57
      the same, failed     104   15.78
      result                77    6.57
      concurrencyKey       107   13.83
      key's rateLimit      111   17.83
      limit                104   12.81
      rateLimit             85   10.61
      "
    `);
  });

  let plain = 0;
  beforeAll(async () => {
    plain = (await playTwice({}, 1)).calls;
  });
  const others = Object.entries(uses).filter(([name]) => name !== "plain");
  // While there is a job whose interval counts from completion, or with a `retain`, or of which runs have failed in a row, each request asks whether it is
  // for its runs, or their jobs: so much for the two requests of a run, and no more for those of 100. Before the other job has run, and after.
  const more: Readonly<Record<string, readonly [number, number]>> = {
    "after completion": [13, 13],
    retain: [13, 13],
    "the same, failed": [0, 13],
  };
  test.each(others)(
    "for a plain run are the same where another job uses %s, and has run",
    async (name, use) => {
      // What nodes are given for a task is for runs of that one.
      const task = use.node === undefined ? "task" : "other";
      await using bench = await new StoreBench(server).ready();
      const steps = await new Steps(bench, use.node?.(task)).start();
      await bench.define("own");
      await bench.define("other", use.options, task);
      await steps.play(["own"], {});
      steps.calls = 0;
      await steps.play(["own"], {});
      const [before, after] = more[name] ?? [0, 0];
      expect(steps.calls, "while it has not run").toBe(plain + before);
      await steps.play(["other"], use);
      steps.calls = 0;
      await steps.play(["own"], {});
      expect(steps.calls, "after it has run").toBe(plain + after);
    },
  );
});

/** So many jobs run twice at once; the second time counts. */
async function playTwice(use: Use, count: number): Promise<Steps> {
  await using bench = await new StoreBench(server).ready();
  const steps = await new Steps(bench, use.node?.("task")).start();
  const jobs = Array.from({ length: count }, (_, index) => `job-${index}`);
  await writeJobs(
    bench.store,
    jobs.map((id) => ({ task: "task", options: { id, trigger: later, ...use.options } })),
    65_536,
  );
  await steps.play(jobs, use);
  steps.calls = 0;
  await steps.play(jobs, use);
  return steps;
}

/** The steps of a run, counting the commands that their scripts call. */
class Steps {
  calls = 0;
  readonly #bench: StoreBench;
  readonly #options: Pick<ClaimRequest, "limits" | "rates">;
  #node: BenchNode | undefined;

  constructor(bench: StoreBench, options: Pick<ClaimRequest, "limits" | "rates"> = {}) {
    this.#bench = bench;
    this.#options = options;
  }

  async start(): Promise<this> {
    this.#node = await this.#bench.node("node");
    return this;
  }

  /** Runs of these jobs, from their fire time to their end. */
  async play(jobs: readonly string[], use: Use): Promise<void> {
    await this.materialise(jobs);
    const claimed = await this.claim(jobs.length);
    expect(claimed).toHaveLength(jobs.length);
    await (use.end?.(this, claimed) ?? this.complete(claimed));
  }

  /** A commit a job; those of many are not counted, since a leader writes them in one. */
  async materialise(jobs: readonly string[]): Promise<void> {
    const { store, redis } = this.#bench;
    const cursors = await redis.zmscore(store.keys.due, ...jobs);
    const times = [await this.#bench.now()];
    const write = async (): Promise<boolean[]> =>
      Promise.all(
        jobs.map((job, index) => {
          const cursor = cursors[index] ?? "none";
          return this.#bench.materialise({ job, version: 1, expected: cursor, next: cursor, times });
        }),
      );
    const written = await (jobs.length === 1 ? this.#count(write) : write());
    expect(written).not.toContain(false);
  }

  claim(slots: number): Promise<readonly Claimed[]> {
    return this.#request({ slots });
  }

  complete(claimed: readonly Claimed[], outcome: "s" | "f" | "F" = "s", result = ""): Promise<unknown> {
    const completions = claimed.map(({ run, token }) => ({ run, token, outcome, result, detail: "" }));
    return this.#request({ slots: claimed.length, completions });
  }

  async #request(request: Parameters<BenchNode["claim"]>[0]): Promise<readonly Claimed[]> {
    const lanes = ["default@task", "default@other"];
    const answer = await this.#count(() => this.#node?.claim({ lanes, ...request, ...this.#options }));
    return answer?.claimed ?? [];
  }

  /** Does what sends scripts and nothing else. */
  async #count<T>(doing: () => Promise<T> | undefined): Promise<T | undefined> {
    const { redis, store } = this.#bench;
    // Scripts write the time where it has moved on since the last one.
    const seen = Number(await redis.get(store.keys.clock));
    for (let now = 0; now <= seen; ) {
      const [seconds, micros] = await redis.time();
      now = Number(seconds) * 1000 + Math.floor(Number(micros) / 1000);
    }
    const before = await this.#commands();
    const answer = await doing();
    const after = await this.#commands();
    this.calls += after.all - before.all - (after.scripts - before.scripts) - 1; // one: the reading before
    return answer;
  }

  async #commands(): Promise<{ all: number; scripts: number }> {
    const stats = (await this.#bench.redis.info("commandstats")).matchAll(/^cmdstat_([^:]+):calls=(\d+)/gm);
    const calls = [...stats].map(([, name, count]) => ({ name, count: Number(count) }));
    const sum = (some: typeof calls): number => some.reduce((total, { count }) => total + count, 0);
    return { all: sum(calls), scripts: sum(calls.filter(({ name }) => /^eval/.test(name ?? ""))) };
  }
}
