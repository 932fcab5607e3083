import { pausesOf } from "../../pauses/pause-rules.js";
import { factsOf } from "../case.js";
import type { Finding, HistoryRule } from "./finding.js";
import type { Ledger } from "./ledger.js";
import { type Asked, lateDone } from "./operations.js";
import { firstWaiting, graceOf } from "./rule-misfires.js";
import { isCounted } from "./rule-places.js";
import type { End } from "./told.js";

/** For so long after a pause's end a leader may not have looked: usually, and once a fault is over that kept it from that. */
const noticing = { usual: 3000, afterFaults: 15_000 } as const;

/**
 * What is missed was later than its grace; or its job was given another trigger in the same step; or, for the
 * reason `paused`, it was passed over: by a resume from now that was under way, or after the end of a pause of a job that goes on from now; or,
 * for the reason `exhausted`, as many as its job's `maxRuns` had started, and the last of them ended in that step, or the job was changed.
 */
export const missesHaveReasons: HistoryRule = (ledger) =>
  ledger.told.flatMap((line): Finding[] => {
    if (line.what !== "ended" || line.state !== "m") return [];
    const job = line.run.slice(0, line.run.lastIndexOf("@"));
    const late = line.t - Number(line.run.slice(job.length + 1));
    if (isExplained(ledger, job, line)) return [];
    const message = `${line.run} and ${line.count - 1} others were recorded as missed (${line.reason}) ${late} ms after the first.`;
    return [{ rule: "missed-for-nothing", at: line.t, message, about: [line.run, job] }];
  });

function isExplained(ledger: Ledger, job: string, line: End): boolean {
  if (line.reason === "paused") return wasPassedOver(ledger, job, line);
  if (line.reason === "exhausted") return isUsedUp(ledger, job, line);
  return isLate(ledger, job, line) || isChanged(ledger, job, line);
}

/** Whether as many runs as may have been given out, and the step that tells of it exhausted the job, or changed it. */
function isUsedUp(ledger: Ledger, job: string, line: End): boolean {
  const { maxRuns = Number.POSITIVE_INFINITY } = ledger.jobs.get(job)?.job ?? {};
  const given = [...ledger.runs.values()].filter(
    (run) => run.job === job && isCounted(ledger, run) && run.claims.some(({ index }) => index < line.index),
  );
  if (given.length < maxRuns) return false;
  return isTold(ledger, "jobExhausted", job, line) || isChanged(ledger, job, line);
}

function isLate(ledger: Ledger, job: string, line: End): boolean {
  const story = ledger.jobs.get(job);
  return story === undefined || line.t - firstWaiting(ledger, story, line) > graceOf(story.job);
}

/** Whether the step that tells of it changed the job. */
function isChanged(ledger: Ledger, job: string, line: End): boolean {
  return isTold(ledger, "jobUpdated", job, line);
}

/** Whether the step that tells of an end also tells this of a job. */
function isTold({ told }: Ledger, word: string, job: string, { t, index }: End): boolean {
  const isIt = (at: number): boolean => {
    const line = told[at];
    return line?.what === "other" && line.word === word && line.subject === job;
  };
  // One step may change several jobs, each with what is told of it.
  for (const step of [-1, 1])
    for (let at = index + step; told[at]?.t === t; at += step) if (isIt(at)) return true;
  return false;
}

function wasPassedOver(ledger: Ledger, job: string, line: End): boolean {
  const { task = "", queue = "default", tags = [], resumeFrom } = ledger.jobs.get(job)?.job ?? {};
  const names = pausesOf({ id: job, task, queue, tags, beside: true });
  const ofJob = ledger.operations.filter(({ does }) => "name" in does && names.includes(does.name));
  const resumed = ofJob.some((one) => {
    if (one.does.do !== "resume" || (one.does.from ?? resumeFrom) !== "now") return false;
    return one.asked.at <= line.t && line.t <= doneBy(one);
  });
  if (resumed) return true;
  const ends = pauseEnds(ofJob, ledger, job, line.t);
  // A further partition holds back what it has a copy of, until its leader sees that the pause is over.
  const isCopied = (ledger.trial.partition ?? 0) > 0;
  const isLast = (end: number): boolean => line.t <= noticedBy(ledger, end, line.t);
  if (isChanged(ledger, job, line)) return ends.some((end) => end >= line.t || (isCopied && isLast(end)));
  return resumeFrom === "now" && ends.some(isLast);
}

function doneBy({ end, heard }: Asked): number {
  return end === "acknowledged" ? heard.at : heard.at + lateDone;
}

/** When each pause that may have been set by then was over at the latest. */
function pauseEnds(ofJob: readonly Asked[], { told }: Ledger, job: string, by: number): number[] {
  const ends = ofJob.filter(({ does, end }) => /^(del|resume)$/.test(does.do) && end === "acknowledged");
  const endAfter = (at: number): number =>
    ends.find(({ asked }) => asked.at >= at)?.heard.at ?? Number.POSITIVE_INFINITY;
  const set = ofJob.flatMap((one) => {
    const { does, asked, end } = one;
    if ((does.do !== "pause" && does.do !== "set") || end === "refused" || asked.at > by) return [];
    const expired = does.ttl === undefined ? Number.POSITIVE_INFINITY : doneBy(one) + does.ttl;
    return [Math.min(expired, endAfter(doneBy(one)))];
  });
  const byItself = told.flatMap((line) =>
    line.what === "other" && line.word === "autoPaused" && line.subject === job && line.t <= by
      ? [endAfter(line.t)]
      : [],
  );
  return [...set, ...byItself];
}

function noticedBy({ evidence }: Ledger, end: number, by: number): number {
  const faults = factsOf(evidence, "fault").filter(
    ({ from, until }) => from <= by && until + noticing.afterFaults >= end,
  );
  return Math.max(end + noticing.usual, ...faults.map(({ until }) => until + noticing.afterFaults));
}
