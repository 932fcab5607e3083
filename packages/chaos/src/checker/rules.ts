import type { Evidence } from "../evidence/evidence.js";
import { accountFor } from "./accounts.js";
import { type Case, factsOf, groupBy, type JobCase, outcomesOf, storyOf, type Violation } from "./case.js";

/** A rule: what it finds broken, in no particular order. */
export type Rule = (facts: Case) => Violation[];

type Start = Extract<Evidence, { kind: "start" }>;

const attemptKey = ({ run, attempt }: { run: string; attempt: number }): string => `${run}#${attempt}`;

/** Each fire time has one start with attempt 1, or its history says why not; and nothing starts that was not due. */
export const everyFireTimeStarts: Rule = (facts) => {
  const starts = groupBy(factsOf(facts.evidence, "start"), ({ run }) => run);
  const ofJobs = groupBy(starts.values(), ([start]) => start?.run.split("@")[0] ?? "");
  const given = new Map(factsOf(facts.evidence, "claimed").map(({ token, claimedAt }) => [token, claimedAt]));
  return facts.jobs.flatMap((job) => [
    ...unstarted(facts, job, starts),
    ...neverDue(facts, job, ofJobs.get(job.id) ?? [], given),
  ]);
};

function unstarted(facts: Case, job: JobCase, starts: ReadonlyMap<string, Start[]>): Violation[] {
  const { ended, missed } = accountFor(job);
  return job.fireTimes.flatMap((time) => {
    const run = `${job.id}@${time}`;
    if (starts.get(run)?.some(({ attempt }) => attempt === 1)) return [];
    if (missed.has(time) && !starts.has(run)) return [];
    const outcome = ended.get(time)?.[0];
    // One that is cancelled in the step that claims it has no time to start.
    if (outcome?.state === "skipped" || (outcome?.state === "cancelled" && outcome.reason)) return [];
    // A node that died between the claim and the start leaves an attempt that was lost before it began.
    if (outcome?.attempts[0]?.state === "lost") return [];
    const message = `Fire time ${time} (${new Date(time).toISOString()}) of ${job.id} never started, and no reason is recorded.`;
    return [{ rule: "missed", message, story: storyOf(facts, run) }];
  });
}

/** For so many ms a process's view of the machine's clock may come to differ from Redis' while it runs: the clock is adjusted all the time. */
const drift = 5;

/** What is due is given out by Redis' clock, to the millisecond; by the machine's its handler begins no earlier than that. */
function neverDue(
  facts: Case,
  job: JobCase,
  starts: Iterable<Start[]>,
  given: ReadonlyMap<string, number>,
): Violation[] {
  const due = new Set(job.fireTimes);
  const last = job.fireTimes.at(-1) ?? 0;
  return [...starts].flatMap(([start]) => {
    if (start === undefined) return [];
    const givenAt = given.get(start.token) ?? start.scheduledAt;
    const early = givenAt < start.scheduledAt || start.at < start.scheduledAt - drift;
    if (!early && (start.scheduledAt > last || due.has(start.scheduledAt))) return [];
    const message = `${start.run} started ${early ? "before its fire time" : "and its job was not due then"}.`;
    return [{ rule: early ? "early" : "never-due", message, story: storyOf(facts, start.run) }];
  });
}

/** Each run that was enqueued starts with attempt 1, or was lost before. */
export const everyEnqueuedRunStarts: Rule = (facts) => {
  const begun = new Set(
    factsOf(facts.evidence, "start").flatMap(({ run, attempt }) => (attempt === 1 ? [run] : [])),
  );
  return (facts.enqueued ?? []).flatMap(({ id, outcome }) => {
    if (begun.has(id) || outcome?.attempts[0]?.state === "lost") return [];
    return [{ rule: "missed", message: `The enqueued run ${id} never started.`, story: storyOf(facts, id) }];
  });
};

/** No attempt starts twice. */
export const attemptsStartOnce: Rule = (facts) =>
  [...groupBy(factsOf(facts.evidence, "start"), attemptKey)].flatMap(([key, starts]) =>
    starts.length < 2
      ? []
      : [
          {
            rule: "duplicate",
            message: `Attempt ${key} started ${starts.length} times, on ${starts.map(({ node }) => node).join(" and ")}.`,
            story: storyOf(facts, starts[0]?.run ?? ""),
          },
        ],
  );

/** A further attempt starts only after the one before it was lost, and with a higher token. */
export const attemptsFollow: Rule = (facts) => {
  const outcomes = outcomesOf(facts);
  return [...groupBy(factsOf(facts.evidence, "start"), ({ run }) => run)].flatMap(([run, starts]) => {
    const sorted = [...starts].sort((a, b) => a.attempt - b.attempt);
    const found: Violation[] = [];
    for (const [index, start] of sorted.entries()) {
      const before = sorted[index - 1];
      const follows = before !== undefined && before.attempt < start.attempt;
      if (follows && BigInt(start.token) <= BigInt(before.token)) {
        const message = `${run}: attempt ${start.attempt} has token ${start.token}, not above ${before.token} of attempt ${before.attempt}.`;
        found.push({ rule: "token-order", message, story: storyOf(facts, run) });
      }
      const outcome = outcomes.get(run);
      if (start.attempt === 1 || outcome === undefined || facts.storeRolledBack) continue;
      const lost = outcome.attempts.find(({ attempt }) => attempt === start.attempt - 1);
      if (lost?.state !== "lost") {
        const message = `${run}: attempt ${start.attempt} started although the one before was not lost.`;
        found.push({ rule: "needless-attempt", message, story: storyOf(facts, run) });
      }
    }
    return found;
  });
};
