// For users: what the command is made of.
export { parseCrontab } from "./crontab/crontab.js";
export { CrontabError, type CrontabErrorCode, type CrontabProblem } from "./crontab/crontab-error.js";
export type {
  CrontabEntry,
  CrontabNote,
  CrontabNoteCode,
  ExpressionValidator,
  ParseCrontabOptions,
  ParsedCrontab,
} from "./crontab/crontab-types.js";
export { runCommandLine } from "./program.js";
export { type RunShellOptions, runShell, type ShellResult } from "./shell/shell.js";
export { ShellError, type ShellErrorCode } from "./shell/shell-error.js";
