// Scripts that anybody calls who defines, triggers, pauses and looks. What each is handed, and what it answers.
import { defineScript } from "@escapement/redis/internal";
import { calls, file, guards, history, libraries, records } from "./shared.js";

/** `[now, done (a digit a job)]` */
export const upsert = defineScript<[string, string]>()({
  name: "upsert",
  version: 2,
  file: file("upsert"),
  include: [...records, file("lib/sets"), file("lib/once")],
  keys: [...guards, "caller"],
  args: ["prefix", "set", "mark", "number", "caller_ttl", ...history],
  lists: {
    // about: `<expected> <cursor> <created>`, and ` <count> <first> <last> <whether exact>` of fire times that have passed
    jobs: ["job", "about", "record"],
  },
});

/** 1 if there was such a job. */
export const remove = defineScript<number>()({
  name: "remove",
  flag: "allow-oom",
  version: 1,
  file: file("remove"),
  include: [...records, file("lib/sets")],
  keys: guards,
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

/** `[now, how many were not known already]` */
export const enqueue = defineScript<[string, string]>()({
  name: "enqueue",
  version: 2,
  file: file("enqueue"),
  include: [...calls, ...libraries("records", "lanes", "once")],
  keys: [...guards, "caller"],
  args: ["prefix", "number", "caller_ttl"],
  lists: { groups: ["lane", "priority", "not_before", "size"], runs: ["run", "record"] },
});

/** `[now, run ids, pauses for which nothing was queued]`: these as in `readPauses`. */
export const runNow = defineScript<[string, string[], string[]]>()({
  name: "run-now",
  version: 1,
  file: file("run-now"),
  include: records,
  keys: guards,
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
  keys: guards,
  args: ["prefix", "run", "reason", ...history],
});

/** `[now, runs that were taken out, and with `retry` queued]` */
export const redrive = defineScript<[string, string[]]>()({
  name: "redrive",
  flag: "allow-oom",
  version: 1,
  file: file("redrive"),
  include: records,
  keys: guards,
  args: ["prefix", "queue", "limit", "retry"],
  lists: { runs: ["run"] },
});

/** The time of the store. */
export const pause = defineScript<string>()({
  name: "pause",
  flag: "allow-oom",
  version: 1,
  file: file("pause"),
  include: records,
  keys: guards,
  args: ["prefix", "name", "value", "until_ms", "events_max"],
});

const readsPauses = [...calls, ...libraries("records", "pause-names", "pause-lines")];

/** What is known of a kind of each job, or nothing of any. */
type Each = readonly (string | null)[];

/**
 * `[records, states, running, counts, exhaustion, sets, failing, due, frozen, parked, next runs that are written, pauses]`: the last as in
 * `readPauses`.
 */
export const readJobs = defineScript<
  [Each, Each, Each, Each, Each, Each, Each, Each, Each, Each, Each, string[]]
>()({
  name: "read-jobs",
  flag: "no-writes",
  version: 1,
  file: file("read-jobs"),
  include: readsPauses,
  keys: ["meta"],
  args: ["prefix", "now"],
  lists: { jobs: ["job"] },
});

/** `[next cursor, pauses]`: each `<name> <noticed> <end> <value as JSON>`, which `read-pauses.ts` reads. */
export const readPauses = defineScript<[string, string[]]>()({
  name: "read-pauses",
  flag: "no-writes",
  version: 1,
  file: file("read-pauses"),
  include: readsPauses,
  keys: ["meta"],
  args: ["prefix", "cursor"],
  lists: { names: ["name"] },
});

/** `[now, 1 if the key was there, 1 if there is more to let go]` */
export const resume = defineScript<[string, number, number]>()({
  name: "resume",
  flag: "allow-oom",
  version: 2,
  file: file("resume"),
  include: records,
  keys: guards,
  args: ["prefix", "name", "said", "batch", "again", "events_max"],
});
