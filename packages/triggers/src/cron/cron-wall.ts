import { InvalidTriggerError, quote } from "../invalid-trigger-error.js";
import type { CronDialect } from "../trigger.js";
import { createWallSchedule, type WallSchedule } from "../wall/wall-schedule.js";
import { BitTimes } from "./bit-times.js";
import { CronDays } from "./cron-days.js";
import { expandMacro } from "./macros.js";
import { type CronFields, parseFields, valuesOf } from "./parse-fields.js";

/** A cron expression made ready: the wall-clock times that it matches. */
export interface CronWall {
  readonly fields: CronFields;
  readonly schedule: WallSchedule;
  /** Whether minute and hour do not start with `*`: then skipped and repeated times are given what a policy says. */
  readonly fixedTime: boolean;
}

const compiled = new Map<string, CronWall>();
const maxCompiled = 1000;

/**
 * Compiles an expression or macro without a time zone. The last ones are remembered, since many jobs share an expression.
 *
 * @param seed what `H` is hashed from; not empty
 * @throws InvalidTriggerError `INVALID_EXPRESSION`, `INVALID_FIELD`, `NEVER_FIRES`
 */
export function compileCronWall(expr: string, dialect: CronDialect, seed: string): CronWall {
  const key = `${dialect} ${expr}${usesSeed(expr) ? `\n${seed}` : ""}`;
  const known = compiled.get(key);
  if (known !== undefined) return known;
  const wall = compile(expr, dialect, seed);
  if (compiled.size >= maxCompiled) compiled.clear();
  compiled.set(key, wall);
  return wall;
}

/** Whether an expression has an `H` in it, and not just a name such as `MARCH` or `THU`. */
export function usesSeed(expr: string): boolean {
  return /(?<![a-z])h(?![a-z])/i.test(expr);
}

function compile(expr: string, dialect: CronDialect, seed: string): CronWall {
  const expanded = expandMacro(expr);
  // Macros are written in five fields.
  const fields = parseFields(expanded, expanded === expr ? dialect : "vixie", seed);
  const { second, minute, hour, month, year } = fields;
  const days = new CronDays(fields.dayRules, {
    months: valuesOf(month, 1, 12),
    years: year.any ? null : year.values,
  });
  if (days.isEmpty()) throw neverFires(expr);
  const times = new BitTimes(valuesOf(hour, 0, 23), valuesOf(minute, 0, 59), valuesOf(second, 0, 59));
  return { fields, schedule: createWallSchedule(days, times), fixedTime: !minute.star && !hour.star };
}

/** An expression that is well-formed, but that no instant matches. */
export function neverFires(expr: string): InvalidTriggerError {
  return new InvalidTriggerError(
    "NEVER_FIRES",
    `the cron expression ${quote(expr)} never fires: no such date exists`,
    { field: "expr", value: expr },
  );
}
