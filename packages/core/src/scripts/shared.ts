import { clockLua } from "@escapement/redis/internal";

// What the scripts of this folder have in common.
//
// They are handed the prefix of their keys and find these behind it: naming each in every request would cost more than what is done with most of them.
// Of a slot that is being moved, Redis Cluster looks only at the keys that are declared before it lets a script begin, and refuses it if one
// of them is not there; at any other that is not there it would break it off half-way.

/** A Lua file of this folder, without its ending. */
export const file = (name: string): URL => new URL(`./${name}.lua`, import.meta.url);
/** What a script that writes history is handed. */
export const history = [
  "history_max",
  "history_age",
  "finished_max",
  "failed_max",
  "result_ttl",
  "events_max",
] as const;

/** What a script that settles the layout and the number of partitions is handed, if they are not settled. */
export const foundingArgs = ["layout", "partitions"] as const;

/** How each step that writes calls Redis, and its clock. */
export const calls = [file("lib/calls"), clockLua];

/** Files of `lib`. */
export const libraries = (...names: string[]): URL[] => names.map((name) => file(`lib/${name}`));

/** Records, lanes, events, and what is kept of runs that have ended. */
export const kept: URL[] = [...calls, ...libraries("records", "events", "former", "lanes", "history")];

/** What becomes of runs by all that may be said of their jobs. After {@link kept}. */
export const rules: URL[] = libraries(
  "ends",
  "places",
  "cancelling",
  "outbox",
  "dependencies",
  "edges",
  "misfires",
  "removal",
  "pause-names",
  "pauses",
  "failures",
  "exhaustion",
);

/** What several steps share. */
export const records: URL[] = [...kept, ...rules];

/**
 * What is declared to Redis by each step that finds its keys itself and writes: a key that is always there, and one that never is (`wake` is a
 * channel).
 */
export const guards = ["meta", "wake"] as const;
