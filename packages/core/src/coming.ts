import type { CompiledTrigger } from "@escapement/triggers";
import { fields, orElse, whole } from "./check.js";
import { Heap } from "./heap.js";
import type { Job } from "./job.js";
import { compileSchedule, countsFromCompletion, none } from "./job-trigger.js";
import { checkFilter, hasState, type JobFilter, pagesOfIds, readJobs } from "./read-jobs.js";
import type { PauseInfo } from "./read-pauses.js";
import { parseRunId, runIdOf } from "./run-id.js";
import type { Store } from "./store.js";
import { instant } from "./times.js";

/** Options of `nextFireTimes` of a scheduler: which jobs, and how far. */
export interface FireTimesOptions extends JobFilter {
  /** At most so many, up to 10,000. @default 20 */
  readonly count?: number;
  /** None after this. */
  readonly until?: Date | number | string;
}

/** A fire time that is to come. */
export interface ComingFireTime {
  readonly at: Date;
  readonly jobId: string;
  readonly task: string;
  readonly queue: string;
  /** The pauses that hold its job back at present. */
  readonly pauses: readonly PauseInfo[];
}

/** A job, and the first of its fire times (ms) that has not been given yet. Without input and metadata, which may be large. */
interface Candidate {
  readonly job: Pick<Job, "id" | "task" | "queue" | "pauses">;
  readonly at: number;
  /** Fire times that its `maxRuns` leaves, this one included. */
  readonly left: number;
  readonly compile: () => CompiledTrigger;
}

/**
 * The next fire times of all jobs that fit, merged in order; those of the same moment by job id. Of all jobs it holds the `count` that
 * fire first, since no other one's fire time can be among the first `count`; a job that cannot be one of these is not read, nor is its
 * trigger compiled.
 */
export async function comingOfAll(store: Store, options: FireTimesOptions): Promise<ComingFireTime[]> {
  const { count, until, filter } = read(options);
  const now = await store.nearlyNow();
  const chosen = new Heap<Candidate>((one, other) => isBefore(other, one)); // the last one at hand
  const mayCount = (id: string, at: number): boolean => {
    const last = chosen.size < count ? undefined : chosen.peek();
    return at <= until && (last === undefined || isBefore({ job: { id }, at }, last));
  };
  for await (const page of pagesOfIds(store, filter)) {
    const earliest = await earliestOf(store, page, now);
    const ids = page.filter((id, index) => mayCount(id, earliest[index] ?? Number.POSITIVE_INFINITY));
    for (const job of await readJobs(store, ids)) {
      if (job === undefined || !hasState(job, filter)) continue;
      const candidate = candidateOf(job, now, (at) => mayCount(job.id, at));
      if (candidate === undefined) continue;
      if (chosen.size === count) chosen.pop();
      chosen.push(candidate);
    }
  }
  return merge(chosen, count, until);
}

/** No fire time (ms) of each job is before this and after `now`: one that is written already, or its cursor. Reads no definition. */
async function earliestOf(store: Store, ids: readonly string[], now: number): Promise<number[]> {
  if (ids.length === 0) return [];
  const { due, frozen, unstarted } = store.keys;
  const [cursors, stopped, written] = await store.commands.run("reading fire times", (client) =>
    Promise.all([
      client.zmscore(due, ...ids),
      client.zmscore(frozen, ...ids),
      Promise.all(
        ids.map((id) => client.zrangebylex(unstarted, `(${runIdOf(id, now)}`, `(${id}@~`, "LIMIT", 0, 1)),
      ),
    ]),
  );
  return ids.map((_, index) => {
    const run = written[index]?.[0];
    const cursor = cursors[index] ?? stopped[index];
    const at = run === undefined ? undefined : parseRunId(run)?.at;
    return Math.max(now, at ?? (cursor == null ? Number.POSITIVE_INFINITY : Number(cursor)));
  });
}

function read(options: FireTimesOptions): { count: number; until: number; filter: JobFilter } {
  const known = ["count", "until", "match", "tag", "queue", "task", "state"];
  const { count, until, ...filter } = fields("options", options, known);
  return {
    count: whole("count", orElse(count, 20), 1, 10_000),
    until: instant("until", until) ?? Number.POSITIVE_INFINITY,
    filter: checkFilter(filter as JobFilter),
  };
}

function isBefore(
  one: Pick<Candidate, "at"> & { readonly job: { readonly id: string } },
  other: Pick<Candidate, "at"> & { readonly job: { readonly id: string } },
): boolean {
  return one.at === other.at ? one.job.id < other.job.id : one.at < other.at;
}

/** @param mayCount whether a fire time can be among the first */
function candidateOf(job: Job, now: number, mayCount: (at: number) => boolean): Candidate | undefined {
  const { trigger, nextFireTime, startAt, endAt, state } = job;
  if (trigger === undefined || nextFireTime === undefined || state === "parked") return undefined;
  const next = nextFireTime.getTime();
  if (!mayCount(Math.max(next, now))) return undefined;
  const compile = (): CompiledTrigger => {
    const schedule = { trigger, startAt: startAt?.getTime(), endAt: endAt?.getTime() };
    if (countsFromCompletion(schedule)) return none(schedule);
    return compileSchedule(job.id, schedule, { anchor: job.createdAt, fireTime: nextFireTime });
  };
  const at = next > now ? next : afterNow(compile, now);
  const left = job.maxRuns === undefined ? Number.POSITIVE_INFINITY : job.maxRuns - job.startedRuns;
  if (at === undefined || !mayCount(at) || left < 1) return undefined;
  const { id, task, queue, pauses } = job;
  return { job: { id, task, queue, pauses }, at, left, compile };
}

/** Of a job that is paused, or that no leader has got to, the next fire time has passed. */
function afterNow(compile: () => CompiledTrigger, now: number): number | undefined {
  try {
    return compile().next(now) ?? undefined;
  } catch {
    return undefined; // others may have written its record; the leader parks it
  }
}

function merge(chosen: Heap<Candidate>, count: number, until: number): ComingFireTime[] {
  const first = new Heap<Candidate & { compiled?: CompiledTrigger }>(isBefore);
  for (let one = chosen.pop(); one !== undefined; one = chosen.pop()) first.push(one);
  const times: ComingFireTime[] = [];
  while (times.length < count) {
    const next = first.pop();
    if (next === undefined || next.at > until) break;
    const { id, task, queue, pauses } = next.job;
    times.push({ at: new Date(next.at), jobId: id, task, queue, pauses });
    const following = next.left > 1 ? followingOf(next) : undefined;
    if (following !== undefined) first.push(following);
  }
  return times;
}

function followingOf(candidate: Candidate & { compiled?: CompiledTrigger }): typeof candidate | undefined {
  try {
    const compiled = candidate.compiled ?? candidate.compile();
    const at = compiled.next(candidate.at);
    return at === null ? undefined : { ...candidate, compiled, at, left: candidate.left - 1 };
  } catch {
    return undefined;
  }
}
