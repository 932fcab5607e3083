import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import type { JobDeclaration, JobSet, Scheduler } from "@escapement/core";
import { usageError } from "../cli-error.js";

/** What a jobs file exports. */
export interface JobsFile {
  /** Registers tasks, before the node starts. */
  readonly register: ((scheduler: Scheduler) => unknown) | undefined;
  /** Applied when the node has started: a list, or a set that `defineJobs` made. */
  readonly jobs: readonly JobDeclaration[] | JobSet;
}

/**
 * Loads a module in TypeScript or JavaScript that exports by default a function that registers tasks, or `jobs`, or both. The jobs
 * of a module that registers none can be its default export.
 *
 * @throws CliError `JOBS_FILE`
 */
export async function loadJobsFile(file: string): Promise<JobsFile> {
  const path = resolve(file);
  if (!existsSync(path)) throw usageError("JOBS_FILE", `There is no file ${file}.`);
  const exported = await importFile(path).catch((cause: unknown) => {
    throw usageError("JOBS_FILE", `${file} cannot be loaded: ${(cause as Error)?.message ?? cause}`, {
      cause,
    });
  });
  const { default: first, jobs: named } = exported;
  const register = typeof first === "function" ? (first as JobsFile["register"]) : undefined;
  const other = register === undefined ? first : undefined;
  if (other !== undefined && named !== undefined)
    throw usageError(
      "JOBS_FILE",
      `${file} exports "jobs": its default export must then be a function that is given the scheduler.`,
    );
  if (other !== undefined && !isJobs(other))
    throw usageError(
      "JOBS_FILE",
      `The default export of ${file} must be a function that is given the scheduler, or jobs: a list, or what defineJobs made.`,
    );
  const jobs = named === undefined ? (other ?? []) : named;
  if (!isJobs(jobs))
    throw usageError("JOBS_FILE", `The export "jobs" of ${file} must be a list, or what defineJobs made.`);
  if (register === undefined && Array.isArray(jobs) && jobs.length === 0)
    throw usageError("JOBS_FILE", `${file} exports neither a default function nor a list or set of jobs.`);
  return { register, jobs };
}

/** A list, or what looks like a set: `apply` looks closer, as another copy of core may have made it. */
function isJobs(value: unknown): value is JobsFile["jobs"] {
  return Array.isArray(value) || (typeof value === "object" && value !== null && "jobs" in value);
}

async function importFile(path: string): Promise<Record<string, unknown>> {
  if (!/\.[cm]?ts$/.test(path)) return (await import(pathToFileURL(path).href)) as Record<string, unknown>;
  // Loaded when it is needed: it would make up for a sixth of every command's start.
  const { createJiti } = await import("jiti");
  return createJiti(import.meta.url).import<Record<string, unknown>>(path);
}
