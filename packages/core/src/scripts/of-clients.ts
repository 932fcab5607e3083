// Scripts that anybody calls who defines, triggers, pauses and looks. What each is handed, and what it answers.
import { defineScript } from "@escapement/redis/internal";
import { calls, file, foundingArgs, guards, history, libraries, records } from "./shared.js";

/** 1. Of partition 0, before anything is written in another one. */
export const found = defineScript<number>()({
  name: "found",
  version: 1,
  file: file("found"),
  include: libraries("founding"),
  keys: ["meta"],
  args: foundingArgs,
});

/** `[now, done (a digit a job)]` */
export const upsert = defineScript<[string, string]>()({
  name: "upsert",
  version: 2,
  file: file("upsert"),
  include: [...records, ...libraries("slot", "partitions", "sets", "once", "founding")],
  keys: [...guards, "caller"],
  args: ["prefix", "set", "mark", "number", "caller_ttl", ...foundingArgs, ...history],
  lists: {
    // about: `<expected> <cursor> <created>`, and ` <count> <first> <last> <whether exact>` of fire times that have passed
    jobs: ["job", "about", "record"],
  },
});

/** Nothing if there was no such job; else 1, and the partitions that this has left messages for. */
export const remove = defineScript<(number | string)[]>()({
  name: "remove",
  flag: "allow-oom",
  version: 3,
  file: file("remove"),
  include: [...records, ...libraries("sets", "founding")],
  keys: guards,
  args: ["prefix", "job", "set", "mark", "cancel", ...foundingArgs, ...history],
});

/** `[now, the last message applied, runs and jobs to tell of (3 values each), partitions that this has left messages for]` */
export const deliver = defineScript<[string, string, string[], string[]]>()({
  name: "deliver",
  version: 1,
  file: file("deliver"),
  include: [...records, ...libraries("inbox", "founding")],
  keys: guards,
  args: ["prefix", "teller", "after", "most", "mover", ...foundingArgs, ...history],
  lists: { messages: ["id", "text"] },
});

/** The mark that the set had before, or `none`, and the one that it has. Of partition 0. */
export const openSet = defineScript<[string, string]>()({
  name: "open-set",
  version: 2,
  file: file("open-set"),
  include: libraries("marks", "founding"),
  keys: ["meta", "sets"],
  args: ["set", "content", "above", "force", ...foundingArgs],
});

/** The mark that the set had before, or `none`. Of a further partition. */
export const followSet = defineScript<string>()({
  name: "follow-set",
  version: 1,
  file: file("follow-set"),
  include: libraries("marks", "founding"),
  keys: ["meta", "sets"],
  args: ["set", "mark", ...foundingArgs],
});

/** `[now, how many were not known already]` */
export const enqueue = defineScript<[string, string]>()({
  name: "enqueue",
  version: 3,
  file: file("enqueue"),
  include: [...calls, ...libraries("records", "lanes", "once", "founding")],
  keys: [...guards, "caller"],
  args: ["prefix", "number", "caller_ttl", ...foundingArgs],
  lists: { groups: ["lane", "priority", "not_before", "size"], runs: ["run", "record"] },
});

/** `[now, run ids, pauses for which nothing was queued]`: these as in `readPauses`. */
export const runNow = defineScript<[string, string[], string[]]>()({
  name: "run-now",
  version: 2,
  file: file("run-now"),
  include: [...records, ...libraries("founding")],
  keys: guards,
  args: ["prefix", "job", "suffix", "unless_paused", ...foundingArgs],
  lists: { times: ["time"] },
});

/** `[now, asked | cancelled | none]` */
export const cancel = defineScript<[string, "asked" | "cancelled" | "none"]>()({
  name: "cancel",
  flag: "allow-oom",
  version: 2,
  file: file("cancel"),
  include: [...records, ...libraries("founding")],
  keys: guards,
  args: ["prefix", "run", "reason", ...foundingArgs, ...history],
});

/** `[now, runs that were taken out, and with `retry` queued]` */
export const redrive = defineScript<[string, string[]]>()({
  name: "redrive",
  flag: "allow-oom",
  version: 2,
  file: file("redrive"),
  include: [...records, ...libraries("founding")],
  keys: guards,
  args: ["prefix", "queue", "limit", "retry", ...foundingArgs],
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

/** `[next cursor, pauses]`: each `<name> <noticed> <end> <value as JSON>`, which `read-pauses.ts` reads; with `bare` names alone. */
export const readPauses = defineScript<[string, string[]]>()({
  name: "read-pauses",
  flag: "no-writes",
  version: 1,
  file: file("read-pauses"),
  include: readsPauses,
  keys: ["meta"],
  args: ["prefix", "cursor", "bare"],
  lists: { names: ["name"] },
});

/** `[now, pauses]`: of each that there is its name and text. Of partition 0. */
export const notePauses = defineScript<[string, string[]]>()({
  name: "note-pauses",
  flag: "allow-oom",
  version: 2,
  file: file("note-pauses"),
  include: [...records, ...libraries("founding")],
  keys: guards,
  args: ["prefix", "mover", "events_max", ...foundingArgs],
  lists: { carried: ["name", "said"], names: ["name"] },
});

/** The time of the store. Of a further partition. */
export const copyPauses = defineScript<string>()({
  name: "copy-pauses",
  flag: "allow-oom",
  version: 2,
  file: file("copy-pauses"),
  include: [...records, ...libraries("founding")],
  keys: guards,
  args: ["prefix", "epoch", "mover", "events_max", ...foundingArgs],
  lists: { there: ["name", "text"], gone: ["name", "said"], carried: ["name", "said"] },
});

/** `[now, 1 if the key was there, 1 if there is more to let go]` */
export const resume = defineScript<[string, number, number]>()({
  name: "resume",
  flag: "allow-oom",
  version: 3,
  file: file("resume"),
  include: [...records, ...libraries("founding")],
  keys: guards,
  args: ["prefix", "name", "said", "batch", "again", "events_max", ...foundingArgs],
});
