import { clockLua } from "@escapement/redis/internal";

// What the scripts of this folder have in common.
//
// What makes names of keys itself (it is handed the prefix) and writes is also handed `wake`: a channel, so that no key is ever called that.
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

/** How each step that writes calls Redis, and its clock. */
export const calls = [file("lib/calls"), clockLua];

/** What several steps share, and the keys that it may read and write where runs end. */
export const records = [
  ...calls,
  ...[
    "records",
    "former",
    "events",
    "lanes",
    "history",
    "ends",
    "places",
    "cancelling",
    "dependencies",
    "edges",
    "misfires",
    "removal",
    "pauses",
    "failures",
    "exhaustion",
  ].map((name) => file(`lib/${name}`)),
];
/** The keys that `records` may read and write. */
export const recordKeys = [
  "attempts",
  "blocked",
  "born",
  "calledOff",
  "clock",
  "counts",
  "dead",
  "deadLetters",
  "due",
  "edges",
  "events",
  "exhaustion",
  "failing",
  "finished",
  "frozen",
  "holds",
  "jobs",
  "limited",
  "met",
  "nodes",
  "paced",
  "parked",
  "paused",
  "pauses",
  "ready",
  "requeued",
  "resumeNow",
  "retention",
  "running",
  "runs",
  "setOf",
  "state",
  "unstarted",
  "waiting",
  "wake",
] as const;
