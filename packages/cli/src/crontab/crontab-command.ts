/** A command as the shell gets it, and its standard input. */
export interface CommandText {
  command: string;
  /** Absent if the line has no unescaped `%`, or nothing behind it. */
  stdin?: string;
}

/**
 * Splits the rest of a crontab line at its first unescaped `%`: what follows becomes standard input, in which each
 * further unescaped `%` is a newline, and which ends in one. `\%` is a literal `%` on both sides. Every other
 * backslash is the shell's business and stays, in pairs too, so that `\\%` is a backslash pair and an unescaped `%`.
 * Blanks at the command's end do not count.
 *
 * @param text the line from the first character of the command
 */
export function splitCommand(text: string): CommandText {
  let command: string | undefined;
  let part = "";
  for (const [token] of text.matchAll(/\\.|[^\\%]+|[\\%]/gsu)) {
    if (token === "\\%") part += "%";
    else if (token !== "%") part += token;
    else if (command !== undefined) part += "\n";
    else {
      command = part;
      part = "";
    }
  }
  if (command === undefined) return { command: trimEnd(part) };
  if (part === "") return { command: trimEnd(command) };
  return { command: trimEnd(command), stdin: part.endsWith("\n") ? part : `${part}\n` };
}

/** Drops blanks at the end, but not one that a backslash escapes. */
function trimEnd(command: string): string {
  return command.replace(/(?<![\\ \t])[ \t]+$|(?<=\\[ \t])[ \t]+$/, "");
}
