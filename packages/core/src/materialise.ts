import { type CompiledTrigger, jitter } from "@escapement/triggers";
import { type CatchUpRule, type Plan, planFireTimes } from "./catch-up.js";
import type { Events } from "./events.js";
import { compileSchedule, countsFromCompletion, none, scheduleOf } from "./job-trigger.js";
import { readJobRecord } from "./record.js";
import { runIdOf } from "./run-id.js";
import { materialise, park } from "./scripts/index.js";
import type { Store } from "./store.js";
import { Turns } from "./turns.js";

/** A job that is due to be materialised, as the store has it. */
interface DueJob {
  readonly id: string;
  readonly cursor: number;
  /** `<version> <created>`; empty if the job is gone. */
  readonly state: string;
}

interface Compiled {
  readonly state: string;
  readonly trigger: CompiledTrigger;
  readonly rule: CatchUpRule;
  readonly jitter: number;
}

const page = 200;
const mostCompiled = 20_000;
const mostRuns = 2000;

/** What one round of materialising did. */
export interface Materialised {
  readonly runs: number;
  /** Whether there is more to do at once. */
  readonly more: boolean;
  /** The first fire time (Redis, ms) that is not materialised yet. */
  readonly nextCursor: number | undefined;
}

/** Writes the runs of the fire times that come next, a page of jobs at a time. */
export class Materialiser {
  readonly #store: Store;
  readonly #lookahead: number;
  readonly #events: Events;
  readonly #compiled = new Map<string, Compiled>();
  #generation = 0;

  constructor(store: Store, lookahead: number, events: Events) {
    this.#store = store;
    this.#lookahead = lookahead;
    this.#events = events;
  }

  /**
   * One page: jobs whose next fire time comes within two thirds of the lookahead get all their runs within the whole of
   * it, so that a job is touched once for several fire times, and what is due soon is always written.
   *
   * @throws EscapementError `STALE_EPOCH` if there is a later leader
   */
  async round(epoch: number): Promise<Materialised> {
    this.#forgetOldVersions();
    const now = await this.#store.now();
    const jobs = await this.#dueJobs(now + (2 * this.#lookahead) / 3);
    if (jobs.length === 0) return { runs: 0, more: false, nextCursor: await this.#nextCursor() };
    await this.#compile(jobs, epoch);
    const plans: { job: DueJob; plan: Plan }[] = [];
    let runs = 0;
    const turns = new Turns();
    for (const job of jobs) {
      await turns.next();
      const plan = runs < mostRuns ? await this.#plan(job, now, epoch) : undefined;
      if (plan === undefined) continue;
      plans.push({ job, plan });
      runs += plan.fireTimes.length;
    }
    await turns.next();
    if (plans.length > 0) await this.#commit(plans, epoch);
    return { runs, more: true, nextCursor: undefined };
  }

  async #dueJobs(until: number): Promise<DueJob[]> {
    const { keys } = this.#store;
    return this.#store.lease.run("reading due jobs", async (client) => {
      const due = await client.zrange(keys.due, "-inf", until, "BYSCORE", "LIMIT", 0, page, "WITHSCORES");
      const ids = due.filter((_, index) => index % 2 === 0);
      if (ids.length === 0) return [];
      const states = await client.hmget(keys.state, ...ids);
      return ids.map((id, index) => ({ id, cursor: Number(due[2 * index + 1]), state: states[index] ?? "" }));
    });
  }

  async #nextCursor(): Promise<number | undefined> {
    const [, score] = await this.#store.lease.run("reading due jobs", (client) =>
      client.zrange(this.#store.keys.due, 0, 0, "WITHSCORES"),
    );
    return score === undefined ? undefined : Number(score);
  }

  #forgetOldVersions(): void {
    const { generation } = this.#store;
    if (this.#generation !== generation) this.#compiled.clear();
    this.#generation = generation;
  }

  /** Reads and compiles the triggers that are not known in this version. */
  async #compile(jobs: readonly DueJob[], epoch: number): Promise<void> {
    const unknown = jobs.filter(({ id, state }) => this.#compiled.get(id)?.state !== state);
    if (unknown.length === 0) return;
    const ids = unknown.map(({ id }) => id);
    const records = await this.#store.lease.run("reading jobs", (client) =>
      client.hmget(this.#store.keys.jobs, ...ids),
    );
    const turns = new Turns();
    for (const [index, { id, state, cursor }] of unknown.entries()) {
      await turns.next();
      const text = records[index];
      this.#compiled.delete(id);
      if (text == null) {
        await this.#park(id, "", epoch, "there is no such job");
        continue;
      }
      try {
        const record = readJobRecord(text);
        const schedule = scheduleOf(record);
        if (schedule === undefined) throw new Error("it has no trigger, and so no fire times of its own");
        const { grace, catchUp, max, jitter } = record;
        const anchor = Number(state.split(" ")[1]);
        this.#remember(id, {
          state,
          // The next fire time of one that counts from completion is written by the script in which its run ends.
          trigger: countsFromCompletion(schedule)
            ? none(schedule)
            : compileSchedule(id, schedule, { anchor, fireTime: cursor }),
          rule: { grace: grace + jitter, catchUp, max },
          jitter,
        });
      } catch (error) {
        await this.#park(id, state, epoch, error);
      }
    }
  }

  #remember(id: string, compiled: Compiled): void {
    if (this.#compiled.size >= mostCompiled) {
      const [oldest] = this.#compiled.keys();
      if (oldest !== undefined) this.#compiled.delete(oldest);
    }
    this.#compiled.set(id, compiled);
  }

  async #plan(job: DueJob, now: number, epoch: number): Promise<Plan | undefined> {
    const compiled = this.#compiled.get(job.id);
    if (compiled === undefined) return undefined;
    try {
      return planFireTimes(compiled.trigger, job.cursor, compiled.rule, now, now + this.#lookahead);
    } catch (error) {
      await this.#park(job.id, job.state, epoch, error);
      return undefined;
    }
  }

  async #commit(plans: readonly { job: DueJob; plan: Plan }[], epoch: number): Promise<void> {
    const jobs = plans.flatMap(({ job: { id, state, cursor }, plan }) => [
      id,
      state.split(" ")[0] ?? "",
      cursor,
      plan.next ?? "",
      plan.fireTimes.length,
      plan.missed,
      plan.missedFrom,
      plan.missedTo,
      plan.exact ? 1 : 0,
    ]);
    const runs = plans.flatMap(({ job: { id }, plan: { fireTimes, next } }) => {
      const max = this.#compiled.get(id)?.jitter ?? 0;
      return fireTimes.flatMap((time, index) => [
        runIdOf(id, time),
        max === 0
          ? time
          : time + jitter(max, { jobId: id, scheduledAt: time, next: fireTimes[index + 1] ?? next }),
      ]);
    });
    const { prefix: _, ...keys } = this.#store.keys;
    const [, done] = await this.#store.timed(
      () =>
        materialise.run(this.#store.lease, {
          keys,
          args: { ...this.#store.history, epoch },
          lists: { jobs, runs },
        }),
      ([time]) => time,
    );
    for (const [index, { job, plan }] of plans.entries()) {
      if (plan.missed > 0 && done[index] === "1")
        this.#events.emit("missed", {
          runId: runIdOf(job.id, plan.missedFrom),
          jobId: job.id,
          reason: "misfire",
        });
    }
  }

  /** A job whose fire times cannot be computed must not stop the others. */
  async #park(job: string, state: string, epoch: number, error: unknown): Promise<void> {
    const said = error instanceof Error ? error.message : String(error);
    const reason = said.replace(/\s+/g, " ").slice(0, 500);
    const version = state.split(" ")[0] ?? "";
    const parked = await park.run(this.#store.lease, {
      keys: this.#store.keys,
      args: { ...this.#store.told, epoch, job, version, reason },
    });
    // One that was removed or defined anew meanwhile is not parked.
    if (parked === 1) this.#events.emit("jobParked", { jobId: job, error: reason });
  }
}
