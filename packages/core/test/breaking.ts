import type { JobStore } from "@escapement/testing";
import type { ClaimAnswer, Claimed, Completion } from "../src/claim.js";
import { type BenchNode, StoreBench } from "./store-bench.js";

interface EndOptions {
  /** JSON text, or what is to be one. */
  readonly detail?: string | object;
  readonly result?: string;
  readonly slots?: number;
  readonly number?: number;
}

/** A bench for jobs that pause themselves: one node, whose runs fail with what the test says. */
export class Breaking extends StoreBench {
  #node: BenchNode | undefined;

  constructor(server: JobStore) {
    super(server, { runs: 1000 });
  }

  get node1(): BenchNode {
    if (this.#node === undefined) throw new Error("ready() first");
    return this.#node;
  }

  override async ready(): Promise<this> {
    await super.ready();
    await this.join();
    return this;
  }

  /** From now on another node claims, as after the time has been set on. */
  async join(name = "node"): Promise<void> {
    this.#node = await this.node(name, 1_000_000_000);
  }

  /** The key of the pause of the job `job`. */
  get key(): string {
    return this.store.keys.pause("job:job");
  }

  /** What that key says; `undefined`: there is none. */
  async said(): Promise<Record<string, unknown> | undefined> {
    const text = await this.redis.get(this.key);
    return text === null ? undefined : (JSON.parse(text) as Record<string, unknown>);
  }

  /** A job's state, and how many of its runs failed in a row. */
  async series(id: string): Promise<[string | undefined, number | undefined]> {
    const job = await this.job(id).get();
    return [job?.state, job?.failuresInARow];
  }

  async claim(slots = 10): Promise<readonly Claimed[]> {
    return (await this.node1.claim({ slots })).claimed;
  }

  /** Reports how attempts ended, all alike or each in turn. */
  end(
    claimed: readonly (Claimed | undefined)[],
    outcomes: Completion["outcome"] | readonly Completion["outcome"][],
    { detail = "", result = "", slots = 0, number }: EndOptions = {},
  ): Promise<ClaimAnswer> {
    const text =
      typeof detail === "string" || Buffer.isBuffer(detail) ? (detail as string) : JSON.stringify(detail);
    const completions = claimed.flatMap((item, index) =>
      item === undefined
        ? []
        : {
            ...{ run: item.run, token: item.token, detail: text, result },
            outcome: (Array.isArray(outcomes) ? outcomes[index] : outcomes) as Completion["outcome"],
          },
    );
    return this.node1.claim({ slots, completions, ...(number !== undefined && { number }) });
  }

  /** A run by hand of a job that ends so. Answers its id. */
  async fails(id: string, outcome: "f" | "t" | "l" = "f", detail: object | string = ""): Promise<string> {
    const run = await this.runNow(id);
    await this.end(await this.claim(), outcome, { detail });
    return run;
  }
}
