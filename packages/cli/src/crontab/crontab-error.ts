/** Why a line, or a whole crontab, was refused. Stable: programs may branch on it. */
export type CrontabErrorCode =
  | "file-too-large"
  | "invalid-encoding"
  | "control-character"
  | "line-too-long"
  | "too-many-entries"
  | "too-many-variables"
  | "invalid-variable"
  | "unterminated-quote"
  | "invalid-setting"
  | "invalid-timezone"
  | "missing-fields"
  | "unknown-nickname"
  | "invalid-expression"
  | "missing-user"
  | "invalid-user"
  | "missing-command"
  | "invalid-name"
  | "duplicate-name";

/** One thing that is wrong in a crontab. */
export interface CrontabProblem {
  code: CrontabErrorCode;
  file: string;
  /** Counted from 1. */
  line: number;
  /** Counted from 1, in characters (code points; a tab is one). */
  column: number;
  /** What is wrong and what would be right, without the place. */
  message: string;
}

/** A refusal found while one line is read; `index` is the 0-based UTF-16 offset within the line. */
export class LineFailure extends Error {
  readonly code: CrontabErrorCode;
  readonly index: number;
  /** Where what is wrong stands, if not in the line being read. */
  readonly at: { line: number; column: number } | undefined;

  /** @param options `cause`: what the expression's validator threw; `at`: a place in another line */
  constructor(
    code: CrontabErrorCode,
    index: number,
    message: string,
    options: ErrorOptions & { at?: { line: number; column: number } } = {},
  ) {
    super(message, options);
    this.at = options.at;
    this.name = "LineFailure";
    this.code = code;
    this.index = index;
  }
}

/**
 * A crontab was refused. Nothing of the file is used: a half-read crontab would silently drop jobs.
 * `code`, `line` and `column` are those of the first problem; `errors` holds all of them (at most 1000), in file order.
 */
export class CrontabError extends Error {
  readonly code: CrontabErrorCode;
  readonly file: string;
  readonly line: number;
  readonly column: number;
  readonly errors: readonly CrontabProblem[];

  constructor(first: CrontabProblem, others: readonly CrontabProblem[] = [], options?: ErrorOptions) {
    const errors = [first, ...others];
    super(summarise(errors), options);
    this.name = "CrontabError";
    this.code = first.code;
    this.file = first.file;
    this.line = first.line;
    this.column = first.column;
    this.errors = errors;
  }
}

const MAX_SUMMARISED = 20;

function summarise(errors: readonly CrontabProblem[]): string {
  const lines = errors
    .slice(0, MAX_SUMMARISED)
    .map(({ file, line, column, message }) => `${file}:${line}:${column}: ${message}`);
  const more = errors.length - lines.length;
  return more > 0 ? `${lines.join("\n")}\n… and ${more} more` : lines.join("\n");
}
