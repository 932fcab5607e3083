import type { PauseOptions } from "@escapement/core";
import type { Command } from "commander";
import { CliError, usageError } from "../cli-error.js";
import { type Client, withClient } from "../client.js";
import { tellGroup } from "../job/group-report.js";
import { date, shownDate } from "../terminal/dates.js";
import { milliseconds } from "../terminal/option-values.js";
import { shownDuration } from "../terminal/output.js";
import { addPauseListCommand, addPausesCommand } from "./pause-list-command.js";
import { namesNothing } from "./pause-nothing.js";
import { type NamedTarget, readTargets, targetHelp } from "./pause-target.js";

const footer = `
${targetHelp}

What runs goes on; no new attempt starts, and nothing is lost.

Examples:
  escapement pause all --reason "database maintenance" --for 1h
  escapement pause tag:emea queue:mail --reason "mail relay down" \\
                   --until "2026-11-21 14:00"
  escapement pause --match "billing/*" --reason "wrong rates"
  escapement pause list`;

interface PauseFlags {
  readonly reason?: string;
  readonly for?: number;
  readonly until?: Date;
  readonly by?: string;
  readonly match?: string;
}

/** Adds `pause`, `pause list`, and `pauses`, which is the same as the latter. */
export function addPauseCommands(program: Command): void {
  const pause = program
    .command("pause")
    .description("keep what is named from starting, until it is resumed or the time is over")
    .usage("[options] TARGET... | list")
    .argument("[targets...]", "what to pause, such as job:ID or tag:TAG")
    .option("--reason <text>", "why, for whoever finds it: required")
    .option("--for <duration>", "it ends by itself after so long, such as 90m", milliseconds)
    .option("--until <date>", 'it ends by itself then, such as "2026-11-21 14:00"', date)
    .option("--by <who>", "who (default: this user and machine)")
    .option("--match <glob>", "the jobs whose ids fit, such as 'billing/*', each by a pause of its own")
    .addHelpText("after", footer)
    .action((targets: string[], flags: PauseFlags, command: Command) => pauseAll(targets, flags, command));
  addPauseListCommand(pause);
  addPausesCommand(program);
}

async function pauseAll(texts: readonly string[], flags: PauseFlags, command: Command): Promise<void> {
  const targets = readTargets(texts);
  const { reason, match, until } = flags;
  if (targets.length === 0 && match === undefined)
    throw usageError(
      "USAGE",
      "Give what to pause: all, job:ID, tag:TAG, queue:Q, task:T, node:ID or --match GLOB.",
    );
  if (targets.length > 0 && match !== undefined)
    throw usageError("USAGE", "Give either targets or --match GLOB.");
  if (reason === undefined || reason.trim() === "")
    throw usageError("USAGE", "--reason TEXT is missing: say why, for whoever finds it.");
  if (flags.for !== undefined && until !== undefined)
    throw usageError("USAGE", "Give either --for or --until.");
  const options: PauseOptions = {
    reason,
    ...(flags.for === undefined ? {} : { for: flags.for }),
    ...(until === undefined ? {} : { until }),
    ...(flags.by === undefined ? {} : { by: flags.by }),
  };
  await withClient(command, (client) =>
    match === undefined ? pauseTargets(client, targets, options) : pauseMatching(client, match, options),
  );
}

async function pauseTargets(
  client: Client,
  targets: readonly NamedTarget[],
  options: PauseOptions,
): Promise<void> {
  const { scheduler, output } = client;
  // The first call checks the options, before anything is written: they are the same for all.
  for (const { target } of targets) await scheduler.pause(target, options);
  for (const { target } of targets) {
    const lacking = await namesNothing(client, target);
    if (lacking !== undefined) output.note(`warning: ${lacking}; the pause is in place for when there is.`);
  }
  if (output.json) {
    output.value(targets.map(({ name }) => ({ target: name, paused: true, ...options })));
    return;
  }
  const { for: length, until } = options;
  const end =
    length !== undefined
      ? `for ${shownDuration(Number(length))}`
      : `until ${until === undefined ? "it is resumed" : shownDate(until as Date)}`;
  for (const { name } of targets) output.text(`Paused ${name} ${end}.`);
}

async function pauseMatching(
  { scheduler, output }: Client,
  match: string,
  options: PauseOptions,
): Promise<void> {
  const report = await scheduler.group({ match }).pause(options);
  if (report.done.length + report.failed.length === 0)
    throw new CliError(
      "NO_SUCH_JOBS",
      `There is no job whose id fits ${JSON.stringify(match)}: nothing was paused.`,
    );
  tellGroup(output, report, "Paused");
}
