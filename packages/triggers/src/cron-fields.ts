import { CronExpressionParser } from "cron-parser";
import { InvalidTriggerError, quote } from "./invalid-trigger-error.js";

/** The name of a field, as errors give it. */
export type CronFieldName = "second" | "minute" | "hour" | "dayOfMonth" | "month" | "dayOfWeek";

/** One field of an expression, its lists, ranges, steps, names and hashes resolved. */
export interface CronField {
  readonly name: CronFieldName;
  /** As written. */
  readonly text: string;
  /** Whether it starts with `*` (or is `?`): what vixie's rules ask. */
  readonly star: boolean;
  /** Whether it is `*` or `?`, and so restricts nothing. */
  readonly any: boolean;
  /** What it allows, without repeats; a day may be `L`, `5L` or `1#2`. */
  readonly values: readonly (number | string)[];
}

interface FieldRule {
  readonly name: CronFieldName;
  readonly item: RegExp;
}

// cron-parser checks the bounds of numbers; these say what may stand where, more strictly than it does.
const rule = (name: CronFieldName, value: string, extra: string = ""): FieldRule => ({
  name,
  item: new RegExp(
    `^(?:(?:\\*|H|H\\(\\d\\d?-\\d\\d?\\)|${value}(?:-${value})?)(?:/\\d{1,4})?${extra})$`,
    "i",
  ),
});
const month = "(?:\\d\\d?|jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)";
const weekday = "(?:\\d|sun|mon|tue|wed|thu|fri|sat)";
const rules: readonly FieldRule[] = [
  rule("second", "\\d\\d?"),
  rule("minute", "\\d\\d?"),
  rule("hour", "\\d\\d?"),
  rule("dayOfMonth", "\\d\\d?", "|L"),
  rule("month", month),
  rule("dayOfWeek", weekday, `|${weekday}L|${weekday}#[1-5]`),
];
const later = /^(?:LW|L-\d\d?|\d\d?W)$/i;

/**
 * Takes an expression of five or six fields apart; five get the second 0.
 *
 * @param seed what `H` is hashed from; not empty
 * @throws InvalidTriggerError `INVALID_EXPRESSION`, `INVALID_FIELD`, `UNSUPPORTED`
 */
export function parseFields(expr: string, seed: string): readonly CronField[] {
  const words = [...expr.matchAll(/[^ \t]+/g)];
  if (words.length !== 5 && words.length !== 6) {
    throw new InvalidTriggerError(
      "INVALID_EXPRESSION",
      `the cron expression ${quote(expr)} has ${words.length} fields: give 5 (minute … day of week), or 6 with seconds first`,
      { field: "expr", value: expr },
    );
  }
  const skipped = 6 - words.length;
  return rules.map((rule, index) => {
    const word = words[index - skipped];
    return parseField(rule, index, word?.[0] ?? "0", word?.index ?? 0, seed);
  });
}

function parseField(rule: FieldRule, index: number, text: string, position: number, seed: string): CronField {
  const { name } = rule;
  const any = text === "*" || (text === "?" && name.startsWith("day"));
  const star = any || text.startsWith("*");
  if (any) return { name, text, star, any, values: [] };
  const values = new Set<number | string>();
  let start = position;
  for (const item of text.split(",")) {
    for (const value of parseItem(rule, index, item, start, seed)) {
      values.add(name === "dayOfWeek" && value === 7 ? 0 : value);
    }
    start += item.length + 1;
  }
  if (values.size > 1 && [...values].some((value) => String(value).includes("#"))) {
    throw refuse("UNSUPPORTED", name, text, position, "# in a list is not supported in this version");
  }
  return { name, text, star, any, values: [...values] };
}

/** Lets cron-parser read one item of a list, in its place among the fields, all others `*`. */
function parseItem(
  rule: FieldRule,
  index: number,
  item: string,
  position: number,
  seed: string,
): readonly (number | string)[] {
  const { name } = rule;
  if (name === "dayOfMonth" && later.test(item)) {
    throw refuse("UNSUPPORTED", name, item, position, "W and L-n are not supported in this version");
  }
  if (!rule.item.test(item)) throw refuse("INVALID_FIELD", name, item, position, "it cannot be read");
  let text = item.toUpperCase();
  // A day that each month has, so that no job's hash falls on one that never comes.
  if (name === "dayOfMonth") text = text.replace(/^H(?!\()/, "H(1-28)");
  if (name === "dayOfWeek" && /L$|#/.test(text)) return [weekdayNumber(text, position)];
  try {
    const fields = ["*", "*", "*", "*", "*", "*"].with(index, text).join(" ");
    return CronExpressionParser.parse(fields, { tz: "UTC", currentDate: 0, hashSeed: seed, strict: true })
      .fields[name].values;
  } catch (error) {
    const reason = error instanceof Error ? error.message : "it cannot be read";
    throw refuse("INVALID_FIELD", name, item, position, reason);
  }
}

/** `FRI#2` as `5#2`, `7L` as `0L`. The grammar has let pass nothing but a weekday before the `L` or `#`. */
function weekdayNumber(text: string, position: number): string {
  const names = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];
  const [, day = "", suffix = ""] = /^(\w+?)(L|#\d)$/.exec(text) ?? [];
  const number = names.indexOf(day) === -1 ? Number(day) : names.indexOf(day);
  if (number > 7) throw refuse("INVALID_FIELD", "dayOfWeek", text, position, "a weekday is 0 to 7");
  return `${number % 7}${suffix}`;
}

function refuse(
  code: "INVALID_FIELD" | "UNSUPPORTED",
  field: CronFieldName,
  value: string,
  position: number,
  reason: string,
): InvalidTriggerError {
  return new InvalidTriggerError(
    code,
    `the cron field ${field} is wrong at ${quote(value)} (character ${position + 1}): ${reason}`,
    { field, value, position },
  );
}
