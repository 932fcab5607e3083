import type { ApplyReport, JobDeclaration, Scheduler } from "@escapement/core";
import { usageError } from "../cli-error.js";
import type { Output } from "../terminal/output.js";
import type { JobsFile } from "./jobs-file.js";

/** How the jobs of a file are applied. */
export interface ApplyFlags {
  /** Removes the jobs with this tag that the file does not declare. */
  readonly pruneTag?: string;
  readonly dryRun?: boolean;
  /** Sets a set back to the version of the file. */
  readonly force?: boolean;
}

/**
 * Refuses flags that are not for what a file declares.
 *
 * @throws CliError `USAGE`
 */
export function checkFlags(jobs: JobsFile["jobs"], { pruneTag, force }: ApplyFlags): void {
  const isSet = !isList(jobs);
  if (isSet && pruneTag !== undefined)
    throw usageError(
      "USAGE",
      "--prune-tag is for lists: a set removes the jobs that it does not declare by itself.",
    );
  if (!isSet && force)
    throw usageError("USAGE", "--force-jobs is for sets of defineJobs: a list has no version.");
}

/** Applies the list or the set of a jobs file. Its flags have been checked. */
export function applyJobs(
  scheduler: Scheduler,
  jobs: JobsFile["jobs"],
  flags: ApplyFlags,
): Promise<ApplyReport> {
  const { pruneTag, dryRun = false, force = false } = flags;
  if (!isList(jobs)) return scheduler.apply(jobs, { dryRun, force });
  return scheduler.apply(jobs, { dryRun, ...(pruneTag === undefined ? {} : { prune: { tag: pruneTag } }) });
}

/** Says that a set was set back to an older version, if it was. */
export function tellSetBack({ set }: ApplyReport, output: Output): void {
  if (set?.before === undefined || set.before <= set.version) return;
  output.note(
    `warning: the set ${set.name} was set back from version ${set.before} to ${set.version}. Nodes of version ${set.before} that start will apply theirs again.`,
  );
}

// Array.isArray does not tell a readonly list from the rest.
function isList(jobs: JobsFile["jobs"]): jobs is readonly JobDeclaration[] {
  return Array.isArray(jobs);
}
