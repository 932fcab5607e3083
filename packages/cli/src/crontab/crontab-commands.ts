import type { ApplyReport, Job, JobFilter } from "@escapement/core";
import { cron } from "@escapement/triggers";
import { type Command, InvalidArgumentError } from "commander";
import { usageError } from "../cli-error.js";
import { type Client, withClient } from "../client.js";
import { tellReport } from "../job/job-apply-command.js";
import { shellTask } from "../shell/shell-task.js";
import { comment, type ExportedCrontab, exportCrontab } from "./crontab-export.js";
import { crontabJobs, crontabTag, readCrontabJobs } from "./crontab-jobs.js";

interface FileOptions {
  readonly system?: boolean;
  readonly timezone?: string;
}

interface ImportOptions extends FileOptions {
  readonly dryRun?: boolean;
  readonly prune?: boolean;
}

interface ExportOptions {
  readonly tag?: string;
  readonly file?: string;
  readonly all?: boolean;
  readonly system?: boolean;
}

const footer = `
Examples:
  escapement crontab import my.crontab --prune
  escapement crontab diff my.crontab
  escapement crontab export --file my.crontab`;

const importFooter = `
The jobs are those that "escapement node --crontab FILE" makes: of the task
"shell", with the tag crontab:<file's name>, by which --prune tells which have
left the file. Nothing runs them but nodes with that task (--allow-shell).

Examples:
  escapement crontab import my.crontab --dry-run
  escapement crontab import /etc/crontab --system --prune
  escapement crontab import my.crontab --timezone Europe/Berlin`;

const exportFooter = `
What a crontab cannot say (another trigger, an input that is no command, another
option of the job) is said in a comment and on standard error. Imported from a
file of the same name, the jobs stay as they are.

Examples:
  escapement crontab export --file my.crontab > my.crontab
  escapement crontab export --tag billing --json`;

const diffFooter = `
Exit code 0: the jobs are as the file says. 1: import --prune would change
something, which is printed. 2: the file is wrong.

Examples:
  escapement crontab diff my.crontab
  escapement crontab diff my.crontab > /dev/null || echo "not imported yet"`;

/** Adds `crontab import`, `crontab export` and `crontab diff`. */
export function addCrontabCommands(program: Command): void {
  const crontab = program
    .command("crontab")
    .description("jobs from a crontab, and a crontab from jobs")
    .addHelpText("after", footer);
  withFileOptions(crontab.command("import <file>"))
    .description("define the entries of a crontab as jobs")
    .option("--dry-run", "print what would be done, and do none of it")
    .option("--prune", "remove the jobs that an earlier import of this file made and that have left it")
    .addHelpText("after", importFooter)
    .action((file: string, options: ImportOptions, command: Command) =>
      withClient(command, (client) => importCrontab(client, file, options)),
    );
  crontab
    .command("export")
    .description(`print jobs of the task "${shellTask}" as a crontab`)
    .option("--tag <tag>", "only those with this tag")
    .option("--file <name>", "only those of the crontab with this name")
    .option("--all", "name jobs of other tasks in comments, too")
    .option("--system", "with a user column: those that have a user")
    .addHelpText("after", exportFooter)
    .action((options: ExportOptions, command: Command) =>
      withClient(command, (client) => printCrontab(client, options)),
    );
  withFileOptions(crontab.command("diff <file>"))
    .description("what import --prune would add, change and remove; exit code 1 if anything")
    .addHelpText("after", diffFooter)
    .action((file: string, options: FileOptions, command: Command) =>
      withClient(command, (client) => diffCrontab(client, file, options)),
    );
}

function withFileOptions(command: Command): Command {
  return command
    .option("--system", "the crontab has a user column, as /etc/crontab does")
    .option("--timezone <zone>", "of entries without CRON_TZ (default: this machine's)", timezone);
}

function timezone(text: string): string {
  try {
    cron("0 0 * * *", { timezone: text });
    return text;
  } catch {
    throw new InvalidArgumentError("Give a time zone such as Europe/Berlin.");
  }
}

async function importCrontab(client: Client, file: string, options: ImportOptions): Promise<void> {
  const { dryRun = false, prune = false, system = false } = options;
  const { jobs, tag, notes } = readCrontabJobs(file, system, options.timezone);
  for (const note of notes) client.output.note(`${note} (note)`);
  const report = await client.scheduler.apply(jobs, { dryRun, ...(prune ? { prune: { tag } } : {}) });
  tellReport(client, report);
}

async function diffCrontab(client: Client, file: string, options: FileOptions): Promise<void> {
  const { jobs, tag, notes } = readCrontabJobs(file, options.system ?? false, options.timezone);
  for (const note of notes) client.output.note(`${note} (note)`);
  const report = await client.scheduler.apply(jobs, { dryRun: true, prune: { tag } });
  if (client.output.json || differs(report)) tellReport(client, report);
  if (differs(report)) process.exitCode = 1;
}

function differs({ added, updated, removed }: ApplyReport): boolean {
  return added.length + updated.length + removed.length > 0;
}

async function printCrontab(client: Client, options: ExportOptions): Promise<void> {
  const { scheduler, output } = client;
  const { tag, file, all = false, system = false } = options;
  if (tag !== undefined && file !== undefined)
    throw usageError("USAGE", "--file NAME is short for --tag crontab:NAME: give one of the two.");
  const name = file ?? (tag?.startsWith("crontab:") ? tag.slice("crontab:".length) : undefined);
  const wanted = file === undefined ? tag : crontabTag(file);
  const filter: JobFilter = {
    ...(all ? {} : { task: shellTask }),
    ...(wanted === undefined ? {} : { tag: wanted }),
  };
  const jobs: Job[] = [];
  for await (const job of scheduler.jobs(filter)) jobs.push(job);
  const exported = exportCrontab(jobs, system);
  const lost = await lostBy(client, exported, system, name);
  for (const { id, reason } of exported.refused) output.note(`not exported: ${id}: ${reason}`);
  for (const { id, reason } of lost) output.note(`not in the crontab: ${id}: ${reason}`);
  if (output.json) {
    output.value({ ...exported, lost });
    return;
  }
  const comments = lost.map(({ id, reason }) => `${comment(`not in the crontab: ${id}: ${reason}`)}\n`);
  output.text([...comments, exported.text].join("") || "# no jobs\n");
}

/** What of each exported job an import would change: options for which a crontab has no place. */
async function lostBy(
  { scheduler }: Client,
  { text }: ExportedCrontab,
  system: boolean,
  name: string | undefined,
): Promise<{ readonly id: string; readonly reason: string }[]> {
  const { jobs } = crontabJobs(text, { file: name ?? "crontab", system, zone: "UTC" });
  // Where no file is named, none can be compared with: the tags are left as they are.
  const { changes = [] } = await scheduler.apply(jobs, { dryRun: true });
  return changes.flatMap(({ id, fields }) => {
    const lost = fields.filter(({ field }) => field !== "tags" || name !== undefined);
    return lost.length === 0
      ? []
      : [{ id, reason: lost.map(({ field, from }) => `${field} ${JSON.stringify(from)}`).join(", ") }];
  });
}
