import type { Job } from "@escapement/core";
import { describe } from "@escapement/triggers";
import { CliError } from "../cli-error.js";
import type { Client } from "../client.js";

/** A job that must be there. @throws CliError `JOB_NOT_FOUND` */
export async function existing({ scheduler }: Client, id: string): Promise<Job> {
  const job = await scheduler.job(id).get();
  if (job === undefined) throw noSuchJob(scheduler.namespace, id);
  return job;
}

/** The error for a job that there is not. */
export function noSuchJob(namespace: string, id: string): CliError {
  return new CliError("JOB_NOT_FOUND", `There is no job ${id} in namespace ${namespace}.`);
}

/** When a job fires, in words. A stored trigger may have been written by others, and be none. */
export function describedTrigger(job: Job): string | undefined {
  if (job.trigger === undefined) return "when the runs of others have succeeded";
  try {
    return describe(job.trigger);
  } catch {
    return undefined;
  }
}
