import { CronExpressionParser } from "cron-parser";
import { hash32 } from "../hash.js";
import { fieldError } from "./field-error.js";
import { type FieldRule, readValue } from "./field-rules.js";

const parserFields = ["second", "minute", "hour", "dayOfMonth", "month", "dayOfWeek"] as const;

/** Where an item stands: for its error, and so that two `H` of one expression differ. */
export interface ItemPlace {
  /** The index of its field, from seconds on. */
  readonly index: number;
  /** The index of its first character in the expression. */
  readonly position: number;
  /** How many items stand before it in its field. */
  readonly ordinal: number;
  /** What `H` is hashed from. */
  readonly seed: string;
}

// Few items are ever written, in many expressions: reading each but once makes compiling cheap.
const known = new Map<string, readonly number[]>();
const maxKnown = 5000;

/**
 * The values of one item of a list that is no special day: `*`, a value, a range, each with a step or without, or `H`.
 * cron-parser reads what it knows; wrapped ranges, years and hashes are resolved here.
 *
 * @throws InvalidTriggerError `INVALID_FIELD`
 */
export function readValues(
  rule: FieldRule,
  item: string,
  place: ItemPlace,
  wraps: boolean,
): readonly number[] {
  const { index, position } = place;
  // Vixie's Sunday is the first and the last day of the week: `fri-sun` is `5-7`.
  const text = rule.name === "dayOfWeek" && !wraps ? item.replace(/(?<!^sun)-sun(?=\/|$)/i, "-7") : item;
  const [, head = "", low, high, step] = rule.item.exec(text) ?? [];
  if (head === "") {
    throw fieldError(rule.name, item, position, `give ${rule.min} to ${rule.max}, a range, a step or a list`);
  }
  const checked = checkStep(rule, item, position, step, wraps);
  if (head.startsWith("H") || head.startsWith("h")) {
    return hashedValues(rule, item, head, step === undefined ? undefined : checked, place);
  }
  const from = low === undefined ? rule.min : readValue(rule, low);
  const written = high === undefined ? from : readValue(rule, high);
  const to = low === undefined || (high === undefined && step !== undefined) ? rule.max : written;
  for (const value of [from, written]) {
    if (value < rule.min || value > rule.max) {
      throw fieldError(rule.name, item, position, `${value} is not within ${rule.min} to ${rule.max}`);
    }
  }
  if (to < from && rule.name === "year") {
    throw fieldError(rule.name, item, position, "years do not start over: give the earlier one first");
  }
  if (wraps && (to < from || rule.name === "dayOfWeek" || rule.name === "year")) {
    return stepped(rule, from, to < from ? to + rule.max - rule.min + 1 : to, checked);
  }
  return parse(rule, index, text.toUpperCase(), position);
}

function checkStep(
  rule: FieldRule,
  item: string,
  position: number,
  step: string | undefined,
  quartz: boolean,
): number {
  const number = step === undefined ? 1 : Number(step);
  if (number === 0) throw fieldError(rule.name, item, position, "a step is at least 1");
  if (quartz && rule.name !== "year" && number > rule.max) {
    throw fieldError(rule.name, item, position, `a step is at most ${rule.max}`);
  }
  return number;
}

/** Every so many values of a range that may run over the end of the field. */
function stepped(rule: FieldRule, from: number, to: number, step: number): readonly number[] {
  const values: number[] = [];
  for (let value = from; value <= to; value += step) {
    values.push(value > rule.max ? value - rule.max + rule.min - 1 : value);
  }
  return values;
}

/** Jenkins' `H`: one value, or every so many from a hashed start, the same each time for one seed. */
function hashedValues(
  rule: FieldRule,
  item: string,
  head: string,
  step: number | undefined,
  { index, position, ordinal, seed }: ItemPlace,
): readonly number[] {
  const [, first, last] = /\((\d+)-(\d+)\)/.exec(head) ?? [];
  // Without a range: a day that each month has, and each weekday once.
  const greatest = rule.name === "dayOfMonth" ? 28 : rule.name === "dayOfWeek" ? 6 : rule.max;
  const low = first === undefined ? rule.min : Number(first);
  const high = last === undefined ? greatest : Number(last);
  if (low > high || low < rule.min || high > rule.max) {
    throw fieldError(rule.name, item, position, `H takes a range within ${rule.min} to ${rule.max}`);
  }
  const span = high - low + 1;
  const start = low + (hash32(seed, index * 1024 + ordinal) % Math.min(step ?? span, span));
  return step === undefined ? [start] : stepped(rule, start, high, step);
}

/** Lets cron-parser read one item, in its place among fields that are all `*`. */
function parse(rule: FieldRule, index: number, item: string, position: number): readonly number[] {
  const key = `${index} ${item}`;
  const read = known.get(key);
  if (read !== undefined) return read;
  const values = parseAlone(rule, index, item, position);
  if (known.size >= maxKnown) known.clear();
  known.set(key, values);
  return values;
}

function parseAlone(rule: FieldRule, index: number, item: string, position: number): readonly number[] {
  const name = parserFields[index] ?? "second";
  try {
    const fields = ["*", "*", "*", "*", "*", "*"].with(index, item).join(" ");
    const { fields: read } = CronExpressionParser.parse(fields, { tz: "UTC", currentDate: 0, strict: true });
    return read[name].values.map(Number);
  } catch (error) {
    const reason = error instanceof Error ? error.message : "it cannot be read";
    throw fieldError(rule.name, item, position, reason);
  }
}
