import { setTimeout as sleep } from "node:timers/promises";
import type { LeaderInfo, Scheduler } from "@escapement/core";
import { Cluster, type Kill } from "./cluster.js";
import { Evidence, percentile, type Tally } from "./evidence.js";
import type { LiveOptions } from "./options.js";
import { summarise } from "./summary.js";
import { inWords, View } from "./view.js";

/** What a show is made of. */
export interface ShowParts {
  readonly options: LiveOptions;
  readonly client: Scheduler;
  readonly redisUrl: string;
  /** Aborted to end it. */
  readonly stop: AbortSignal;
}

const frame = 200; // ms between two looks at the nodes
const replaceAfter = 5000; // ms from a kill to its replacement
const readEvery = 10_000; // ms between two readings of the store's history
const settleAfter = 180_000; // ms after which a fire time is judged for good
const settleWithin = 30_000; // ms for all that was due to end, a dead node's lease included

/** Some nodes at work, what is seen of them, and the judgement at the end. */
export class Show {
  readonly #parts: ShowParts;
  readonly #title: string;
  readonly #cluster: Cluster;
  readonly #evidence = new Evidence();
  readonly #view = new View(process.stdout);
  readonly #startedAt = Date.now();
  #leader: LeaderInfo | undefined;
  #kill: Kill | undefined;
  #succeededAt: number | undefined;
  #replaced = false;
  #tally: Tally | undefined;
  #lastRead = Date.now();

  constructor(parts: ShowParts) {
    this.#parts = parts;
    const { redisUrl, client } = parts;
    this.#title = `Escapement on ${redisUrl.replace(/\/\/.*@/, "//")}, namespace ${client.namespace}. Ctrl-C stops it.`;
    this.#view.line(this.#title);
    this.#cluster = new Cluster({ ESCAPEMENT_REDIS_URL: redisUrl, ESCAPEMENT_NAMESPACE: client.namespace });
  }

  /** @returns the exit code */
  async run(): Promise<number> {
    const { options, stop } = this.#parts;
    try {
      await Promise.all(Array.from({ length: options.nodes }, () => this.#cluster.add()));
      const end = this.#startedAt + (options.runFor ?? Number.POSITIVE_INFINITY);
      while (!stop.aborted && Date.now() < end) await this.#step();
      return await this.#finish();
    } finally {
      this.#view.close();
      await this.#cluster.stop(0);
    }
  }

  async #step(): Promise<void> {
    await sleep(frame);
    const { client, options } = this.#parts;
    this.#hear();
    this.#leader = await client.leader();
    const age = Date.now() - this.#startedAt;
    if (options.killLeader !== undefined && this.#kill === undefined && age >= options.killLeader)
      this.#killLeader();
    await this.#afterKill();
    if (Date.now() - this.#lastRead > readEvery) {
      this.#lastRead = Date.now();
      await this.#evidence.read(client);
      this.#evidence.settle(Date.now() - settleAfter);
      this.#tally = this.#evidence.tally(Date.now() - 1000);
    }
    this.#draw();
  }

  #hear(): void {
    for (const { node, line } of this.#cluster.newLines()) {
      this.#evidence.heard(line);
      const words = inWords(node, line);
      if (words !== undefined) this.#view.line(words);
    }
  }

  #killLeader(): void {
    this.#kill = this.#cluster.killLeader(this.#leader);
    if (this.#kill === undefined) return; // between two leaders: at the next step
    const { node } = this.#kill;
    this.#view.line(`${now()}  ${node.name}  leads, and is killed (SIGKILL, process ${node.process.pid})`);
  }

  async #afterKill(): Promise<void> {
    if (this.#kill === undefined) return;
    const { node, at } = this.#kill;
    if (this.#succeededAt === undefined && this.#leader !== undefined && this.#leader.node !== node.id)
      this.#succeededAt = Date.now();
    if (this.#replaced || Date.now() - at < replaceAfter) return;
    this.#replaced = true;
    const added = await this.#cluster.add();
    this.#view.line(`${now()}  ${added.name}  is started in place of ${node.name}`);
  }

  /** Lets what was due come to its end, judges, and stops the nodes. */
  async #finish(): Promise<number> {
    const { client } = this.#parts;
    const endedAt = Date.now();
    this.#view.line(`${now()}  stopping: runs may end`);
    const tally = await this.#settled(client, endedAt);
    await this.#cluster.stop(20_000);
    this.#hear();
    this.#draw();
    const course = {
      startedAt: this.#startedAt,
      endedAt,
      killedAt: this.#kill?.at,
      succeededAt: this.#succeededAt,
    };
    process.stdout.write(summarise(this.#evidence, tally, course));
    return tally.expected > 0 && tally.missed.length === 0 && tally.twice.length === 0 ? 0 : 1;
  }

  async #settled(client: Scheduler, until: number): Promise<Tally> {
    for (;;) {
      this.#hear();
      this.#leader = await client.leader();
      await this.#afterKill();
      await this.#evidence.read(client);
      const tally = this.#evidence.tally(until);
      this.#draw();
      const open = tally.missed.length + tally.running;
      if (open === 0 || Date.now() - until > settleWithin) return tally;
      await sleep(frame);
    }
  }

  #draw(): void {
    const late = this.#evidence.lateness(Date.now() - 60_000, Number.POSITIVE_INFINITY);
    const judged = this.#tally;
    const counts =
      judged === undefined
        ? ""
        : `expected ${judged.expected}  started ${judged.started}  missed ${judged.missed.length}  twice ${judged.twice.length}  `;
    this.#view.draw({
      title: this.#title,
      nodes: this.#cluster.nodes,
      leader: this.#leader,
      status: `${counts}late p50 ${percentile(late, 0.5)} ms, p99 ${percentile(late, 0.99)} ms`,
    });
  }
}

function now(): string {
  return new Date().toISOString().slice(11, 23);
}
