import { EscapementError } from "@escapement/redis";
import { type BackfillOptions, backfillJob } from "./backfill.js";
import { type CancelOptions, cancelRun } from "./cancel.js";
import { fields, nameAt, orElse, whole } from "./check.js";
import { retryRun } from "./dead-letters.js";
import { writeJobs } from "./define.js";
import { changeable, type Definition } from "./definition.js";
import { InvalidOptionError, jobNotFound, RunFailedError } from "./errors.js";
import type { Events } from "./events.js";
import type { Job, JobOptions } from "./job.js";
import type { LogLine } from "./log-lines.js";
import { type PauseOptions, pauseTarget } from "./pause.js";
import { readHistory } from "./read-history.js";
import { comingFireTimes, readJobs } from "./read-jobs.js";
import { type FollowLogsOptions, followLogs, type LogsOptions, readLogs } from "./read-logs.js";
import { readRunById } from "./read-runs.js";
import { readJobRecord, toDefinition } from "./record.js";
import { cancelsRunning, type RemoveOptions, removeJob } from "./remove-job.js";
import { readBack } from "./repeat.js";
import { type ResumeOptions, resumeTarget } from "./resume.js";
import type { Run } from "./run.js";
import { isRunId } from "./run-id.js";
import { type RunNowOptions, runJobNow } from "./run-now.js";
import type { Store } from "./store.js";
import { duration } from "./times.js";

/** What of a job can be changed. */
export type JobChanges = Partial<Omit<JobOptions, "id" | "onConflict">>;

/** One job, by its id. Nothing is read until it is asked for. */
export interface JobHandle {
  readonly id: string;
  /** The job; `undefined` if there is none. */
  get(): Promise<Job | undefined>;
  /**
   * Changes some of its options, in one step; an invalid change changes nothing.
   *
   * @throws EscapementError `JOB_NOT_FOUND`
   */
  update(changes: JobChanges): Promise<Job>;
  /** Removes it, and what was to run of it. A run that runs goes on, unless `cancelRunning` is given. Answers whether there was such a job. */
  remove(options?: RemoveOptions): Promise<boolean>;
  /**
   * Runs it once, now, beside its schedule.
   *
   * @throws EscapementError `JOB_NOT_FOUND`; `JOB_PAUSED`, unless by `force`
   */
  runNow(options?: RunNowOptions): Promise<RunHandle>;
  /**
   * Runs past fire times, as its trigger says today, each as a run by hand: its `overlap`, or the one given, and limits hold, its schedule, history of
   * the first time and `maxRuns` are left alone. Asked twice, it runs them twice.
   *
   * @returns a handle for each, in order
   * @throws EscapementError `JOB_NOT_FOUND`; InvalidOptionError, also if there are more than `max`
   */
  backfill(options: BackfillOptions): Promise<RunHandle[]>;
  /** As `pause` of the scheduler, of this job. */
  pause(options: PauseOptions): Promise<void>;
  /** As `resume` of the scheduler, of this job: ends its own pause, not that of its tag, queue or task. */
  resume(options?: ResumeOptions): Promise<boolean>;
  /** Its next `count` fire times after now, at most 1000. */
  nextFireTimes(count?: number): Promise<Date[]>;
  /** Its finished runs, latest first. */
  history(options?: { readonly limit?: number }): Promise<Run[]>;
}

/** One run, by its id. */
export interface RunHandle<Output = unknown> {
  readonly id: string;
  /** The run; `undefined` if it never was, or is not kept any more. */
  get(): Promise<Run | undefined>;
  /**
   * Waits for its end and answers what its handler answered.
   *
   * @throws RunFailedError if it did not succeed; EscapementError `RUN_NOT_FOUND`, or `RESULT_TIMEOUT` after `timeout`: ms, or a text such as `"10s"` (default: none)
   */
  result(options?: { readonly timeout?: number | string }): Promise<Output>;
  /**
   * Gives a run that failed for good another attempt, now, with its job's input of today.
   *
   * @throws EscapementError `NOT_A_DEAD_LETTER`
   */
  retry(): Promise<void>;
  /**
   * Cancels it, wherever it is: one that waits never starts; the handler of one that runs has its signal aborted, and
   * `abortGrace` to end. Answers `false` if it had ended already.
   *
   * @throws EscapementError `RUN_NOT_FOUND`
   */
  cancel(options?: CancelOptions): Promise<boolean>;
  /**
   * The lines that its handler has logged from level `info` on, first to last, also while it runs: the latest 1000, of all attempts,
   * for as long as logs are kept. None for a run that there is not.
   */
  logs(options?: LogsOptions): Promise<LogLine[]>;
  /**
   * The same, and each further line within about a second, until the run has ended.
   *
   * @throws EscapementError `RUN_NOT_FOUND` if there is neither a line nor such a run
   */
  followLogs(options?: FollowLogsOptions): AsyncIterableIterator<LogLine>;
}

/** What handles need of their scheduler. */
export interface HandleParts {
  readonly store: Store;
  readonly events: Events;
  readonly maxInput: number;
  /** Checks an input against the schema of a task that is known here; nothing where there is none. */
  validate(task: string, input: unknown): Promise<unknown> | undefined;
}

export function jobHandle(parts: HandleParts, id: string): JobHandle {
  const { store, events } = parts;
  nameAt("job id", id);
  const get = async (): Promise<Job | undefined> => (await readJobs(store, [id]))[0];
  return {
    id,
    get,
    update: (changes) => updateJob(parts, id, changes, get),
    remove: async (options = {}) => {
      const removed = await removeJob(store, id, undefined, cancelsRunning(options));
      if (removed) events.emit("jobRemoved", { jobId: id });
      return removed;
    },
    runNow: async (options = {}) => runHandle(store, await runJobNow(store, id, options)),
    backfill: async (options) =>
      (await backfillJob(store, id, get, options)).map((run) => runHandle(store, run)),
    pause: (options) => pauseTarget(store, { job: id }, options, events),
    resume: (options) => resumeTarget(store, { job: id }, options, events),
    nextFireTimes: async (count = 5) => {
      whole("count", count, 1, 1000);
      const [job, now] = [await get(), await store.now()];
      if (job === undefined) throw jobNotFound(id);
      return comingFireTimes(job, now, count);
    },
    history: async (options = {}) => {
      const { limit } = fields("options", options, ["limit"]);
      return readHistory(store, id, whole("limit", orElse(limit, 100), 1, 10_000));
    },
  };
}

async function updateJob(
  parts: HandleParts,
  id: string,
  changes: JobChanges,
  get: () => Promise<Job | undefined>,
): Promise<Job> {
  const { store, events } = parts;
  const given: JobChanges = fields("changes", changes, changeable);
  for (let round = 0; round < 20; round += 1) {
    const text = await store.commands.run("reading a job", (client) => client.hget(store.keys.jobs, id));
    if (text === null) throw jobNotFound(id);
    const record = readJobRecord(text);
    const options = changed(id, toDefinition(record), given);
    await parts.validate(record.task, options.input);
    const wanted = { task: record.task, options, version: record.version };
    const [done] = await writeJobs(store, [wanted], parts.maxInput);
    if (done?.outcome === "overtaken") continue; // by others: their changes stay, ours go on top of them
    if (done?.outcome === "updated") events.emit("jobUpdated", { jobId: id });
    const job = await readBack(store.deadline, `Job ${id}`, get);
    if (job === undefined) throw jobNotFound(id);
    return job;
  }
  throw new EscapementError("JOB_CONTENDED", `Job ${id} is being changed by others all the time. Try again.`);
}

function changed(id: string, definition: Definition, changes: JobChanges): JobOptions {
  const { task: _, grace, catchUp, max, input, metadata, dependsOn, ...rest } = definition;
  const given = fields("misfire", orElse(changes.misfire, {}), ["grace", "catchUp", "max"]);
  const kept = Object.entries(rest).filter(([, value]) => value !== undefined);
  // Said by a job without a trigger though it be empty; not by another one, which is not to lose its trigger by mistake.
  const depends = definition.trigger === undefined || dependsOn.length > 0 ? { dependsOn } : {};
  return {
    ...(Object.fromEntries(kept) as Pick<JobOptions, "trigger">),
    ...depends,
    id,
    ...(input === undefined ? {} : { input: JSON.parse(input) as unknown }),
    ...(metadata === undefined ? {} : { metadata: JSON.parse(metadata) as unknown }),
    ...changes,
    misfire: { grace, catchUp, max, ...given },
  };
}

/** How long to wait for a result, in ms; no end if nothing is said. */
function waitOf(options: object): number {
  const { timeout } = fields("options", options, ["timeout"]);
  if (typeof timeout === "number" && timeout >= 0) return timeout;
  return timeout === undefined ? Number.POSITIVE_INFINITY : duration("timeout", timeout, 0);
}

const ended = new Set(["succeeded", "failed", "timed-out", "cancelled", "lost", "skipped", "missed"]);

export function runHandle<Output = unknown>(store: Store, id: string): RunHandle<Output> {
  if (!isRunId(id))
    throw new InvalidOptionError(
      "run id",
      "is no run's id: it is <job>@<fire time in ms>, or the id of an enqueued run.",
    );
  const get = (): Promise<Run | undefined> => readRunById(store, id);
  return {
    id,
    get,
    retry: () => retryRun(store, id),
    cancel: (options = {}) => cancelRun(store, id, options),
    logs: (options) => readLogs(store, id, options),
    followLogs: (options) => followLogs(store, id, options),
    result: async (options = {}) => {
      const timeout = waitOf(options);
      const until = performance.now() + timeout;
      for (let wait = 10; ; wait = Math.min(wait * 1.5, 500)) {
        const run = await get();
        if (run === undefined)
          throw new EscapementError("RUN_NOT_FOUND", `There is no run ${id}, or it is not kept any more.`);
        if (run.state === "succeeded") return run.result as Output;
        if (ended.has(run.state)) throw failed(run);
        if (performance.now() + wait > until)
          throw new EscapementError(
            "RESULT_TIMEOUT",
            `Run ${id} has not ended within ${timeout} ms; it is ${run.state}.`,
          );
        await new Promise((resolve) => setTimeout(resolve, wait));
      }
    },
  };
}

function failed(run: Run): RunFailedError {
  const why = run.error?.message ?? run.reason;
  return new RunFailedError(
    run.id,
    `Run ${run.id} ended as ${run.state}${why === undefined ? "" : `: ${why}`}`,
  );
}
