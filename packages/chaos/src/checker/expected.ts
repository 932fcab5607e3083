import type { Job } from "@escapement/core";
import { compileTrigger } from "@escapement/triggers";

/** What is needed to know a job's fire times. */
export type Firing = Pick<Job, "id" | "trigger" | "createdAt"> &
  Partial<Pick<Job, "startAt" | "endAt" | "maxRuns">>;

/** All fire times of a job from its creation until `until` (ms, inclusive), as its definition gives them, none of which was missed. */
export function expectedFireTimes(job: Firing, until: number): number[] {
  if (job.trigger === undefined) return []; // those of the jobs that it depends on
  const anchor = job.createdAt.getTime();
  const last = Math.min(until, job.endAt?.getTime() ?? until);
  const compiled = compileTrigger(job.trigger, { jobId: job.id, anchor });
  const times: number[] = [];
  let time = compiled.next(Math.max(anchor, job.startAt?.getTime() ?? anchor) - 1);
  for (
    ;
    time !== null && time <= last && times.length < (job.maxRuns ?? Infinity);
    time = compiled.next(time)
  )
    times.push(time);
  return times;
}
