import { expandMacro } from "./cron-macros.js";
import { nextCronTime, previousCronTime } from "./cron-times.js";
import { parseDuration } from "./duration.js";
import { InvalidTriggerError, quote } from "./invalid-trigger-error.js";
import { maxExpressionLength, minInstant } from "./limits.js";
import type { CronTrigger, EveryTrigger } from "./trigger.js";
import { compileWallSchedule, neverFires } from "./wall-schedule.js";
import { findZone } from "./zone.js";

/** The zone of a trigger that names none: the same on every node, which the zone of a machine is not. */
export const defaultTimezone: string = "UTC";

/** Fire times of a cron trigger, in ms. */
export interface CronTimes {
  next(after: number): number | null;
  previous(through: number): number | null;
}

/**
 * Reads the properties of a cron trigger; `@every …` becomes an `every` trigger, a `CRON_TZ=` prefix the time zone.
 *
 * @throws InvalidTriggerError see its codes
 */
export function parseCron(properties: ReadonlyMap<string, unknown>): CronTrigger | EveryTrigger {
  requireSupported(properties, "dialect", "vixie", ["vixie", "quartz"]);
  requireSupported(properties, "gap", "next-valid", ["next-valid", "skip"]);
  requireSupported(properties, "overlap", "first", ["first", "second", "both"]);
  const written = readExpression(properties.get("expr"));
  const { expr, timezone } = splitTimezone(written, readText(properties, "timezone", 64, "INVALID_TIMEZONE"));
  if (timezone !== undefined) findZone(timezone);
  const macro = /^@every[ \t]+(\S.*)$/i.exec(expr);
  if (macro) return { type: "every", interval: parseDuration(macro[1], "expr") };
  const seed = readText(properties, "seed", 256, "INVALID_FIELD");
  const trigger: CronTrigger = {
    type: "cron",
    expr,
    ...(timezone !== undefined && { timezone }),
    ...(properties.has("dialect") && { dialect: "vixie" }),
    ...(properties.has("gap") && { gap: "next-valid" }),
    ...(properties.has("overlap") && { overlap: "first" }),
    ...(seed !== undefined && { seed }),
  };
  if (cronTimes(trigger, undefined).next(minInstant) === null) throw neverFires(expr);
  return trigger;
}

/**
 * The fire times of a cron trigger. `H` is hashed from the trigger's seed, else the job's id, else the expression itself:
 * a preview without a job id shows the same times each time, but not that job's.
 */
export function cronTimes(trigger: CronTrigger, jobId: string | undefined): CronTimes {
  const seed = trigger.seed ?? (jobId || `expression ${trigger.expr}`);
  const schedule = compileWallSchedule(expandMacro(trigger.expr), seed);
  const zone = findZone(trigger.timezone ?? defaultTimezone);
  return {
    next: (after) => nextCronTime(schedule, zone, after),
    previous: (through) => previousCronTime(schedule, zone, through),
  };
}

function readExpression(value: unknown): string {
  if (typeof value !== "string" || value.length > maxExpressionLength || value.trim() === "") {
    throw new InvalidTriggerError(
      "INVALID_EXPRESSION",
      `a cron expression is text of 1 to ${maxExpressionLength} characters, such as "0 9 * * 1-5", not ${quote(value)}`,
      { field: "expr", value },
    );
  }
  return value.trim();
}

function splitTimezone(
  written: string,
  option: string | undefined,
): { expr: string; timezone: string | undefined } {
  const [, prefix, expr] = /^(?:CRON_TZ|TZ)=(\S*)[ \t]*(.*)$/s.exec(written) ?? [];
  if (prefix === undefined || expr === undefined) return { expr: written, timezone: option };
  if (option === undefined || option === prefix) return { expr, timezone: prefix };
  throw new InvalidTriggerError(
    "INVALID_TIMEZONE",
    `the expression names the time zone ${quote(prefix)}, the option ${quote(option)}: give one of them`,
    { field: "timezone", value: option, position: 0 },
  );
}

function readText(
  properties: ReadonlyMap<string, unknown>,
  field: string,
  maxLength: number,
  code: "INVALID_FIELD" | "INVALID_TIMEZONE",
): string | undefined {
  const value = properties.get(field);
  if (value === undefined) return undefined;
  if (typeof value === "string" && value !== "" && value.length <= maxLength) return value;
  throw new InvalidTriggerError(
    code,
    `${field} must be text of 1 to ${maxLength} characters, not ${quote(value)}`,
    {
      field,
      value,
    },
  );
}

function requireSupported(
  properties: ReadonlyMap<string, unknown>,
  field: string,
  supported: string,
  known: readonly string[],
): void {
  const value = properties.get(field);
  if (value === undefined || value === supported) return;
  const isKnown = typeof value === "string" && known.includes(value);
  throw new InvalidTriggerError(
    isKnown ? "UNSUPPORTED" : "INVALID_FIELD",
    isKnown
      ? `${field} ${quote(value)} is not supported in this version: leave it out or give ${quote(supported)}`
      : `${field} must be one of ${known.map(quote).join(", ")}, not ${quote(value)}`,
    { field, value },
  );
}
