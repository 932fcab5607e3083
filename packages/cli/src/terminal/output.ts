import { printable, printableJson, printableLine } from "./printable.js";
import { wrap } from "./width.js";

export { shownDate } from "./dates.js";

/** Where a command writes. */
export interface Output {
  /** JSON instead of text for people. */
  readonly json: boolean;
  readonly colour: boolean;
  /** One value as JSON, on standard output: dates in ISO 8601, fencing tokens as strings. */
  value(value: unknown): void;
  /** One line of JSON, for a stream of them. */
  jsonLine(value: unknown): void;
  /** Text for people, on standard output. What in it does not come from us must have been made printable. */
  text(text: string): void;
  /** One line on standard error. */
  note(text: string): void;
}

/** The output of this process. */
export function processOutput(json: boolean): Output {
  const colour = process.stdout.isTTY === true && !process.env["NO_COLOR"];
  return {
    json,
    colour,
    value: (value) => void process.stdout.write(`${printableJson(value, 2)}\n`),
    jsonLine: (value) => void process.stdout.write(`${printableJson(value)}\n`),
    text: (text) => void process.stdout.write(text.endsWith("\n") ? text : `${text}\n`),
    note: (text) => void process.stderr.write(`${printableLine(text)}\n`),
  };
}

const colours = { red: 31, green: 32, yellow: 33, grey: 90, bold: 1 } as const;

/** A colour that a text can be painted in. */
export type Colour = keyof typeof colours;

/** Colours a text, where colours are wanted. */
export function paint(output: Output, colour: Colour, text: string): string {
  return output.colour ? `\u001b[${colours[colour]}m${text}\u001b[0m` : text;
}

/** A duration as people are shown it. @param ms milliseconds */
export function shownDuration(ms: number): string {
  const long = Math.abs(ms);
  if (long < 10_000) return `${Math.round(ms)} ms`;
  if (long < 120_000) return `${Number((ms / 1000).toFixed(1))} s`;
  const minutes = Math.round(ms / 60_000);
  if (long < 7_200_000) return `${minutes} min`;
  return long < 172_800_000 ? parts(minutes, 60, "h", "min") : parts(Math.round(minutes / 60), 24, "d", "h");
}

/** How long something has lasted, as people are shown it: in whole seconds at least. @param ms milliseconds */
export function shownAge(ms: number): string {
  return ms < 10_000
    ? `${Math.max(0, Math.floor(ms / 1000))} s`
    : shownDuration(Math.floor(ms / 1000) * 1000);
}

function parts(count: number, size: number, whole: string, rest: string): string {
  const left = count % size;
  return `${Math.trunc(count / size)} ${whole}${left === 0 ? "" : ` ${Math.abs(left)} ${rest}`}`;
}

/** Lines of `name  value` of at most 80 columns, if there are blanks to break them at; those without a value left out. */
export function pairs(rows: readonly (readonly [name: string, value: string | undefined])[]): string {
  const given = rows.filter((row): row is readonly [string, string] => row[1] !== undefined);
  const width = Math.max(0, ...given.map(([name]) => name.length)) + 2;
  const lines = (value: string): string =>
    printable(value)
      .split("\n")
      .map((line) => wrap(line, 80, width))
      .join(`\n${" ".repeat(width)}`);
  return given.map(([name, value]) => `${name.padEnd(width)}${lines(value)}\n`).join("");
}
