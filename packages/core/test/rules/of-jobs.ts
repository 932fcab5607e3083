import { of, type Rule } from "./rule.js";

const after = "every, after completion";

/** What a job can be given. */
export const ofJobs: readonly Rule[] = [
  {
    section: "`id`",
    tests: of(
      "id",
      "S8: by three",
      "S9: again and the same",
      "with another trigger",
      "S2: a fire time that may",
    ),
    cluster: ["id: defined by three instances"],
    killed: ["id: S8, S9: three processes"],
  },
  { section: "`onConflict`", tests: ["onConflict: keeps"], cluster: ["onConflict: error"] },
  {
    section: "`trigger`",
    named: ["trigger", "every"],
    tests: [
      ...of(
        "trigger",
        "%s: fires when it should",
        "everyRandom",
        "once('now')",
        "T6: H",
        "every with a phase",
      ),
      ...of(after, "fires first one", "goes on after an end", "waits for the last", "is not set on by"),
    ],
    cluster: [`${after}: the next one comes`],
    killed: [`${after}: goes on, one interval`],
  },
  {
    section: "`startAt`, `endAt`",
    tests: of("startAt, endAt", "both count themselves", "bound what a job fires"),
    cluster: ["startAt, endAt: fire times at these very instants"],
  },
  {
    section: "`maxRuns`",
    tests: of(
      "maxRuns",
      "counts runs that started",
      "does not count what was",
      "holds for a leader",
      "lock refusal",
    ),
    cluster: of("maxRuns", "counted over all nodes", "further attempts, runs by hand"),
    killed: ["maxRuns: a run counts once"],
  },
  {
    section: "`whenExhausted`",
    tests: [
      ...of("whenExhausted: remove", "takes the job away", "is taken up by a change"),
      ...of("whenExhausted: a job that is exhausted", "lives on with", "stays so", "can be removed"),
      "whenExhausted: a job is exhausted, and told so once",
    ],
    cluster: ["whenExhausted: remove: waits for the end of each"],
  },
  {
    section: "`resumeFrom`",
    tests: of("resumeFrom", "a key of", "a resume of", "the leader dies", "paused anew"),
    cluster: ["resumeFrom: in a running cluster"],
  },
  {
    section: "`jitter`",
    tests: ["jitter: starts each run later", "jitter: is the same for a job's fire time"],
  },
  {
    section: "`misfire`",
    tests: of(
      "misfire: of runs that were ready and that nobody claimed",
      "none",
      "latest",
      "earliest",
      "all",
    ),
    cluster: of("misfire", "catchUp %s", "grace: what is late by less"),
    killed: ["misfire: S10: after 24 hours"],
  },
  {
    section: "`overlap`",
    tests: [
      ...of("overlap", "allow", "skip", "queue-one", "queue-all", "cancel-running", "replace"),
      ...of("overlap: runs of a job", "follow one by one", "S15: those that wait"),
    ],
    cluster: of(
      "overlap",
      "allow: runs",
      "skip: a run",
      "queue-one: one",
      "queue-all: one after",
      "%s: the run that",
    ),
    killed: ["overlap queue-all", "overlap queue-one", "overlap cancel-running", "overlap replace"],
  },
  {
    section: "`input`",
    tests: ["input: it is asked again before each attempt"],
    cluster: ["input: a schema is asked"],
  },
  { section: "`metadata`, `tags`", tests: [], cluster: ["metadata, tags: come back"] },
  { section: "`queue`", tests: ["queue: S19"] },
  { section: "`priority`", tests: ["priority: by it"], cluster: ["priority: whichever node"] },
  {
    section: "`timeout`",
    tests: ["timeout: a run that takes too long"],
    cluster: ["timeout: aborts the signal"],
    killed: ["timeout: counts from the start"],
  },
  {
    section: "`retry`",
    tests: [
      ...of(
        "retry",
        "a failed attempt is followed",
        "a run that waits for its next",
        "lost attempts have",
        "keeps what",
      ),
      ...of(
        "retry: the wait before another attempt",
        "grows",
        "ends with",
        "is left to chance",
        "is none for a Non",
      ),
      ...of("retry: on running nodes", "goes on until", "tries a timed-out"),
      "pause, resume: retries wait too",
    ],
    named: ["retry", "pause"],
    cluster: ["retry: the next attempt is had"],
    killed: of("retry", "a run that waits", "an attempt that was lost"),
  },
  { section: "`deadLetter`", named: ["dead letters"], tests: ["dead letters: are forgotten with"] },
  {
    section: "`pauseAfterFailures`",
    tests: of(
      "pauseAfterFailures",
      "after so many runs",
      "what is due, and further",
      "a success of",
      "a run counts when",
      "timed-out and lost runs",
      "a run lost with its node",
      "several that fail in one",
      "an operator's own pause",
      "after its pause was",
      "while it is paused so",
      "a definition that",
      "a removed job",
      "an error of",
    ),
    cluster: of("pauseAfterFailures", "three nodes that each", "a job that fires"),
    killed: ["pauseAfterFailures: "],
  },
  {
    section: "`delivery`, `maxLost`",
    tests: of("delivery", "at least once, another", "at most once, the run"),
    killed: [
      ...of("delivery", "at-least-once", "at-most-once", "a node dies with"),
      "maxLost: a handler that kills",
    ],
  },
  {
    section: "`concurrencyKey`, `concurrencyLimit`",
    tests: of(
      "concurrencyKey",
      "limits runs of whichever",
      "none waits for ever",
      "skip: one that finds",
      "what waits",
    ),
    killed: ["concurrencyKey: a dead node"],
  },
  { section: "`rateLimit`", tests: ["rateLimit: "], cluster: ["rateLimit of a %s"] },
  {
    section: "`retain`",
    tests: [
      ...of(
        "retain: counts, for runs that failed and the others",
        "keeps so many",
        "is the job's own wherever",
      ),
      ...of(
        "retain",
        "a changed option",
        "age: of a job",
        "of enqueued runs",
        "results: ends",
        "the result of a run",
      ),
    ],
  },
  {
    section: "`dependsOn`, `then`",
    tests: [
      ...of(
        "dependsOn, then: a job without a trigger",
        "gets a run",
        "waits for",
        "is skipped once",
        "runs by hand",
      ),
      ...of(
        "dependsOn, then: a job with a trigger",
        "has its due run wait",
        "is skipped when",
        "holds at most 100",
      ),
      ...of("dependsOn, then", "a parent that is redriven", "a parent that is removed", "what is refused"),
      ...of("dependsOn, then: what may be tied", "a chain of 100", "500 jobs"),
    ],
    cluster: ["dependsOn, then: over three nodes"],
    killed: ["dependsOn, then: what follows a run"],
  },
];
