import type { Job } from "@escapement/core";
import { parseDuration, type Trigger } from "@escapement/triggers";
import { type ShellInput, shellTask } from "../shell/shell-task.js";
import { parseAssignment } from "./crontab-environment.js";
import { crontabJobs } from "./crontab-jobs.js";

/** What of a job an export looks at. */
export type ExportedJob = Pick<Job, "id" | "task" | "trigger" | "input">;

/** A job as an entry of a crontab, and what has to be set above it. */
export interface CrontabLine {
  readonly id: string;
  /** `# name: …` and the entry, without line ends. */
  readonly lines: readonly [name: string, entry: string];
  readonly timezone: string | undefined;
  /** Whether the entry has six fields; `undefined`: it has none, as `@daily`. */
  readonly seconds: boolean | undefined;
  readonly env: Readonly<Record<string, string>>;
}

const prefix = "crontab/";

/**
 * Writes a job as an entry that an import turns into the same job. Whether it does is found by reading it back.
 *
 * @returns the entry, or why there is none
 */
export function crontabLine(job: ExportedJob, system: boolean): CrontabLine | string {
  if (job.task !== shellTask)
    return `its task is ${job.task}, and a crontab's entries are of the task ${shellTask}`;
  if (!job.id.startsWith(prefix))
    return `its id does not begin with ${prefix}, as those of a crontab's entries do`;
  const schedule = job.trigger === undefined ? undefined : scheduleOf(job.trigger);
  if (schedule === undefined) return `its trigger is no cron expression: ${job.trigger?.type ?? "none"}`;
  const input = Object(job.input) as Partial<ShellInput>;
  if (typeof input.command !== "string") return "its input is no command";
  const other = Object.keys(input).find((name) => !["command", "stdin", "env", "user"].includes(name));
  if (other !== undefined) return `its input has ${JSON.stringify(other)}, for which a crontab has no place`;
  if (system !== (input.user !== undefined))
    return system
      ? "it has no user, which each entry of a system crontab has"
      : "it has a user: export with --system";
  const line: CrontabLine = {
    id: job.id,
    lines: [`# name: ${job.id.slice(prefix.length)}`, entryOf(schedule.expr, input as ShellInput)],
    timezone: schedule.timezone,
    seconds: schedule.expr.startsWith("@") ? undefined : schedule.expr.split(" ").length === 6,
    env: input.env ?? {},
  };
  return refusalOf(line, job, system) ?? line;
}

function scheduleOf(
  trigger: Trigger,
): { readonly expr: string; readonly timezone: string | undefined } | undefined {
  if (trigger.type === "cron") return { expr: trigger.expr, timezone: trigger.timezone ?? "UTC" };
  if (trigger.type !== "every") return undefined;
  const interval = parseDuration(trigger.interval);
  return {
    expr: `@every ${interval % 1000 === 0 ? `${interval / 1000}s` : `${interval}ms`}`,
    timezone: undefined,
  };
}

function entryOf(expr: string, { command, stdin, user }: ShellInput): string {
  const text = stdin === undefined ? escaped(command) : `${escaped(command)}%${escapedInput(stdin)}`;
  return `${expr} ${user === undefined ? "" : `${user} `}${text}`;
}

/** A literal `%` is written `\%`; every other backslash stays as it is. */
function escaped(text: string): string {
  return text.replace(/\\.|%/gsu, (token) => (token === "%" ? "\\%" : token));
}

/** Lines of standard input have a `%` between; an end of the last one is added where there is none. */
function escapedInput(stdin: string): string {
  const body = stdin.replace(/\n$/, "");
  const written = body === "" || body.endsWith("\n") ? stdin : body;
  return written.split("\n").map(escaped).join("%");
}

/** The lines that set what an entry needs, where `before` has been set already. */
export function settingsOf(
  line: Pick<CrontabLine, "timezone" | "seconds" | "env">,
  before: Settings,
): string[] {
  const { timezone, seconds, env } = line;
  const lines: string[] = [];
  if (timezone !== undefined && timezone !== before.timezone) lines.push(`CRON_TZ=${timezone}`);
  if (seconds !== undefined && seconds !== before.seconds)
    lines.push(`ESCAPEMENT_SECONDS=${seconds ? "yes" : "no"}`);
  for (const [name, value] of Object.entries(env))
    if (before.env[name] !== value) lines.push(assignment(name, value));
  return lines;
}

/** What the lines so far have set. */
export interface Settings {
  readonly timezone: string | undefined;
  readonly seconds: boolean;
  readonly env: Readonly<Record<string, string>>;
}

/** Nothing is set at a crontab's beginning. */
export const noSettings: Settings = { timezone: undefined, seconds: false, env: {} };

/** In quotes where blanks at its ends, or a quote at its beginning, would not be kept. */
function assignment(name: string, value: string): string {
  const plain = `${name}=${value}`;
  if (readsBack(plain, value)) return plain;
  return value.includes('"') ? `${name}='${value}'` : `${name}="${value}"`;
}

function readsBack(line: string, value: string): boolean {
  try {
    return parseAssignment(line)?.value === value;
  } catch {
    return false;
  }
}

/** Why an import would not make the same job of it; `undefined` if it would. */
function refusalOf(line: CrontabLine, job: ExportedJob, system: boolean): string | undefined {
  const source = [...settingsOf(line, noSettings), ...line.lines].join("\n");
  try {
    const { jobs } = crontabJobs(source, { file: "crontab", system, zone: "UTC" });
    const [{ id, trigger, input } = {}] = jobs as readonly Partial<ExportedJob>[];
    if (jobs.length !== 1 || id !== job.id) return "no crontab line says the same";
    if (!isSame(input, job.input))
      return "its command, standard input or variables cannot be written in a crontab";
    if (!isSame(trigger, withZone(job.trigger)))
      return "its trigger has more than an expression and a time zone";
    return undefined;
  } catch (error) {
    return `no crontab line says the same: ${(error as Error).message.replace(/^crontab:\d+:\d+: /, "")}`;
  }
}

/** A cron trigger without a time zone goes by UTC: named, it is the same. */
function withZone(trigger: Trigger | undefined): Trigger | undefined {
  return trigger?.type === "cron" && trigger.timezone === undefined
    ? { ...trigger, timezone: "UTC" }
    : trigger;
}

function isSame(one: unknown, other: unknown): boolean {
  return sorted(one) === sorted(other);
}

/** JSON in which the order of an object's fields does not count. */
function sorted(value: unknown): string | undefined {
  return JSON.stringify(value, (_, item: unknown) =>
    typeof item === "object" && item !== null && !Array.isArray(item)
      ? Object.fromEntries(Object.entries(item).sort(([one], [other]) => (one < other ? -1 : 1)))
      : item,
  );
}
