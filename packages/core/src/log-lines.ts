import { plain } from "./plain.js";

/** The levels whose lines are kept. */
export type LogLevel = "info" | "warn" | "error";

/** One kept log line of a run. */
export interface LogLine {
  /** Its place: what `since` takes. Lines of later attempts come after those of earlier ones. */
  readonly id: string;
  /** When it was written, by Redis' clock as its node knew it. */
  readonly at: Date;
  readonly level: LogLevel;
  readonly message: string;
  /** What the handler gave beside the message, and the bindings of child loggers. */
  readonly fields?: Readonly<Record<string, unknown>>;
  readonly attempt: number;
  /** Some of the line was left out: it was longer than 2 KiB. */
  readonly cut?: true;
}

/** The most bytes of JSON of one line. */
export const maxLine = 2048;
const maxMessage = 1024;
const maxField = 256;

/** A line as it is kept: JSON of at most 2 KiB. Longer ones are cut: the message to 1 KiB, then texts among the fields, then fields are left out. */
export function writeLogLine(line: Omit<LogLine, "id" | "at" | "cut"> & { readonly at: number }): string {
  const { at, level, attempt, message, fields } = line;
  const whole = { at, level, attempt, message: message.slice(0, 2 * maxLine), fields };
  const text = JSON.stringify(whole);
  if (whole.message === message && Buffer.byteLength(text) <= maxLine) return text;
  const kept: Record<string, unknown> = Object.create(null);
  const short = { at, level, attempt, message: shorten(whole.message, maxMessage), fields: kept, cut: true };
  let left = maxLine - Buffer.byteLength(JSON.stringify(short));
  for (const [name, value] of Object.entries(fields ?? {})) {
    const part = typeof value === "string" ? shorten(value, maxField) : value;
    const bytes = Buffer.byteLength(JSON.stringify({ [name]: part }));
    if (bytes > left) continue;
    kept[name] = part;
    left -= bytes;
  }
  return JSON.stringify(short);
}

/** The beginning of a text that takes no more than so many bytes as JSON. */
function shorten(text: string, most: number): string {
  const bytes = (some: string): number => Buffer.byteLength(JSON.stringify(some));
  if (bytes(text) <= most) return text;
  let some = text;
  while (bytes(`${some}…`) > most) some = some.slice(0, Math.floor((some.length * most) / (bytes(some) + 4)));
  return `${some}…`;
}

/** Reads a line back; `undefined` for what is none. */
export function readLogLine(id: string, text: string): LogLine | undefined {
  try {
    const { at, level, attempt, message, fields, cut } = JSON.parse(text) as Record<string, unknown>;
    return {
      id,
      at: new Date(Number(at)),
      level: level as LogLevel,
      message: String(message),
      ...(fields === undefined ? {} : { fields: fields as Record<string, unknown> }),
      attempt: Number(attempt),
      ...(cut === true ? { cut } : {}),
    };
  } catch {
    return undefined;
  }
}

/** Fields as they are kept: of those given under one name the last. Nothing if there are none. */
export function plainFields(
  bindings: Readonly<Record<string, unknown>>,
  given: unknown,
): Record<string, unknown> | undefined {
  const own = plain(given);
  const named = typeof own === "object" && own !== null && !Array.isArray(own) ? own : { value: own };
  const fields: Record<string, unknown> = Object.assign(
    Object.create(null),
    bindings,
    given === undefined ? {} : named,
  );
  return Object.keys(fields).length === 0 ? undefined : fields;
}
