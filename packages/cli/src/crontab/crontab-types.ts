/** A crontab line that becomes a job. */
export interface CrontabEntry {
  /**
   * The job's id: `crontab/<name>` if a comment `# name: <name>` stands directly above, else `crontab/<hash>` of
   * expression, time zone, user and command, with `-2`, `-3`, … for further identical lines. Edits elsewhere in the
   * file do not change it. Two files that hold the same line yield the same id.
   */
  id: string;
  /** 5 fields, 6 with seconds first, or a nickname such as `@daily` or `@every 10s`; single spaces between. */
  expr: string;
  /** IANA zone from `CRON_TZ`; absent: the default of whoever schedules the entry. */
  timezone?: string;
  /** For `<shell> -c`, with `\%` already turned into `%`. */
  command: string;
  /** What followed the first unescaped `%`, ending in a newline. Absent: no input. */
  stdin?: string;
  /** The variables set above this line, and nothing else; `SHELL` in it says which shell runs the command. */
  env: Readonly<Record<string, string>>;
  /** The user column of a system crontab. Kept for display: nothing changes user. */
  user?: string;
  /** Counted from 1. */
  line: number;
}

/** What a note is about. Stable: programs may branch on it. */
export type CrontabNoteCode =
  | "mail-ignored"
  | "logname-ignored"
  | "random-delay-ignored"
  | "not-expanded"
  | "tz-is-not-schedule"
  | "reboot-skipped"
  | "user-ignored"
  | "unused-name"
  | "duplicate-entry"
  | "looks-like-seconds"
  | "looks-like-system";

/** Something that was read but works differently here than under cron, or looks like a slip. Never stops anything. */
export interface CrontabNote {
  code: CrontabNoteCode;
  /** Counted from 1. */
  line: number;
  message: string;
}

/**
 * Says whether an expression can be scheduled, by throwing if not. If the error has `position` (0-based offset in
 * `expr`), `field` (0-based index, or a name such as `"hour"` or `"dayOfWeek"`) or `value` (the refused text), the
 * problem is reported at that column.
 *
 * @param expr fields separated by one space, or a nickname
 * @param context `seconds`: whether `expr` has 6 fields; `timezone`: from `CRON_TZ`, absent if unset
 */
export type ExpressionValidator = (expr: string, context: { timezone?: string; seconds: boolean }) => void;

/** How to read a crontab. */
export interface ParseCrontabOptions {
  /** Lines have a user column after the fields, as in /etc/crontab and /etc/cron.d. @default false */
  system?: boolean;
  /** Name for messages. @default "crontab" */
  file?: string;
  /** Checks each expression. @default only the number of fields and the nickname are checked */
  validate?: ExpressionValidator;
}

/** A crontab that was read in full. */
export interface ParsedCrontab {
  /** In file order. */
  entries: CrontabEntry[];
  /** In file order; at most 1000. */
  notes: CrontabNote[];
}
