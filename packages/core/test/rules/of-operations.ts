import { of, type Rule } from "./rule.js";

/** What can be done with jobs and runs, and read of them. */
export const ofOperations: readonly Rule[] = [
  {
    section: "schedule, apply",
    tests: ["schedule, apply: a dry run: says what"],
    cluster: ["schedule, apply: prune by three"],
  },
  {
    section: "defineJobs",
    tests: of(
      "defineJobs",
      "a set of jobs",
      "an older version",
      "the same version",
      "a set that is applied by force",
    ),
    killed: ["id: S8, S9: three processes"],
  },
  {
    section: "group",
    tests: of("group", "is updated whole", "tells those with which", "is removed", "is run once"),
  },
  {
    section: "update",
    tests: of("update", "by several at once", "does not bring back", "to something invalid"),
    cluster: ["update: by three instances"],
  },
  {
    section: "remove",
    tests: of(
      "remove",
      ...[
        "takes back all",
        "leaves the run that runs",
        "an attempt under a job",
        "what waits",
        "a dead letter",
      ],
    ),
    cluster: ["remove: from one instance"],
    killed: ["remove: asked while its node is dead"],
  },
  {
    section: "runNow",
    named: ["runNow", "overlap"],
    tests: [
      "overlap: runs of a job: a run by hand respects it too",
      ...of("runNow: of a paused job", "by ", "a pause of a node", "a run that was queued", "by force"),
    ],
    cluster: [
      "runNow: runs at once",
      "runNow: a run by hand needs a place",
      "runNow: of a paused job: in a group",
    ],
    killed: ["runNow, result: asked for"],
  },
  {
    section: "backfill",
    tests: of("backfill", "runs the fire times", "refuses more than max"),
    cluster: ["backfill: asked for by a client"],
    killed: ["backfill: survives"],
  },
  { section: "enqueue, enqueueMany", tests: of("enqueue, enqueueMany", "S5", "X3") },
  {
    section: "result",
    tests: [],
    cluster: ["runNow, result, progress"],
    killed: ["runNow, result: asked for"],
  },
  { section: "progress", tests: ["progress: what a lost attempt"], cluster: ["runNow, result, progress"] },
  {
    section: "logs, followLogs",
    tests: of(
      "logs, followLogs",
      "the log of a run: can be read",
      "to follow: yields kept",
      "a node: bounds what",
    ),
  },
  {
    section: "cancel",
    tests: of(
      "cancel",
      "a run that waits",
      "a run that is due",
      "of a handler that does not listen",
      "of a run whose node",
    ),
    cluster: ["cancel: from any instance"],
    killed: ["cancel: asked while its node is dead"],
  },
  {
    section: "retry",
    named: ["dead letters"],
    tests: of("dead letters", "keep a run that failed", "of a job that was moved"),
  },
  {
    section: "Dead letters",
    tests: of("dead letters", "keep an enqueued run", "are forgotten", "hold what a dead node"),
    cluster: ["dead letters: redriven by three"],
    killed: ["dead letters: a run lost for good"],
  },
  {
    section: "history and finished runs",
    tests: of("history and finished runs", "I13: is bounded by count"),
  },
  {
    section: "pause, resume",
    tests: [
      ...of("pause, resume", "of ", "what was missed", "two pauses", "retries wait too", "S12", "S14"),
      ...of(
        "pause, resume: from",
        "%s, under catch-up",
        "now, within",
        "now, while another",
        "now, of a pause",
      ),
      ...of(
        "pause, resume: from now, whatever happens meanwhile",
        "whoever resumes dies",
        "two resume",
        "another from",
      ),
      ...of("pause, resume: from now or a date", "S14", "endAt", "maxRuns", "overlap", "further attempts"),
      ...of("pause, resume: from now or a date", "jitter", "S7", "dependsOn"),
    ],
    cluster: ["pause, resume: a running cluster", "pause, resume: from now in a running cluster"],
    killed: of("pause, resume", "asked while its node is dead", "a pause outlives"),
  },
  {
    section: "pauses",
    tests: of(
      "pauses",
      "set by hand",
      "a job says",
      "a reason of",
      "one that is set",
      "pausedTooLong",
      "jobs by state",
    ),
  },
  {
    section: "events",
    tests: [
      ...of(
        "events: what the cluster is told",
        "an attempt's",
        "a node's death",
        "what did not start",
        "what becomes of",
      ),
      ...of(
        "events",
        "what the cluster is told: is bounded",
        "listeners: that throw",
        "going on behind an event",
      ),
    ],
    cluster: ["events: listeners: hear of jobs, nodes"],
  },
  {
    section: "Jobs and runs, as they are",
    named: ["states", "metadata"],
    tests: ["states: a run: can be read in each state"],
    cluster: ["states: each of them", "metadata, tags: come back"],
  },
  {
    section: "Listeners that veto",
    named: ["veto"],
    tests: of(
      "veto: a vetoed run",
      "tells skipped",
      "ends so at any attempt",
      "does not count",
      "lets go of its places",
    ),
  },
];
