import { createInterface } from "node:readline/promises";
import { CliError, usageError } from "../cli-error.js";
import type { Output } from "./output.js";

/**
 * Asks before something is done that cannot be taken back. `yes` answers it.
 *
 * @param what such as `Remove 12 jobs`
 * @throws CliError `NOT_CONFIRMED` if the answer is no; `USAGE` if there is no terminal to ask at
 */
export async function confirmed(output: Output, what: string, yes = false): Promise<void> {
  if (yes) return;
  if (output.json || !process.stdin.isTTY || !process.stderr.isTTY)
    throw usageError(
      "USAGE",
      `${what}? Nothing was done: say --yes to do it, or --dry-run to see what it would be.`,
    );
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  const gone = new Promise<string>((resolve) => terminal.once("close", () => resolve("")));
  const answer = await Promise.race([terminal.question(`${what}? [y/N] `), gone]);
  terminal.close();
  if (!/^y(es)?$/i.test(answer.trim())) throw new CliError("NOT_CONFIRMED", "Nothing was done.");
}
