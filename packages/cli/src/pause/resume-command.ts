import type { PauseInfo, ResumeOptions } from "@escapement/core";
import { type Command, InvalidArgumentError } from "commander";
import { CliError, usageError } from "../cli-error.js";
import { type Client, withClient } from "../client.js";
import { tellGroup } from "../job/group-report.js";
import { date } from "../terminal/dates.js";
import { cut } from "../terminal/width.js";
import { heldBy, type NamedTarget, readTargets, targetHelp } from "./pause-target.js";

const footer = `
${targetHelp}

Jobs go on, under their misfire rules, with the fire times that were held back
(--from missed), or with the next one after now or a date: what was due before
is recorded as missed. Without --from each goes by its own --resume-from.
Exit code 1 if nothing was paused under that name.

Examples:
  escapement resume all
  escapement resume tag:emea --from now
  escapement resume job:billing/sync --from "2026-11-23 06:00"
  escapement resume --match "billing/*"`;

interface ResumeFlags {
  readonly from?: "missed" | "now" | Date;
  readonly by?: string;
  readonly match?: string;
}

/** What became of one target. */
interface Resumed {
  readonly target: string;
  readonly resumed: boolean;
  /** Of a job: the other pauses that hold it back. */
  readonly stillPausedBy: readonly PauseInfo[];
}

/** Adds `resume`. */
export function addResumeCommand(program: Command): void {
  program
    .command("resume")
    .description("end pauses, and let go on what they held back")
    .usage("[options] TARGET...")
    .argument("[targets...]", "what to resume, such as job:ID or tag:TAG")
    .option("--from <where>", 'from where jobs go on: "missed", "now" or a date', fromOf)
    .option("--by <who>", "who (default: this user and machine)")
    .option("--match <glob>", "the own pauses of the jobs whose ids fit, such as 'billing/*'")
    .addHelpText("after", footer)
    .action((texts: string[], flags: ResumeFlags, command: Command) => {
      const targets = readTargets(texts);
      const { match } = flags;
      if (targets.length === 0 && match === undefined)
        throw usageError(
          "USAGE",
          "Give what to resume: all, job:ID, tag:TAG, queue:Q, task:T, node:ID or --match GLOB.",
        );
      if (targets.length > 0 && match !== undefined)
        throw usageError("USAGE", "Give either targets or --match GLOB.");
      const options = optionsOf(flags);
      return withClient(command, (client) =>
        match === undefined
          ? resumeTargets(client, targets, options)
          : resumeMatching(client, match, options),
      );
    });
}

function fromOf(text: string): "missed" | "now" | Date {
  if (text === "missed" || text === "now") return text;
  try {
    return date(text);
  } catch (error) {
    throw new InvalidArgumentError(`Give missed, now or a date. ${(error as Error).message}`);
  }
}

function optionsOf({ from, by }: ResumeFlags): ResumeOptions {
  return { ...(from === undefined ? {} : { from }), ...(by === undefined ? {} : { by }) };
}

async function resumeTargets(
  client: Client,
  targets: readonly NamedTarget[],
  options: ResumeOptions,
): Promise<void> {
  const { scheduler, output } = client;
  const done: Resumed[] = [];
  for (const { name, target } of targets) {
    const resumed = await scheduler.resume(target, options);
    const job = typeof target === "object" && "job" in target ? target.job : undefined;
    const stillPausedBy = job === undefined ? [] : ((await scheduler.job(job).get())?.pauses ?? []);
    done.push({ target: name, resumed, stillPausedBy });
  }
  const ended = done.filter(({ resumed }) => resumed);
  if (ended.length === 0) throw new CliError("NOT_PAUSED", done.map(whyNot).join(" "));
  if (output.json) output.value(done);
  else for (const one of ended) output.text([`Resumed ${one.target}.`, ...stillHeld(one)].join("\n"));
  for (const one of done.filter(({ resumed }) => !resumed)) output.note(`escapement: ${whyNot(one)}`);
  if (ended.length < done.length) process.exitCode = 1;
}

function whyNot(one: Resumed): string {
  return `Nothing was paused as ${one.target}${held(one)}. See \`escapement pause list\`.`;
}

/** A line of the screen for each other pause of a job, three at most. */
function stillHeld({ stillPausedBy }: Resumed): string[] {
  const lines = stillPausedBy.slice(0, 3).map((pause) => cut(`  Still paused by ${heldBy([pause])}`, 80));
  return stillPausedBy.length > 3 ? [...lines, `  and ${stillPausedBy.length - 3} more`] : lines;
}

function held({ stillPausedBy }: Resumed): string {
  return stillPausedBy.length === 0 ? "" : `; the job is still paused by ${heldBy(stillPausedBy)}`;
}

async function resumeMatching(
  { scheduler, output }: Client,
  match: string,
  options: ResumeOptions,
): Promise<void> {
  const report = await scheduler.group({ match }).resume(options);
  if (report.done.length + report.failed.length === 0)
    throw new CliError(
      "NOT_PAUSED",
      `No job whose id fits ${JSON.stringify(match)} has a pause of its own. See \`escapement pause list\`.`,
    );
  tellGroup(output, report, "Resumed");
}
