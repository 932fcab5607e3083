import { CommanderError } from "commander";
import { CrontabError } from "./crontab/crontab-error.js";
import type { Output } from "./terminal/output.js";
import { printableLine } from "./terminal/printable.js";

/** Why a command could not do its work; `code` is stable and for programs. */
export class CliError extends Error {
  override readonly name: string = "CliError";
  readonly code: string;
  /** 1: failed. 2: the command line or a file that it names was wrong, and nothing was stored. */
  readonly exitCode: 1 | 2;

  constructor(code: string, message: string, options: ErrorOptions & { exitCode?: 1 | 2 } = {}) {
    super(message, options);
    this.code = code;
    this.exitCode = options.exitCode ?? 1;
  }
}

/** The command line, or a file that it names, was wrong. */
export function usageError(code: string, message: string, options?: ErrorOptions): CliError {
  return new CliError(code, message, { ...options, exitCode: 2 });
}

// Codes of core and triggers that say that what was typed cannot be used.
const usageCodes = new Set(["INVALID_REDIS_URL", "INVALID_NAME", "INVALID_OPTION", "USAGE"]);

/**
 * Tells whatever was thrown as what went wrong: one line on standard error, and with `--json` an object on standard output.
 *
 * @returns the exit code
 */
export function report(thrown: unknown, output: Output): number {
  if (thrown instanceof CommanderError) return reportCommandLine(thrown, output);
  if (thrown instanceof CrontabError) return reportCrontab(thrown, output);
  const error = thrown instanceof Error ? thrown : new Error(String(thrown));
  const { code: given } = error as { code?: unknown };
  const code = typeof given === "string" ? given : "UNEXPECTED";
  const message = withoutCredentials(error.message);
  output.note(`escapement: ${message}`);
  if (output.json) output.value({ error: { code, message } });
  if (thrown instanceof CliError) return thrown.exitCode;
  return usageCodes.has(code) || error.name === "InvalidTriggerError" ? 2 : 1;
}

/** Help and version end well, all else that commander says is about the command line. */
function reportCommandLine(error: CommanderError, output: Output): number {
  if (error.exitCode === 0) return 0;
  if (error.code === "commander.help") return 2;
  const message = withoutCredentials(error.message.replace(/^error: /, "").replace(/\s*\n\s*/g, " "));
  output.note(`escapement: ${message}`);
  if (output.json) output.value({ error: { code: "USAGE", message } });
  return 2;
}

function reportCrontab(error: CrontabError, output: Output): number {
  for (const { file, line, column, message } of error.errors)
    output.note(`${file}:${line}:${column}: ${message}`);
  if (output.json)
    output.value({ error: { code: "CRONTAB", message: error.message, problems: error.errors } });
  return 2;
}

/** A message may quote an address: what stands before its `@` is not shown. */
export function withoutCredentials(text: string): string {
  return printableLine(text).replace(/(rediss?(?:\+\w+)?:\/\/)\S*@/gi, "$1***@");
}
