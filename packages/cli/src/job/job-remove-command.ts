import type { JobFilter } from "@escapement/core";
import type { Command } from "commander";
import { CliError, usageError } from "../cli-error.js";
import { type Client, withClient } from "../client.js";
import { confirmed } from "../terminal/confirm.js";
import { printableLine } from "../terminal/printable.js";
import { tellGroup } from "./group-report.js";
import { addFilterOptions, filterOf } from "./job-filter-options.js";
import { noSuchJob } from "./job-of-client.js";

const footer = `
Runs that run go on, unless --cancel-running is given. More than one job by a
filter needs --yes, or a terminal to ask at.

Examples:
  escapement job remove billing/sync
  escapement job remove --match "billing/*" --dry-run
  escapement job remove --tag old --state exhausted --yes`;

interface RemoveFlags extends JobFilter {
  readonly dryRun?: boolean;
  readonly yes?: boolean;
  readonly cancelRunning?: boolean;
}

/** Adds `job remove`. */
export function addJobRemoveCommand(job: Command): void {
  const remove = job
    .command("remove")
    .usage("[options] ID... | --match GLOB")
    .argument("[ids...]", "the jobs")
    .description("remove jobs, and what was to run of them");
  addFilterOptions(remove)
    .option("--dry-run", "print what would be removed, and remove nothing")
    .option("--yes", "do not ask")
    .option("--cancel-running", "cancel their runs that run")
    .addHelpText("after", footer)
    .action((ids: string[], flags: RemoveFlags, command: Command) => {
      const filter = filterOf(flags);
      const isFiltered = Object.keys(filter).length > 0;
      if (isFiltered === ids.length > 0)
        throw usageError("USAGE", "Give either ids of jobs, or --match, --tag, --queue, --task, --state.");
      return withClient(command, (client) =>
        isFiltered ? removeMatching(client, filter, flags) : removeJobs(client, [...new Set(ids)], flags),
      );
    });
}

async function removeJobs(client: Client, ids: readonly string[], flags: RemoveFlags): Promise<void> {
  const { scheduler, output } = client;
  const jobs = ids.map((id) => scheduler.job(id)); // looks at all ids, before the first is removed
  const there = await Promise.all(jobs.map(async (job) => (await job.get()) !== undefined));
  const missing = ids.filter((_, index) => there[index] === false);
  if (missing.length === ids.length) throw noSuchJob(scheduler.namespace, missing.join(", "));
  const found = ids.filter((id) => !missing.includes(id));
  if (flags.dryRun) tellDry(client, found);
  else await remove(client, found, flags);
  for (const id of missing) output.note(`escapement: ${noSuchJob(scheduler.namespace, id).message}`);
  if (missing.length > 0) process.exitCode = 1;
}

async function removeMatching(client: Client, filter: JobFilter, flags: RemoveFlags): Promise<void> {
  const { scheduler, output } = client;
  const ids: string[] = [];
  for await (const { id } of scheduler.jobs(filter)) ids.push(id);
  ids.sort();
  if (flags.dryRun) {
    tellDry(client, ids);
    return;
  }
  if (ids.length === 0) throw new CliError("NO_SUCH_JOBS", "There is no such job: nothing was removed.");
  // What was asked about is what goes: not a job that came to fit meanwhile.
  if (ids.length > 1) await confirmed(output, `Remove ${ids.length} jobs`, flags.yes);
  await remove(client, ids, flags);
}

async function remove(
  { scheduler, output }: Client,
  ids: readonly string[],
  { cancelRunning = false }: RemoveFlags,
): Promise<void> {
  const [done, failed]: [string[], { id: string; error: Error }[]] = [[], []];
  for (const id of ids) {
    try {
      if (await scheduler.job(id).remove({ cancelRunning })) done.push(id);
    } catch (error) {
      failed.push({ id, error: error as Error });
    }
  }
  if (done.length === 1 && failed.length === 0 && !output.json)
    output.text(`Removed ${printableLine(done[0] ?? "")}.`);
  else tellGroup(output, { done, failed }, "Removed");
}

function tellDry({ output }: Client, ids: readonly string[]): void {
  if (output.json) output.value({ dryRun: true, done: ids, failed: [] });
  else {
    for (const id of ids) output.text(`Would remove ${printableLine(id)}.`);
    output.text(`Dry run, nothing was removed: ${ids.length} ${ids.length === 1 ? "job" : "jobs"}.`);
  }
}
