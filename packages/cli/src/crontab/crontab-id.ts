import { createHash } from "node:crypto";
import { LineFailure } from "./crontab-error.js";
import type { CrontabEntry } from "./crontab-types.js";

const PREFIX = "crontab/";
/** Longest name: ids have at most 128 characters, the prefix included. */
const MAX_NAME_LENGTH: number = 128 - PREFIX.length;

/** A comment `# name: <name>` and its place, counted from 1. */
export interface EntryName {
  name: string;
  line: number;
  column: number;
}

/** The name that a comment gives, or undefined if the line is another comment. */
export function nameInComment(text: string, line: number): EntryName | undefined {
  const [, lead, name] = /^([ \t]*#[ \t]*name:[ \t]*)(.*)$/.exec(text) ?? [];
  if (lead === undefined || name === undefined) return undefined;
  return { name: name.trimEnd(), line, column: lead.length + 1 };
}

/** Gives out the ids of one crontab's entries. */
export class EntryIds {
  readonly #lines = new Map<string, number>();
  readonly #copies = new Map<string, number>();

  /**
   * The id that a name yields.
   *
   * @throws LineFailure `invalid-name`, `duplicate-name`, at the comment's place
   */
  named(given: EntryName): string {
    const { name, line } = given;
    if (name.length > MAX_NAME_LENGTH || !/^[A-Za-z0-9_.:/-]+$/.test(name)) {
      const message = `"${name}" cannot be a name; use 1 to ${MAX_NAME_LENGTH} of the characters A-Z a-z 0-9 _ . : / -`;
      throw new LineFailure("invalid-name", 0, message, { at: given });
    }
    return this.#take(`${PREFIX}${name}`, line, { at: given });
  }

  /**
   * The id that the entry's content yields, and the line of the first entry with the same content, if there is one.
   * What is not part of the hash (variables, the file's name, the line) can change without making it another job.
   */
  hashed(entry: Omit<CrontabEntry, "id">): { id: string; twinOf?: number } {
    const { expr, timezone, command, stdin, user } = entry;
    const content = JSON.stringify([expr, timezone ?? "", user ?? "", command, stdin ?? ""]);
    const id = PREFIX + createHash("sha256").update(content).digest("hex").slice(0, 16);
    const copy = (this.#copies.get(id) ?? 0) + 1;
    this.#copies.set(id, copy);
    const twinOf = this.#lines.get(id);
    if (copy === 1 || twinOf === undefined) return { id: this.#take(id, entry.line) };
    return { id: this.#take(`${id}-${copy}`, entry.line), twinOf };
  }

  #take(id: string, line: number, options?: { at: EntryName }): string {
    const other = this.#lines.get(id);
    if (other !== undefined) {
      const message = `the name "${id.slice(PREFIX.length)}" is taken by line ${other}; names must differ within a file`;
      throw new LineFailure("duplicate-name", 0, message, options);
    }
    this.#lines.set(id, line);
    return id;
  }
}
