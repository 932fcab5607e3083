import { hostname, userInfo } from "node:os";
import { fields, nameAt } from "./check.js";
import { InvalidOptionError } from "./errors.js";
import type { Events } from "./events.js";
import { copyPauses, inEach, othersOf } from "./pause-copies.js";
import { pause } from "./scripts/index.js";
import type { Store } from "./store.js";
import { duration, instant } from "./times.js";

/** What a pause holds back: everything, or what is of one job, tag, queue, task or node. */
export type PauseTarget =
  | "all"
  | { readonly job: string }
  | { readonly tag: string }
  | { readonly queue: string }
  | { readonly task: string }
  | { readonly node: string };

/** Options of `pause`. */
export interface PauseOptions {
  /** Why, for whoever finds it. At most 500 characters. */
  readonly reason: string;
  /** It ends by itself after so long: milliseconds or a duration. @default it does not */
  readonly for?: number | string;
  /** It ends by itself then: a Date, ms, or ISO 8601. Not together with `for`. */
  readonly until?: Date | number | string;
  /** Who. @default the user and machine of this process */
  readonly by?: string;
}

/** The name of a target's key behind `pause:`. */
export function pauseName(target: PauseTarget): string {
  if (target === "all") return "all";
  const given = Object.entries(fields("target", target, ["job", "tag", "queue", "task", "node"]));
  const [kind, name] = given[0] ?? [];
  if (given.length !== 1 || kind === undefined)
    throw new InvalidOptionError(
      "target",
      'must be "all" or one of { job }, { tag }, { queue }, { task }, { node }.',
    );
  return `${kind}:${nameAt(`target.${kind}`, name)}`;
}

/** Checks what a pause is to say. @throws InvalidOptionError */
export function checkPauseOptions(options: PauseOptions): {
  readonly reason: string;
  readonly by: string;
  /** When it ends, at this time of Redis; `undefined`: it does not. */
  until(now: number): number | undefined;
} {
  const given = fields("options", options, ["reason", "for", "until", "by"]);
  const until = instant("until", given["until"]);
  const length = given["for"] === undefined ? undefined : duration("for", given["for"], 1);
  if (length !== undefined && until !== undefined)
    throw new InvalidOptionError("until", "cannot be given together with for.");
  return {
    reason: text("reason", given["reason"]),
    by: whoIs(given["by"]),
    until: (now) => {
      if (until !== undefined && until <= now)
        throw new InvalidOptionError("until", "has passed: nothing would be paused.");
      return length === undefined ? until : now + length;
    },
  };
}

/** Sets a pause's key: from then on no attempt of what it names starts. */
export async function pauseTarget(
  store: Store,
  target: PauseTarget,
  options: PauseOptions,
  events?: Events,
): Promise<void> {
  const name = pauseName(target);
  const { reason, by, until: endAt } = checkPauseOptions(options);
  const now = await store.home.now();
  const until = endAt(now);
  const since = new Date(now);
  const value = JSON.stringify({ reason, by, since });
  const { home } = store;
  const others = othersOf(store, name);
  if (others.length > 0) await store.founded();
  const { prefix: _, ...keys } = home.keys;
  await pause.run(home.commands, { keys, args: { ...home.told, name, value, until_ms: until ?? "" } });
  // It is in force. Where a copy cannot be made now, one is as soon as it would hold something back.
  const copy = (other: Store): Promise<void> => copyPauses(other.commands, other, { there: [[name, value]] });
  await inEach(others, copy, events);
  events?.emit("paused", {
    target: name,
    reason,
    by,
    since,
    until: until === undefined ? undefined : new Date(until),
  });
}

/** Who pauses or resumes: as given, or the user and machine of this process. @throws InvalidOptionError */
export function whoIs(given: unknown): string {
  return given === undefined ? whoWeAre() : text("by", given);
}

function text(path: string, value: unknown): string {
  if (typeof value === "string" && value !== "" && value.length <= 500) return value;
  throw new InvalidOptionError(path, "must be text of 1 to 500 characters.");
}

function whoWeAre(): string {
  try {
    return `${userInfo().username}@${hostname()}`;
  } catch {
    return hostname(); // a user without an entry, as in some containers
  }
}
