import { printableLine } from "../terminal/printable.js";
import {
  type CrontabLine,
  crontabLine,
  type ExportedJob,
  noSettings,
  type Settings,
  settingsOf,
} from "./crontab-line.js";

/** A crontab, and what is not in it. */
export interface ExportedCrontab {
  readonly text: string;
  /** Ids of the jobs that it has. */
  readonly exported: readonly string[];
  /** Those that it has only as a comment, and why. */
  readonly refused: readonly { readonly id: string; readonly reason: string }[];
}

/** Longest reason that a comment gives, in characters. */
const longest = 500;

/**
 * Writes jobs as a crontab that an import turns into the same jobs. A variable that is set cannot be taken back by a later line: entries
 * with fewer of them come first, and one whose variables are not all that is set by then is left out, with the reason.
 *
 * @param system with a user column
 */
export function exportCrontab(jobs: readonly ExportedJob[], system: boolean): ExportedCrontab {
  const lines: CrontabLine[] = [];
  const refused: { id: string; reason: string }[] = [];
  for (const job of jobs) {
    const line = crontabLine(job, system);
    if (typeof line === "string") refused.push({ id: job.id, reason: line });
    else lines.push(line);
  }
  lines.sort(inOrder);
  const text: string[] = [];
  const exported: string[] = [];
  let settings: Settings = noSettings;
  for (const line of lines) {
    const unwanted = Object.keys(settings.env).find((name) => line.env[name] === undefined);
    if (unwanted !== undefined) {
      refused.push({
        id: line.id,
        reason: `entries above it set ${unwanted}, which it does not have: export it by itself`,
      });
      continue;
    }
    const setting = settingsOf(line, settings);
    if (setting.length > 0) text.push("", ...setting);
    text.push(...line.lines);
    exported.push(line.id);
    settings = {
      timezone: line.timezone ?? settings.timezone,
      seconds: line.seconds ?? settings.seconds,
      env: { ...settings.env, ...line.env },
    };
  }
  refused.sort((one, other) => (one.id < other.id ? -1 : 1));
  const comments = refused.map(({ id, reason }) => comment(`not exported: ${id}: ${reason}`));
  return { text: [...comments, ...text].map((line) => `${line}\n`).join(""), exported, refused };
}

/** A comment of one line that cannot be taken for anything else. */
export function comment(text: string): string {
  return `# ${printableLine(text).slice(0, longest)}`;
}

function inOrder(one: CrontabLine, other: CrontabLine): number {
  const [first, second] = [keyOf(one), keyOf(other)];
  return first < second ? -1 : first > second ? 1 : 0;
}

/** Entries that need the same settings stand together, those with fewer variables first. */
function keyOf({ env, timezone = "", seconds, id }: CrontabLine): string {
  const variables = Object.entries(env).sort(([one], [other]) => (one < other ? -1 : 1));
  const count = String(variables.length).padStart(3, "0");
  return JSON.stringify([count, variables, timezone, seconds === true, id]);
}
