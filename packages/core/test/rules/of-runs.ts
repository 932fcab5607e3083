import { of, type Rule } from "./rule.js";

/** What an enqueued run and a task can be given. */
export const ofRuns: readonly Rule[] = [
  { section: "`id` of a run", tests: ["id of a run: the same"], cluster: ["id of a run: enqueued by three"] },
  { section: "`at`, `delay`", tests: ["at, delay: waits"] },
  {
    section: "`input`, a schema",
    tests: ["input: it is asked again"],
    cluster: ["input: a schema is asked"],
  },
  {
    section: "`retryIf`, `backoffs`",
    named: ["retryIf", "retry"],
    tests: [
      "retryIf, backoffs: real",
      "retry: the wait before another attempt: is none for a NonRetriableError, or where",
    ],
  },
  {
    section: "`limit`, `rateLimit` of a task",
    named: ["limit", "rateLimit"],
    tests: ["limit: running nodes keep to a task's"],
    cluster: ["limit: of a %s", "rateLimit of a %s"],
  },
  {
    section: "Limits",
    named: ["limit"],
    tests: of(
      "limit",
      "of %s",
      "a dead node's places",
      "a place is free",
      "whenFull skip: what",
      "S17",
      "S11",
    ),
    cluster: of("limit", "of a %s", "whenFull skip: the place", "whenFull wait: a fire time"),
    killed: ["limit: S11: one-time jobs"],
  },
];
