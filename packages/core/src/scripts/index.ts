import { clockLua, defineScript } from "@escapement/redis/internal";

// One file each: what it is handed, what it answers. `store.ts` calls them with this namespace's keys.
//
// What makes names of keys itself (it is handed the prefix) and writes is also handed `wake`: a channel, so that no key is ever called that.
// Of a slot that is being moved, Redis Cluster looks only at the keys that are declared before it lets a script begin, and refuses it if one
// of them is not there; at any other that is not there it would break it off half-way.

const file = (name: string): URL => new URL(`./${name}.lua`, import.meta.url);
const history = [
  "history_max",
  "history_age",
  "finished_max",
  "failed_max",
  "result_ttl",
  "events_max",
] as const;

/** What several steps share, and the keys that it may read and write where runs end. */
const records = [
  clockLua,
  ...[
    "records",
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
const recordKeys = [
  "attempts",
  "blocked",
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

/** `[now, accepted, nextDue, claimed (8 values a run), passed (3 values a run), more]` */
export type ClaimReply = [string, string, string, string[], string[], number];
export const claim = defineScript<ClaimReply>()({
  name: "claim",
  version: 1,
  file: file("claim"),
  include: [
    ...records,
    ...[
      "request",
      "complete",
      "limits",
      "rates",
      "pauses",
      "lanes",
      "overlap",
      "misfires",
      "max-runs",
      "consider",
      "take",
    ].map((name) => file(`claim/${name}`)),
  ],
  keys: [...recordKeys, "active", "cancelled", "fence", "progress", "request"],
  args: ["prefix", "node", "number", "slots", "batch", "lock_ttl", "lease_ttl", ...history],
  lists: {
    completions: ["run", "token", "outcome", "detail", "result"],
    lanes: ["lane"],
    limits: ["scope", "max", "how"],
    rates: ["scope", "max", "per"],
  },
});

/** `[now, done (a digit a job)]` */
export const materialise = defineScript<[string, string]>()({
  name: "materialise",
  version: 1,
  file: file("materialise"),
  include: records,
  keys: [...recordKeys, "epoch"],
  args: ["prefix", "epoch", ...history],
  lists: {
    jobs: ["job", "version", "expected", "next", "runs", "missed", "missed_from", "missed_to", "exact"],
    runs: ["run", "not_before"],
  },
});

/** `[now, died, taken (run, node, retry | lost, task), next end of a lease, dead nodes left, paused themselves (job, count, reason)]` */
export const recover = defineScript<[string, string[], string[], string, number, string[]]>()({
  name: "recover",
  version: 1,
  file: file("recover"),
  include: records,
  keys: [...recordKeys, "epoch", "nodeInfo", "progress"],
  args: ["prefix", "epoch", "batch", ...history],
});

/** `[now, taken (run, retry | lost), paused themselves (job, count, reason), runs that the node does not hold, says the store]` */
export const reconcile = defineScript<[string, string[], string[], string[]]>()({
  name: "reconcile",
  version: 2,
  file: file("reconcile"),
  include: records,
  keys: [...recordKeys, "active", "request", "progress"],
  args: ["prefix", "node", "number", "batch", ...history],
  lists: { held: ["run", "token"] },
});

/** The time of the store. */
export const join = defineScript<string>()({
  name: "join",
  version: 2,
  file: file("join"),
  include: records,
  keys: ["clock", "meta", "nodes", "nodeInfo", "dead", "events", "pauses", "wake"],
  args: ["prefix", "node", "former", "ttl", "info", "layout", "partitions", "again", "events_max"],
});

/** `[now, runs to be cancelled and why (2 values a run)]` */
export const heartbeat = defineScript<[string, string[]]>()({
  name: "heartbeat",
  version: 2,
  file: file("heartbeat"),
  include: [clockLua],
  keys: ["clock", "nodes", "nodeInfo", "cancelled"],
  args: ["node", "ttl", "info"],
});

/** The same, in a store that is full: it takes no more memory than the last one, and what runs need not be given up for want of that. */
export const heartbeatWhenFull = defineScript<[string, string[]]>()({
  name: "heartbeat-when-full",
  version: 1,
  file: file("heartbeat"),
  flag: "allow-oom",
  include: [clockLua],
  keys: ["clock", "nodes", "nodeInfo", "cancelled"],
  args: ["node", "ttl", "info"],
});

/** The time of the store. */
export const leave = defineScript<string>()({
  name: "leave",
  version: 1,
  file: file("leave"),
  include: [clockLua, file("lib/events")],
  keys: ["clock", "nodes", "nodeInfo", "dead", "active", "request", "cancelled", "wake", "events", "pauses"],
  args: ["prefix", "node", "events_max"],
});

/** The time of the store. */
export const report = defineScript<string>()({
  name: "report",
  version: 1,
  file: file("report"),
  include: [clockLua],
  keys: ["clock", "nodes", "active", "progress"],
  args: ["node", "run", "token", "progress"],
});

/** The time of the store. The same without a report: it takes no memory, so that a full store lets go on what asks for it. */
export const extend = defineScript<string>()({
  name: "extend",
  version: 1,
  file: file("report"),
  flag: "allow-oom",
  include: [clockLua],
  keys: ["clock", "nodes", "active", "progress"],
  args: ["node", "run", "token", "progress"],
});

/** A digit a run; 0: the node holds it no more. */
export const log = defineScript<string>()({
  name: "log",
  version: 1,
  file: file("log"),
  include: [clockLua],
  keys: ["clock", "nodes", "active", "wake"],
  args: ["prefix", "node", "most", "age"],
  lists: { runs: ["run", "token", "count"], lines: ["number", "line"] },
});

/** `[now, done (a digit a job)]` */
export const upsert = defineScript<[string, string]>()({
  name: "upsert",
  version: 1,
  file: file("upsert"),
  include: [...records, file("lib/sets"), file("lib/once")],
  keys: [...recordKeys, "sets", "meta", "caller"],
  args: ["prefix", "set", "mark", "number", "caller_ttl", ...history],
  lists: {
    jobs: ["job", "expected", "record", "cursor", "created", "passed", "passed_from", "passed_to", "exact"],
  },
});

/** 1 if there was such a job. */
export const remove = defineScript<number>()({
  name: "remove",
  flag: "allow-oom",
  version: 1,
  file: file("remove"),
  include: [...records, file("lib/sets")],
  keys: [...recordKeys, "sets"],
  args: ["prefix", "job", "set", "mark", "cancel", ...history],
});

/** `<version> <digest>` that the set was at before, or `none`. */
export const openSet = defineScript<string>()({
  name: "open-set",
  version: 1,
  file: file("open-set"),
  keys: ["sets"],
  args: ["set", "mark", "force"],
});

/** `[now, done (a digit a run; 0: it was known already)]` */
export const enqueue = defineScript<[string, string]>()({
  name: "enqueue",
  version: 1,
  file: file("enqueue"),
  include: [...records, file("lib/once")],
  keys: ["clock", "runs", "finished", "waiting", "ready", "wake", "caller"],
  args: ["prefix", "number", "caller_ttl"],
  lists: { runs: ["run", "record", "not_before"] },
});

/** `[now, run ids, pauses for which nothing was queued]`: these as in `readPauses`. */
export const runNow = defineScript<[string, string[], string[]]>()({
  name: "run-now",
  version: 1,
  file: file("run-now"),
  include: records,
  keys: ["clock", "attempts", "requeued", "jobs", "ready", "wake"],
  args: ["prefix", "job", "suffix", "unless_paused"],
  lists: { times: ["time"] },
});

/** `[now, asked | cancelled | none]` */
export const cancel = defineScript<[string, "asked" | "cancelled" | "none"]>()({
  name: "cancel",
  flag: "allow-oom",
  version: 1,
  file: file("cancel"),
  include: records,
  keys: [...recordKeys],
  args: ["prefix", "run", "reason", ...history],
});

/** `[now, runs that were taken out, and with `retry` queued]` */
export const redrive = defineScript<[string, string[]]>()({
  name: "redrive",
  flag: "allow-oom",
  version: 1,
  file: file("redrive"),
  include: records,
  keys: ["clock", "requeued", "jobs", "runs", "attempts", "deadLetters", "finished", "ready", "wake"],
  args: ["prefix", "queue", "limit", "retry"],
  lists: { runs: ["run"] },
});

/** 1 if the job was parked; 0: its version is another by now, or it has been removed. */
export const park = defineScript<number>()({
  name: "park",
  version: 1,
  file: file("park"),
  include: [clockLua, file("lib/events")],
  keys: ["clock", "epoch", "jobs", "state", "due", "parked", "events"],
  args: ["epoch", "job", "version", "reason", "events_max"],
});

/** The time of the store. */
export const pause = defineScript<string>()({
  name: "pause",
  flag: "allow-oom",
  version: 1,
  file: file("pause"),
  include: records,
  keys: ["clock", "events", "pauses", "wake"],
  args: ["prefix", "name", "value", "until_ms", "events_max"],
});

/** `[next cursor, pauses]`: each `<name> <noticed> <end> <value as JSON>`, which `read-pauses.ts` reads. */
export const readPauses = defineScript<[string, string[]]>()({
  name: "read-pauses",
  flag: "no-writes",
  version: 1,
  file: file("read-pauses"),
  include: records,
  keys: ["jobs", "pauses"],
  args: ["prefix", "cursor"],
  lists: { names: ["name"] },
});

/**
 * Of one run: attempts, times in `waiting`, `unstarted`, `blocked`, `paused`, what it waits for in `limited`, progress, place in its lane, and what each
 * node holds of it; null for each that there is not.
 */
export const readPlaces = defineScript<(string | null)[]>()({
  name: "read-places",
  flag: "no-writes",
  version: 1,
  file: file("read-places"),
  keys: ["attempts", "blocked", "lane", "limited", "paused", "progress", "unstarted", "waiting"],
  args: ["prefix", "run"],
  lists: { nodes: ["node"] },
});

/**
 * `[now, cursor, 1 if there is more to let go, pauses that have lasted too long, pauses that are over]`: the former as in `readPauses`; of the latter
 * those under which there may be jobs with fire times to pass over first.
 */
export const watch = defineScript<[string, string, number, string[], string[]]>()({
  name: "watch",
  version: 2,
  file: file("watch"),
  include: records,
  keys: [
    "attempts",
    "clock",
    "due",
    "epoch",
    "events",
    "failing",
    "frozen",
    "jobs",
    "paused",
    "pauses",
    "ready",
    "resumeNow",
    "wake",
  ],
  args: ["prefix", "epoch", "cursor", "page", "batch", "too_long", "events_max"],
});

/** `[now, 1 if the key was there, 1 if there is more to let go]` */
export const resume = defineScript<[string, number, number]>()({
  name: "resume",
  flag: "allow-oom",
  version: 2,
  file: file("resume"),
  include: records,
  keys: [
    "attempts",
    "clock",
    "due",
    "events",
    "failing",
    "frozen",
    "jobs",
    "paused",
    "pauses",
    "ready",
    "resumeNow",
    "wake",
  ],
  args: ["prefix", "name", "said", "batch", "again", "events_max"],
});

/** `[now, 1 if the pause was as expected, done (a digit a job)]` */
export const passOver = defineScript<[string, number, string]>()({
  name: "pass-over",
  flag: "allow-oom",
  version: 1,
  file: file("pass-over"),
  include: records,
  keys: [...recordKeys, "epoch"],
  args: ["prefix", "name", "before", "epoch", "last", ...history],
  lists: { jobs: ["job", "version", "expected", "next", "count", "to", "exact"] },
});

/** `[now, next index, its cursor, 1 at the end of a sweep, mended (subject, what), jobs without a next fire time]` */
export const sweep = defineScript<[string, string, string, number, string[], string[]]>()({
  name: "sweep",
  version: 2,
  file: file("sweep"),
  include: records,
  keys: [...recordKeys, "epoch", "mended", "nodeInfo", "progress"],
  args: ["prefix", "epoch", "index", "cursor", "batch", ...history],
  lists: { cursors: ["job", "version", "cursor"] },
});
