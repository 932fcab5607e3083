// Scripts that nodes call for what they run, and for their leases. What each is handed, and what it answers.
import { defineScript } from "@escapement/redis/internal";
import { calls, file, foundingArgs, guards, history, kept, records, rules } from "./shared.js";

/**
 * `[now, accepted, nextDue, claimed, passed (3 values a run), more, given]`; claimed: `<run> <token> <attempt> <claimed at> <lost> <task> <locks left> <queue>
 * <tags>` LF body. `given`, where all is as usual: the token before the first, how many, the runs, all of them first attempts, and their records, with zero bytes
 * between them. `wanted`: of each scope of which places are to be lent (6 values), see claim/lending.lua.
 */
export type ClaimReply = [string, string, string, string[], string[], number, (string[] | null)?, string[]?];
export const claim = defineScript<ClaimReply>()({
  name: "claim",
  version: 7,
  file: file("claim"),
  include: [
    ...kept,
    ...["request", "kept-waiting", "due", "plain-ends", "plain"].map((name) => file(`claim/${name}`)),
    ...rules,
    ...["slot", "lending"].map((name) => file(`lib/${name}`)),
    ...[
      "lending",
      "rates",
      "complete",
      "limits",
      "pauses",
      "lanes",
      "overlap",
      "misfires",
      "max-runs",
      "consider",
      "take",
    ].map((name) => file(`claim/${name}`)),
  ],
  keys: [...guards, "active", "cancelled", "request"],
  args: [
    "prefix",
    "partition",
    "node",
    "line",
    "number",
    "slots",
    "ahead",
    "batch",
    "lock_ttl",
    "lease_ttl",
    ...history,
  ],
  lists: {
    done: ["run", "token", "detail"],
    results: ["place", "result"],
    completions: ["outcome"],
    lanes: ["lane"],
    limits: ["scope", "max", "how"],
    rates: ["scope", "max", "per"],
  },
});

/** `[now, taken (run, retry | lost), paused themselves (job, count, reason), runs that the node does not hold, says the store]` */
export const reconcile = defineScript<[string, string[], string[], string[]]>()({
  name: "reconcile",
  version: 2,
  file: file("reconcile"),
  include: records,
  keys: [...guards, "active", "request"],
  args: ["prefix", "node", "number", "batch", ...history],
  lists: { held: ["run", "token"] },
});

/** The time of the store. */
export const join = defineScript<string>()({
  name: "join",
  version: 4,
  file: file("join"),
  include: [...records, file("lib/founding")],
  keys: guards,
  args: ["prefix", "node", "ttl", "info", ...foundingArgs, "again", "began", "events_max"],
  lists: { formers: ["node"] },
});

/** `[now, runs to be cancelled and why (2 values a run)]` */
export const heartbeat = defineScript<[string, string[]]>()({
  name: "heartbeat",
  version: 2,
  file: file("heartbeat"),
  include: calls,
  keys: ["clock", "nodes", "nodeInfo", "cancelled"],
  args: ["node", "ttl", "info"],
});

/** The same, in a store that is full: it takes no more memory than the last one, and what runs need not be given up for want of that. */
export const heartbeatWhenFull = defineScript<[string, string[]]>()({
  name: "heartbeat-when-full",
  version: 1,
  file: file("heartbeat"),
  flag: "allow-oom",
  include: calls,
  keys: ["clock", "nodes", "nodeInfo", "cancelled"],
  args: ["node", "ttl", "info"],
});

/** The time of the store. */
export const leave = defineScript<string>()({
  name: "leave",
  version: 1,
  file: file("leave"),
  include: [...calls, file("lib/events")],
  keys: [...guards, "active", "cancelled", "request"],
  args: ["prefix", "node", "events_max"],
});

/** The time of the store. */
export const report = defineScript<string>()({
  name: "report",
  version: 1,
  file: file("report"),
  include: calls,
  keys: ["clock", "nodes", "active", "progress"],
  args: ["node", "run", "token", "progress"],
});

/** The time of the store. The same without a report: it takes no memory, so that a full store lets go on what asks for it. */
export const extend = defineScript<string>()({
  name: "extend",
  version: 1,
  file: file("report"),
  flag: "allow-oom",
  include: calls,
  keys: ["clock", "nodes", "active", "progress"],
  args: ["node", "run", "token", "progress"],
});

/** A digit a run; 0: the node holds it no more. */
export const log = defineScript<string>()({
  name: "log",
  version: 1,
  file: file("log"),
  include: calls,
  keys: [...guards, "active"],
  args: ["prefix", "node", "most", "age"],
  lists: { runs: ["run", "token", "count"], lines: ["number", "line"] },
});
