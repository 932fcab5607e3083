import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import type { JobDeclaration, Scheduler } from "@escapement/core";
import { createJiti } from "jiti";
import { usageError } from "./cli-error.js";

/** What a jobs file exports. */
export interface JobsFile {
  /** Registers tasks, before the node starts. */
  readonly register: ((scheduler: Scheduler) => unknown) | undefined;
  /** Applied when the node has started. */
  readonly jobs: readonly JobDeclaration[];
}

/**
 * Loads a module in TypeScript or JavaScript that exports by default a function that registers tasks, or `jobs`, or both.
 *
 * @throws CliError `JOBS_FILE`
 */
export async function loadJobsFile(file: string): Promise<JobsFile> {
  const path = resolve(file);
  if (!existsSync(path)) throw usageError("JOBS_FILE", `There is no file ${file}.`);
  const { default: register, jobs = [] } = await importFile(path).catch((cause: unknown) => {
    throw usageError("JOBS_FILE", `${file} cannot be loaded: ${(cause as Error)?.message ?? cause}`, {
      cause,
    });
  });
  if (register !== undefined && typeof register !== "function")
    throw usageError(
      "JOBS_FILE",
      `The default export of ${file} must be a function that is given the scheduler.`,
    );
  if (!Array.isArray(jobs)) throw usageError("JOBS_FILE", `The export "jobs" of ${file} must be a list.`);
  if (register === undefined && jobs.length === 0)
    throw usageError("JOBS_FILE", `${file} exports neither a default function nor a list "jobs".`);
  return { register: register as JobsFile["register"], jobs: jobs as JobDeclaration[] };
}

async function importFile(path: string): Promise<Record<string, unknown>> {
  if (!/\.[cm]?ts$/.test(path)) return (await import(pathToFileURL(path).href)) as Record<string, unknown>;
  return createJiti(import.meta.url).import<Record<string, unknown>>(path);
}
