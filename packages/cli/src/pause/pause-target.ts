import type { Job, PauseInfo, PauseTarget } from "@escapement/core";
import { usageError } from "../cli-error.js";
import { printableLine } from "../terminal/printable.js";
import { cut } from "../terminal/width.js";

const kinds = ["job", "tag", "queue", "task", "node"] as const;
const name = /^[A-Za-z0-9_.:/-]{1,128}$/;

/** What TARGET can be, for help texts. */
export const targetHelp = `TARGET is what stands behind "pause:" in the key that pauses:
  all        everything            queue:Q    what is of one queue
  job:ID     one job               task:T     what is of one task
  tag:TAG    the jobs with a tag   node:ID    what one node would start`;

/** A target, and its name as its key has it. */
export interface NamedTarget {
  readonly name: string;
  readonly target: PauseTarget;
}

/**
 * Reads targets as the keys have them: `all`, `job:<id>`, `tag:<tag>`, … All are looked at before anything is done.
 *
 * @throws CliError `INVALID_TARGET`
 */
export function readTargets(texts: readonly string[]): NamedTarget[] {
  return [...new Set(texts)].map((text) => ({ name: text, target: targetOf(text) }));
}

function targetOf(text: string): PauseTarget {
  if (text === "all") return "all";
  const kind = kinds.find((each) => text.startsWith(`${each}:`));
  const shown = JSON.stringify(cut(printableLine(text.slice(0, 200)), 60));
  if (kind === undefined)
    throw usageError(
      "INVALID_TARGET",
      `${shown} is no target: give all, job:ID, tag:TAG, queue:Q, task:T or node:ID.${guess(text)}`,
    );
  const id = text.slice(kind.length + 1);
  if (!name.test(id))
    throw usageError(
      "INVALID_NAME",
      `${shown} is no target: the name behind "${kind}:" is 1 to 128 of A-Z a-z 0-9 _ . : / -`,
    );
  return { [kind]: id } as unknown as PauseTarget;
}

function guess(text: string): string {
  return name.test(text) && text.length < 60 ? ` For the job ${text} it is job:${text}.` : "";
}

/** The pauses that hold a job, as `tag:emea: database maintenance; all: …`, at most three of them. */
export function heldBy(pauses: readonly PauseInfo[]): string {
  const shown = pauses
    .slice(0, 3)
    .map(({ target, reason }) => `${target}: ${cut(printableLine(reason.slice(0, 400)), 100)}`);
  const more = pauses.length > 3 ? [`and ${pauses.length - 3} more`] : [];
  return [...shown, ...more].join("; ");
}

/** The name of the pause that a table shows for a job: a job's own first, since it is what a `resume` of the job ends. */
export function shownHolder({ pauses }: Pick<Job, "pauses">): string {
  const own = pauses.find(({ target }) => target.startsWith("job:"));
  const [first] = own === undefined ? pauses : [own];
  if (first === undefined) return "";
  const what = first === own ? "job" : first.target;
  return pauses.length > 1 ? `${what} +${pauses.length - 1}` : what;
}
