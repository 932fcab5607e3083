import { type CronField, parseFields } from "./cron-fields.js";
import { expandMacro } from "./cron-macros.js";
import { defaultTimezone } from "./parse-cron.js";
import { parseTrigger } from "./parse-trigger.js";
import type { CronTrigger, EveryTrigger, OnceTrigger, Trigger } from "./trigger.js";

/** Options of {@link describe}. */
export interface DescribeOptions {
  /** BCP 47 tag. Taken for the final interface; this version answers in English whatever it says. */
  readonly locale?: string | undefined;
}

const weekdays = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
const months = "January February March April May June July August September October November December".split(
  " ",
);

/**
 * Says in one short English sentence when a trigger fires: `At 09:00, Monday through Friday (Europe/Berlin)`. A cron
 * expression that has no short sentence is quoted. May hold text of the trigger: escape it before showing it as markup.
 *
 * @throws InvalidTriggerError for whatever `parseTrigger` refuses
 */
export function describe(trigger: Trigger, _options: DescribeOptions = {}): string {
  const parsed = parseTrigger(trigger);
  switch (parsed.type) {
    case "cron":
      return describeCron(parsed);
    case "every":
      return describeEvery(parsed);
    case "once":
      return describeOnce(parsed);
  }
}

function describeOnce({ at }: OnceTrigger): string {
  const [first] = at;
  const when = first === "now" ? "when created" : `at ${iso(first ?? 0)}`;
  return at.length === 1 ? `Once, ${when}` : `${at.length} times, first ${when}`;
}

function describeEvery({ interval, from, phase }: EveryTrigger): string {
  const names: readonly [string, number][] = [
    ["day", 86_400_000],
    ["hour", 3_600_000],
    ["minute", 60_000],
    ["second", 1000],
    ["millisecond", 1],
  ];
  let rest = interval;
  const parts: string[] = [];
  for (const [name, length] of names) {
    const amount = Math.floor(rest / length);
    rest -= amount * length;
    if (amount > 0) parts.push(interval === length ? name : `${amount} ${name}${amount === 1 ? "" : "s"}`);
  }
  const start = from === undefined ? "" : `, from ${iso(Number(from))}`;
  return `Every ${parts.join(" ")}${start}${phase ? `, shifted by ${phase} ms` : ""}`;
}

function describeCron(trigger: CronTrigger): string {
  const zone = trigger.timezone ?? defaultTimezone;
  const expr = expandMacro(trigger.expr);
  const fields = parseFields(expr, "description");
  const simple = /[H#LW]/.test(expr.toUpperCase().replace(/[A-Z]{3}/g, ""))
    ? undefined
    : describeFields(fields);
  return `${simple ?? `On the cron expression "${trigger.expr}"`} (${zone})`;
}

function describeFields(fields: readonly CronField[]): string | undefined {
  const [second, minute, hour, dayOfMonth, month, dayOfWeek] = fields;
  if (!second || !minute || !hour || !dayOfMonth || !month || !dayOfWeek) return undefined;
  const time = describeTime(second, minute, hour);
  if (time === undefined || (!dayOfMonth.any && !dayOfWeek.any)) return undefined;
  const days = dayOfMonth.any ? "" : `, on day ${numbers(dayOfMonth).join(", ")} of the month`;
  const week = dayOfWeek.any
    ? ""
    : `, ${names([...new Set(numbers(dayOfWeek).map((day) => day % 7))], weekdays, 0)}`;
  return `${time}${days}${week}${month.any ? "" : `, in ${names(numbers(month), months, 1)}`}`;
}

function describeTime(second: CronField, minute: CronField, hour: CronField): string | undefined {
  if (second.text !== "0") return second.any && minute.any && hour.any ? "Every second" : undefined;
  if (minute.any && hour.any) return "Every minute";
  const [at] = numbers(minute);
  if (numbers(minute).length !== 1 || at === undefined) return undefined;
  if (hour.any) return at === 0 ? "Every hour" : `Every hour at minute ${at}`;
  return `At ${numbers(hour)
    .map((value) => `${pad(value)}:${pad(at)}`)
    .join(", ")}`;
}

/** Three or more in a row as a range, others as a list. */
function names(values: readonly number[], all: readonly string[], base: number): string {
  const sorted = [...values].sort((a, b) => a - b);
  const name = (value: number | undefined): string => all[(value ?? base) - base] ?? "";
  const [first, last] = [sorted[0] ?? 0, sorted.at(-1) ?? 0];
  if (sorted.length > 2 && last - first === sorted.length - 1) return `${name(first)} through ${name(last)}`;
  return sorted.map(name).join(", ");
}

function numbers(field: CronField): number[] {
  return field.values.map(Number).sort((a, b) => a - b);
}

function pad(value: number): string {
  return String(value).padStart(2, "0");
}

function iso(instant: number): string {
  return new Date(instant).toISOString();
}
