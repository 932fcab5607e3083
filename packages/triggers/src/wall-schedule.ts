import { type CronExpression, CronExpressionParser } from "cron-parser";
import { type CronField, parseFields } from "./cron-fields.js";
import { InvalidTriggerError, quote } from "./invalid-trigger-error.js";

/**
 * The wall-clock times that an expression matches, in no time zone: a time is in ms as if the wall clock showed UTC.
 * So cron-parser never sees a change of offset, where it skips, repeats or gives up (pitfall T1).
 */
export interface WallSchedule {
  /** Whether it follows real time through gaps and overlaps instead of firing once per wall-clock time. */
  readonly realTime: boolean;
  /** The first match later than `wall`, or `null`. */
  next(wall: number): number | null;
  /** The last match at or before `wall`, or `null`. */
  previous(wall: number): number | null;
}

const day = 86_400_000;
// More days than this without a match of both day fields: there is none (40 Februaries hold each combination).
const maxDaysTried = 1500;
const longestMonth: readonly number[] = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

const compiled = new Map<string, WallSchedule>();
const maxCompiled = 500;

/**
 * Compiles an expression without macro and time zone; the last few are remembered, because compiling costs a millisecond.
 *
 * @param seed what `H` is hashed from; not empty
 * @throws InvalidTriggerError `INVALID_EXPRESSION`, `INVALID_FIELD`, `NEVER_FIRES`, `UNSUPPORTED`
 */
export function compileWallSchedule(expr: string, seed: string): WallSchedule {
  const key = /h/i.test(expr) ? `${expr}\n${seed}` : expr;
  const known = compiled.get(key);
  if (known !== undefined) return known;
  const schedule = compile(expr, seed);
  if (compiled.size >= maxCompiled) compiled.clear();
  compiled.set(key, schedule);
  return schedule;
}

function compile(expr: string, seed: string): WallSchedule {
  const fields = parseFields(expr, seed);
  const [second, minute, hour, dayOfMonth, month, dayOfWeek] = fields;
  const bothDays = dayOfMonth?.star === true || dayOfWeek?.star === true;
  if (bothDays && !hasDay(dayOfMonth, month, dayOfWeek)) throw neverFires(expr);
  // cron-parser takes either day field unless one is exactly `*`. Where vixie asks for both (`*/2 … Mon`), it searches
  // by the day of month and each day found is tested for its weekday.
  const filterWeekday = bothDays && dayOfMonth?.any === false && dayOfWeek?.any === false;
  const searched = parseResolved(
    fields.map((field) => (filterWeekday && field === dayOfWeek ? "*" : resolve(field))),
  );
  const weekday =
    filterWeekday && dayOfWeek ? parseResolved(["*", "*", "*", "*", "*", resolve(dayOfWeek)]) : null;
  return {
    // Debian's rule for minute and hour. Its cron has no seconds; one that names seconds other than 0 goes by real time.
    realTime: minute?.star === true || hour?.star === true || second?.values.join() !== "0",
    next: (wall) => search(searched, weekday, wall, false),
    previous: (wall) => search(searched, weekday, wall, true),
  };
}

/** An expression that is well-formed, but that no instant matches. */
export function neverFires(expr: string): InvalidTriggerError {
  return new InvalidTriggerError(
    "NEVER_FIRES",
    `the cron expression ${quote(expr)} never fires: no such date exists`,
    {
      field: "expr",
      value: expr,
    },
  );
}

function resolve(field: CronField): string {
  return field.any ? "*" : field.values.join(",");
}

function parseResolved(fields: readonly string[]): CronExpression {
  return CronExpressionParser.parse(fields.join(" "), { tz: "UTC", currentDate: 0, hashSeed: "resolved" });
}

/** Whether one of the months has one of the days, in the week of the month that a weekday such as `1#2` asks for. */
function hasDay(
  dayOfMonth: CronField | undefined,
  month: CronField | undefined,
  dayOfWeek: CronField | undefined,
): boolean {
  if (!dayOfMonth || !month || !dayOfWeek || dayOfMonth.any) return true;
  const months = month.any ? longestMonth : month.values.map((value) => longestMonth[Number(value) - 1] ?? 0);
  const longest = Math.max(...months);
  const nth = Number(/#(\d)/.exec(String(dayOfWeek.values[0]))?.[1] ?? 0);
  return dayOfMonth.values.some(
    (value) => typeof value !== "number" || (value <= longest && (nth === 0 || Math.ceil(value / 7) === nth)),
  );
}

function search(
  expression: CronExpression,
  weekday: CronExpression | null,
  from: number,
  backwards: boolean,
): number | null {
  let wall = from;
  for (let tried = 0; tried < maxDaysTried; tried += 1) {
    const found = step(expression, wall, backwards);
    if (found === null || weekday === null || weekday.includesDate(new Date(found))) return found;
    const midnight = Math.floor(found / day) * day;
    wall = backwards ? midnight - 1 : midnight + day - 1;
  }
  return null;
}

function step(expression: CronExpression, wall: number, backwards: boolean): number | null {
  try {
    // Backwards, cron-parser excludes the instant itself; a millisecond later it includes it.
    expression.reset(new Date(backwards ? wall + 1 : wall));
    return (backwards ? expression.prev() : expression.next()).getTime();
  } catch {
    return null; // its loop limit, centuries away: in UTC there is nothing else to throw for
  }
}
