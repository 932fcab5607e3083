import { readEntry } from "./crontab-entry.js";
import { CrontabEnvironment, parseAssignment } from "./crontab-environment.js";
import { CrontabError, type CrontabProblem, LineFailure } from "./crontab-error.js";
import { EntryIds, type EntryName, nameInComment } from "./crontab-id.js";
import { columnAt, crontabLines } from "./crontab-lines.js";
import type {
  CrontabEntry,
  CrontabNote,
  CrontabNoteCode,
  ParseCrontabOptions,
  ParsedCrontab,
} from "./crontab-types.js";

/** Most entries that one crontab may have. */
const MAX_ENTRIES = 10_000;
/** Most notes kept, and most problems reported, of one crontab. */
const MAX_REPORTED = 1000;

/**
 * Reads a crontab: what Vixie's cron and Debian's /etc/cron.d take, and in addition seconds after
 * `ESCAPEMENT_SECONDS=yes`, `@every <interval>`, `CRON_TZ=`, and `# name: <name>` directly above an entry.
 * Schedules and runs nothing.
 *
 * @param source bytes of UTF-8 (preferred: what is not UTF-8 is then found for certain), or decoded text; at most
 * 1 MiB, with lines of at most 4096 characters and at most 10,000 entries
 * @throws CrontabError with every problem of the file; then none of its entries is returned
 */
export function parseCrontab(source: string | Uint8Array, options: ParseCrontabOptions = {}): ParsedCrontab {
  const file = options.file ?? "crontab";
  const reader = new CrontabReader(options);
  const problems: CrontabProblem[] = [];
  let cause: unknown;
  for (const { number, text, failure } of crontabLines(source, file)) {
    try {
      if (failure) throw failure;
      reader.read(text, number);
    } catch (error) {
      if (!(error instanceof LineFailure)) throw error;
      cause ??= error.cause;
      const { code, message, index } = error;
      const { line, column } = error.at ?? { line: number, column: columnAt(text, index) };
      problems.push({ code, file, line, column, message });
      if (code === "too-many-entries" || problems.length === MAX_REPORTED) break;
    }
  }
  const [first, ...others] = problems;
  if (first) throw new CrontabError(first, others, cause === undefined ? undefined : { cause });
  return reader.finish();
}

/** What has been read of one file. */
class CrontabReader {
  readonly #options: ParseCrontabOptions;
  readonly #environment = new CrontabEnvironment();
  readonly #ids = new EntryIds();
  readonly #entries: CrontabEntry[] = [];
  readonly #notes: CrontabNote[] = [];
  readonly #users = new Set<string>();
  #name: EntryName | undefined;

  constructor(options: ParseCrontabOptions) {
    this.#options = options;
  }

  /** @throws LineFailure */
  read(text: string, line: number): void {
    const name = this.#name;
    this.#name = undefined;
    if (/^[ \t]*(#|$)/.test(text)) {
      this.#dropName(name);
      this.#name = nameInComment(text, line);
      return;
    }
    const assignment = parseAssignment(text);
    if (assignment) {
      this.#dropName(name);
      this.#environment.apply(assignment, line, (code, message) => this.#note(code, line, message));
      return;
    }
    this.#readEntry(text, line, name);
  }

  finish(): ParsedCrontab {
    this.#dropName(this.#name);
    return { entries: this.#entries, notes: this.#notes.sort((one, other) => one.line - other.line) };
  }

  #readEntry(text: string, line: number, name: EntryName | undefined): void {
    if (this.#entries.length >= MAX_ENTRIES) {
      const message = `more than ${MAX_ENTRIES} entries; split the crontab into several`;
      throw new LineFailure("too-many-entries", 0, message);
    }
    const remark = (code: CrontabNoteCode, message: string) => this.#note(code, line, message);
    const entry = readEntry(text, line, this.#environment, this.#options, remark);
    if (!entry) return;
    this.#entries.push({ id: name ? this.#ids.named(name) : this.#hashedId(entry), ...entry });
    if (entry.user !== undefined) this.#noteUser(entry.user, line);
  }

  #hashedId(entry: Omit<CrontabEntry, "id">): string {
    const { id, twinOf } = this.#ids.hashed(entry);
    if (twinOf !== undefined) {
      this.#note(
        "duplicate-entry",
        entry.line,
        `same as line ${twinOf}: the command will run twice at the same time`,
      );
    }
    return id;
  }

  /** Once a user, so that a long file does not bury the other notes. */
  #noteUser(user: string, line: number): void {
    if (this.#users.has(user)) return;
    this.#users.add(user);
    this.#note("user-ignored", line, `commands of "${user}" run as the user that runs the node`);
  }

  #dropName(name: EntryName | undefined): void {
    if (!name) return;
    this.#note(
      "unused-name",
      name.line,
      `the name "${name.name}" is not used: no entry stands directly below it`,
    );
  }

  #note(code: CrontabNoteCode, line: number, message: string): void {
    if (this.#notes.length < MAX_REPORTED) this.#notes.push({ code, line, message });
  }
}
