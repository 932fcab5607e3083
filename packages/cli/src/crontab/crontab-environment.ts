import { LineFailure } from "./crontab-error.js";
import type { CrontabNoteCode } from "./crontab-types.js";

/** Most variables that one crontab may set, so that each entry's copy stays small. */
export const MAX_VARIABLES = 128;

/** A line `NAME = value` taken apart. Indexes are 0-based offsets in the line. */
export interface Assignment {
  name: string;
  value: string;
  nameIndex: number;
  valueIndex: number;
}

/**
 * Reads an environment line as Vixie's cron does: blanks around `=` do not count, name and value may each stand in
 * matching quotes that keep blanks, nothing is expanded or unescaped. An empty value is allowed.
 *
 * @returns undefined if the line is no assignment (then it is an entry)
 * @throws LineFailure `invalid-variable`, `unterminated-quote`
 */
export function parseAssignment(line: string): Assignment | undefined {
  const head = /^[ \t]*("[^"]*"|'[^']*'|[^\s=*@\d"'][^\s=]*)[ \t]*=[ \t]*/.exec(line);
  const written = head?.[1];
  if (!head || written === undefined) return undefined;
  const nameIndex = head[0].indexOf(written);
  const name = /^["']/.test(written) ? written.slice(1, -1) : written;
  if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) {
    const message = `"${name}" cannot be a variable's name; use letters, digits and _, not beginning with a digit`;
    throw new LineFailure("invalid-variable", nameIndex, message);
  }
  const valueIndex = head[0].length;
  return { name, value: readValue(line, valueIndex), nameIndex, valueIndex };
}

function readValue(line: string, start: number): string {
  const quote = line.charAt(start);
  if (quote !== '"' && quote !== "'") return line.slice(start).replace(/(?<![ \t])[ \t]+$/, "");
  const end = line.indexOf(quote, start + 1);
  if (end === -1) {
    throw new LineFailure(
      "unterminated-quote",
      start,
      `the value's quote is never closed; end it with ${quote}`,
    );
  }
  const rest = line.slice(end + 1).search(/[^ \t]/);
  if (rest !== -1) {
    const message = `nothing may follow the closing ${quote}; put the whole value into one pair of quotes`;
    throw new LineFailure("invalid-variable", end + 1 + rest, message);
  }
  return line.slice(start + 1, end);
}

/** Takes a note on the line being read. */
export type Remark = (code: CrontabNoteCode, message: string) => void;

/**
 * What the lines read so far have set for the lines after them.
 *
 * `CRON_TZ` sets the time zone of the schedule and is not handed to commands; an empty value goes back to the default.
 * `TZ` is an ordinary variable: it sets the command's clock and not the schedule, as in cronie. (Debian's own cron knows
 * no zone per crontab at all, so a Debian file means the same here.) `ESCAPEMENT_SECONDS=yes` says that the lines after
 * it have six fields, seconds first, until `ESCAPEMENT_SECONDS=no`. It must be said, since in a line of six words the
 * sixth may as well be the command; and it is a variable, since every cron can read one, while a comment is easily lost.
 */
export class CrontabEnvironment {
  /** Zone for the schedule of the lines that follow. */
  timezone: string | undefined = undefined;
  /** The line that asked for six fields, or undefined where lines have five. */
  secondsSince: number | undefined = undefined;
  readonly #variables = new Map<string, string>();
  #snapshot: Readonly<Record<string, string>> | undefined;

  /** The variables in force, as a frozen object that is shared between entries until a variable changes. */
  variables(): Readonly<Record<string, string>> {
    this.#snapshot ??= Object.freeze(Object.fromEntries(this.#variables));
    return this.#snapshot;
  }

  /** @throws LineFailure `invalid-timezone`, `invalid-setting`, `too-many-variables` */
  apply(assignment: Assignment, line: number, remark: Remark): void {
    const { name, value } = assignment;
    if (name === "CRON_TZ") this.#setTimezone(assignment);
    else if (name === "ESCAPEMENT_SECONDS") this.#setSeconds(assignment, line);
    else if (name === "MAILTO" || name === "MAILFROM") {
      remark("mail-ignored", `${name} is ignored: no mail is sent, a run's output is kept with its result`);
    } else if (name === "LOGNAME") {
      remark("logname-ignored", "LOGNAME is ignored, as in cron: it is the user that runs the node");
    } else {
      this.#setVariable(assignment);
      this.#remarkOn(name, value, remark);
    }
  }

  #setTimezone({ value, valueIndex }: Assignment): void {
    if (value !== "" && !isTimezone(value)) {
      const message = `"${value}" is not a time zone; write CRON_TZ=Area/City (such as Europe/Berlin) alone on its line`;
      throw new LineFailure("invalid-timezone", valueIndex, message);
    }
    this.timezone = value === "" ? undefined : value;
  }

  #setSeconds({ value, valueIndex }: Assignment, line: number): void {
    if (value !== "yes" && value !== "no") {
      const message = `ESCAPEMENT_SECONDS is "yes" (lines below have 6 fields) or "no" (5 fields), not "${value}"`;
      throw new LineFailure("invalid-setting", valueIndex, message);
    }
    this.secondsSince = value === "yes" ? line : undefined;
  }

  #setVariable({ name, value, nameIndex }: Assignment): void {
    if (this.#variables.size >= MAX_VARIABLES && !this.#variables.has(name)) {
      const message = `more than ${MAX_VARIABLES} variables; set them in a script that the command runs`;
      throw new LineFailure("too-many-variables", nameIndex, message);
    }
    this.#variables.set(name, value);
    this.#snapshot = undefined;
  }

  #remarkOn(name: string, value: string, remark: Remark): void {
    if (name === "RANDOM_DELAY") {
      remark(
        "random-delay-ignored",
        "RANDOM_DELAY does not delay anything here; give the job a jitter instead",
      );
    } else if (name === "TZ" && this.timezone === undefined) {
      remark(
        "tz-is-not-schedule",
        "TZ sets the commands' clock only; CRON_TZ sets the time zone of the schedule",
      );
    }
    if (/[$`]|^~/.test(value)) {
      remark(
        "not-expanded",
        `${name} is used as it stands, as in cron: $, \` and ~ are not expanded in a crontab`,
      );
    }
  }
}

function isTimezone(name: string): boolean {
  try {
    new Intl.DateTimeFormat("en", { timeZone: name });
    return true;
  } catch {
    return false;
  }
}
