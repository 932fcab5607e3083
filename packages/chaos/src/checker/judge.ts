import { accountFor } from "./accounts.js";
import { type Case, factsOf, type Violation } from "./case.js";
import { deadStayDead, leasesAreNotTaken, lossesHaveCause } from "./cause-rules.js";
import {
  attemptsFollow,
  attemptsStartOnce,
  everyEnqueuedRunStarts,
  everyFireTimeStarts,
  type Rule,
} from "./rules.js";
import { epochsRise, lateOutcomesAreRefused, noOverlap, runsEndOnce, tokensRise } from "./store-rules.js";

/** The judgement of a trial. */
export interface Verdict {
  readonly valid: boolean;
  /** Fire times that were due, and runs that were enqueued. */
  readonly expected: number;
  /** Attempts that were started. */
  readonly starts: number;
  /** Runs with at least one start. */
  readonly runs: number;
  /** Those of them that neither started nor have a recorded reason. */
  readonly missed: number;
  /** Attempts that started more than once. */
  readonly duplicates: number;
  /** Fire times that did not run, by the reason that the history gives. */
  readonly reasons: Readonly<Record<string, number>>;
  /** Runs whose first attempt was given up before its handler began: its node died between the claim and the start. */
  readonly lostUnstarted: number;
  /** Starts with an attempt above 1. */
  readonly retried: number;
  /** Outcomes that came too late and were refused. */
  readonly refused: number;
  /** Broken rules; the gravest first. */
  readonly violations: readonly Violation[];
}

const rules: readonly Rule[] = [
  attemptsStartOnce,
  everyFireTimeStarts,
  everyEnqueuedRunStarts,
  lateOutcomesAreRefused,
  attemptsFollow,
  tokensRise,
  runsEndOnce,
  noOverlap,
  epochsRise,
  lossesHaveCause,
  deadStayDead,
  leasesAreNotTaken,
];

/** Judges the evidence of a trial. */
export function judge(facts: Case): Verdict {
  const violations = rules.flatMap((rule) => rule(facts));
  const starts = factsOf(facts.evidence, "start");
  const count = (rule: string): number => violations.filter((found) => found.rule === rule).length;
  return {
    valid: violations.length === 0,
    expected: facts.jobs.reduce((sum, { fireTimes }) => sum + fireTimes.length, facts.enqueued?.length ?? 0),
    starts: starts.length,
    runs: new Set(starts.map(({ run }) => run)).size,
    missed: count("missed"),
    duplicates: count("duplicate"),
    reasons: reasonsOf(facts),
    lostUnstarted: lostUnstarted(facts),
    retried: starts.filter(({ attempt }) => attempt > 1).length,
    refused: factsOf(facts.evidence, "refused").length,
    violations,
  };
}

function lostUnstarted({ evidence, jobs }: Case): number {
  const begun = new Set(
    factsOf(evidence, "start").flatMap(({ run, attempt }) => (attempt === 1 ? [run] : [])),
  );
  const due = new Set(jobs.flatMap(({ id, fireTimes }) => fireTimes.map((time) => `${id}@${time}`)));
  const outcomes = jobs.flatMap(({ history }) => history);
  return outcomes.filter(({ id, attempts }) => due.has(id) && attempts[0]?.state === "lost" && !begun.has(id))
    .length;
}

function reasonsOf({ jobs }: Case): Record<string, number> {
  const reasons: Record<string, number> = {};
  const add = (reason: string, times: number): void => {
    if (times > 0) reasons[reason] = (reasons[reason] ?? 0) + times;
  };
  for (const job of jobs) {
    add("missed: misfire", accountFor(job).missed.size);
    for (const { state, reason } of job.history)
      if (state === "skipped" || state === "lost") add(`${state}: ${reason ?? "-"}`, 1);
  }
  return reasons;
}

/** A violation as text: what is broken, and the whole story. */
export function tell({ rule, message, story }: Violation): string {
  return [`${rule}: ${message}`, ...story.map((line) => `    ${line}`)].join("\n");
}
