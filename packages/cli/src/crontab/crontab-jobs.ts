import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { basename } from "node:path";
import type { JobDeclaration } from "@escapement/core";
import { assertFires, cron, type Trigger } from "@escapement/triggers";
import { usageError } from "../cli-error.js";
import { type ShellInput, shellTask } from "../shell/shell-task.js";
import { parseCrontab } from "./crontab.js";
import type { CrontabEntry } from "./crontab-types.js";

/** A crontab as jobs. */
export interface CrontabJobs {
  readonly jobs: readonly JobDeclaration[];
  /** The jobs of this tag that are not in the file any more are to be removed. */
  readonly tag: string;
  /** `file:line: note`, what is different here than under cron. */
  readonly notes: readonly string[];
}

/**
 * Reads a crontab file.
 *
 * @param zone the time zone of entries without `CRON_TZ`; that of this machine's clock if left out
 * @throws CrontabError with everything that is wrong in it; CliError `CRONTAB` if it cannot be read
 */
export function readCrontabJobs(file: string, system: boolean, zone: string = localZone()): CrontabJobs {
  let source: Buffer;
  try {
    source = readFileSync(file);
  } catch (cause) {
    throw usageError("CRONTAB", `The crontab ${file} cannot be read: ${(cause as Error).message}`, { cause });
  }
  return crontabJobs(source, { file, system, zone });
}

/**
 * The jobs of a crontab.
 *
 * @throws CrontabError with everything that is wrong in it
 */
export function crontabJobs(
  source: string | Uint8Array,
  { file, system, zone }: { readonly file: string; readonly system: boolean; readonly zone: string },
): CrontabJobs {
  const { entries, notes } = parseCrontab(source, {
    file,
    system,
    validate: (expr, { timezone = zone }) =>
      assertFires(cron(expr, { timezone }), { after: Date.now(), jobId: "crontab" }),
  });
  const tag = crontabTag(file);
  return {
    jobs: entries.map((entry) => jobOf(entry, tag, zone)),
    tag,
    notes: notes.map(({ line, message }) => `${file}:${line}: ${message}`),
  };
}

function jobOf(entry: CrontabEntry, tag: string, zone: string): JobDeclaration {
  const { id, expr, timezone = zone, command, stdin, env, user } = entry;
  const trigger: Trigger = cron(expr, { timezone });
  const input: ShellInput = {
    command,
    ...(stdin === undefined ? {} : { stdin }),
    ...(Object.keys(env).length === 0 ? {} : { env }),
    ...(user === undefined ? {} : { user }),
  };
  return { id, task: shellTask, trigger, input, tags: [tag] };
}

/** The tag of a file's jobs. Names it among those of a namespace by its base name, so that it may lie in another folder on each machine. */
export function crontabTag(file: string): string {
  const name = basename(file);
  const plain = name.replace(/[^A-Za-z0-9_.:/-]/g, "-").slice(0, 100);
  const hash = createHash("sha256").update(name).digest("hex").slice(0, 8);
  return plain === name ? `crontab:${name}` : `crontab:${plain}-${hash}`;
}

/** The zone of this machine's clock, which cron goes by. */
function localZone(): string {
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  try {
    cron("0 0 * * *", { timezone: zone });
    return zone;
  } catch {
    return "UTC";
  }
}
