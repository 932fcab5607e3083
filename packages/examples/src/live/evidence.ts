import type { Job, Run, Scheduler } from "@escapement/core";
import { compileTrigger } from "@escapement/triggers";
import type { NodeLine } from "./live-node.js";

/** What became of the fire times. */
export interface Tally {
  /** By the jobs' triggers, computed here, whatever the store says. */
  readonly expected: number;
  readonly started: number;
  /** Neither started nor skipped for a reason that the job gives. */
  readonly missed: readonly string[];
  /** Attempts that started twice, and runs that succeeded twice. */
  readonly twice: readonly string[];
  /** By a job's overlap policy. */
  readonly skipped: number;
  /** Runs that were lost with their node and tried again. */
  readonly again: number;
  /** Started runs that have not ended. */
  readonly running: number;
}

interface Seen {
  /** Attempts that nodes said they start, each as often as it was said. */
  readonly said: number[];
  readonly scheduledAt: number;
  /** Its lateness has been noted. */
  isTimed: boolean;
  stored: Run | undefined;
}

const nothing: Tally = { expected: 0, started: 0, missed: [], twice: [], skipped: 0, again: 0, running: 0 };
const mostLateness = 200_000;

/** What is known of runs, from what the nodes print and what the store keeps. */
export class Evidence {
  readonly #runs = new Map<string, Seen>();
  readonly #jobs = new Map<string, Job>();
  #settled = nothing;
  #settledUntil = 0; // ms since 1970: what was due until then is judged, and forgotten one by one
  #lateness: { readonly at: number; readonly ms: number }[] = [];

  /** Takes in a node's line. */
  heard({ event, runId, attempt, scheduledAt, lateness }: NodeLine): void {
    if (event !== "beforeRun" || runId === undefined || attempt === undefined) return;
    const seen = this.#of(runId, new Date(scheduledAt ?? 0).getTime());
    seen.said.push(attempt);
    if (attempt === 1) this.#late(seen, lateness);
  }

  /** Reads what the store keeps. To be done more often than its history is full: it keeps a job's last 100 runs. */
  async read(scheduler: Scheduler): Promise<void> {
    for await (const job of scheduler.jobs()) {
      this.#jobs.set(job.id, job);
      const runs = [
        ...(await scheduler.unfinishedRuns({ job: job.id }, 100)),
        ...(await scheduler.job(job.id).history({ limit: 100 })),
      ];
      for (const run of runs) {
        const scheduledAt = run.scheduledAt.getTime();
        if (scheduledAt <= this.#settledUntil) continue;
        const seen = this.#of(run.id, scheduledAt);
        seen.stored = run;
        const started = run.attempts[0]?.startedAt;
        if (started !== undefined) this.#late(seen, started.getTime() - scheduledAt);
      }
    }
  }

  /** Judges all fire times up to an instant. @param until milliseconds since 1970 */
  tally(until: number): Tally {
    const latest = this.#judge(until);
    const { expected, started, missed, twice, skipped, again } = this.#settled;
    return {
      expected: expected + latest.expected,
      started: started + latest.started,
      missed: [...missed, ...latest.missed],
      twice: [...twice, ...latest.twice],
      skipped: skipped + latest.skipped,
      again: again + latest.again,
      running: latest.running,
    };
  }

  /** Judges what was due up to an instant for good, so that a show of days needs no more memory than one of minutes. */
  settle(until: number): void {
    if (this.#judge(until).running > 0) return;
    this.#settled = this.tally(until);
    this.#settledUntil = until;
    for (const [id, { scheduledAt }] of this.#runs) if (scheduledAt <= until) this.#runs.delete(id);
  }

  /** How late first attempts of fire times within a span were, in ms, ascending. */
  lateness(from: number, until: number): number[] {
    const within = this.#lateness.filter(({ at }) => at >= from && at < until);
    return within.map(({ ms }) => ms).sort((one, other) => one - other);
  }

  #judge(until: number): Tally {
    const expected = this.#expected(until);
    const missed: string[] = [];
    let [started, skipped, again, running] = [0, 0, 0, 0];
    for (const id of expected) {
      const seen = this.#runs.get(id);
      const attempts = Math.max(seen?.stored?.attempt ?? 0, ...(seen?.said ?? []));
      if (attempts > 0) started += 1;
      else if (seen?.stored?.state === "skipped") skipped += 1;
      else missed.push(id);
      if (attempts > 1) again += 1;
      if (attempts > 0 && seen?.stored?.finishedAt === undefined) running += 1;
    }
    const twice = [...this.#runs]
      .filter(([, seen]) => startedTwice(seen) || seen.scheduledAt <= this.#settledUntil)
      .map(([id]) => id);
    return { expected: expected.length, started, missed, twice, skipped, again, running };
  }

  /** The ids of the runs that there have to be, of fire times that are not settled. */
  #expected(until: number): string[] {
    const ids: string[] = [];
    for (const { id, trigger, createdAt } of this.#jobs.values()) {
      if (trigger === undefined) continue;
      const anchor = createdAt.getTime();
      const compiled = compileTrigger(trigger, { jobId: id, anchor });
      const from = Math.max(anchor, this.#settledUntil);
      for (let time = compiled.next(from); time !== null && time <= until; time = compiled.next(time))
        ids.push(`${id}@${time}`);
    }
    return ids;
  }

  #late(seen: Seen, ms: number | undefined): void {
    if (seen.isTimed || ms === undefined) return;
    seen.isTimed = true;
    this.#lateness.push({ at: seen.scheduledAt, ms });
    if (this.#lateness.length > mostLateness) this.#lateness = this.#lateness.slice(mostLateness / 2);
  }

  #of(run: string, scheduledAt: number): Seen {
    const seen = this.#runs.get(run) ?? { said: [], scheduledAt, isTimed: false, stored: undefined };
    this.#runs.set(run, seen);
    return seen;
  }
}

function startedTwice({ said, stored }: Seen): boolean {
  const succeeded = stored?.attempts.filter(({ state }) => state === "succeeded").length ?? 0;
  return new Set(said).size < said.length || succeeded > 1;
}

/** A percentile of ascending numbers. */
export function percentile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
}
