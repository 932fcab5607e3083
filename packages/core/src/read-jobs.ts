import { fields, nameAt, oneOf } from "./check.js";
import { fitsPattern, patternAt } from "./id-pattern.js";
import { type Job, type JobState, jobStates } from "./job.js";
import { compileSchedule } from "./job-trigger.js";
import { type PauseInfo, pausesOfJob, readPauses } from "./read-pauses.js";
import { type JobRecord, readHead, readJobRecord } from "./record.js";
import { parseRunId } from "./run-id.js";
import type { Store } from "./store.js";

/** Which jobs to list. All that is given must hold. */
export interface JobFilter {
  /** A pattern for its id: `*` stands for any characters, `?` for any one. */
  readonly match?: string;
  readonly tag?: string;
  readonly queue?: string;
  readonly task?: string;
  readonly state?: JobState;
}

/** Checks a filter: one with a misspelt name would list all jobs. */
export function checkFilter(filter: JobFilter): JobFilter {
  const { match, tag, queue, task, state } = fields("filter", filter, [
    "match",
    "tag",
    "queue",
    "task",
    "state",
  ]);
  if (match !== undefined) patternAt("filter.match", match);
  for (const [name, value] of Object.entries({ tag, queue, task }))
    if (value !== undefined) nameAt(`filter.${name}`, value);
  if (state !== undefined) oneOf("filter.state", state, jobStates);
  return { match, tag, queue, task, state } as JobFilter;
}

/** Reads jobs by id, in one round trip; `undefined` for those that do not exist. */
export async function readJobs(store: Store, ids: readonly string[]): Promise<(Job | undefined)[]> {
  if (ids.length === 0) return [];
  const { keys } = store;
  const now = await store.nearlyNow();
  return store.commands.run("reading jobs", async (client) => {
    const [records, states, cursors, parked, running, counts, exhaustion, frozen, sets, failing, upcoming] =
      await Promise.all([
        client.hmget(keys.jobs, ...ids),
        client.hmget(keys.state, ...ids),
        client.zmscore(keys.due, ...ids),
        client.zmscore(keys.parked, ...ids),
        client.hmget(keys.running, ...ids),
        client.hmget(keys.counts, ...ids),
        client.hmget(keys.exhaustion, ...ids),
        client.zmscore(keys.frozen, ...ids),
        client.hmget(keys.setOf, ...ids),
        client.hmget(keys.failing, ...ids),
        Promise.all(
          ids.map((id) => client.zrangebylex(keys.unstarted, `[${id}@`, `(${id}@~`, "LIMIT", 0, 1000)),
        ),
      ]);
    const heads = records.map((record) => (record == null ? undefined : readHead(record)));
    const names = heads.flatMap((head, index) =>
      head === undefined ? [] : pausesOfJob({ ...head, id: ids[index] ?? "" }),
    );
    const paused = await readPauses(store, names);
    return ids.map((id, index) => {
      const [record, head] = [records[index], heads[index]];
      if (record == null || head === undefined) return undefined;
      return toJob(id, record, {
        state: states[index] ?? "",
        cursor: scoreOf(cursors[index] ?? frozen[index]),
        exhaustion: exhaustion[index] ?? undefined,
        parked: parked[index] != null,
        running: running[index]?.split(" ")[0],
        pauses: pausesOfJob({ ...head, id }).flatMap((name) => paused.get(name) ?? []),
        started: Number(counts[index] ?? 0),
        set: sets[index] ?? undefined,
        failing: failing[index] ?? "0",
        unstarted: (upcoming[index] ?? []).map((run) => parseRunId(run)?.at ?? 0),
        now,
      });
    });
  });
}

/** A job that was written, and is gone since its last run has ended. */
export function exhaustedJob(id: string, record: string, now: number): Job {
  const nothing = {
    cursor: undefined,
    parked: false,
    pauses: [],
    running: undefined,
    unstarted: [],
    started: 0,
  };
  return toJob(id, record, {
    ...nothing,
    state: `1 ${now}`,
    exhaustion: "done",
    set: undefined,
    failing: "0",
    now,
  });
}

function scoreOf(text: string | null | undefined): number | undefined {
  return text == null ? undefined : Number(text);
}

interface Found {
  readonly state: string;
  readonly cursor: number | undefined;
  readonly exhaustion: string | undefined;
  readonly parked: boolean;
  readonly pauses: readonly PauseInfo[];
  readonly running: string | undefined;
  readonly unstarted: readonly number[];
  readonly started: number;
  readonly set: string | undefined;
  /** How many runs failed in a row, and perhaps `paused`. */
  readonly failing: string;
  readonly now: number;
}

function toJob(id: string, text: string, found: Found): Job {
  let record: Partial<JobRecord> = {};
  let broken: string | undefined;
  try {
    record = readJobRecord(text);
  } catch (error) {
    broken = (error as Error).message;
  }
  const head = readHead(text);
  const [, created, , ...reason] = found.state.split(" ");
  // `full`: as many as may have started, and none follows unless one of them is handed back.
  const next =
    found.exhaustion === "full"
      ? undefined
      : (found.unstarted.find((time) => time > found.now) ?? found.cursor);
  return {
    id,
    task: head.task,
    trigger: head.fires ? (record.trigger ?? { type: "once", at: [] }) : undefined,
    dependsOn: head.dependsOn,
    then: head.then,
    input: record.input,
    metadata: record.metadata,
    queue: head.queue,
    tags: head.tags,
    priority: head.priority,
    overlap: head.overlap,
    misfire: { grace: record.grace ?? head.grace, catchUp: head.catchUp, max: head.max },
    delivery: head.delivery,
    maxLost: head.maxLost,
    timeout: record.timeout,
    retry: record.retry,
    deadLetter: head.deadLetter,
    pauseAfterFailures: head.pauseAfterFailures,
    failuresInARow: failuresInARow(id, found),
    concurrencyKey: head.concurrencyKey,
    concurrencyLimit: head.concurrencyLimit,
    rateLimit: head.rateLimit,
    startAt: record.startAt === undefined ? undefined : new Date(record.startAt),
    endAt: record.endAt === undefined ? undefined : new Date(record.endAt),
    maxRuns: head.maxRuns,
    whenExhausted: head.whenExhausted,
    resumeFrom: head.resumeFrom,
    startedRuns: found.started,
    jitter: record.jitter ?? 0,
    retain: head.retain,
    set: found.set,
    version: head.version,
    createdAt: new Date(Number(created)),
    state: stateOf(found),
    pauses: found.pauses,
    nextFireTime: next === undefined ? undefined : new Date(next),
    running: found.running,
    error: found.parked ? reason.join(" ") : broken,
  };
}

/** None any more once the pause that they led to is over, though nobody may have noticed yet. */
function failuresInARow(id: string, { failing, pauses }: Found): number {
  const [count, paused] = failing.split(" ");
  const isOver = paused !== undefined && !pauses.some(({ target }) => target === `job:${id}`);
  return isOver ? 0 : Number(count);
}

function stateOf({ parked, exhaustion, pauses }: Found): JobState {
  if (parked) return "parked";
  if (exhaustion === "done") return "exhausted";
  if (pauses.some(({ failures }) => failures !== undefined)) return "errored";
  return pauses.length > 0 ? "paused" : "scheduled";
}

/** All jobs that fit, page by page; a job that is added or removed meanwhile may or may not be among them. */
export async function* listJobs(store: Store, filter: JobFilter): AsyncGenerator<Job> {
  for await (const ids of pagesOfIds(store, filter)) {
    for (const job of await readJobs(store, ids)) {
      if (job !== undefined && hasState(job, filter)) yield job;
    }
  }
}

/** Whether a job is in the state that a filter asks for, if it does. */
export function hasState(job: Job, { state }: JobFilter): boolean {
  return state === undefined || job.state === state;
}

/** The ids of all jobs that fit but for their state, some 200 at a time, each once. */
export async function* pagesOfIds(store: Store, filter: JobFilter): AsyncGenerator<string[]> {
  let cursor = "0";
  const seen = new Set<string>();
  do {
    const [next, page] = await store.commands.run("listing jobs", (client) =>
      client.hscan(store.keys.jobs, cursor, "COUNT", 200),
    );
    const ids: string[] = [];
    for (let index = 0; index < page.length; index += 2) {
      const [id, record] = [page[index], page[index + 1]];
      if (id === undefined || record === undefined || seen.has(id) || !mayFit(id, record, filter)) continue;
      seen.add(id);
      ids.push(id);
    }
    yield ids;
    cursor = next;
  } while (cursor !== "0");
}

function mayFit(id: string, record: string, { match, queue, task, tag }: JobFilter): boolean {
  if (match !== undefined && !fitsPattern(id, match)) return false;
  const head = readHead(record);
  return (
    (queue === undefined || head.queue === queue) &&
    (task === undefined || head.task === task) &&
    (tag === undefined || head.tags.includes(tag))
  );
}

/** The next fire times of a job after now, by its trigger. */
export function comingFireTimes(job: Job, now: number, count: number): Date[] {
  if (job.state === "exhausted") return [];
  const { trigger, startAt, endAt } = job;
  if (trigger === undefined) return [];
  const schedule = { trigger, startAt: startAt?.getTime(), endAt: endAt?.getTime() };
  const compiled = compileSchedule(job.id, schedule, {
    anchor: job.createdAt,
    ...(job.nextFireTime !== undefined && { fireTime: job.nextFireTime }),
  });
  const times: Date[] = [];
  for (let time = compiled.next(now); time !== null && times.length < count; time = compiled.next(time))
    times.push(new Date(time));
  return times;
}
