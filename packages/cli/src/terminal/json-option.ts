import { readFileSync, statSync } from "node:fs";
import { InvalidArgumentError } from "commander";

const mostBytes = 1_048_576;

/**
 * Reads JSON: as it is, from a file (`@input.json`), or from standard input (`@-`).
 *
 * @throws InvalidArgumentError for a file that is not there or over 1 MiB, and for what is no JSON
 */
export function jsonOption(text: string): unknown {
  const source = text.startsWith("@") ? fromFile(text.slice(1)) : text;
  try {
    return JSON.parse(source) as unknown;
  } catch (error) {
    const hint = text.startsWith("@") ? "" : " A text needs its double quotes: '\"text\"'.";
    throw new InvalidArgumentError(
      `It must be JSON, or @FILE with JSON: ${(error as Error).message}.${hint}`,
    );
  }
}

function fromFile(file: string): string {
  try {
    if (file !== "-" && statSync(file).size > mostBytes) throw new Error("it is over 1 MiB");
    return readFileSync(file === "-" ? 0 : file, "utf8");
  } catch (error) {
    throw new InvalidArgumentError(`The file ${file} cannot be read: ${(error as Error).message}`);
  }
}
