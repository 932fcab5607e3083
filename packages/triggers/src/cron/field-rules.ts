import type { CronDialect } from "../trigger.js";

/** The name of a field, as errors give it. */
export type CronFieldName = "second" | "minute" | "hour" | "dayOfMonth" | "month" | "dayOfWeek" | "year";

/** What may stand in one field. */
export interface FieldRule {
  readonly name: CronFieldName;
  /** The least and the greatest value. */
  readonly min: number;
  readonly max: number;
  /** What one item of its list looks like; groups: head, low, high, step. Bounds are checked elsewhere. */
  readonly item: RegExp;
  /** Names of values, the first one standing for `min`. */
  readonly names: readonly string[];
}

// A hundred years more than Quartz. A list of years is kept with each expression.
const lastYear = 2199;
const months = "JAN FEB MAR APR MAY JUN JUL AUG SEP OCT NOV DEC".split(" ");
const weekdays = "SUN MON TUE WED THU FRI SAT".split(" ");

function rule(
  name: CronFieldName,
  min: number,
  max: number,
  dialect: CronDialect,
  names: readonly string[] = [],
): FieldRule {
  const value = ["\\d{1,4}", ...names].join("|");
  const hash = dialect === "vixie" && name !== "year" ? "|H(?:\\(\\d\\d?-\\d\\d?\\))?" : "";
  return {
    name,
    min,
    max,
    names,
    item: new RegExp(`^(\\*${hash}|(${value})(?:-(${value}))?)(?:/(\\d{1,4}))?$`, "i"),
  };
}

function rulesOf(dialect: CronDialect): readonly FieldRule[] {
  return [
    rule("second", 0, 59, dialect),
    rule("minute", 0, 59, dialect),
    rule("hour", 0, 23, dialect),
    rule("dayOfMonth", 1, 31, dialect),
    rule("month", 1, 12, dialect, months),
    dialect === "quartz"
      ? rule("dayOfWeek", 1, 7, dialect, weekdays)
      : rule("dayOfWeek", 0, 7, dialect, weekdays),
    rule("year", 1970, lastYear, dialect),
  ];
}

/** The fields of each dialect, from seconds to years. */
export const fieldRules: Readonly<Record<CronDialect, readonly FieldRule[]>> = {
  vixie: rulesOf("vixie").slice(0, 6),
  quartz: rulesOf("quartz"),
};

/** A value written as a number or a name, or `NaN`. */
export function readValue(rule: FieldRule, text: string): number {
  const index = rule.names.indexOf(text.toUpperCase());
  return index < 0 ? Number(text) : index + rule.min;
}
