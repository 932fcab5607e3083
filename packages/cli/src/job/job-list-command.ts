import type { Job, JobFilter } from "@escapement/core";
import type { Command } from "commander";
import { type Client, withClient } from "../client.js";
import { shownHolder } from "../pause/pause-target.js";
import { shownDate } from "../terminal/dates.js";
import { count } from "../terminal/option-values.js";
import { paint } from "../terminal/output.js";
import { paintedTable } from "../terminal/table.js";
import { addFilterOptions, filterOf } from "./job-filter-options.js";

const footer = `
PAUSED BY is what holds a job back: "job" for its own pause, or the pause of a
tag, queue, task or of all; "+1" says that there is one more.

Examples:
  escapement job list
  escapement job list --state paused --tag emea
  escapement job list --match "billing/*" --limit 20 --json`;

const colourOf = { paused: "yellow", errored: "red", parked: "red", exhausted: "grey" } as const;

/** Adds `job list`. */
export function addJobListCommand(job: Command): void {
  addFilterOptions(job.command("list").description("jobs, by id"))
    .option("--limit <n>", "at most so many", count)
    .addHelpText("after", footer)
    .action((flags: JobFilter & { limit?: number }, command: Command) =>
      withClient(command, (client) => listJobs(client, filterOf(flags), flags.limit)),
    );
}

async function listJobs(
  { scheduler, output }: Client,
  filter: JobFilter,
  limit = Number.POSITIVE_INFINITY,
): Promise<void> {
  const all: Job[] = [];
  for await (const job of scheduler.jobs(filter)) all.push(job);
  all.sort((one, other) => (one.id < other.id ? -1 : 1));
  const jobs = all.slice(0, limit);
  if (output.json) output.value(jobs);
  else if (jobs.length === 0) output.text("No jobs.");
  else {
    const rows = jobs.map((job) => [
      job.id,
      job.state,
      shownHolder(job),
      shownDate(job.nextFireTime),
      job.task,
    ]);
    const held = rows.some(([, , holder]) => holder !== "");
    const shown = (row: string[]): string[] => (held ? row : row.filter((_, column) => column !== 2));
    const headings = ["ID", "STATE", "PAUSED BY", "NEXT FIRE TIME", "TASK"];
    output.text(
      paintedTable(output, shown(headings), rows.map(shown), {
        colour: (row) => {
          const state = jobs[row]?.state ?? "scheduled";
          return state === "scheduled" ? undefined : colourOf[state];
        },
      }),
    );
    if (all.length > jobs.length)
      output.text(paint(output, "grey", `… and ${all.length - jobs.length} more: raise --limit.`));
  }
}
