import { printable, printableJson, printableLine } from "./printable.js";

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

/** Colours a text, where colours are wanted. */
export function paint(output: Output, colour: keyof typeof colours, text: string): string {
  return output.colour ? `\u001b[${colours[colour]}m${text}\u001b[0m` : text;
}

/** A date as people are shown it. */
export function shownDate(date: Date | undefined): string {
  return date === undefined ? "-" : date.toISOString().replace("T", " ");
}

/** A duration as people are shown it. @param ms milliseconds */
export function shownDuration(ms: number): string {
  if (Math.abs(ms) < 10_000) return `${Math.round(ms)} ms`;
  return Math.abs(ms) < 120_000 ? `${(ms / 1000).toFixed(1)} s` : `${Math.round(ms / 60_000)} min`;
}

/** Lines of `name  value`, those without a value left out. */
export function pairs(rows: readonly (readonly [name: string, value: string | undefined])[]): string {
  const width = Math.max(...rows.map(([name]) => name.length));
  return rows
    .filter((row): row is readonly [string, string] => row[1] !== undefined)
    .map(
      ([name, value]) =>
        `${name.padEnd(width)}  ${printable(value).replaceAll("\n", `\n${" ".repeat(width + 2)}`)}\n`,
    )
    .join("");
}
