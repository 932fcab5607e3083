import type { Job, JobFilter, Run } from "@escapement/core";
import { describe } from "@escapement/triggers";
import type { Command } from "commander";
import { CliError } from "./cli-error.js";
import { type Client, withClient } from "./client.js";
import { addJobApplyCommand } from "./job-apply-command.js";
import { count, milliseconds } from "./option-values.js";
import { pairs, shownDate } from "./output.js";
import { showRun } from "./run-commands.js";
import { table } from "./table.js";

/** Adds `job list`, `show`, `next`, `run`, `apply` and `remove`. */
export function addJobCommands(program: Command): void {
  const job = program.command("job").description("look at jobs, run them now, define and remove them");
  job
    .command("list")
    .description("jobs, by id")
    .option("--tag <tag>", "only those with this tag")
    .option("--queue <queue>", "only those of this queue")
    .option("--task <task>", "only those of this task")
    .option("--state <state>", "only those that are scheduled, exhausted or parked")
    .action((filter: JobFilter, command: Command) =>
      withClient(command, (client) => listJobs(client, filter)),
    );
  job
    .command("show <id>")
    .description("one job")
    .action((id: string, _: unknown, command: Command) =>
      withClient(command, (client) => showJob(client, id)),
    );
  job
    .command("next <id>")
    .description("the next fire times of a job")
    .option("-n, --count <n>", "how many, at most 1000", count, 5)
    .action((id: string, options: { count: number }, command: Command) =>
      withClient(command, (client) => nextFireTimes(client, id, options.count)),
    );
  job
    .command("run <id>")
    .description("run a job once, now, beside its schedule; prints the run's id")
    .option("--wait", "wait for the run's end; exit code 1 if it does not succeed")
    .option("--timeout <duration>", "how long to wait", milliseconds)
    .action((id: string, options: { wait?: boolean; timeout?: number }, command: Command) =>
      withClient(command, (client) => runNow(client, id, options)),
    );
  addJobApplyCommand(job);
  job
    .command("remove <id>")
    .description("remove a job and what was to run of it; a run that runs goes on")
    .action((id: string, _: unknown, command: Command) =>
      withClient(command, (client) => removeJob(client, id)),
    );
}

async function listJobs({ scheduler, output }: Client, filter: JobFilter): Promise<void> {
  if (filter.state !== undefined && !["scheduled", "exhausted", "parked"].includes(filter.state))
    throw new CliError("USAGE", "--state is scheduled, exhausted or parked.", { exitCode: 2 });
  const { tag, queue, task, state } = filter;
  const wanted = Object.fromEntries(
    Object.entries({ tag, queue, task, state }).filter(([, value]) => value !== undefined),
  );
  const jobs: Job[] = [];
  for await (const job of scheduler.jobs(wanted)) jobs.push(job);
  jobs.sort((one, other) => (one.id < other.id ? -1 : 1));
  if (output.json) output.value(jobs);
  else if (jobs.length === 0) output.text("No jobs.");
  else {
    const rows = jobs.map((job) => [job.id, job.state, shownDate(job.nextFireTime), job.task]);
    output.text(table(["ID", "STATE", "NEXT FIRE TIME", "TASK"], rows));
  }
}

async function existing({ scheduler }: Client, id: string): Promise<Job> {
  const job = await scheduler.job(id).get();
  if (job === undefined)
    throw new CliError("JOB_NOT_FOUND", `There is no job ${id} in namespace ${scheduler.namespace}.`);
  return job;
}

async function showJob(client: Client, id: string): Promise<void> {
  const job = await existing(client, id);
  const { output } = client;
  const description = describedTrigger(job);
  if (output.json) {
    output.value({ ...job, description });
    return;
  }
  const { grace, catchUp, max } = job.misfire;
  output.text(
    pairs([
      ["id", job.id],
      ["task", job.task],
      ["state", job.state],
      ["error", job.error],
      ["fires", description],
      ["trigger", job.trigger === undefined ? undefined : JSON.stringify(job.trigger)],
      ["depends on", job.dependsOn.length === 0 ? undefined : job.dependsOn.join(", ")],
      ["then", job.then.length === 0 ? undefined : job.then.join(", ")],
      ["next fire time", shownDate(job.nextFireTime)],
      ["running", job.running],
      ["input", job.input === undefined ? undefined : JSON.stringify(job.input)],
      ["metadata", job.metadata === undefined ? undefined : JSON.stringify(job.metadata)],
      ["queue", job.queue],
      ["tags", job.tags.length === 0 ? undefined : job.tags.join(", ")],
      ["priority", String(job.priority)],
      ["overlap", job.overlap],
      ["misfire", `after ${grace} ms run ${catchUp === "all" ? `all, at most ${max}` : catchUp}`],
      ["delivery", `${job.delivery}, at most ${job.maxLost} lost attempts`],
      ["timeout", job.timeout === undefined ? undefined : `${job.timeout} ms`],
      ["set", job.set],
      ["version", String(job.version)],
      ["created", shownDate(job.createdAt)],
    ]),
  );
}

/** A stored trigger may have been written by others, and be none. */
function describedTrigger(job: Job): string | undefined {
  if (job.trigger === undefined) return "when the runs of others have succeeded";
  try {
    return describe(job.trigger);
  } catch {
    return undefined;
  }
}

async function nextFireTimes(client: Client, id: string, wanted: number): Promise<void> {
  await existing(client, id);
  const times = await client.scheduler.job(id).nextFireTimes(wanted);
  const { output } = client;
  if (output.json) output.value(times);
  else output.text(times.length === 0 ? "None." : times.map(shownDate).join("\n"));
}

async function runNow(
  client: Client,
  id: string,
  { wait, timeout }: { wait?: boolean; timeout?: number },
): Promise<void> {
  const { scheduler, output } = client;
  const run = await scheduler.job(id).runNow();
  if (!wait) {
    if (output.json) output.value({ id: run.id });
    else output.text(run.id);
    return;
  }
  // A run that failed is shown like one that succeeded; the exit code tells them apart.
  await run.result(timeout === undefined ? {} : { timeout }).catch((error: unknown) => {
    if ((error as { code?: unknown }).code !== "RUN_FAILED") throw error;
    process.exitCode = 1;
  });
  showRun(client, (await run.get()) as Run);
}

async function removeJob({ scheduler, output }: Client, id: string): Promise<void> {
  if (!(await scheduler.job(id).remove()))
    throw new CliError("JOB_NOT_FOUND", `There is no job ${id} in namespace ${scheduler.namespace}.`);
  if (output.json) output.value({ id, removed: true });
  else output.text(`Removed ${id}.`);
}
