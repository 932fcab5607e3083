import { partitionOf } from "@escapement/redis/internal";

/**
 * What becomes of the keys of a kind when a namespace is moved to another number of partitions.
 *
 * - `members`: each member or field goes to the partition of the job or run that it is of. The key may be split, or several be made one.
 * - `whole`: the key goes to the partition of the job or run in its name.
 * - `owner`: `whole` for a job's; of the enqueued runs of a task, `~<task>`, each goes to its own partition.
 * - `everywhere`: each partition gets what any one has.
 * - `starts`: the same of a list of times.
 * - `edges`: `members`, which have the partition of their other end behind them.
 * - `pause`: the truth is in partition 0; a copy of a job's pause goes where the job does.
 * - `between`: what partitions had to tell or lend one another: it was heard before anything is moved, and is gone after.
 * - `highest`: a number that must not go back: the highest of all, in each partition.
 * - `derived`: made anew from others.
 * - `gathered`: pages of a key that has not got its name yet. Nobody reads them; those that a dead mover has left are gone after.
 * - `own`: stays, and goes with a partition that is no more.
 */
export type Kind =
  | "members"
  | "whole"
  | "owner"
  | "everywhere"
  | "starts"
  | "edges"
  | "pause"
  | "between"
  | "highest"
  | "derived"
  | "gathered"
  | "own";

/**
 * All kinds of keys by what follows the prefix; behind a colon there is a name. A key of another kind keeps a namespace from being moved, as nobody knows
 * what is to become of it.
 */
export const kinds: Readonly<Record<string, Kind>> = {
  meta: "own",
  clock: "highest",
  jobs: "members",
  state: "members",
  due: "members",
  parked: "members",
  exhaustion: "members",
  failing: "members",
  pauses: "everywhere",
  carry: "between",
  paused: "members",
  frozen: "members",
  "called-off": "members",
  events: "own",
  mended: "own",
  waiting: "members",
  ready: "derived",
  unstarted: "members",
  requeued: "members",
  blocked: "members",
  running: "members",
  paced: "members",
  "resume-now": "members",
  retention: "members",
  edges: "edges",
  met: "members",
  inbox: "between",
  holds: "members",
  limited: "members",
  counts: "members",
  sets: "everywhere",
  "set-of": "members",
  "dead-letters": "members",
  runs: "members",
  attempts: "members",
  progress: "members",
  finished: "members",
  nodes: "everywhere",
  "node-info": "everywhere",
  dead: "everywhere",
  leader: "own",
  epoch: "highest",
  fence: "highest",
  lending: "own",
  wake: "own",
  "pause:": "pause",
  "resumed:": "own",
  "carried:": "own",
  "paused-by:": "members",
  "active:": "members",
  "request:": "own",
  "ready:": "members",
  "aged:": "members",
  "held:": "members",
  "lent:": "between",
  "borrowed:": "between",
  "full:": "members",
  "rate:": "starts",
  "dead-letters:": "members",
  "cancelled:": "members",
  "history:": "owner",
  "failures:": "owner",
  "results:": "owner",
  "result:": "whole",
  "log:": "whole",
  "outbox:": "between",
  "caller:": "own",
  "lock:": "whole",
  "moving:": "gathered",
};

/** A key without its prefix, as {@link kinds} has it: its kind, and the name in it, if it has one. */
export function kindOf(
  key: string,
): { readonly kind: Kind; readonly type: string; readonly name: string } | undefined {
  const colon = key.indexOf(":");
  const type = colon < 0 ? key : key.slice(0, colon + 1);
  const kind = Object.hasOwn(kinds, type) ? kinds[type] : undefined;
  return kind && { kind, type, name: colon < 0 ? "" : key.slice(colon + 1) };
}

/**
 * Where a member or name belongs. The job or run that it is of comes first in it, a sign before it (`edges`), more behind `@`, `#` or a space: no id has any
 * of these.
 */
export function placeOf(text: string, partitions: number): number {
  const [id = ""] = text.replace(/^[<>]/, "").split(/[@# ]/, 1);
  return partitionOf(id, partitions);
}

/** An edge between jobs as it is to stand in the partition of the first of them: with the other's behind it, if that is another one. */
export function edgeOf(text: string, partitions: number): string {
  const [, edge, other = ""] = /^(\S+ (\S+) \S+)(?: \d+)?$/.exec(text) ?? [];
  if (edge === undefined) return text;
  const place = partitionOf(other, partitions);
  return place === placeOf(text, partitions) ? edge : `${edge} ${place}`;
}
