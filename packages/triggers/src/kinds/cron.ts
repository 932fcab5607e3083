import { type CronWall, compileCronWall, neverFires, usesSeed } from "../cron/cron-wall.js";
import { parseDuration } from "../input/duration.js";
import { InvalidTriggerError, quote } from "../invalid-trigger-error.js";
import { maxExpressionLength, minInstant } from "../limits.js";
import type { CronDialect, CronTrigger, EveryTrigger } from "../trigger.js";
import { layOnZone, realTime } from "../wall/lay-on-zone.js";
import type { Kind } from "./kind.js";
import { parseChoice, parseWallClockOptions, policyOf, zoneOf } from "./wall-clock-options.js";

const dialects: readonly CronDialect[] = ["vixie", "quartz"];
const maxSeedLength = 256;

/** Fires when the wall clock matches an expression; `@every 90s` is read as an `every` trigger. */
export const cronKind: Kind<CronTrigger, CronTrigger | EveryTrigger> = {
  properties: ["expr", "timezone", "dialect", "gap", "overlap", "seed"],
  again: (json) => {
    const [first, second, ...others] = Reflect.ownKeys(json);
    if (first !== "type" || second !== "expr" || others.length > 0) return undefined;
    const expr: unknown = Reflect.get(json, "expr");
    return typeof expr === "string" && known.has(expr) ? { type: "cron", expr } : undefined;
  },
  parse: (properties) => {
    const { expr, timezone } = splitTimezone(
      readExpression(properties.get("expr")),
      properties.get("timezone"),
    );
    const options = parseWallClockOptions(new Map(properties).set("timezone", timezone));
    const dialect = parseChoice(properties.get("dialect"), dialects, "dialect");
    const seed = parseSeed(properties.get("seed"));
    const [, interval] = /^@every[ \t]+(\S.*)$/i.exec(expr) ?? [];
    if (interval !== undefined) return { type: "every", interval: parseDuration(interval, "expr") };
    const trigger: CronTrigger = {
      type: "cron",
      expr,
      ...options,
      ...(dialect !== undefined && { dialect }),
      ...(seed !== undefined && { seed }),
    };
    checkFires(trigger);
    // All of it, as it was written.
    if (Object.keys(trigger).length === 2 && properties.get("expr") === expr) remember(expr);
    return trigger;
  },
  compile: (trigger, { jobId }) => {
    const wall = compileWall(trigger, jobId);
    return layOnZone(wall.schedule, zoneOf(trigger), wall.fixedTime ? policyOf(trigger) : realTime);
  },
};

/** Expressions that were found to be in order, with no options beside them and none within: many jobs share one. */
const known = new Set<string>();
const mostKnown = 1000;

function remember(expr: string): void {
  if (known.size >= mostKnown) known.clear();
  known.add(expr);
}

/**
 * The wall-clock times of a cron trigger. `H` is hashed from the trigger's seed, else the job's id, else the expression
 * itself: a preview without a job id shows the same times each time, but not that job's.
 */
export function compileWall(trigger: CronTrigger, jobId: string | undefined): CronWall {
  const seed = trigger.seed ?? (jobId || `expression ${trigger.expr}`);
  return compileCronWall(trigger.expr, trigger.dialect ?? "vixie", seed);
}

/** Whether a trigger's fire times are those of one job alone, since it has an `H` that is hashed from that job's id. */
export function isOfJob({ expr, seed }: CronTrigger): boolean {
  return seed === undefined && usesSeed(expr);
}

/** Refuses what cannot be read or never fires. The dates of named years may all lie in gaps of the zone that are to be skipped. */
function checkFires(trigger: CronTrigger): void {
  const wall = compileWall(trigger, undefined);
  if (wall.fields.year.any || trigger.gap !== "skip" || !wall.fixedTime) return;
  const times = layOnZone(wall.schedule, zoneOf(trigger), policyOf(trigger));
  if (times.next(minInstant - 1) === null) throw neverFires(trigger.expr);
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

/** Takes a `CRON_TZ=` or `TZ=` prefix off; it may repeat the option, but not contradict it. */
function splitTimezone(written: string, option: unknown): { expr: string; timezone: unknown } {
  const [, prefix, expr] = /^(?:CRON_TZ|TZ)=(\S*)[ \t]*(.*)$/s.exec(written) ?? [];
  if (prefix === undefined || expr === undefined) return { expr: written, timezone: option };
  if (option === undefined || option === prefix) return { expr, timezone: prefix };
  throw new InvalidTriggerError(
    "INVALID_TIMEZONE",
    `the expression names the time zone ${quote(prefix)}, the option ${quote(option)}: give one of them`,
    { field: "timezone", value: option, position: 0 },
  );
}

function parseSeed(value: unknown): string | undefined {
  if (value === undefined) return undefined;
  if (typeof value === "string" && value !== "" && value.length <= maxSeedLength) return value;
  throw new InvalidTriggerError(
    "INVALID_FIELD",
    `seed must be text of 1 to ${maxSeedLength} characters, not ${quote(value)}`,
    { field: "seed", value },
  );
}
