import type { PauseTarget, Scheduler } from "@escapement/core";
import type { Answer } from "../evidence/evidence.js";
import type { Random } from "../random.js";
import { onceIn, weighted } from "./choices.js";
import type { Impostor } from "./impostor.js";
import { guest, oneOff, shifted, tagCount } from "./jobs.js";
import type { OperationRecord } from "./operation-record.js";
import type { Operation, PlannedJob } from "./operations.js";
import type { Operator } from "./operator.js";
import { briefRuns, plannedRuns } from "./runs.js";
import type { StaleWriter } from "./stale-writer.js";

/** What the driver works with. */
export interface DriverParts {
  /** Its own client, through a link of its own. */
  readonly client: Scheduler;
  readonly operator: Operator;
  readonly staleWriter: StaleWriter;
  readonly impostor: Impostor;
  readonly record: OperationRecord;
  readonly random: Random;
  /** Anchor of what it defines, ms. */
  readonly begin: number;
  readonly jobs: readonly PlannedJob[];
  /** The identities of the nodes that are up. */
  identities(): readonly string[];
  /** Resolves `ms` from now. */
  lasts(ms: number): Promise<void>;
}

/** After an operation of which nothing was heard, what it was about is left alone for so many ms: by then it has arrived or never will. */
export const settles = 8000;

const kinds = {
  enqueue: 40,
  shift: 12,
  edit: 8,
  guest: 8,
  "one-off": 10,
  "run-now": 12,
  "enqueue-long": 6,
  cancel: 12,
  pause: 9,
  "stale-write": 5,
  impostor: 4,
} as const;

/** Does operations while faults happen: never two at a time on one thing. */
export class Driver {
  readonly #parts: DriverParts;
  readonly #busy = new Set<string>();
  readonly #gone = new Set<string>();
  readonly #under = new Set<Promise<unknown>>();
  readonly #recent: string[] = [];
  #long = "none";
  #round = 0;
  #enqueued = 0;

  constructor(parts: DriverParts) {
    this.#parts = parts;
  }

  /** Draws operations for `duration` ms; resolves when the last one has been answered. */
  async drive(duration: number): Promise<void> {
    const { random, lasts } = this.#parts;
    const until = performance.now() + duration;
    while (performance.now() < until) {
      await lasts(random.between(30, 170));
      const done = this.#draw();
      if (done === undefined || this.#under.size > 40) continue;
      this.#follow(done);
    }
    await Promise.all(this.#under);
  }

  /** Asks for what has ended, and is forgotten, soon: for when its answer will be lost. */
  askUnheard(): void {
    this.#round += 1;
    this.#follow(this.#enqueue(briefRuns));
    this.#follow(this.#oneOff());
  }

  #follow(done: Promise<unknown>): void {
    this.#under.add(done);
    void done.finally(() => this.#under.delete(done));
  }

  #draw(): Promise<unknown> | undefined {
    const { random } = this.#parts;
    this.#round += 1;
    switch (weighted(random, kinds)) {
      case "enqueue":
        return this.#enqueue();
      case "shift":
        return this.#shift(this.#pick("shift"));
      case "edit":
        return this.#edit(this.#pick("edit"));
      case "guest":
        return this.#guest(this.#pick("guest"));
      case "one-off":
        return this.#oneOff();
      case "run-now":
        return this.#runNow(this.#pick(random.pick(["lap", "edit", "key", "solo", "fails"])));
      case "enqueue-long":
        return this.#enqueueLong();
      case "cancel":
        return this.#cancel();
      case "pause":
        return this.#pause();
      case "impostor": {
        const does = { do: "impostor", stale: random.pick(["holder", "token", "request"] as const) } as const;
        return this.#ask("impostor", does, () => this.#parts.impostor.say(does));
      }
      case "stale-write": {
        const does = {
          do: "stale-write",
          job: this.#pick("firm"),
          stale: random.pick(["term", "version", "cursor"] as const),
        } as const;
        return this.#parts.record.ask(does, () => this.#parts.staleWriter.write(does));
      }
    }
  }

  #pick(word: string): string {
    const ids = this.#parts.jobs.map(({ id }) => id).filter((id) => id.startsWith(`${word}-`));
    return this.#parts.random.pick(ids as [string, ...string[]]);
  }

  /** Asks for something about one thing, unless that is busy; answers nothing if it is. */
  #ask(
    thing: string,
    does: Operation,
    call: () => Promise<unknown>,
    then?: (answer: Answer) => unknown,
  ): Promise<unknown> | undefined {
    if (this.#busy.has(thing)) return undefined;
    this.#busy.add(thing);
    const work = async (): Promise<void> => {
      const answer = await this.#parts.record.ask(does, call);
      if (answer.end === "maybe") await this.#parts.lasts(settles);
      await then?.(answer);
      this.#busy.delete(thing);
    };
    return work();
  }

  #enqueue(draw: typeof plannedRuns = plannedRuns): Promise<unknown> {
    const { random, client, record } = this.#parts;
    const count = onceIn(random, 2) ? 1 : random.between(2, 9);
    const { task, runs } = draw(random, this.#enqueued, count);
    this.#enqueued += count;
    this.#recent.push(...runs.map(({ id }) => id));
    this.#recent.splice(0, this.#recent.length - 60);
    return record.ask({ do: "enqueue", task, runs }, async () => {
      const [first] = runs;
      if (count === 1 && first !== undefined) return [(await client.enqueue(task, first)).id];
      return (await client.enqueueMany(task, runs)).map(({ id }) => id);
    });
  }

  #shift(job: string): Promise<unknown> | undefined {
    const { client, begin } = this.#parts;
    const changes = { trigger: shifted(begin, this.#round) };
    return this.#ask(job, { do: "update", job, changes }, async () => {
      const { version, createdAt } = await client.job(job).update(changes);
      return { version, createdAt };
    });
  }

  #edit(job: string): Promise<unknown> | undefined {
    const { client, random } = this.#parts;
    const changes = {
      input: { work: random.between(10, 120) },
      priority: random.between(-5, 5),
      ...(onceIn(random, 3) && { timeout: random.between(500, 2000) }),
    };
    return this.#ask(job, { do: "update", job, changes }, async () => {
      const { version, createdAt } = await client.job(job).update(changes);
      return { version, createdAt };
    });
  }

  /** Removes a job, or defines it anew if it is not there; or defines it although it is. */
  #guest(id: string): Promise<unknown> | undefined {
    const { client, random, begin, jobs } = this.#parts;
    if (!this.#gone.has(id) && !onceIn(random, 4)) {
      const cancelRunning = onceIn(random, 2);
      return this.#ask(
        id,
        { do: "remove", job: id, cancelRunning },
        () => client.job(id).remove({ cancelRunning }),
        () => this.#gone.add(id),
      );
    }
    const { tags = [] } = jobs.find((job) => job.id === id) ?? {};
    const job: PlannedJob = { ...guest(begin, this.#round, id), task: "tick", id, tags };
    const { task, ...options } = job;
    return this.#ask(
      id,
      { do: "define", jobs: [job] },
      async () => {
        const { version, createdAt } = await client.schedule(task, options);
        return { version, createdAt };
      },
      () => this.#gone.delete(id),
    );
  }

  /** Defines a job that is due once, now or soon, and is gone when it has run. */
  #oneOff(): Promise<unknown> {
    const { client, random, record } = this.#parts;
    const job = oneOff(random, `off-${this.#round}`);
    const { task, ...options } = job;
    return record.ask({ do: "define", jobs: [job] }, async () => {
      const { version, createdAt } = await client.schedule(task, options);
      return { version, createdAt };
    });
  }

  #runNow(job: string): Promise<unknown> {
    const { client, record } = this.#parts;
    return record.ask({ do: "run-now", job }, async () => (await client.job(job).runNow()).id);
  }

  #cancel(): Promise<unknown> | undefined {
    const { client, random, record } = this.#parts;
    const [first, ...others] = this.#recent;
    if (first === undefined) return undefined;
    const run = onceIn(random, 2) ? this.#long : random.pick([first, ...others]);
    return record.ask({ do: "cancel", run }, () => client.run(run).cancel());
  }

  /** Enqueues a run that takes longer than its node may take to hear that it is cancelled, for those that will be; under an id that no job has. */
  #enqueueLong(): Promise<unknown> {
    const { client, record } = this.#parts;
    const run = { id: `lasting-${this.#round}`, input: { work: 14_000, listens: true } };
    this.#long = run.id;
    return record.ask({ do: "enqueue", task: "long", runs: [run] }, async () => [
      (await client.enqueue("long", run)).id,
    ]);
  }

  #pause(): Promise<unknown> | undefined {
    const { client, random, operator, lasts } = this.#parts;
    const name = this.#pauseName();
    const length = name === "all" ? random.between(200, 900) : random.between(300, 2500);
    const byHand = onceIn(random, 2);
    // What holds much back ends by itself: a driver that hears nothing must not bring everything to a standstill.
    const expires = /^(all|node:.*|queue:default|task:tick|tag:.*)$/.test(name) || onceIn(random, 3);
    const ttl = expires ? { ttl: length } : {};
    const set = byHand
      ? () => operator.set(name, ttl.ttl)
      : () => client.pause(targetOf(name), { reason: "chaos", ...(expires && { for: length }) });
    return this.#ask(name, { do: byHand ? "set" : "pause", name, ...ttl }, set, async () => {
      await lasts(length);
      if (!expires) await this.#endPause(name);
    });
  }

  /** Ends a pause, again and again until that is acknowledged: nothing else does. */
  async #endPause(name: string): Promise<void> {
    const { client, random, operator, lasts, record } = this.#parts;
    for (;;) {
      const byHand = onceIn(random, 2);
      const from = random.pick(["missed", "now", "missed"] as const);
      const answer = byHand
        ? await record.ask({ do: "del", name }, () => operator.del(name))
        : await record.ask({ do: "resume", name, from }, () => client.resume(targetOf(name), { from }));
      if (answer.end === "acknowledged") return;
      await lasts(answer.end === "maybe" ? settles : 500);
    }
  }

  #pauseName(): string {
    const { random, jobs, identities } = this.#parts;
    const nodes = identities();
    const kind = weighted(random, { all: 1, job: 4, tag: 2, queue: 2, task: 2, node: 2 });
    switch (kind) {
      case "all":
        return "all";
      case "job":
        return `job:${random.pick(jobs.map(({ id }) => id) as [string, ...string[]])}`;
      case "tag":
        return `tag:t${random.between(0, tagCount - 1)}`;
      case "queue":
        return `queue:${random.pick(["default", "mail", "narrow", "slow"])}`;
      case "task":
        return `task:${random.pick(["tick", "chime", "pair", "rated"])}`;
      case "node":
        return `node:${random.pick((nodes.length === 0 ? ["none"] : nodes) as [string, ...string[]])}`;
    }
  }
}

/** What the API takes for a pause's name. */
export function targetOf(name: string): PauseTarget {
  if (name === "all") return name;
  const [kind = "", ...rest] = name.split(":");
  return { [kind]: rest.join(":") } as unknown as PauseTarget;
}
