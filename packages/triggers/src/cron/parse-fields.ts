import { InvalidTriggerError, quote } from "../invalid-trigger-error.js";
import type { CronDialect } from "../trigger.js";
import type { DayRules, SpecialDay, SpecialWeekday } from "./day-rules.js";
import { fieldError } from "./field-error.js";
import { type CronFieldName, type FieldRule, fieldRules } from "./field-rules.js";
import { type ItemPlace, readValues } from "./read-values.js";
import { readSpecialDay, readSpecialWeekday } from "./special-days.js";

/** One field of an expression, its lists, ranges, steps, names and hashes resolved. */
export interface CronField {
  readonly name: CronFieldName;
  /** As written. */
  readonly text: string;
  /** Whether it starts with `*` (or is `?`): what Vixie's rules ask. */
  readonly star: boolean;
  /** Whether it is `*` or `?`, and so restricts nothing. */
  readonly any: boolean;
  /** The values that it allows, ascending without repeats; weekdays are 0 (Sunday) to 6. Empty if `any`. */
  readonly values: readonly number[];
}

/** A cron expression taken apart. */
export interface CronFields {
  readonly second: CronField;
  readonly minute: CronField;
  readonly hour: CronField;
  readonly dayOfMonth: CronField;
  readonly month: CronField;
  readonly dayOfWeek: CronField;
  readonly year: CronField;
  readonly dayRules: DayRules;
}

interface Specials {
  readonly days: SpecialDay[];
  readonly weekdays: SpecialWeekday[];
}

const absent: { readonly second: string; readonly year: string } = { second: "0", year: "*" };

/**
 * Takes an expression apart: vixie has five fields, or six with seconds first; quartz six, or seven with years last.
 *
 * @param seed what `H` is hashed from; not empty
 * @throws InvalidTriggerError `INVALID_EXPRESSION`, `INVALID_FIELD`
 */
export function parseFields(expr: string, dialect: CronDialect, seed: string): CronFields {
  const words = [...expr.matchAll(/[^ \t]+/g)];
  const least = dialect === "quartz" ? 6 : 5;
  if (words.length !== least && words.length !== least + 1) {
    const wanted =
      dialect === "quartz"
        ? "6 (second, minute, hour, day of month, month, day of week), or 7 with the year last"
        : "5 (minute, hour, day of month, month, day of week), or 6 with seconds first";
    throw new InvalidTriggerError(
      "INVALID_EXPRESSION",
      `the cron expression ${quote(expr)} has ${words.length} field${words.length === 1 ? "" : "s"}: give ${wanted}`,
      { field: "expr", value: expr },
    );
  }
  const skipped = dialect === "vixie" ? 6 - words.length : 0;
  const specials: Specials = { days: [], weekdays: [] };
  const read = (index: number): CronField => {
    const word = words[index - skipped];
    const rule = fieldRules[dialect][index] ?? yearRule;
    const text = word?.[0] ?? (index === 0 ? absent.second : absent.year);
    return parseField(rule, text, { index, position: word?.index ?? 0, ordinal: 0, seed }, dialect, specials);
  };
  const [dayOfMonth, dayOfWeek] = [read(3), read(5)];
  checkDays(dayOfMonth, dayOfWeek, words[5 - skipped]?.index ?? 0, dialect);
  return {
    second: read(0),
    minute: read(1),
    hour: read(2),
    dayOfMonth,
    month: read(4),
    dayOfWeek,
    year: read(6),
    dayRules: {
      days: valuesOf(dayOfMonth, 1, 31),
      specialDays: specials.days,
      weekdays: valuesOf(dayOfWeek, 0, 6),
      specialWeekdays: specials.weekdays,
      both: dialect === "quartz" || dayOfMonth.star || dayOfWeek.star,
    },
  };
}

const yearRule: FieldRule = { name: "year", min: 1970, max: 1970, names: [], item: /^(\*)$/ };

/** The values of a field, all of them if it restricts nothing. */
export function valuesOf(field: CronField, min: number, max: number): readonly number[] {
  return field.any ? Array.from({ length: max - min + 1 }, (_, index) => index + min) : field.values;
}

function parseField(
  rule: FieldRule,
  text: string,
  place: ItemPlace,
  dialect: CronDialect,
  specials: Specials,
): CronField {
  const { name } = rule;
  const any = text === "*" || (text === "?" && name.startsWith("day"));
  const star = any || text.startsWith("*");
  if (any) return { name, text, star, any, values: [] };
  const values = new Set<number>();
  let { position } = place;
  for (const [ordinal, item] of text.split(",").entries()) {
    for (const value of parseItem(rule, item, { ...place, position, ordinal }, dialect, specials)) {
      // Sunday is 0, 7 and, for Quartz, 1.
      values.add(name === "dayOfWeek" ? (value - (dialect === "quartz" ? 1 : 0)) % 7 : value);
    }
    position += item.length + 1;
  }
  return { name, text, star, any, values: [...values].sort((a, b) => a - b) };
}

function parseItem(
  rule: FieldRule,
  item: string,
  place: ItemPlace,
  dialect: CronDialect,
  specials: Specials,
): readonly number[] {
  if (rule.name === "dayOfMonth") {
    const special = readSpecialDay(item, place.position);
    if (special !== undefined) {
      specials.days.push(special);
      return [];
    }
  }
  if (rule.name === "dayOfWeek") {
    const special = readSpecialWeekday(rule, item, place.position);
    if (special !== undefined) {
      specials.weekdays.push(special);
      return [];
    }
  }
  return readValues(rule, item, place, dialect === "quartz");
}

/** Quartz knows no rule for two day fields that both restrict, and wants at most one of them to be `?`. */
function checkDays(
  dayOfMonth: CronField,
  dayOfWeek: CronField,
  position: number,
  dialect: CronDialect,
): void {
  if (dialect === "vixie") return;
  if (dayOfMonth.text === "?" && dayOfWeek.text === "?") {
    throw fieldError("dayOfWeek", "?", position, "only one of the two day fields may be ?");
  }
  if (!dayOfMonth.any && !dayOfWeek.any) {
    throw fieldError("dayOfWeek", dayOfWeek.text, position, "one of the two day fields must be ? or *");
  }
}
