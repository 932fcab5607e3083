import { statSync } from "node:fs";
import { homedir, userInfo } from "node:os";

/** Variables of the node that commands get too; all others stay with the node, since some hold its credentials. */
const INHERITED = ["TZ", "LANG", "LC_ALL", "TMPDIR"];

/**
 * The environment of a command, as small as cron's: SHELL, PATH (`/usr/bin:/bin`), HOME, LOGNAME, USER, the node's TZ,
 * LANG, LC_ALL and TMPDIR, and over them the given variables.
 *
 * @param given the crontab entry's `env`; `process.env` hands down everything, ESCAPEMENT_REDIS_URL included
 */
export function commandEnvironment(given: NodeJS.ProcessEnv = {}): Record<string, string> {
  const user = userName();
  const base = { SHELL: "/bin/sh", PATH: "/usr/bin:/bin", HOME: homeDirectory(), LOGNAME: user, USER: user };
  const inherited = INHERITED.map((name) => [name, process.env[name]] as const);
  const all = [...Object.entries(base), ...inherited, ...Object.entries(given)];
  return Object.fromEntries(all.filter((pair): pair is [string, string] => pair[1] !== undefined));
}

/** Accounts of services often have a home that does not exist; cron would refuse them, `/` does no harm. */
function homeDirectory(): string {
  const home = homedir();
  return statSync(home, { throwIfNoEntry: false })?.isDirectory() ? home : "/";
}

/** A container may run under a number without a name. */
function userName(): string {
  try {
    return userInfo().username;
  } catch {
    return String(process.getuid?.() ?? "");
  }
}
