import type { Job, JobChanges, JobOptions } from "@escapement/core";
import { type Command, Option } from "commander";
import { CliError, usageError } from "../cli-error.js";
import { type Client, withClient } from "../client.js";
import { shownDate } from "../terminal/dates.js";
import { list } from "../terminal/option-values.js";
import { printableLine } from "../terminal/printable.js";
import { describedTrigger, existing } from "./job-of-client.js";
import { addJobOptions, type JobFlags, jobOptionsOf } from "./job-options.js";

const addFooter = `
Times of day are UTC unless --timezone says otherwise; dates without a zone are
of this machine's. The input is not checked against the schema of the task: a
node does that when it runs.

Examples:
  escapement job add reports/daily --task send-report --daily 09:00 \\
             --timezone Europe/Berlin --input '{"team":"sales"}' --tag reports
  escapement job add sync --task sync --every 90s --overlap skip --timeout 1m
  escapement job add move --task move-data --once "2026-11-21 14:00" --retry 3`;

const updateFooter = `
Only what is given changes; --tag replaces all tags. A job whose trigger stays
as it is keeps its place in time.

Examples:
  escapement job update reports/daily --daily 08:30 --timezone Europe/Berlin
  escapement job update sync --queue slow --priority -10 --unset timeout,tags`;

interface AddFlags extends JobFlags {
  readonly task: string;
  readonly onConflict: "error" | "keep" | "replace";
}

/** Adds `job add` and `job update`. */
export function addJobAddCommands(job: Command): void {
  const conflict = new Option("--on-conflict <what>", "if there is such a job").choices([
    "error",
    "keep",
    "replace",
  ]);
  const add = job
    .command("add <id>")
    .description("define a job")
    .requiredOption("--task <task>", "what runs");
  addJobOptions(add)
    .addOption(conflict.default("error"))
    .addHelpText("after", addFooter)
    .action((id: string, flags: AddFlags, command: Command) => {
      const options = jobOptionsOf(flags);
      if (options.trigger === undefined && options.dependsOn === undefined)
        throw usageError(
          "USAGE",
          "Say when it fires: --cron, --every, --daily, --weekly, --monthly, --once or --trigger; or --depends-on.",
        );
      return withClient(command, (client) => addJob(client, id, flags, options));
    });
  addJobOptions(job.command("update <id>").description("change some options of a job"))
    .option("--unset <names>", "set these options back to their defaults, such as timeout,tags", list)
    .addHelpText("after", updateFooter)
    .action((id: string, flags: JobFlags & { unset?: string[] }, command: Command) => {
      jobOptionsOf(flags);
      return withClient(command, (client) => updateJob(client, id, flags));
    });
}

async function addJob(
  client: Client,
  id: string,
  { task, onConflict }: AddFlags,
  options: Partial<JobOptions>,
): Promise<void> {
  const { scheduler } = client;
  const before = await scheduler.job(id).get();
  const job = await scheduler.schedule(task, { ...options, id, onConflict }).catch((cause: unknown) => {
    if ((cause as { code?: unknown }).code !== "JOB_EXISTS") throw cause;
    const advice = "Change it with `escapement job update`, or say --on-conflict replace or keep.";
    throw new CliError("JOB_EXISTS", `There is a job ${id} already. ${advice}`, { cause });
  });
  tell(client, job, before);
}

async function updateJob(client: Client, id: string, flags: JobFlags & { unset?: string[] }): Promise<void> {
  const before = await existing(client, id);
  // Of a misfire rule only the parts that are given change: its defaults have to be said.
  const defaults: Record<string, unknown> = { misfire: { grace: 60_000, catchUp: "latest", max: 100 } };
  const unset = Object.fromEntries((flags.unset ?? []).map((name) => [name, defaults[name]]));
  const changes = { ...unset, ...jobOptionsOf(flags, before) } as JobChanges;
  if (Object.keys(changes).length === 0)
    throw usageError("USAGE", "Say what to change. See `escapement job update --help`.");
  tell(client, await client.scheduler.job(id).update(changes), before);
}

function tell({ output }: Client, job: Job, before: Job | undefined): void {
  const outcome = before === undefined ? "added" : before.version === job.version ? "unchanged" : "changed";
  if (output.json) {
    output.value({ outcome, job });
    return;
  }
  const words = { added: "Added", unchanged: "Nothing changed in", changed: "Changed" };
  const fires = describedTrigger(job);
  output.text(
    `${words[outcome]} ${printableLine(job.id)}${fires === undefined ? "" : `: ${printableLine(fires)}`}.`,
  );
  if (job.nextFireTime !== undefined) output.text(`Next fire time: ${shownDate(job.nextFireTime)}`);
}
