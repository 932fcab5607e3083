import { createScheduler, type Role, type Scheduler, StaleJobSetError } from "@escapement/core";
import { type Command, Option } from "commander";
import { usageError } from "../cli-error.js";
import { explained, foundOptions, type GlobalOptions } from "../client.js";
import { type CrontabJobs, readCrontabJobs } from "../crontab/crontab-jobs.js";
import { maxShellResult, registerShellTask } from "../shell/shell-task.js";
import { count, list, milliseconds } from "../terminal/option-values.js";
import { type Output, processOutput } from "../terminal/output.js";
import { applyJobs, checkFlags, tellSetBack } from "./apply-jobs.js";
import { type HealthAddress, healthAddress, openHealth } from "./health-server.js";
import { type JobsFile, loadJobsFile } from "./jobs-file.js";
import { printEvents } from "./node-lines.js";
import { StopSignals } from "./stop-signals.js";

interface NodeOptions extends GlobalOptions {
  readonly jobs?: string;
  readonly forceJobs?: boolean;
  readonly crontab?: string;
  readonly system?: boolean;
  readonly allowShell?: boolean;
  readonly concurrency?: number;
  readonly queues?: readonly string[];
  readonly roles?: readonly string[];
  readonly stopTimeout?: number;
  readonly verbose?: boolean;
  readonly health?: HealthAddress;
}

const footer = `
A jobs file (.mjs, .js or .ts) exports one or both of
  default   (scheduler) => void | Promise<void>: registers tasks, before the
            node starts
  jobs      [{ task, id, trigger, input, … }], or a set with a version that
            defineJobs of @escapement/core made: defined once it has started.
            May be the default export of a file that registers no tasks

Jobs that a set does not declare any more are removed. A node whose set is older
than the one in the store says so, leaves the jobs as they are, and runs what is
due. With --force-jobs it sets them back to its own.

A crontab's entries become jobs of the task "shell", which runs commands.
Entries that have left the file are removed, by the tag crontab:<file's name>:
two crontabs of one namespace need different names. Times are in this machine's
time zone unless CRON_TZ says otherwise. The exit code and the last 64 KiB of a
command's output are kept with its run.

With --health the node answers GET /livez (restart the process if it says 503),
/readyz and /healthz (send it no work, or wait with a deployment, while they
say 503) with 200 or 503 and the reasons as JSON. A port alone listens on all of
the machine's addresses, since orchestrators ask at the address of the pod; give
127.0.0.1:PORT where only this machine is to ask. The answers hold no secrets.

Examples:
  escapement node --crontab my.crontab
  escapement node --jobs jobs.mjs --concurrency 10 --queues default,mail

On SIGTERM or SIGINT no more runs are started, and those that run may end. On a
second one commands are ended; what still runs 5 s later is left to other nodes.`;

/** Adds `node`. */
export function addNodeCommand(program: Command): void {
  program
    .command("node")
    .description("run a node: it starts due runs of the tasks it has, and leads when it is elected")
    .option("--jobs <file>", "tasks and jobs from a module")
    .option("--force-jobs", "apply the set of the jobs file although the store has a newer version of it")
    .option("--crontab <file>", "jobs from a crontab")
    .option("--system", "the crontab has a user column, as /etc/crontab does")
    .option(
      "--allow-shell",
      'register the task "shell" without a crontab: whoever defines jobs may then run commands here',
    )
    .option("--concurrency <n>", "runs at once", count)
    .option("--queues <names>", "queues to take runs from, with commas between", list)
    .option("--roles <roles>", "leader, worker, or leader,worker", list)
    .addOption(
      new Option("--stop-timeout <duration>", "how long runs may go on after the first signal")
        .argParser(milliseconds)
        .default(30_000, "30s"),
    )
    .option("--health <address>", "answer health requests over HTTP at PORT or HOST:PORT", healthAddress)
    .option("--verbose", "a line for each run's start and end (with --json all events are printed anyway)")
    .addHelpText("after", footer)
    .action((_: unknown, command: Command) => runNode(command.optsWithGlobals<NodeOptions>()));
}

async function runNode(options: NodeOptions): Promise<void> {
  const output = processOutput(options.json ?? false);
  const { jobsFile, crontab } = await readFiles(options);
  for (const note of crontab?.notes ?? []) output.note(`${note} (note)`);
  const { concurrency, queues, roles } = options;
  // A node answers for its health before Redis does; one that has guessed wrong is refused as it starts, and finds out when it is started again.
  const found = await foundOptions(options, 1000);
  const scheduler = createScheduler({
    ...found,
    ...(concurrency === undefined ? {} : { concurrency }),
    ...(queues === undefined ? {} : { queues }),
    ...(roles === undefined ? {} : { roles: roles as Role[] }),
    maxResult: maxShellResult,
  });
  const signals = new StopSignals(output);
  // Before the node joins: one that could not be watched is not to run.
  await using health = await openHealth(options.health, scheduler, signals.first);
  try {
    if (crontab !== undefined || options.allowShell) registerShellTask(scheduler, signals.hurry);
    await jobsFile?.register?.(scheduler);
    if (output.json || options.verbose) printEvents(scheduler, output);
    await scheduler.start();
    await applyFiles(scheduler, jobsFile, crontab, options.forceJobs ?? false, output);
  } catch (error) {
    await scheduler.stop({ timeout: 0 });
    throw explained(error, options);
  }
  tellStart(scheduler, output, health?.url);
  await signals.first;
  process.exitCode = await signals.stop(scheduler, options.stopTimeout ?? 30_000);
}

async function readFiles(
  options: NodeOptions,
): Promise<{ jobsFile: JobsFile | undefined; crontab: CrontabJobs | undefined }> {
  const { jobs, crontab, allowShell, roles, system, forceJobs } = options;
  const onlyLeads = roles !== undefined && !roles.includes("worker");
  if (jobs === undefined && crontab === undefined && !allowShell && !onlyLeads)
    throw usageError(
      "USAGE",
      "This node would have nothing to run: give --jobs FILE, --crontab FILE or --allow-shell.",
    );
  if (system && crontab === undefined)
    throw usageError("USAGE", "--system is about --crontab FILE, which is missing.");
  if (forceJobs && jobs === undefined)
    throw usageError("USAGE", "--force-jobs is about --jobs FILE, which is missing.");
  const jobsFile = jobs === undefined ? undefined : await loadJobsFile(jobs);
  if (jobsFile !== undefined) checkFlags(jobsFile.jobs, { force: forceJobs ?? false });
  return {
    jobsFile,
    crontab: crontab === undefined ? undefined : readCrontabJobs(crontab, system ?? false),
  };
}

async function applyFiles(
  scheduler: Scheduler,
  jobsFile: JobsFile | undefined,
  crontab: CrontabJobs | undefined,
  force: boolean,
  output: Output,
): Promise<void> {
  if (jobsFile !== undefined) await applyOrGoOn(scheduler, jobsFile.jobs, force, output);
  if (crontab !== undefined) await scheduler.apply(crontab.jobs, { prune: { tag: crontab.tag } });
}

/** A node with older jobs than the store's runs what is due all the same: that is how a rolling deploy goes. */
async function applyOrGoOn(
  scheduler: Scheduler,
  jobs: JobsFile["jobs"],
  force: boolean,
  output: Output,
): Promise<void> {
  try {
    tellSetBack(await applyJobs(scheduler, jobs, { force }), output);
  } catch (error) {
    if (!(error instanceof StaleJobSetError)) throw error;
    const { message, set, version, stored } = error;
    if (output.json)
      output.jsonLine({ event: "staleJobSet", time: new Date(), set, version, stored, message });
    output.note(`warning: ${message} This node goes on with the jobs that are there.`);
  }
}

function tellStart(scheduler: Scheduler, output: Output, health: string | undefined): void {
  const { nodeId, namespace } = scheduler;
  if (output.json)
    output.jsonLine({
      event: "started",
      time: new Date(),
      node: nodeId,
      namespace,
      pid: process.pid,
      health,
    });
  else {
    output.text(`node ${nodeId} runs in namespace ${namespace}, process ${process.pid}`);
    if (health !== undefined) output.text(`health at ${health}/livez and ${health}/readyz`);
  }
}
