// Scripts that a leader calls. What each is handed, and what it answers.
import { defineScript } from "@escapement/redis/internal";
import { calls, file, foundingArgs, guards, history, libraries, records } from "./shared.js";

/** `[now, done (a digit a job)]` */
export const materialise = defineScript<[string, string]>()({
  name: "materialise",
  version: 1,
  file: file("materialise"),
  include: records,
  keys: guards,
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
  keys: guards,
  args: ["prefix", "epoch", "batch", ...history],
});

/** `[now, cursor, how many runs were moved up]` */
export const age = defineScript<[string, string, number]>()({
  name: "age",
  version: 1,
  file: file("age"),
  include: [...calls, ...libraries("records", "lanes")],
  keys: guards,
  args: ["prefix", "epoch", "cursor", "page", "waited", "most"],
});

/** 1 if the job was parked; 0: its version is another by now, or it has been removed. */
export const park = defineScript<number>()({
  name: "park",
  version: 1,
  file: file("park"),
  include: [...calls, file("lib/events")],
  keys: ["clock", "epoch", "jobs", "state", "due", "parked", "events"],
  args: ["epoch", "job", "version", "reason", "events_max"],
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
  keys: ["meta", "lane"],
  args: ["prefix", "run"],
  lists: { nodes: ["node"] },
});

/**
 * `[now, cursor, 1 if there is more to let go, pauses that have lasted too long, pauses that are over, 1 if any were looked at]`: the former as in
 * `readPauses`; of the latter those under which there may be jobs with fire times to pass over first.
 */
export const watch = defineScript<[string, string, number, string[], string[], number]>()({
  name: "watch",
  version: 3,
  file: file("watch"),
  include: records,
  keys: guards,
  args: ["prefix", "epoch", "cursor", "page", "batch", "too_long", "events_max"],
});

/** `[now, 1 if the pause was as expected, done (a digit a job)]` */
export const passOver = defineScript<[string, number, string]>()({
  name: "pass-over",
  flag: "allow-oom",
  version: 2,
  file: file("pass-over"),
  include: [...records, ...libraries("founding")],
  keys: guards,
  args: ["prefix", "name", "before", "epoch", "last", ...foundingArgs, ...history],
  lists: { jobs: ["job", "version", "expected", "next", "count", "to", "exact"] },
});

/** `[now, mended (subject, what)]` */
export const mendTies = defineScript<[string, string[]]>()({
  name: "mend-ties",
  version: 1,
  file: file("mend-ties"),
  include: records,
  keys: guards,
  args: ["prefix", "place", "applied", ...history],
  lists: { ghosts: ["edge"], lost: ["edge"] },
});

/** `[now, next index, its cursor, 1 at the end of a sweep, mended (subject, what), jobs without a next fire time]` */
export const sweep = defineScript<[string, string, string, number, string[], string[]]>()({
  name: "sweep",
  version: 3,
  file: file("sweep"),
  include: [...records, ...["held", "places", "pages"].map((name) => file(`sweep/${name}`))],
  keys: guards,
  args: ["prefix", "epoch", "index", "cursor", "batch", ...history],
  lists: { cursors: ["job", "version", "cursor"] },
});
