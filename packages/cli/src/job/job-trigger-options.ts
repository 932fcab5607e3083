import { cron, daily, every, monthly, once, parseTrigger, type Trigger, weekly } from "@escapement/triggers";
import type { Command } from "commander";
import { usageError } from "../cli-error.js";
import { date } from "../terminal/dates.js";
import { jsonOption } from "../terminal/json-option.js";

/** The options that say when a job fires. */
export interface TriggerFlags {
  readonly cron?: string;
  readonly every?: string;
  readonly daily?: string;
  readonly weekly?: string;
  readonly monthly?: string;
  readonly once?: readonly (Date | "now")[];
  readonly trigger?: unknown;
  readonly timezone?: string;
}

const kinds = ["cron", "every", "daily", "weekly", "monthly", "once", "trigger"] as const;

/** Adds them to a command. */
export function addTriggerOptions(command: Command): Command {
  return command
    .option("--cron <expr>", "fires as a cron expression says, such as '0 9 * * mon-fri'")
    .option("--every <duration>", "fires at a fixed cadence, such as 90s")
    .option("--daily <times>", "fires each day at times, such as 09:00,17:00")
    .option("--weekly <days-and-times>", "fires each week, such as 'mon,thu 09:00'")
    .option("--monthly <days-and-times>", "fires each month, such as '1,-1 06:00' (-1: the last day)")
    .option("--once <date>", 'fires at a date, such as "2026-11-21 14:00", or now; can be repeated', instants)
    .option("--trigger <json>", "any trigger as JSON, or @FILE", jsonOption)
    .option("--timezone <zone>", "of --cron, --daily, --weekly, --monthly (default: UTC)");
}

function instants(text: string, earlier: readonly (Date | "now")[] = []): (Date | "now")[] {
  return [...earlier, text === "now" ? "now" : date(text)];
}

/**
 * The trigger that the options say; nothing if they say none.
 *
 * @throws CliError `USAGE`; InvalidTriggerError
 */
export function triggerOf(flags: TriggerFlags): Trigger | undefined {
  const given = kinds.filter((kind) => flags[kind] !== undefined);
  const all = kinds.map((kind) => `--${kind}`).join(", ");
  if (given.length > 1)
    throw usageError("USAGE", `Give one of ${all}: a trigger of several is for --trigger.`);
  const [kind] = given;
  const { timezone } = flags;
  if (timezone !== undefined && (kind === undefined || ["every", "once", "trigger"].includes(kind)))
    throw usageError("USAGE", "--timezone belongs to --cron, --daily, --weekly or --monthly: give that too.");
  return kind === undefined ? undefined : build(kind, flags, timezone === undefined ? {} : { timezone });
}

function build(kind: (typeof kinds)[number], flags: TriggerFlags, zone: { timezone?: string }): Trigger {
  switch (kind) {
    case "cron":
      return cron(flags.cron ?? "", zone);
    case "every":
      return every(flags.every ?? "");
    case "daily":
      return daily({ at: split(flags.daily ?? ""), ...zone });
    case "weekly": {
      const { days, at } = daysAndTimes("--weekly", "mon,thu 09:00", flags.weekly ?? "");
      return weekly({ on: days as readonly "mon"[], at, ...zone });
    }
    case "monthly": {
      const { days, at } = daysAndTimes("--monthly", "1,15 06:00", flags.monthly ?? "");
      return monthly({ on: days.map(Number), at, ...zone });
    }
    case "once":
      return once(flags.once ?? []);
    case "trigger":
      return parseTrigger(flags.trigger);
  }
}

function daysAndTimes(option: string, example: string, text: string): { days: string[]; at: string[] } {
  const [days, times, ...rest] = text.trim().split(/\s+/);
  if (days === undefined || times === undefined || rest.length > 0)
    throw usageError("USAGE", `${option} takes days and times with one blank between, such as '${example}'.`);
  return { days: split(days), at: split(times) };
}

function split(text: string): string[] {
  return text.split(",").map((part) => part.trim());
}
