import type { Scheduler } from "@escapement/core";
import { every } from "@escapement/triggers";
import { type Count, Tally } from "./tally.js";

const batches = 10; // a second
const groups = 20; // of jobs that fire at the same moment of each second

/** What a soak runs: half of it jobs that fire each second, half of it enqueued; and what is to have started. */
export class Workload {
  readonly #client: Scheduler;
  readonly #enqueued: number;
  readonly #expected = new Tally();
  readonly #jobs: readonly { readonly id: string; readonly phase: number }[];
  #timer: NodeJS.Timeout | undefined;
  readonly #sending = new Set<Promise<void>>();
  #number = 0;
  /** Batches that were not taken at once, and were sent again. */
  repeated = 0;

  constructor(client: Scheduler, rate: number) {
    this.#client = client;
    const recurring = Math.floor(rate / 2);
    this.#enqueued = rate - recurring;
    this.#jobs = Array.from({ length: recurring }, (_, index) => ({
      id: `job-${index}`,
      phase: (index % groups) * (1000 / groups),
    }));
  }

  /** Defines the jobs and begins to enqueue. */
  async begin(): Promise<void> {
    const jobs = this.#jobs.map(({ id, phase }) => ({
      task: "recurring",
      id,
      trigger: every("1s", { from: new Date(0).toISOString(), phase }),
      overlap: "allow" as const,
    }));
    await this.#client.apply(jobs);
    this.#timer = setInterval(() => this.#enqueue(), 1000 / batches);
  }

  /** Enqueues no more; resolves when all that was to be is. The jobs go on. */
  async end(): Promise<void> {
    clearInterval(this.#timer);
    await Promise.all(this.#sending);
  }

  /** What was to start in a second. */
  expected(second: string): Count {
    if (!second.startsWith("fired ")) return this.#expected.of(second);
    const tally = new Tally();
    for (const id of this.idsOf(second)) tally.add(second, id);
    return tally.of(second);
  }

  /** The seconds in which runs were enqueued. */
  get enqueuedSeconds(): string[] {
    return this.#expected.seconds;
  }

  /** The runs of a second; of an enqueued one as many as there can have been. */
  *idsOf(second: string): Iterable<string> {
    const [kind, name = ""] = second.split(" ");
    if (kind === "enqueued") {
      for (let number = 0; number < this.#number; number += 1) yield `${name}-${number}`;
      return;
    }
    for (const { id, phase } of this.#jobs) yield `${id}@${Number(name) * 1000 + phase}`;
  }

  #enqueue(): void {
    const second = `s${Math.floor(Date.now() / 1000)}`;
    const runs = Array.from({ length: Math.round(this.#enqueued / batches) }, () => {
      this.#number += 1;
      return { id: `${second}-${this.#number}` };
    });
    for (const { id } of runs) this.#expected.add(`enqueued ${second}`, id);
    const sent = this.#send(runs).finally(() => this.#sending.delete(sent));
    this.#sending.add(sent);
  }

  /** Again and again under the same ids, until they are taken. */
  async #send(runs: readonly { id: string }[]): Promise<void> {
    for (;;) {
      try {
        await this.#client.enqueueMany("enqueued", runs);
        return;
      } catch {
        this.repeated += 1;
        await new Promise((resolve) => setTimeout(resolve, 200));
      }
    }
  }
}
