import { splitCommand } from "./crontab-command.js";
import type { CrontabEnvironment, Remark } from "./crontab-environment.js";
import { LineFailure } from "./crontab-error.js";
import { checkSchedule, readSchedule, type Word, wordAt } from "./crontab-schedule.js";
import type { CrontabEntry, ParseCrontabOptions } from "./crontab-types.js";

/**
 * Reads one line that is neither blank, comment nor assignment.
 *
 * @returns the entry without its id, or undefined for `@reboot`, which is noted and skipped
 * @throws LineFailure saying what would be right
 */
export function readEntry(
  text: string,
  line: number,
  environment: CrontabEnvironment,
  options: ParseCrontabOptions,
  remark: Remark,
): Omit<CrontabEntry, "id"> | undefined {
  const { timezone, secondsSince } = environment;
  const schedule = readSchedule(text, secondsSince !== undefined);
  if (schedule.reboot) {
    remark("reboot-skipped", "@reboot is skipped: nodes come and go, a cluster has no reboot");
    return undefined;
  }
  if (options.validate) checkSchedule(schedule, options.validate, { timezone, secondsSince });
  const user = options.system ? readUser(text, schedule.end) : undefined;
  const first = wordAt(text, user ? user.index + user.text.length : schedule.end);
  if (!first) {
    throw new LineFailure(
      "missing-command",
      text.length,
      `a command is missing after ${user ? "the user" : "the fields"}`,
    );
  }
  const { command, stdin } = splitCommand(text.slice(first.index));
  if (command === "") throw new LineFailure("missing-command", first.index, "a command is missing before %");
  if (!options.system) remarkOnFirstWord(first.text, schedule.words.length, secondsSince, remark);
  return {
    expr: schedule.expr,
    ...(timezone === undefined ? {} : { timezone }),
    command,
    ...(stdin === undefined ? {} : { stdin }),
    env: environment.variables(),
    ...(user === undefined ? {} : { user: user.text }),
    line,
  };
}

function readUser(text: string, from: number): Word {
  const user = wordAt(text, from);
  if (!user) {
    const message = "a user and a command are missing; a system crontab has a user column after the fields";
    throw new LineFailure("missing-user", text.length, message);
  }
  if (!/^[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}\$?$/.test(user.text)) {
    const message = `"${user.text}" is not a user's name; a system crontab has a user column before the command`;
    throw new LineFailure("invalid-user", user.index, message);
  }
  return user;
}

/** Two slips that are valid crontabs and do harm: the shell expands a stray `*`, and runs `root` as a command. */
function remarkOnFirstWord(
  first: string,
  words: number,
  secondsSince: number | undefined,
  remark: Remark,
): void {
  if (words === 5 && secondsSince === undefined && /^[\d*?][\d*/,?-]*$/.test(first)) {
    const advice = "if the line has six fields, put ESCAPEMENT_SECONDS=yes above it";
    remark("looks-like-seconds", `the command begins with "${first}", which looks like a field; ${advice}`);
  } else if (first === "root") {
    remark(
      "looks-like-system",
      'the command begins with "root"; if that is a user column, read the file with --system',
    );
  }
}
