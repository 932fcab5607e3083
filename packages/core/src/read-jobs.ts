import { fields, nameAt, oneOf } from "./check.js";
import { fitsPattern, patternAt } from "./id-pattern.js";
import { type Job, type JobState, jobStates } from "./job.js";
import { compileSchedule } from "./job-trigger.js";
import { type PauseInfo, parsePause, pausesOfJob, readPauses } from "./read-pauses.js";
import { type RecordBody, readBody, readHead, readSharedHead, versionIn } from "./record.js";
import { parseRunId } from "./run-id.js";
import { readJobs as script } from "./scripts/index.js";
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

/** The most that one call reads. */
const mostRead = 1000;

/** Reads jobs by id, all at one moment, in one round trip for each 1000; `undefined` for those that do not exist. */
export async function readJobs(store: Store, ids: readonly string[]): Promise<(Job | undefined)[]> {
  const jobs: (Job | undefined)[] = [];
  const { prefix, meta } = store.keys;
  for (let from = 0; from < ids.length; from += mostRead) {
    const some = ids.slice(from, from + mostRead);
    const now = await store.nearlyNow();
    const input = { keys: { meta }, args: { prefix, now }, lists: { jobs: some } };
    const found = await script.run(store.commands, input);
    const [records, states, running, counts, exhaustion, sets, failing, due, frozen, parked, next, lines] =
      found;
    const paused = await pausesAmong(store, some, records, lines);
    for (const [index, id] of some.entries()) {
      const record = records[index];
      if (record == null) jobs.push(undefined);
      else {
        const written = next[index];
        const parts = {
          state: states[index] ?? "",
          cursor: scoreOf(due[index] ?? frozen[index]),
          exhaustion: exhaustion[index] ?? undefined,
          parked: parked[index] != null,
          running: running[index]?.split(" ")[0],
          paused,
          started: Number(counts[index] ?? 0),
          set: sets[index] ?? undefined,
          failing: failing[index] ?? "0",
          written: written == null ? undefined : parseRunId(written)?.at,
        };
        jobs.push(toJob(id, record, parts));
      }
    }
  }
  return jobs;
}

/** Those that hold back any of the jobs: as they were read with these, or, in a further partition, as the first one says. */
async function pausesAmong(
  store: Store,
  ids: readonly string[],
  records: readonly (string | null)[],
  lines: readonly string[],
): Promise<ReadonlyMap<string, PauseInfo>> {
  if (store.home === store) return new Map(lines.map(parsePause).map((pause) => [pause.target, pause]));
  const names = ids.flatMap((id, index) => {
    const record = records[index];
    return record == null ? [] : pausesOfJob({ ...readHead(record), id });
  });
  return readPauses(store, names);
}

/** A job that was written, and is gone since its last run has ended. */
export function exhaustedJob(id: string, record: string, now: number): Job {
  const nothing = {
    cursor: undefined,
    parked: false,
    paused: new Map<string, PauseInfo>(),
    running: undefined,
    written: undefined,
    started: 0,
  };
  return toJob(id, record, {
    ...nothing,
    state: `1 ${now}`,
    exhaustion: "done",
    set: undefined,
    failing: "0",
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
  /** All that hold back any of the jobs that were read with it, by what they are of. */
  readonly paused: ReadonlyMap<string, PauseInfo>;
  readonly running: string | undefined;
  /** Its next fire time of which the run is written already. */
  readonly written: number | undefined;
  readonly started: number;
  readonly set: string | undefined;
  /** How many runs failed in a row, and perhaps `paused`. */
  readonly failing: string;
}

function toJob(id: string, text: string, found: Found): Job {
  const head = readSharedHead(text);
  let body: Partial<RecordBody> = {};
  let broken: string | undefined;
  try {
    body = readBody(text, head);
  } catch (error) {
    broken = (error as Error).message;
  }
  const { trigger, input, metadata, timeout, retry, startAt, endAt, jitter = 0 } = body;
  const words = found.state.split(" ");
  // `full`: as many as may have started, and none follows unless one of them is handed back.
  const next = found.exhaustion === "full" ? undefined : (found.written ?? found.cursor);
  const { paused } = found;
  const pauses =
    paused.size === 0 ? [] : pausesOfJob({ ...head, id }).flatMap((name) => paused.get(name) ?? []);
  return {
    id,
    task: head.task,
    trigger: head.fires ? (trigger ?? { type: "once", at: [] }) : undefined,
    dependsOn: [...head.dependsOn],
    then: [...head.then],
    input,
    metadata,
    queue: head.queue,
    tags: [...head.tags],
    priority: head.priority,
    overlap: head.overlap,
    misfire: { grace: head.grace - jitter, catchUp: head.catchUp, max: head.max },
    delivery: head.delivery,
    maxLost: head.maxLost,
    timeout,
    retry,
    deadLetter: head.deadLetter,
    pauseAfterFailures: head.pauseAfterFailures,
    failuresInARow: failuresInARow(id, found.failing, pauses),
    concurrencyKey: head.concurrencyKey,
    concurrencyLimit: head.concurrencyLimit,
    rateLimit: head.rateLimit,
    startAt: startAt === undefined ? undefined : new Date(startAt),
    endAt: endAt === undefined ? undefined : new Date(endAt),
    maxRuns: head.maxRuns,
    whenExhausted: head.whenExhausted,
    resumeFrom: head.resumeFrom,
    startedRuns: found.started,
    jitter,
    retain: head.retain,
    set: found.set,
    version: versionIn(text),
    createdAt: new Date(Number(words[1])),
    state: stateOf(found, pauses),
    pauses,
    nextFireTime: next === undefined ? undefined : new Date(next),
    running: found.running,
    error: found.parked ? words.slice(3).join(" ") : broken,
  };
}

/** None any more once the pause that they led to is over, though nobody may have noticed yet. */
function failuresInARow(id: string, failing: string, pauses: readonly PauseInfo[]): number {
  if (failing === "0") return 0;
  const [count, paused] = failing.split(" ");
  const isOver = paused !== undefined && !pauses.some(({ target }) => target === `job:${id}`);
  return isOver ? 0 : Number(count);
}

function stateOf({ parked, exhaustion }: Found, pauses: readonly PauseInfo[]): JobState {
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
