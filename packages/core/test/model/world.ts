// The model's state at one instant, and what becomes of a run that ends.
import { type Definition, interval, type Job, type Run, type Setting } from "./entities.js";
import { isBehind } from "./leading.js";

/** Everything that there is. What happens to it is in claiming.ts and leading.ts. */
export class World {
  now: number;
  /** How many attempts have started. */
  tokens = 0;
  readonly setting: Setting;
  readonly jobs: Map<string, Job> = new Map();
  /** By id; those that were missed or taken back are gone. */
  readonly runs: Map<string, Run> = new Map();
  /** What is paused: `all`, `queue:…`, `task:…`, `tag:…`, `job:…`, `node:…`. */
  readonly pauses: Set<string> = new Set();
  /** Jobs of which a run has ended in this step. */
  readonly #endings = new Set<Job>();

  constructor(now: number, setting: Setting) {
    this.now = now;
    this.setting = setting;
  }

  job(id: string): Job {
    const job = this.jobs.get(id);
    if (job === undefined) throw new Error(`no job ${id}`);
    return job;
  }

  add(id: string, place: Pick<Job, "queue" | "tags" | "offset">, definition: Definition): void {
    const cursor = this.firstFireTime(place, this.now);
    const state = {
      cursor,
      frozen: false,
      full: false,
      exhausted: false,
      started: 0,
      missed: 0,
      failures: 0,
      hasGivenUp: false,
    };
    this.jobs.set(id, { id, ...place, definition, ...state, heldBy: new Set(), holder: undefined });
  }

  /** The first fire time of a job that is not before `time`. */
  firstFireTime({ offset }: Pick<Job, "offset">, time: number): number {
    return Math.ceil((time - offset) / interval) * interval + offset;
  }

  queue(id: string, job: Job, at: number, byHand: boolean, byForce = false): void {
    this.runs.set(id, {
      ...{ id, job, at, byHand, byForce, state: "queued", notBefore: at, waitsForKey: false, held: false },
      ...{ attempt: 1, lost: 0, past: [], node: undefined, token: 0, places: [], counted: false },
      ...{ claimedAs: undefined, cancel: undefined, end: undefined },
    });
  }

  /** Runs of fire times that have not started, first to last. */
  unstarted(job: Job): Run[] {
    return [...this.runs.values()]
      .filter((run) => run.job === job && isUnstarted(run))
      .sort((one, other) => one.at - other.at);
  }

  blocked(job: Job): Run[] {
    return [...this.runs.values()]
      .filter((run) => run.job === job && run.state === "blocked")
      .sort((one, other) => one.at - other.at);
  }

  /** What a node holds, as it was claimed. */
  held(node: string): Run[] {
    return [...this.runs.values()]
      .filter((run) => run.state === "active" && run.node === node)
      .sort((one, other) => one.token - other.token);
  }

  /** Whether as many runs have started as may. */
  isFull({ definition, started }: Job): boolean {
    return definition.maxRuns !== undefined && started >= definition.maxRuns;
  }

  /** A run of the job has ended: it is looked at whether that was its last. */
  noticeEnd(job: Job): void {
    this.#endings.add(job);
  }

  /** At the end of a step. "It is exhausted once its last run has ended", those by hand included. */
  settleExhausted(): void {
    for (const job of this.#endings) {
      const runs = [...this.runs.values()].filter((run) => run.job === job && run.state !== "ended");
      if (!job.full || runs.some((run) => !isUnstarted(run))) continue;
      job.full = this.isFull(job); // more may start since it was noticed
      if (!job.full) continue;
      // "What was due and has not started is missed"; of what the leader has yet to write nobody knows more than the first.
      const due = this.unstarted(job).filter(({ at }) => at <= this.now);
      job.missed += due.length + (isBehind(this, job) ? 1 : 0);
      this.takeBack(job, 0);
      job.cursor = undefined;
      job.frozen = false;
      job.exhausted = true;
    }
    this.#endings.clear();
  }

  /** Takes back fire times after `time` that have not started: they vanish. */
  takeBack(job: Job, time: number): void {
    for (const run of this.unstarted(job)) if (run.at > time) this.runs.delete(run.id);
  }

  /** A run that runs no more. */
  release(run: Run): void {
    const { job } = run;
    if (job.holder?.run === run) job.holder = undefined;
    this.nextTurn(job);
  }

  /** If no run holds a job, the first of those that wait for their turn goes on. */
  nextTurn(job: Job): void {
    const [first] = this.blocked(job);
    if (job.holder === undefined && first !== undefined) first.state = "queued";
  }

  finish(run: Run, end: string): void {
    run.state = "ended";
    run.end = end;
    if (end === "succeeded") this.#succeeded(run.job);
    if (["failed", "timed-out", "lost"].includes(end)) this.#failed(run.job);
    this.noticeEnd(run.job);
    this.release(run);
  }

  /** Whether a job has paused itself, or would have, and that pause is not over. */
  hasGivenUp({ id, hasGivenUp }: Job): boolean {
    return hasGivenUp && this.pauses.has(`job:${id}`);
  }

  /** "After so many runs in a row that failed the job pauses itself"; while it is paused so, what ends changes nothing. */
  #failed(job: Job): void {
    const { pauseAfterFailures } = job.definition;
    if (pauseAfterFailures === undefined || this.hasGivenUp(job)) return;
    job.failures = job.hasGivenUp ? 1 : job.failures + 1;
    job.hasGivenUp = job.failures >= pauseAfterFailures;
    if (!job.hasGivenUp) return;
    this.pauses.add(`job:${job.id}`);
    job.heldBy.add(`job:${job.id}`); // its end will be noticed, whatever else holds the job
  }

  #succeeded(job: Job): void {
    if (this.hasGivenUp(job)) return;
    job.failures = 0;
    job.hasGivenUp = false;
  }

  /** One that runs is asked to end; one that waits ends at once. */
  cancel(run: Run, reason: string): boolean {
    if (run.state === "ended") return false;
    if (run.state === "active") run.cancel = reason;
    else this.finish(run, `cancelled ${reason}`);
    return true;
  }

  /** Of an attempt whose outcome will not be known. */
  lose(run: Run): void {
    const { delivery, maxLost } = run.job.definition;
    if (run.cancel !== undefined) {
      this.finishCancelled(run);
      return;
    }
    run.past.push("lost");
    if (delivery === "at-most-once" || run.lost >= maxLost) this.finish(run, "lost");
    else this.tryAgain(run, 0, 1);
  }

  /** "What was cancelled is not tried again, whatever becomes of its attempt." */
  finishCancelled(run: Run): void {
    run.past.push("cancelled");
    this.finish(run, `cancelled ${run.cancel}`);
  }

  tryAgain(run: Run, delay: number, lost: 0 | 1): void {
    run.state = "queued";
    run.attempt += 1;
    run.lost += lost;
    run.notBefore = this.now + delay;
  }
}

function isUnstarted({ byHand, attempt, state }: Run): boolean {
  return !byHand && attempt === 1 && (state === "queued" || state === "blocked");
}
