import { LineFailure } from "./crontab-error.js";
import type { ExpressionValidator } from "./crontab-types.js";

/** A run of non-blank characters and its 0-based offset in the line. */
export interface Word {
  text: string;
  index: number;
}

/** What stands before the command (or the user column) of an entry. */
export interface Schedule {
  words: Word[];
  expr: string;
  /** `@reboot`, which has no fire time. */
  reboot: boolean;
  /** Offset just behind the last word. */
  end: number;
}

const NICKNAMES = "@hourly @daily @midnight @weekly @monthly @yearly @annually @reboot".split(" ");
const FIELDS = ["second", "minute", "hour", "day of month", "month", "day of week"];
const FIELD_ALIASES = new Map([
  ["day", "day of month"],
  ["dom", "day of month"],
  ["dayofmonth", "day of month"],
  ["dow", "day of week"],
  ["weekday", "day of week"],
  ["dayofweek", "day of week"],
]);

/** The next word at or after `from`, or undefined if only blanks are left. */
export function wordAt(line: string, from: number): Word | undefined {
  const pattern = /[^ \t]+/g;
  pattern.lastIndex = from;
  const found = pattern.exec(line);
  return found ? { text: found[0], index: found.index } : undefined;
}

/** @throws LineFailure `missing-fields`, `unknown-nickname` */
export function readSchedule(line: string, seconds: boolean): Schedule {
  const first = wordAt(line, 0);
  const words = first?.text.startsWith("@") ? readNickname(line, first) : readFields(line, seconds);
  const expr = words.map((word) => word.text).join(" ");
  const last = words.at(-1);
  return { words, expr, reboot: expr === "@reboot", end: last ? last.index + last.text.length : 0 };
}

function readNickname(line: string, first: Word): Word[] {
  if (NICKNAMES.includes(first.text)) return [first];
  const end = first.index + first.text.length;
  if (first.text !== "@every") {
    const message = `"${first.text}" is unknown; write ${NICKNAMES.join(", ")} or @every <interval>, in lower case`;
    throw new LineFailure("unknown-nickname", first.index, message);
  }
  const interval = wordAt(line, end);
  if (!interval) throw new LineFailure("missing-fields", end, "@every needs an interval, such as @every 10s");
  return [first, interval];
}

function readFields(line: string, seconds: boolean): Word[] {
  const names = seconds ? FIELDS : FIELDS.slice(1);
  const words: Word[] = [];
  let end = 0;
  for (const name of names) {
    const word = wordAt(line, end);
    if (!word) {
      const message = `the ${name} field is missing; a line begins with ${names.length} fields: ${names.join(", ")}`;
      throw new LineFailure("missing-fields", end, message);
    }
    words.push(word);
    end = word.index + word.text.length;
  }
  return words;
}

/**
 * Asks the validator, and gives its refusal a place in the line.
 *
 * @throws LineFailure `invalid-expression`, with the validator's error as `cause`
 */
export function checkSchedule(
  schedule: Schedule,
  validate: ExpressionValidator,
  context: { timezone: string | undefined; secondsSince: number | undefined },
): void {
  const { words, expr } = schedule;
  const seconds = words.length === FIELDS.length;
  try {
    validate(expr, { seconds, ...(context.timezone === undefined ? {} : { timezone: context.timezone }) });
  } catch (cause) {
    const said = cause instanceof Error ? cause.message : String(cause);
    const why = seconds
      ? ` (six fields, seconds first: ESCAPEMENT_SECONDS=yes on line ${context.secondsSince})`
      : "";
    throw new LineFailure("invalid-expression", placeOf(cause, words, expr), `${said}${why}`, {
      cause,
    });
  }
}

/** The offset in the line that a validator's error points at; the expression's start if it points nowhere. */
function placeOf(cause: unknown, words: readonly Word[], expr: string): number {
  const hint = Object(cause) as { position?: unknown; field?: unknown; value?: unknown };
  const start = words[0]?.index ?? 0;
  if (typeof hint.position === "number") return placeOfOffset(hint.position, words);
  if (typeof hint.field === "number") return words[hint.field]?.index ?? start;
  if (typeof hint.field === "string") {
    const byName = words[fieldIndex(hint.field, words.length)];
    if (byName) return byName.index;
  }
  if (typeof hint.value === "string") {
    // Validators may quote the text that they refuse.
    const value = hint.value.replace(/^"(.+)"$/, "$1");
    const offset = value === expr ? 0 : expr.indexOf(value);
    if (offset > 0) return placeOfOffset(offset, words);
  }
  return start;
}

/** Maps an offset in the expression, where one blank separates words, to one in the line. */
function placeOfOffset(offset: number, words: readonly Word[]): number {
  let left = Math.max(0, offset);
  let place = words[0]?.index ?? 0;
  for (const { text, index } of words) {
    place = index + Math.min(left, text.length);
    if (left <= text.length) break;
    left -= text.length + 1;
  }
  return place;
}

/** −1 if the name is not one of a field: `dayOfWeek`, `day-of-week`, `weekday`, `hours` and `Hour` all are. */
function fieldIndex(name: string, count: number): number {
  const plain = name
    .toLowerCase()
    .replace(/[^a-z]/g, "")
    .replace(/s$/, "");
  const index = FIELDS.indexOf(FIELD_ALIASES.get(plain) ?? plain);
  return index === -1 ? -1 : index - (FIELDS.length - count);
}
