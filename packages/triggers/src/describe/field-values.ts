import type { SpecialDay, SpecialWeekday } from "../cron/day-rules.js";
import { type CronField, type CronFields, valuesOf } from "../cron/parse-fields.js";

/** What one field of a cron expression allows. */
export interface FieldValues {
  /** Numbers, ascending without repeats; weekdays are 0 (Sunday) to 6. */
  readonly values: readonly number[];
  /** What is no number: `L`, `L-3`, `LW`, `15W`; of weekdays `5L`, `1#2`, 0 (Sunday) to 6. */
  readonly specials: readonly string[];
  /** Whether nothing is excluded. */
  readonly full: boolean;
}

/** What there is to say of a cron expression. */
export interface Sayable {
  readonly second: FieldValues;
  readonly minute: FieldValues;
  readonly hour: FieldValues;
  readonly dayOfMonth: FieldValues;
  readonly month: FieldValues;
  readonly dayOfWeek: FieldValues;
  readonly year: FieldValues;
  /** Whether a day has to be allowed by both day fields; else by either. */
  readonly both: boolean;
}

/** Allows everything. */
export const anything: FieldValues = { values: [], specials: [], full: true };

/** Allows these, which are not all that there are. */
export function only(values: readonly number[], specials: readonly string[] = []): FieldValues {
  return { values: [...new Set(values)].sort((a, b) => a - b), specials, full: false };
}

/** Brings the fields of an expression into this form. */
export function sayable(fields: CronFields): Sayable {
  const { dayRules } = fields;
  return {
    second: plain(fields.second, 0, 59),
    minute: plain(fields.minute, 0, 59),
    hour: plain(fields.hour, 0, 23),
    dayOfMonth: plain(fields.dayOfMonth, 1, 31, dayRules.specialDays.map(specialDay)),
    month: plain(fields.month, 1, 12),
    dayOfWeek: plain(fields.dayOfWeek, 0, 6, dayRules.specialWeekdays.map(specialWeekday)),
    year: fields.year.any ? anything : only(fields.year.values),
    both: dayRules.both,
  };
}

function plain(field: CronField, first: number, last: number, specials: readonly string[] = []): FieldValues {
  const values = valuesOf(field, first, last);
  return values.length > last - first ? anything : only(values, specials);
}

function specialDay({ day, fromEnd, weekday }: SpecialDay): string {
  const number = fromEnd ? `L${day === 0 ? "" : `-${day}`}` : `${day}`;
  return weekday ? `${number}W` : number;
}

function specialWeekday({ weekday, nth }: SpecialWeekday): string {
  return nth === 0 ? `${weekday}L` : `${weekday}#${nth}`;
}
