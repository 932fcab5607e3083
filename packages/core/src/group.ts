import { type BackfillOptions, backfillOptions } from "./backfill.js";
import { fields } from "./check.js";
import { changeable } from "./definition.js";
import { InvalidOptionError } from "./errors.js";
import { type HandleParts, type JobChanges, type JobHandle, jobHandle } from "./handles.js";
import { checkPauseOptions, type PauseOptions } from "./pause.js";
import { checkFilter, type JobFilter, listJobs } from "./read-jobs.js";
import { cancelsRunning, type RemoveOptions } from "./remove-job.js";
import { checkResumeOptions, type ResumeOptions } from "./resume.js";
import { isByForce, type RunNowOptions } from "./run-now.js";

/** What was done with many jobs, by id. */
export interface GroupReport {
  readonly done: readonly string[];
  /** Those with which it could not be done; the others stand. */
  readonly failed: readonly { readonly id: string; readonly error: Error }[];
}

/** The same, with the ids of the runs that were queued. */
export interface GroupRunsReport extends GroupReport {
  readonly runs: readonly string[];
}

/**
 * All jobs that fit a filter. What is done is done with one job after the other, a few at a time: each whole or not at all, and
 * those with which it fails do not keep it from the others. A job that is added meanwhile may or may not be among them.
 */
export interface JobGroup {
  /**
   * Changes some options of each job. Each changed definition is checked before it is written.
   *
   * @throws InvalidOptionError for what is no option of a job; nothing is changed then
   */
  update(changes: JobChanges): Promise<GroupReport>;
  /** Removes them, and what was to run of them. Runs that run go on, unless `cancelRunning` is given. */
  remove(options?: RemoveOptions): Promise<GroupReport>;
  /** Runs each once, now, beside its schedule. Those that are paused have failed, with `JOB_PAUSED`, unless by `force`. */
  runNow(options?: RunNowOptions): Promise<GroupRunsReport>;
  /** Pauses each by a key of its own. For all with one tag, now and later, `pause({ tag })` of the scheduler is the better way. */
  pause(options: PauseOptions): Promise<GroupReport>;
  /** Ends each one's own pause. Those that had none are not in the report. */
  resume(options?: ResumeOptions): Promise<GroupReport>;
  /** Runs past fire times of each. `max` is of one job. See `JobHandle.backfill`. */
  backfill(options: BackfillOptions): Promise<GroupRunsReport>;
}

/** The same of several partitions. */
export function mergeGroups(groups: readonly JobGroup[]): JobGroup {
  const merged = (reports: readonly GroupReport[]): GroupReport => ({
    done: reports.flatMap(({ done }) => done),
    failed: reports.flatMap(({ failed }) => failed),
  });
  const all = async (work: (group: JobGroup) => Promise<GroupReport>): Promise<GroupReport> =>
    merged(await Promise.all(groups.map(work)));
  const withRuns = async (work: (group: JobGroup) => Promise<GroupRunsReport>): Promise<GroupRunsReport> => {
    const reports = await Promise.all(groups.map(work));
    return { ...merged(reports), runs: reports.flatMap(({ runs }) => runs) };
  };
  return {
    update: (changes) => all((group) => group.update(changes)),
    remove: (options) => all((group) => group.remove(options)),
    runNow: (options) => withRuns((group) => group.runNow(options)),
    pause: (options) => all((group) => group.pause(options)),
    resume: (options) => all((group) => group.resume(options)),
    backfill: (options) => withRuns((group) => group.backfill(options)),
  };
}

const atOnce = 10;

/**
 * The jobs that fit a filter.
 *
 * @throws InvalidOptionError also for a filter that all jobs fit
 */
export function jobGroup(parts: HandleParts, filter: JobFilter): JobGroup {
  const wanted = { ...checkFilter(filter) };
  if (Object.values(wanted).every((value) => value === undefined))
    throw new InvalidOptionError(
      "filter",
      "fits all jobs: give a match, tag, queue, task or state. To mean all, go through jobs().",
    );
  const each = (work: (job: JobHandle) => Promise<boolean>): Promise<GroupReport> =>
    forEach(parts, wanted, work);
  const withRuns = async (work: (job: JobHandle) => Promise<string[]>): Promise<GroupRunsReport> => {
    const runs: string[] = [];
    const report = await each(async (job) => {
      runs.push(...(await work(job)));
      return true;
    });
    return { ...report, runs };
  };
  return {
    update: async (changes) => {
      const given: JobChanges = fields("changes", changes, changeable);
      return each(async (job) => {
        await job.update(given);
        return true;
      });
    },
    remove: async (options = {}) => {
      cancelsRunning(options);
      return each((job) => job.remove(options));
    },
    pause: async (options) => {
      checkPauseOptions(options);
      return each(async (job) => {
        await job.pause(options);
        return true;
      });
    },
    resume: async (options = {}) => {
      checkResumeOptions(options);
      return each((job) => job.resume(options));
    },
    runNow: async (options = {}) => {
      isByForce(options);
      return withRuns(async (job) => [(await job.runNow(options)).id]);
    },
    backfill: async (options) => {
      const given = fields("options", options, backfillOptions) as unknown as BackfillOptions;
      return withRuns(async (job) => (await job.backfill(given)).map(({ id }) => id));
    },
  };
}

/** Does something with each job, page by page, a few at a time. A job of which it answers `false` is left out of the report. */
async function forEach(
  parts: HandleParts,
  filter: JobFilter,
  work: (job: JobHandle) => Promise<boolean>,
): Promise<GroupReport> {
  const done: string[] = [];
  const failed: { id: string; error: Error }[] = [];
  const jobs = listJobs(parts.store, filter);
  const worker = async (): Promise<void> => {
    for (let next = await jobs.next(); !next.done; next = await jobs.next()) {
      const { id } = next.value;
      try {
        if (await work(jobHandle(parts, id))) done.push(id);
      } catch (error) {
        failed.push({ id, error: error as Error });
      }
    }
  };
  const workers = await Promise.allSettled(Array.from({ length: atOnce }, worker));
  for (const worker of workers) if (worker.status === "rejected") throw worker.reason;
  return { done, failed };
}
