import type { EnqueueOptions, JobOptions, Run, RunHandle, Scheduler } from "@escapement/core";
import { eventually } from "@escapement/testing";
import { cron } from "@escapement/triggers";
import { Redis } from "ioredis";
import type { WorkInput } from "../nodes/node-config.js";
import type { Trial } from "../trial.js";

/** What is looked at after the death: what was seen, and what should have been. */
export type Seen = readonly [seen: unknown, expected: unknown];

/** What a rule asks for once it is set up on the node that is to die. */
export interface Setting {
  /** Done between the death and its discovery. */
  meanwhile?(): Promise<unknown>;
  /** Looks at what has become of it, as soon as it has come to an end. */
  after(): Promise<Seen>;
}

/** A rule that speaks of a crash, by the row of the semantics that it belongs to. */
export interface CrashRule {
  readonly row: string;
  readonly says: string;
  prepare(stage: Stage): Promise<Setting>;
}

/** The name of the node that is killed, the only one of its queue until then; and of the one that comes after it. */
export const victim = "victim";
export const heir = "heir";
export const queue = "rules";

/** Work that never ends on the node that is to die, and at once on any other. */
export const hangs: WorkInput = { hangsOn: victim };

/** What became of the victim's first attempt, and of the heir's second one. */
export const retold: string = `succeeded: 1 lost ${victim}, 2 succeeded ${heir}`;
/** What became of a run that had not started when the victim died. */
export const untouched: string = `succeeded: 1 succeeded ${heir}`;

const soon = { within: 20_000, every: 50 };
const inTheEnd = { within: 60_000, every: 100 };
const ended = /^(succeeded|failed|timed-out|cancelled|lost|skipped|missed)$/;

/** The cluster on which the rules are tried. */
export class Stage implements AsyncDisposable {
  readonly trial: Trial;
  readonly client: Scheduler;
  readonly #redis: Redis;
  #made = 0;

  constructor(trial: Trial) {
    this.trial = trial;
    this.client = trial.client;
    this.#redis = new Redis(trial.redis.url);
  }

  /** A run that hangs on the victim, and runs there. */
  async hanging(options: EnqueueOptions<WorkInput> = {}): Promise<RunHandle> {
    const run = await this.enqueue(options);
    await this.is(run, "active");
    return run;
  }

  enqueue(options: EnqueueOptions<WorkInput> = {}): Promise<RunHandle> {
    return this.client.enqueue<string>("tick", { queue, input: hangs, ...options });
  }

  /** A job that hangs on the victim, and fires by hand only if nothing else is said. Answers its id. */
  async job(options: Partial<JobOptions<WorkInput>> = {}): Promise<string> {
    this.#made += 1;
    const job = { id: `job-${this.#made}`, trigger: cron("@yearly"), queue, input: hangs, ...options };
    await this.client.schedule("tick", job);
    return job.id;
  }

  /** So many runs of a job by hand, one after the other; the first one runs. */
  async byHand(job: string, count: number): Promise<RunHandle[]> {
    const runs: RunHandle[] = [];
    for (let index = 0; index < count; index += 1) {
      const run = await this.client.job(job).runNow();
      if (index === 0) await this.is(run, "active");
      runs.push(run);
    }
    return runs;
  }

  /** Resolves once a run is in a state. */
  async is(run: RunHandle, state: Run["state"]): Promise<void> {
    await eventually(async () => (await run.get())?.state === state, soon);
  }

  /** Resolves once the victim has been asked to cancel a run. */
  async asked(run: RunHandle): Promise<void> {
    const node = (await run.get())?.node;
    const key = `escapement:{${this.client.namespace}}:cancelled:${node}`;
    await eventually(async () => (await this.#redis.hexists(key, run.id)) === 1, soon);
  }

  /** A run of a job that the victim holds, as soon as it does. */
  async firstOf(job: string): Promise<RunHandle> {
    await eventually(
      () => this.trial.facts("start").some(({ run, node }) => node === victim && run.startsWith(`${job}@`)),
      soon,
    );
    const start = this.trial.facts("start").find(({ run }) => run.startsWith(`${job}@`));
    return this.client.run(start?.run ?? "-");
  }

  /** A run, once it has ended. */
  async end(run: RunHandle): Promise<Run> {
    await eventually(async () => ended.test((await run.get())?.state ?? ""), inTheEnd);
    return (await run.get()) as Run;
  }

  /** How a run ended, and how its attempts did, on which nodes, in words that can be compared. */
  async told(run: RunHandle): Promise<string> {
    return this.inWords(await this.end(run));
  }

  inWords({ state, attempts }: Run): string {
    const each = attempts.map(
      (one) => `${one.attempt} ${one.state} ${this.trial.nodeOf(one.node)?.name ?? one.node}`,
    );
    return each.length === 0 ? state : `${state}: ${each.join(", ")}`;
  }

  /** Whether runs went on one after the other, in this order, by Redis' clock; only their last attempts count. */
  async inTurn(runs: readonly RunHandle[]): Promise<boolean> {
    const spans = (await Promise.all(runs.map((run) => this.end(run)))).map(({ attempts, finishedAt }) => ({
      from: attempts.at(-1)?.startedAt?.getTime() ?? Number.NaN,
      to: finishedAt?.getTime() ?? Number.NaN,
    }));
    return spans.every(({ from, to }, index) => from <= to && from >= (spans[index - 1]?.to ?? 0));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#redis.quit();
  }
}
